"""`fvm erasure`: how far orders of destruction have come; the keys saved apart; a new master key."""

import argparse
import asyncio
import os
from pathlib import Path
from typing import Any

from fvm import databases, dumps, keysafe, services, state
from fvm import memory as remembered
from fvm.asking import Services
from fvm.memory import Memory
from fvm.places import Places
from fvm.settings import Settings, from_environment
from fvm.trouble import Trouble
from kit.db import Database
from kit.keyring import Keyring
from kit.sealing import Master


def add(verbs: Any) -> None:
    own = verbs.add_parser("erasure", help="orders of destruction, and the keys that they destroy", description=__doc__)
    acts = own.add_subparsers(title="acts", metavar="ACT", required=True)
    listing = acts.add_parser("list", help="every order, and what each copy has answered")
    listing.set_defaults(run=_list)
    keys = acts.add_parser(
        "keys", help="save today's keys over a folder of keys, so that destroyed ones are gone from it"
    )
    keys.add_argument("folder", type=Path, metavar="DIR")
    keys.set_defaults(run=_keys)
    check = acts.add_parser("check", help="read folders of keys, and say which destroyed keys they still hold")
    check.add_argument("folders", type=Path, metavar="DIR", nargs="+")
    check.set_defaults(run=_check)
    seal = acts.add_parser("seal", help="seal what was stored before there was a master key, beside everything else")
    seal.set_defaults(run=_seal)
    rotate = acts.add_parser("rotate", help="wrap every key by a new master key; restart the services before and after")
    rotate.set_defaults(run=_rotate)


def _list(_chosen: argparse.Namespace) -> int:
    orders = Services(from_environment()).get("information", "/erasures")
    for one in orders:
        broken = "" if one["unbroken"] else "  THE CHAIN OF PROOFS IS BROKEN"
        print(f"{one['id']}  {one['state']:<10} asked {one['asked_at'][:16]}  proof {one['proof'][:16]}{broken}")
        for copy in one["copies"]:
            at = f" {copy['at'][:16]}" if copy["at"] else ""
            rows = sum(copy["removed"].values())
            counted = f"  {rows} rows, {copy['left']} left" if copy["left"] is not None else ""
            print(f"    {copy['copy_of']:<12} {copy['state']}{at}{counted}")
    if not orders:
        print("No order of destruction has been given.")
    return 0 if all(one["unbroken"] for one in orders) else 1


def _keys(chosen: argparse.Namespace) -> int:
    settings, places, memory = _region()
    folder = chosen.folder.expanduser().absolute()
    with dumps.administrator(settings, places, memory, state.runner(places) is not None) as admin:
        saved = asyncio.run(keysafe.read(admin, memory, _roles(settings)))
    keysafe.save(folder, saved, places)
    count = sum(1 for tables in saved.values() for row in tables["keys.data_key"] if row["wrapped"])
    print(f"{count} keys are saved in {folder}. Throw away older copies of it: they hold keys that are destroyed.")
    return 0


def _check(chosen: argparse.Namespace) -> int:
    settings, places, memory = _region()
    with dumps.administrator(settings, places, memory, state.runner(places) is not None) as admin:
        now = asyncio.run(keysafe.read(admin, memory, _roles(settings)))
    worst = 0
    for folder in (one.expanduser().absolute() for one in chosen.folders):
        if not keysafe.load(folder):
            raise Trouble(f"There are no keys in {folder}.")
        left = keysafe.still_in(folder, now)
        print(
            f"{folder}: {f'{len(left)} DESTROYED KEYS ARE STILL THERE: throw it away' if left else 'no destroyed key is there'}"
        )
        worst = max(worst, min(len(left), 1))
    return worst


def _seal(_chosen: argparse.Namespace) -> int:
    services = Services(from_environment())
    for name in ("information", "vis"):
        services.post(name, "/seal", {})
    print("VIS and the information platform seal what they hold; a process that dies is followed by the next one.")
    return 0


def _rotate(_chosen: argparse.Namespace) -> int:
    settings, places, memory = _region()
    if not places.master_key.exists():
        raise Trouble(f"{places.master_key} is not there; a master key of your own is rotated where it lies.")
    running = state.runner(places) is not None
    old = places.master_key.read_text()
    if len(old.split()) == 1:
        _replace(places.master_key, Master.new() + old)
        print(
            "A new master key stands first in its file; the old one still opens. Restart the region, then say this again."
        )
        return 0
    with dumps.administrator(settings, places, memory, running) as admin:
        count = asyncio.run(_rewrap(admin, memory, _roles(settings), Master.read(old)))
    _replace(places.master_key, old.split()[0] + "\n")
    print(f"{count} keys are wrapped anew; the old master key is gone. Save the keys again: `fvm erasure keys DIR`.")
    return 0


async def _rewrap(admin: databases.Admin, memory: Memory, roles: dict[str, str], master: Master) -> int:
    count = 0
    for role in roles.values():
        database = Database(admin.url_for(role, memory.password(role)), pool_size=1)
        await database.start()
        try:
            count += await Keyring(master).rewrap(database.pool)
        finally:
            await database.stop()
    return count


def _region() -> tuple[Settings, Places, Memory]:
    settings = from_environment()
    places = Places(settings.data)
    if not places.memory.exists():
        raise Trouble(f"There is no region in {settings.data}.")
    return settings, places, remembered.load(places.memory)


def _roles(settings: Settings) -> dict[str, str]:
    return {service.name: service.database(settings.prefix) for service in services.SERVICES}


def _replace(file: Path, text: str) -> None:
    """All of it or nothing."""
    new = file.with_name(f".{file.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    new.rename(file)
