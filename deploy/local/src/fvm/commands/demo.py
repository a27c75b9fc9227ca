"""`fvm demo load|play|status`: the invented people of a demo region, and events that keep coming."""

import argparse
from typing import TYPE_CHECKING, Any

from fvm import show
from fvm.settings import Settings, from_environment
from fvm.trouble import Trouble

if TYPE_CHECKING:
    from fvm.demo.doors import Doors


def add(verbs: Any) -> None:
    own = verbs.add_parser("demo", help="load the demo region, or keep its events coming", description=__doc__)
    what = own.add_subparsers(title="what", metavar="WHAT", required=True)
    load = what.add_parser("load", help="200 invented people with their lives in care; nothing where they are already")
    load.add_argument("--again", action="store_true", help="write everything again, with dates around today")
    load.set_defaults(run=run, what=_load)
    play = what.add_parser("play", help="laboratory answers, vital signs and arrivals until Ctrl-C")
    play.add_argument("--per-minute", type=float, default=20, metavar="N", help="events a minute (20; at most 600)")
    play.add_argument("--minutes", type=float, metavar="M", help="stop after so long")
    play.set_defaults(run=run, what=_play)
    status = what.add_parser("status", help="what of the demo is in this region; exit status 3 when it is not loaded")
    status.set_defaults(run=run, what=_status)


def run(chosen: argparse.Namespace) -> int:
    """Opens the region's doors and does what was asked. Raises Trouble in a production region."""
    from fvm.demo.doors import Doors  # only here: other verbs need not read the demo's histories

    settings = from_environment()
    _must_be_demo(settings)
    doors = Doors(settings)
    try:
        return int(chosen.what(doors, chosen))
    finally:
        doors.close()


def _must_be_demo(settings: Settings) -> None:
    """The mode of the environment, and of the region itself: an unset FVM_MODE must not open a production region."""
    from fvm import memory as remembered
    from fvm.places import Places

    born = remembered.load(Places(settings.data).memory).mode
    if "production" in (settings.mode, born):
        raise Trouble("This region is in production; invented people belong in a demo region only.", 2)


def _load(doors: "Doors", chosen: argparse.Namespace) -> int:
    from fvm.demo import loading

    if not chosen.again and loading.is_loaded(doors):
        print("The demo region is loaded already; `fvm demo load --again` writes it anew around today.")
        return 0
    loading.load(doors, show.telling())
    return 0


def _play(doors: "Doors", chosen: argparse.Namespace) -> int:
    from fvm.demo import loading, playing

    if not 0 < chosen.per_minute <= 600:
        raise Trouble("--per-minute must be above 0 and at most 600.", 2)
    if chosen.minutes is not None and chosen.minutes <= 0:
        raise Trouble("--minutes must be above 0.", 2)
    if not loading.is_loaded(doors):
        raise Trouble("The demo region is not loaded here; `fvm demo load` does that.")
    playing.play(doors, show.telling(), chosen.per_minute, chosen.minutes)
    return 0


def _status(doors: "Doors", chosen: argparse.Namespace) -> int:
    from fvm.demo import loading

    loaded = loading.is_loaded(doors)
    print("The demo region is loaded." if loaded else "The demo region is not loaded; `fvm demo load` does that.")
    show.table(
        [
            (words, f"{vis:>7} in VIS  {region:>7} in the region's record")
            for words, vis, region in loading.counts(doors)
        ]
    )
    return 0 if loaded else 3
