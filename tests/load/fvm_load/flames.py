"""Flame graphs on demand (`--flame`): py-spy looks into the region's Python processes while a figure is measured.

One SVG per path and process, drawn by py-spy: whole in itself (click to zoom, Ctrl-F to search), nothing is fetched.
"""

import html
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fvm import state
from fvm.trouble import Trouble
from fvm_load.processes import Pids
from fvm_load.rows import Row

FOLDER = Path(__file__).parents[1] / "results" / "flames"
_RATE = "200"  # looks a second; with --nonblocking the processes are not stopped for them
_PATIENCE = 20.0  # seconds py-spy may take to draw
_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Flame graphs</title>
<style>body{font:16px/1.5 sans-serif;margin:2rem;max-width:60rem}td,th{text-align:left;padding:.2rem 1rem .2rem 0}
td:nth-child(n+2){font-variant-numeric:tabular-nums}</style>"""


@dataclass(slots=True)
class Flames:
    """`wanted` are rows' keys or what they begin with (`read`, `search/date/staff`); empty: every row."""

    spy: str
    wanted: Sequence[str]
    folder: Path
    tell: Callable[[str], None]
    drawn: dict[str, dict[str, str]] = field(default_factory=dict)  # row's key → process → file's name
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _key: str = ""

    def begin(self, key: str, groups: Mapping[str, Pids]) -> None:
        """Starts to look, where this row's flames are wanted."""
        self.end()  # of a row that broke off
        if self.wanted and not any(_within(key, one) for one in self.wanted):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._key = key
        for name, pids in groups.items():
            # The runner only watches; PostgreSQL, Kafka and Envoy have no Python to look into.
            pythons = [pid for pid in pids() if name != state.RUNNER and _is_python(pid)]
            for nth, pid in enumerate(pythons):
                called = f"{name}-{nth + 1}" if len(pythons) > 1 else name
                command = [self.spy, "record", "--pid", str(pid), "--rate", _RATE, "--nonblocking"]
                command += ["--output", str(self._file(called))]
                self._running[called] = subprocess.Popen(
                    command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
                )

    def end(self) -> None:
        """Stops looking and draws. Raises Trouble where the system does not let us look."""
        running, self._running = self._running, {}
        for process in running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for name, process in running.items():
            try:
                _, said = process.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                said = b""
            if b"ermission" in said:
                raise Trouble(
                    "py-spy may not look into the region's processes; run the bench as root, or allow it for this "
                    "machine: sysctl kernel.yama.ptrace_scope=0."
                )
            if _says_something(self._file(name)):
                self.drawn.setdefault(self._key, {})[name] = self._file(name).name
            else:
                self.tell(f"no flames of {name} during {self._key}: nobody was seen at work there")

    def write(self, rows: Sequence[Row]) -> Path | None:
        """The page that leads to all of them; None where nothing was drawn."""
        if not self.drawn:
            return None
        costs = {row.key.removesuffix("/log-off"): row for row in rows}
        lines = [
            _HEAD,
            f"<h1>Flame graphs, {self.folder.name}</h1><p>Width is the share of the looks that found a thread at work there, {_RATE} looks a second.",
        ]
        for key, files in self.drawn.items():
            row = costs.get(key)
            lines.append(f"<h2>{html.escape(row.name if row else key)}</h2><table><tr><th>process<th>CPU µs per item")
            for name, file in sorted(files.items()):
                cost = row.cpu.get(name.rsplit("-", 1)[0] if name not in row.cpu else name) if row else None
                told = "" if cost is None else f"{cost:.1f}"
                lines.append(f'<tr><td><a href="{html.escape(file)}">{html.escape(name)}</a><td>{told}')
            lines.append("</table>")
        page = self.folder / "index.html"
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return page

    def _file(self, name: str) -> Path:
        return self.folder / f"{self._key.replace('/', '-')}.{name}.svg"


def wanted(rows: Sequence[str] | None, tell: Callable[[str], None]) -> Flames | None:
    """None where no flames are asked for. Raises Trouble where py-spy is not installed."""
    if rows is None:
        return None
    beside = Path(sys.executable).with_name("py-spy")
    spy = str(beside) if beside.exists() else shutil.which("py-spy")
    if spy is None:
        raise Trouble("Flame graphs need py-spy, which is not installed here; `make setup-tests` brings it.")
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Flames(spy, rows, FOLDER / name, tell)


def _says_something(file: Path) -> bool:
    """Whether anything was seen; what says nothing is removed. py-spy draws an error where it saw nothing."""
    if not file.exists():  # the process ended meanwhile
        return False
    if b"<title>" in file.read_bytes():
        return True
    file.unlink()
    return False


def _within(key: str, wanted: str) -> bool:
    return key == wanted or key.startswith(f"{wanted}/")


def _is_python(pid: int) -> bool:
    try:
        return "python" in Path(os.readlink(f"/proc/{pid}/exe")).name
    except OSError:
        return False
