"""`fvm logs [PART]`: the last lines of a part's log, or all of them as they come."""

import argparse
import time
from pathlib import Path
from typing import Any

from fvm.places import Places
from fvm.settings import from_environment
from fvm.trouble import Trouble


def add(verbs: Any) -> None:
    own = verbs.add_parser("logs", help="show the log of a part", description=__doc__)
    own.add_argument(
        "part",
        nargs="?",
        metavar="PART",
        help="postgres, kafka, envoy, vis, information, exchange, application, runner",
    )
    own.add_argument("-n", type=int, default=40, metavar="N", help="how many lines (default 40)")
    own.add_argument("-f", action="store_true", help="go on as lines come, until Ctrl-C")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    folder = Places(from_environment().data).logs
    found = {file.stem: file for file in sorted(folder.glob("*.log"))}
    if chosen.part and chosen.part not in found:
        raise Trouble(f"There is no log of {chosen.part}; there are: {', '.join(found) or 'none yet'}.", 2)
    for name, file in found.items():
        if chosen.part in (None, name):
            _tail(name, file, chosen.n)
    if chosen.f:
        _follow({name: file for name, file in found.items() if chosen.part in (None, name)})
    return 0


def _tail(name: str, file: Path, lines: int) -> None:
    with file.open("rb") as log:
        log.seek(max(0, file.stat().st_size - 1_000_000))
        for line in log.read().decode(errors="replace").splitlines()[-lines:]:
            print(f"{name}: {line}")


def _follow(files: dict[str, Path]) -> None:
    ends = {name: file.stat().st_size for name, file in files.items()}
    while True:
        for name, file in files.items():
            with file.open("rb") as log:
                log.seek(min(ends[name], file.stat().st_size))
                new = log.read()
                ends[name] = log.tell()
            for line in new.decode(errors="replace").splitlines():
                print(f"{name}: {line}", flush=True)
        time.sleep(0.3)
