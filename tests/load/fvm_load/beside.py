"""The same paths once more in the same run: at a VIS without the access log (`--log-off`), at another server (`--beside URL`).

"Ten times HAPI" is said of rates only, ours with the log off beside its, and printed next to ours with law and log on
(architecture.md §8). HAPI's known rates: 8.8.0, JPA starter, default settings, 2 cores with the generator on them, warm.
"""

import asyncio
import os
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from fvm import health, ports
from fvm.databases import CONNECTIONS, connect
from fvm.trouble import Trouble
from fvm_load.bench import Bench
from fvm_load.ledger import Ledger
from fvm_load.processes import Pids, Watch, with_children
from fvm_load.rows import Row
from fvm_load.target import Target, must_be_here
from fvm_load.tokens import Tokens

COMPARED = ("import", "read", "create", "search", "wide")
OTHER = "beside"  # what the keys of another server's rows begin with
OFF = "log-off"  # and what those of a VIS without the log end with
_PATIENCE = 30.0  # seconds a VIS may take to start, and to stop

# What is compared: in words, as who sees everything, as staff, and HAPI's known rate (import with 4 connections; read with 32).
ROWS = (
    ("import, resources/s", "import/4", "import/4", 804),
    ("read by id", "read/direct/bench/64", "read/direct/staff/64", 1_535),
    ("Observation?patient=&date=", "search/date/bench/16", "search/date/staff/16", 197),
    ("Observation?patient=&code=", "search/code/bench/16", "search/code/staff/16", 414),
    ("Patient?name=", "wide/name/bench/16", "wide/name/staff/16", 476),
    ("chained", "wide/chained/bench/8", "wide/chained/staff/8", 375),
    ("_has", "wide/has/bench/8", "wide/has/staff/8", 146),
    ("create", "create/bench/64", "create/staff/64", 472),
)


@asynccontextmanager
async def without_log(bench: Bench) -> AsyncIterator[Bench]:
    """A second VIS on the same store, with the log off (D19: refused in production). Raises Trouble."""
    pids = bench.target.processes.get("vis", list)()
    if not pids or not bench.target.vis:
        raise Trouble(
            "--log-off starts a second VIS like the one that runs, and no VIS of this user is running here.", 2
        )
    port = ports.pick(set())
    environment = _environment(pids[0]) | {"FVM_ACCESS_LOG": "false", "FVM_PORT": str(port)}
    most = await _room(bench.target)
    said = tempfile.TemporaryFile()  # noqa: SIM115 — closed with the process
    process = await asyncio.create_subprocess_exec(
        *_words(pids[0], "cmdline"), env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=said
    )
    try:
        if not await _ready(process, f"http://127.0.0.1:{port}/health/ready"):
            raise Trouble(f"The second VIS, with the log off, did not start: {_last_words(said)}")
        target = replace(bench.target, vis=f"http://127.0.0.1:{port}/vis/fhir", gateway="")
        groups = dict(bench.target.processes) | {"vis": lambda: with_children(process.pid)}
        yield _like(bench, target, groups, bench.tokens, bench.ledger)
    finally:
        await _stop(process)
        said.close()
        await most()


def other(bench: Bench) -> Bench:
    """Another FHIR server: nothing of ours is asked of it, no token, no law, no database. Raises Trouble."""
    url = bench.options.beside.rstrip("/")
    must_be_here(urlsplit(url).hostname or "")
    pid = ports.listener(urlsplit(url).port or 80)
    groups = {"other": lambda: with_children(pid)} if pid else {}
    return _like(bench, Target(name=url, vis=url), groups, Tokens(""), Ledger({}))


def software(url: str) -> str:
    """What the server calls itself (CapabilityStatement.software), else its address."""
    status, body = health.ask(f"{url.rstrip('/')}/metadata")
    said = body.get("software", {}) if status == 200 and isinstance(body, dict) else {}
    return " ".join(str(said[name]) for name in ("name", "version") if said.get(name)) or url


def renamed(rows: Sequence[Row], *, off: bool) -> list[Row]:
    """Rows under keys of their own; those without a figure only where nothing of their path could be measured."""
    kept = [row for row in rows if row.value is not None or row.key in COMPARED]
    for row in kept:
        if off and not row.key.endswith(f"/{OFF}"):
            row.key += f"/{OFF}"
        if off and row.log.startswith("on"):
            row.note = "NOT TO BE TRUSTED, the log was on"
        if not off:
            row.key, row.path = f"{OTHER}/{row.key}", f"{row.path}, the other server"
    return kept


def table(rows: Sequence[Row], name: str) -> list[str]:
    """Ours with law and log on, ours with the log off, HAPI's known rates and the other server's, side by side."""
    found = {row.key: row.value for row in rows if row.value is not None}
    if not any(key.endswith(f"/{OFF}") or key.startswith(f"{OTHER}/") for key in found):
        return []
    head = ["requests/s", "law and log on", "log off", "HAPI 8.8.0, known", "times"]
    lines = [head + ([name, "times"] if name else [])]
    for path, everything, staff, known in ROWS:
        ours = found.get(f"{everything}/{OFF}", found.get(everything))
        told = [path, _number(found.get(staff)), _number(found.get(f"{everything}/{OFF}")), _number(known)]
        told.append(_times(ours, known))
        if name:
            theirs = found.get(f"{OTHER}/{everything}")
            told += [_number(theirs), _times(ours, theirs)]
        lines.append(told)
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return [
        "  ".join(text.rjust(width) if place else text.ljust(width) for place, (text, width) in enumerate(pairs))
        for pairs in ([*zip(line, widths, strict=True)] for line in lines)
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _times(ours: float | None, theirs: float | None) -> str:
    return "–" if ours is None or not theirs else f"{ours / theirs:.1f} ×"


def _like(bench: Bench, target: Target, groups: Mapping[str, Pids], tokens: Tokens, ledger: Ledger) -> Bench:
    return replace(bench, target=target, tokens=tokens, ledger=ledger, watch=Watch(groups), rows=[], resting={})


async def _room(target: Target) -> Callable[[], Awaitable[None]]:
    """Lets VIS's role have connections for two processes; what comes back takes that away again."""
    role = urlsplit(target.databases.get("vis", "")).username

    async def limit(most: int) -> None:
        if not target.admin or not role:
            return
        connection = await connect(target.admin)
        try:
            await connection.execute(f'alter role "{role}" connection limit {most}')
        finally:
            await connection.close()

    await limit(2 * CONNECTIONS)
    return lambda: limit(CONNECTIONS)


async def _stop(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _PATIENCE)
    except TimeoutError:
        process.kill()


async def _ready(process: Process, url: str) -> bool:
    for _ in range(int(_PATIENCE / 0.2)):
        if process.returncode is not None:
            return False
        if (await asyncio.to_thread(health.ask, url))[0] == 200:
            return True
        await asyncio.sleep(0.2)
    return False


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else f"nothing was said within {_PATIENCE:.0f} s"


def _words(pid: int, name: str) -> list[str]:
    return [word.decode() for word in Path(f"/proc/{pid}/{name}").read_bytes().split(b"\0") if word]


def _environment(pid: int) -> dict[str, str]:
    """The running VIS's own: its database, its keys' addresses."""
    pairs = (word.partition("=") for word in _words(pid, "environ"))
    return {"PATH": os.environ.get("PATH", "")} | {name: value for name, _, value in pairs}
