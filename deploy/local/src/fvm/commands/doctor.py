"""`fvm doctor`: looks at everything a region needs here, and says what to do about what is missing."""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fvm import databases, envoy, kafka, places, ports, postgres, state
from fvm.settings import Settings, from_environment
from fvm.trouble import Trouble

Finding = tuple[str, str, bool]  # what was looked at, what was found, whether it is good


def add(verbs: Any) -> None:
    own = verbs.add_parser("doctor", help="check that this machine has what a region needs", description=__doc__)
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    bad = 0
    for what, found, good in _findings(settings):
        bad += not good
        print(f"{'ok ' if good else 'NOT'}  {what:<16} {found}", flush=True)
    if bad:
        print(f"\n{bad} thing{'s' * (bad > 1)} to mend before a region can run here.")
    return 1 if bad else 0


def _findings(settings: Settings) -> Iterator[Finding]:
    running = state.runner(places.Places(settings.data)) is not None
    yield "Python", f"{sys.version.split()[0]} at {sys.executable}", sys.version_info >= (3, 11)
    yield _tried("PostgreSQL", lambda: _postgres(settings))
    yield _tried("Kafka", lambda: _kafka(settings))
    yield _tried("Envoy", lambda: str(envoy.program()))
    yield from _room(settings)
    for port, variable, what in (
        (settings.gateway_port, "FVM_GATEWAY_PORT", "the gateway's"),
        (settings.mllp_port, "FVM_MLLP_PORT", "HL7 v2 over MLLP"),
    ):
        if running:
            yield f"port {port}", "held by this region, which is running", True
        else:
            yield _tried(f"port {port}", lambda p=port, v=variable, w=what: _port(p, v, w, settings.host))  # type: ignore[misc]
    yield "region", f"{state.read(places.Places(settings.data)).phase} in {settings.data}", True


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return what, look(), True
    except Trouble as trouble:
        return what, trouble.sentence, False


def _postgres(settings: Settings) -> str:
    if settings.postgres_url:
        return f"your own at {databases.place(settings.postgres_url)}"
    return f"from the wheel, {postgres.binary('postgres').parent}"


def _kafka(settings: Settings) -> str:
    if settings.kafka:
        return f"your own at {settings.kafka}"
    return f"{kafka.jars()}, by {kafka.java()}"


def _room(settings: Settings) -> Iterator[Finding]:
    there = next(above for above in (settings.data, *settings.data.parents) if above.exists())
    free = shutil.disk_usage(there).free // 1_000_000
    yield "disk", f"{free:,} MB free at {there}", free >= 1000
    memory = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    megabytes = int(memory["MemAvailable"].split()[0]) // 1000
    yield "memory", f"{megabytes:,} MB available (an idle region takes about 1,500)", megabytes >= 1500
    yield "cores", str(os.cpu_count()), True


def _port(port: int, variable: str, what: str, host: str) -> str:
    ports.must_be_free(port, variable, what, host)
    return f"free ({what})"
