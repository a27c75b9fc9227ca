"""What `fvm doctor` looks at while a region runs: each part, each check, and everything that is behind; with what to do."""

import socket
from collections.abc import Iterator
from typing import Any

from fvm import health, pids, services
from fvm.asking import Services
from fvm.commands.lag import age
from fvm.looking import Finding
from fvm.places import Places
from fvm.settings import Settings
from fvm.trouble import Trouble

OLD = 60.0  # seconds that a message may be on its way before somebody should look
_CHECKS = {
    "database": "look at `fvm logs postgres`; with a PostgreSQL of your own, at that server",
    "kafka": "look at `fvm logs kafka`; what is told waits in the outboxes and is not lost",
    "loop inbox": "look at `fvm logs` of the service; `kit/position-lost` is explained in docs/how-to/runbooks",
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
        yield Finding(name, "does not run", f"the runner starts it again; if it does not stay up: `fvm logs {name}`")
    yield from _health(settings)
    yield _mllp(settings)


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
    advice = [todo for check in failed for start, todo in _CHECKS.items() if check.startswith(start)]
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
    late = [finding for name, lag in here.items() for finding in _late(name, lag)]
    yield from late or [Finding("messages", "nothing is late, waits or is parked")]
    epochs = {lag["epoch"] for lag in here.values()}
    if len(epochs) > 1:
        found = ", ".join(f"{name} {lag['epoch']}" for name, lag in here.items())
        yield Finding(
            "epoch", found, "one database was restored and others were not: `fvm reconcile`, then `fvm resend`"
        )


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
