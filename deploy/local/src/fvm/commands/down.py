"""`fvm down`: stops the region of this data folder; data stays."""

import argparse
import os
import time
from typing import Any

from fvm import pids, state
from fvm.places import Places
from fvm.settings import from_environment
from fvm.trouble import Trouble

PATIENCE = 90.0  # seconds; the runner itself gives each part its own time


def add(verbs: Any) -> None:
    own = verbs.add_parser("down", help="stop the region; data stays", description=__doc__)
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    places = Places(from_environment().data)
    print("stopped; the data stays" if stop(places) else f"No region was running in {places.data}.", flush=True)
    return 0


def stop(places: Places) -> bool:
    """Stops the runner and whatever a crashed one left behind; True when there was something to stop."""
    runner = state.runner(places)
    if runner:
        print(f"stopping the region in {places.data}", flush=True)
        _ask(runner)
        if pids.alive(runner):
            raise Trouble(f"The runner (pid {runner.pid}) did not stop within {PATIENCE:.0f} s; see `fvm logs runner`.")
    left = state.leftovers(places.run)
    for known in left:
        print(f"stopping {known.name}, left behind by a runner that crashed", flush=True)
        pids.end(known, patience=30)
        pids.forget(places.run, known.name)
    return runner is not None or bool(left)


def _ask(runner: pids.Known) -> None:
    try:
        os.kill(runner.pid, runner.stop)
    except PermissionError as refused:
        raise Trouble(f"The region belongs to another user (pid {runner.pid}); run as that user.") from refused
    except ProcessLookupError:
        return
    until = time.monotonic() + PATIENCE
    while pids.alive(runner) and time.monotonic() < until:
        time.sleep(0.1)
