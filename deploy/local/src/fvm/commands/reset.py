"""`fvm reset`: stops the region and removes all its data; the next start makes a new one."""

import argparse
import asyncio
import sys
from typing import Any

from fvm import databases, nobody, services, topics
from fvm import memory as remembered
from fvm.commands import down
from fvm.places import Places
from fvm.settings import Settings, from_environment
from fvm.trouble import Trouble


def add(verbs: Any) -> None:
    own = verbs.add_parser("reset", help="stop the region and remove all its data", description=__doc__)
    own.add_argument("--yes", action="store_true", help="do not ask")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    places = Places(settings.data)
    if not places.memory.exists() and not places.run.exists():
        print(f"There is no region in {settings.data}.")
        return 0
    if not chosen.yes and not _sure(settings):
        print("Nothing was removed.")
        return 1
    down.stop(places)
    _elsewhere(settings, places)
    # Only what a region writes: a data folder may hold a person's other files.
    for place in places.all():
        if place.is_dir() or place.is_symlink():
            nobody.remove(place)
        else:
            place.unlink(missing_ok=True)
    print(f"The region in {settings.data} is removed.")
    return 0


def _sure(settings: Settings) -> bool:
    if not sys.stdin.isatty():
        raise Trouble("Nobody is there to ask; say `fvm reset --yes`.", 2)
    return input(f"Remove all data of the region in {settings.data}? Type yes: ").strip().lower() == "yes"


def _elsewhere(settings: Settings, places: Places) -> None:
    """What the region made in stores of your own: its databases and roles, its topics."""
    memory = remembered.load(places.memory)
    if memory.stores.get("FVM_POSTGRES_URL"):
        if databases.place(settings.postgres_url) != memory.stores["FVM_POSTGRES_URL"]:
            raise Trouble(
                "The region's databases are in a PostgreSQL of your own: set FVM_POSTGRES_URL as when it was made."
            )
        names = [service.database(memory.region or "fvm") for service in services.SERVICES]
        gone = asyncio.run(databases.drop(databases.Admin(settings.postgres_url, ours=False), memory, names))
        print(f"databases and roles removed: {', '.join(gone) or 'none'}")
    if memory.stores.get("FVM_KAFKA"):
        asyncio.run(topics.drop(memory.stores["FVM_KAFKA"], memory.region, topics.load()))
        print("topics removed")
