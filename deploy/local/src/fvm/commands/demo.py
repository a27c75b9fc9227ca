"""`fvm demo load|play|status`: the invented people of a demo region, and events that keep coming."""

import argparse
from typing import Any

from fvm import show
from fvm.demo import loading, playing
from fvm.demo.doors import Doors
from fvm.settings import Settings, from_environment
from fvm.trouble import Trouble


def add(verbs: Any) -> None:
    own = verbs.add_parser("demo", help="load the demo region, or keep its events coming", description=__doc__)
    what = own.add_subparsers(title="what", metavar="WHAT", required=True)
    load = what.add_parser("load", help="200 invented people with their lives in care; nothing where they are already")
    load.add_argument("--again", action="store_true", help="write everything again, with dates around today")
    load.set_defaults(run=run, what="load")
    play = what.add_parser("play", help="laboratory answers, vital signs and admissions until Ctrl-C")
    play.add_argument("--per-minute", type=float, default=20, metavar="N", help="events a minute (default 20, at most 600)")
    play.add_argument("--minutes", type=float, default=None, metavar="M", help="stop after so long")
    play.set_defaults(run=run, what="play")
    status = what.add_parser("status", help="what of the demo is in this region")
    status.set_defaults(run=run, what="status")


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    _must_be_demo(settings)
    doors = Doors(settings)
    try:
        return int({"load": _load, "play": _play, "status": _status}[chosen.what](doors, chosen))
    finally:
        doors.close()


def _must_be_demo(settings: Settings) -> None:
    if settings.mode != "demo":
        raise Trouble("This region is in production; invented people belong in a demo region (FVM_MODE=demo).", 2)


def _load(doors: Doors, chosen: argparse.Namespace) -> int:
    if not chosen.again and loading.is_loaded(doors):
        print("The demo region is loaded already; `fvm demo load --again` writes it anew around today.")
        return 0
    loading.load(doors, show.telling())
    return 0


def _play(doors: Doors, chosen: argparse.Namespace) -> int:
    if not 0 < chosen.per_minute <= 600:
        raise Trouble("--per-minute must be above 0 and at most 600.", 2)
    if not loading.is_loaded(doors):
        raise Trouble("The demo region is not loaded here; `fvm demo load` does that.")
    playing.play(doors, show.telling(), chosen.per_minute, chosen.minutes)
    return 0


def _status(doors: Doors, chosen: argparse.Namespace) -> int:
    loaded = loading.is_loaded(doors)
    print("The demo region is loaded." if loaded else "The demo region is not loaded; `fvm demo load` does that.")
    token = doors.token("bench")
    rows = []
    for kind, words in playing.COUNTED.items():
        counts = [
            doors.ask("GET", f"{base}/{kind}?_total=accurate&_count=1", token)[1].get("total", "?")
            for base in ("/vis/fhir", "/fhir")
        ]
        rows.append((words, f"{counts[0]:>7} in VIS  {counts[1]:>7} in the region's record"))
    show.table(rows)
    return 0 if loaded else 3
