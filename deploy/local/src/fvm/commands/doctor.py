"""`fvm doctor`: looks at everything a region needs and at everything that runs; says what is wrong and what to do."""

import argparse
from collections.abc import Iterator
from typing import Any

from fvm import listening, looking, places, state
from fvm.looking import Finding
from fvm.settings import Settings, from_environment


def add(verbs: Any) -> None:
    own = verbs.add_parser(
        "doctor", help="what is wrong with this machine or the running region, and what to do", description=__doc__
    )
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    bad = 0
    for finding in findings(settings):
        bad += not finding.good
        print(f"{'ok ' if finding.good else 'NOT'}  {finding.what:<16} {finding.found}", flush=True)
        if not finding.good:
            print(f"     {'':<16} → {finding.todo}", flush=True)
    if bad:
        print(f"\n{bad} thing{'s' * (bad > 1)} to mend.")
    return 1 if bad else 0


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything that was looked at, in the order in which it should be mended."""
    now = state.read(places.Places(settings.data))
    running = state.runner(places.Places(settings.data)) is not None
    yield from looking.machine(settings)
    yield from looking.data_folder(settings)
    yield from looking.stores(settings)
    if not running:
        yield from looking.doors(settings)
        if now.phase == "failed":
            yield Finding("region", "the last start failed", now.reason)
        else:
            yield Finding("region", f"{now.phase} in {settings.data}")
        return
    yield Finding("region", f"{now.phase} in {settings.data}")
    yield from listening.parts(settings)
    yield from listening.behind(settings)
