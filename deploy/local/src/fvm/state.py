"""What a region's runner tells other commands: starting, ready or failed, and where its doors are (run/state.json)."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from fvm import pids
from fvm.places import Places

RUNNER = "runner"
Phase = Literal["starting", "ready", "stopping", "failed", "stopped"]


class AlreadyRunning(Exception):
    """Another runner holds this data folder."""


@dataclass(frozen=True, slots=True)
class State:
    """`reason` says why it failed; `urls` are the doors by name."""

    phase: Phase = "stopped"
    reason: str = ""
    urls: dict[str, str] = field(default_factory=dict)


def write(places: Places, state: State) -> None:
    places.run.mkdir(parents=True, exist_ok=True)
    new = places.run / ".state.new"
    new.write_text(json.dumps(asdict(state)))
    new.replace(places.run / "state.json")


def read(places: Places) -> State:
    """The last word of the runner; `stopped` where it is gone and did not fail."""
    try:
        state = State(**json.loads((places.run / "state.json").read_text()))
    except (OSError, ValueError, TypeError):
        return State()
    if state.phase not in ("failed", "stopped") and runner(places) is None:
        return State("stopped")
    return state


def runner(places: Places) -> pids.Known | None:
    """The living runner of this data folder."""
    for known in pids.read(places.run):
        if known.name == RUNNER and pids.alive(known):
            return known
    return None


@contextmanager
def alone(places: Places) -> Iterator[None]:
    """Holds the data folder while a runner lives; raises AlreadyRunning. The kernel lets go of it at a crash."""
    places.run.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(places.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as held:
        raise AlreadyRunning from held
    finally:
        os.close(descriptor)


def leftovers(run: Path) -> list[pids.Known]:
    """Parts that outlived their runner, in the order in which they should be stopped."""
    order = {"postgres": 3, "kafka": 2, "envoy": 1}
    found = [known for known in pids.read(run) if known.name != RUNNER and pids.alive(known)]
    return sorted(found, key=lambda known: order.get(known.name, 0))
