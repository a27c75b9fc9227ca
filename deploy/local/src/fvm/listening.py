"""What `fvm doctor` looks at while a region runs: each part, each check, and everything that is behind; with what to do."""

import shutil
import socket
from collections.abc import Iterator
from typing import Any

from fvm import health, pids, services
from fvm.asking import Services
from fvm.commands.lag import age
from fvm.looking import Finding
from fvm.places import Places
from fvm.settings import Settings
from fvm.topics import SILENT
from fvm.trouble import Trouble

OLD = 60.0  # seconds that a message may be on its way before somebody should look
_LAST_WORDS = 4_000  # bytes of a log
_NO_ROOM = 2_000_000  # bytes of a disk that are as good as none
CLOCK = 5.0  # seconds that two clocks may differ: what tokens are allowed
_CHECKS = {
    "database": "look at `fvm logs postgres`; with a PostgreSQL of your own, at that server",
    "kafka": "look at `fvm logs kafka`; what is told waits in the outboxes and is not lost",
    "loop": "it is tried again by itself; if it stays: docs/how-to/runbooks/loop-crashes.md",
}


def parts(settings: Settings) -> Iterator[Finding]:
    """Processes, then health, then doors."""
    places = Places(settings.data)
    known = {one.name: one for one in pids.read(places.run)}
    wanted = [service.name for service in services.SERVICES] + ["envoy"]
    wanted += [] if settings.postgres_url else ["postgres"]
    wanted += [] if settings.kafka else ["kafka"]
    for name in wanted:
        if name in known and pids.alive(known[name]):
            continue
        yield _dead(places, name)
    yield from _health(settings)
    yield _mllp(settings)


def _dead(places: Places, name: str) -> Finding:
    """Why a part does not run, as far as its disk and its last words say it."""
    if _full(places, name):
        return Finding(name, "does not run: its disk is full", "make room; the runner starts it again within 30 s")
    return Finding(name, "does not run", f"the runner starts it again; if it does not stay up: `fvm logs {name}`")


def _full(places: Places, name: str) -> bool:
    folder = {"postgres": places.postgres, "kafka": places.kafka}.get(name, places.data)
    log = places.logs / f"{name}.log"
    try:
        if shutil.disk_usage(folder).free < _NO_ROOM:
            return True
        with log.open("rb") as words:
            words.seek(max(0, log.stat().st_size - _LAST_WORDS))
            return b"No space left on device" in words.read()
    except OSError:
        return False


def _health(settings: Settings) -> Iterator[Finding]:
    ports = Services(settings).ports
    for service in services.SERVICES:
        status, body = health.ask(f"http://127.0.0.1:{ports[service.name]}/health/ready")
        yield _ready(service.name, status, body)
    status, body = health.ask(f"{settings.gate}/health/ready")
    yield _ready("gateway", status, body)


def _ready(name: str, status: int, body: Any) -> Finding:
    if status == 200:
        return Finding(name, "ready")
    if status == 0:
        return Finding(name, "does not answer", f"`fvm logs {'envoy' if name == 'gateway' else name}`")
    checks = body.get("checks", {}) if isinstance(body, dict) else {}
    failed = [check for check, found in checks.items() if found not in ("pass", "ok", True)]
    # Without its stores a service's loops cannot run: they are no trouble of their own.
    failed = [check for check in failed if check in ("database", "kafka")] or failed
    advice = dict.fromkeys(todo for check in failed for start, todo in _CHECKS.items() if check.startswith(start))
    return Finding(name, f"not ready ({', '.join(failed) or status})", "; ".join(advice) or f"`fvm logs {name}`")


def _mllp(settings: Settings) -> Finding:
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104
    try:
        socket.create_connection((host, settings.mllp_port), timeout=2).close()
    except OSError:
        return Finding("HL7 v2 door", f"port {settings.mllp_port} is closed", "`fvm logs exchange`")
    return Finding("HL7 v2 door", f"open at {host}:{settings.mllp_port}")


def behind(settings: Settings) -> Iterator[Finding]:
    """Everything that is late, set aside or lost."""
    try:
        lags = Services(settings).lags()
    except Trouble as trouble:
        yield Finding("lag", trouble.sentence, "`fvm logs`")
        return
    here = {name: lag for name, lag in lags.items() if lag is not None}
    late = [finding for name, lag in here.items() for finding in (*_stopped(name, lag), *_late(name, lag))]
    yield from late or [Finding("messages", "nothing is late, waits or is parked")]
    epochs = {lag["epoch"] for lag in here.values()}
    if len(epochs) > 1:
        found = ", ".join(f"{name} {lag['epoch']}" for name, lag in here.items())
        yield Finding(
            "epoch", found, "one database was restored and others were not: `fvm reconcile`, then `fvm resend`"
        )


def _stopped(name: str, lag: dict[str, Any]) -> Iterator[Finding]:
    """What is wrong with what the service stands on: its database's disk, its clock, its way to Kafka, who knocks."""
    if lag["full"]:
        todo = "make room where the database lies; nothing can be stored until then, what is stored is whole"
        yield Finding(f"disk of {name}", "its database says that the disk is full", todo)
    if abs(lag["clock_seconds"]) > CLOCK:
        way = "ahead of" if lag["clock_seconds"] > 0 else "behind"
        found = f"{age(abs(lag['clock_seconds']))} {way} its database's"
        yield Finding(f"clock of {name}", found, "set both by one time server; docs/how-to/runbooks/clocks-differ.md")
    if not lag["kafka"] and lag["kafka_why"] not in ("", "away"):
        yield Finding(f"kafka of {name}", SILENT[lag["kafka_why"]], "docs/how-to/runbooks/kafka-is-away.md")
    for step in lag["steps"]:
        for why, count in step["turned_away"].items():
            todo = "docs/how-to/runbooks/peers-are-turned-away.md"
            yield Finding(step["name"], f"{count} peers turned away in the last minute (certificate: {why})", todo)


def _late(name: str, lag: dict[str, Any]) -> Iterator[Finding]:
    for told in lag["outbox"]:
        if told["oldest_seconds"] > OLD:
            found = f"{told['messages']} of {told['topic']} not at Kafka, oldest {age(told['oldest_seconds'])}"
            yield Finding(f"outbox {name}", found, "is Kafka there? docs/how-to/runbooks/outbox-is-old.md")
    for one in lag["readings"]:
        if one["lost"]:
            found = f"{one['reader']} {one['topic']}/{one['partition']} wants {one['position']}, which Kafka has not"
            yield Finding("position", found, "docs/how-to/runbooks/position-lost.md")
    for one in lag["waiting"]:
        why = "; ".join(one["errors"]) or "replayed"
        found = f"{one['messages']} of {one['keys']} keys on {one['topic']}, {age(one['oldest_seconds'])}: {why}"
        yield Finding(f"waiting {name}", found, "mend what is named; docs/how-to/runbooks/messages-wait.md")
    for one in lag["parked"]:
        yield _parked(name, one["messages"], one["code"], one["oldest_seconds"])
    for step in lag["steps"]:
        if step["parked"]:
            yield _parked(name, step["parked"], step["name"], None)
        if (step["oldest_seconds"] or 0) > OLD:
            found = f"{step['waiting']} wait, oldest {age(step['oldest_seconds'])}"
            yield Finding(step["name"], found, "docs/how-to/runbooks/translator-is-behind.md")


def _parked(name: str, count: int, code: str, oldest: float | None) -> Finding:
    since = f", oldest {age(oldest)}" if oldest is not None else ""
    return Finding(f"parked {name}", f"{count} ({code}{since})", "`fvm parked list`, mend, `fvm parked replay`")
