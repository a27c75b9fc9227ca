"""`fvm up`: the region in the background; returns when everything is ready, or fails with the reason."""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from fvm import beside, show, state
from fvm.people import everybody
from fvm.places import Places
from fvm.settings import Settings, from_environment
from fvm.trouble import Trouble


def add(verbs: Any) -> None:
    own = verbs.add_parser(
        "up", help="start the region in the background and wait until it is ready", description=__doc__
    )
    own.add_argument("--adopt", action="store_true", help="take over databases or stores that this folder did not make")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    places = Places(settings.data)
    if state.runner(places):
        return _already(settings, places)
    log = places.logs / "runner.log"
    try:
        places.logs.mkdir(parents=True, exist_ok=True)
        out = log.open("ab")
    except PermissionError as refused:
        raise Trouble(f"{refused.filename} may not be written by this user; choose another FVM_DATA.") from refused
    command = [sys.executable, "-m", "fvm", "run", *(["--adopt"] if chosen.adopt else [])]
    with out:
        began = out.tell()
        runner = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        return _follow(runner, log, began, places)
    except KeyboardInterrupt:
        print("stopping", flush=True)
        runner.terminate()
        runner.wait(90)
        raise


def _follow(runner: subprocess.Popen[bytes], log: Path, began: int, places: Places) -> int:
    """Shows what the runner writes until it says that it is ready, or ends."""
    with log.open("rb") as told:
        told.seek(began)
        while True:
            status = runner.poll()
            ready = status is None and _ready(places, runner.pid)
            _pass_on(told.read())
            if ready:
                return 0
            if status is not None:
                return status or 1
            time.sleep(0.1)


def _ready(places: Places, pid: int) -> bool:
    known = state.runner(places)
    return known is not None and known.pid == pid and state.read(places).phase == "ready"


def _pass_on(words: bytes) -> None:
    """Progress goes where progress goes; the reason of a failure, which comes last, to standard error."""
    progress, mark, reason = words.decode(errors="replace").partition("fvm: ")
    sys.stdout.write(progress)
    sys.stdout.flush()
    sys.stderr.write(mark + reason)
    sys.stderr.flush()


def _already(settings: Settings, places: Places) -> int:
    """Waits for a region that somebody else is starting, then says where it is. Trouble when it is not the one asked for."""
    until = time.monotonic() + 120
    while state.read(places).phase == "starting" and time.monotonic() < until:
        time.sleep(0.2)
    now = state.read(places)
    if now.phase != "ready":
        raise Trouble(now.reason or f"The region in {places.data} is {now.phase}; try again in a moment.")
    if otherwise := beside.differences(settings, now.urls):
        raise Trouble(otherwise)
    print("The region was already running.")
    show.doors(now.urls)
    show.crowd(everybody(settings))
    show.portal(now.urls)
    return 0
