"""`fvm run`: the whole region in the foreground, until Ctrl-C."""

import argparse
import contextlib
import os
import signal
import time
from types import FrameType
from typing import Any

from fvm import beside, demo, pids, show, state
from fvm.part import Stopped
from fvm.people import everybody
from fvm.places import Places
from fvm.region import Region
from fvm.settings import Settings, from_environment
from fvm.supervise import Watch
from fvm.trouble import Trouble

LOOK_EVERY = 0.25  # seconds between two looks at the parts


def add(verbs: Any) -> None:
    own = verbs.add_parser("run", help="start the region and stay until Ctrl-C", description=__doc__)
    own.add_argument("--adopt", action="store_true", help="take over databases or stores that this folder did not make")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    places = Places(settings.data)
    try:
        with state.alone(places):
            return _hold(settings, places, adopt=chosen.adopt)
    except state.AlreadyRunning:
        otherwise = beside.differences(settings, state.read(places).urls)
        raise Trouble(otherwise or f"A region is already running in {settings.data}; `make down` stops it.") from None
    except PermissionError as refused:
        raise Trouble(f"{refused.filename} may not be written by this user; choose another FVM_DATA.") from refused


class Stop:
    """The wish to stop, from Ctrl-C, a closed terminal or `fvm down`; a second one is obeyed at once."""

    def __init__(self) -> None:
        self.wishes = 0
        self.region: Region | None = None
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self._wish)

    def __call__(self) -> bool:
        return self.wishes > 0

    def _wish(self, sign: int, frame: FrameType | None) -> None:
        self.wishes += 1
        if self.wishes > 1 and self.region:
            self.region.kill()


def _hold(settings: Settings, places: Places, *, adopt: bool) -> int:
    tell = show.telling()
    stop = Stop()
    pids.write(places.run, pids.know(state.RUNNER, os.getpid()))
    state.write(places, state.State("starting"))
    region = stop.region = Region(settings, tell, stop, adopt=adopt)
    last = state.State("stopped")
    try:
        region.start()
        demo.introduce(settings, tell, stop)
        _ready(settings, places, region)
        watch = Watch(region, tell)
        while not stop():
            watch.look()
            time.sleep(LOOK_EVERY)
    except Stopped:
        pass
    except Trouble as trouble:
        last = state.State("failed", trouble.sentence)
        raise
    finally:
        _end(places, region, last)
    tell("stopped; the data stays")
    return 0


def _ready(settings: Settings, places: Places, region: Region) -> None:
    urls = region.doors()
    show.doors(urls)
    show.crowd(everybody(settings))
    print(f"\nup in {region.age():.1f} s; Ctrl-C (or `make down`) stops it", flush=True)
    show.portal(urls)
    state.write(places, state.State("ready", urls=urls))


def _end(places: Places, region: Region, last: state.State) -> None:
    if not last.reason:
        with contextlib.suppress(OSError):  # a full disk must not keep the parts from being stopped
            state.write(places, state.State("stopping"))
    try:
        region.stop()
    finally:
        state.write(places, last)
        pids.forget(places.run, state.RUNNER)
