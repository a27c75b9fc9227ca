"""`fvm token [WHO]`: an access token for a demo person or system, for the command line."""

import argparse
from typing import Any

from fvm import people, show
from fvm.settings import from_environment
from fvm.trouble import Trouble


def add(verbs: Any) -> None:
    own = verbs.add_parser(
        "token",
        help="print an access token for a demo person or system",
        description="Prints an access token. Without WHO it is that of the system `bench`, which may read and write "
        'everything in a demo region: curl -H "Authorization: Bearer $(fvm token)" http://localhost:8080/fhir/Patient',
    )
    own.add_argument("who", nargs="?", default="bench", metavar="WHO", help="a demo person or system (see --list)")
    own.add_argument("--hours", type=float, default=1, metavar="N", help="how long it is valid (at most 24; default 1)")
    own.add_argument("--commission", metavar="ID", help="which commission, where the person has several")
    own.add_argument("--list", action="store_true", help="who the demo people and systems are")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    if not 0 < chosen.hours <= 24:
        raise Trouble("--hours must be above 0 and at most 24.", 2)
    if chosen.list:
        show.table([(one.who, f"{one.name} – {one.what}") for one in people.everybody(settings)], indent="")
        return 0
    print(people.token(settings, chosen.who, chosen.hours, chosen.commission))
    return 0
