"""`fvm restore DIR`: puts back what `fvm backup` saved, and begins a new epoch."""

import argparse
import asyncio
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg

from fvm import databases, dumps, identity, keysafe, nobody, ports, region, services, state
from fvm import memory as remembered
from fvm.memory import Memory
from fvm.places import Places
from fvm.settings import Settings, from_environment
from fvm.show import telling
from fvm.trouble import Trouble


def add(verbs: Any) -> None:
    own = verbs.add_parser(
        "restore",
        help="put back a backup; the region must not run",
        description="Replaces the region's databases by those of a backup, all or none, and begins a new epoch: what the "
        "restored sources write from now on is newer than anything they wrote before. Messages that Kafka still has are "
        "read again. Afterwards: `fvm up`, `fvm reconcile`, `fvm resend`.",
    )
    own.add_argument("folder", type=Path, metavar="DIR", help="a folder made by `fvm backup`")
    own.add_argument("--keys", type=Path, metavar="DIR", help="the newest folder of keys (DIR.keys)")
    own.add_argument("--yes", action="store_true", help="do not ask")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    places = Places(settings.data)
    folder = chosen.folder.expanduser().absolute()
    manifest = dumps.read(folder)
    try:
        with state.alone(places):
            keys = (chosen.keys or keysafe.beside(folder)).expanduser().absolute()
            return _restore(settings, places, folder, manifest, keys, sure=chosen.yes)
    except state.AlreadyRunning:
        raise Trouble(f"The region in {settings.data} runs; stop it first: `make down`.") from None


def _restore(
    settings: Settings, places: Places, folder: Path, manifest: dumps.Manifest, keys: Path, *, sure: bool
) -> int:
    memory = _memory(settings, places, folder, manifest)
    identity.must_have_room(settings.data)
    if places.memory.exists() and not sure and not _sure(settings, manifest):
        print("Nothing was changed.")
        return 1
    began, tell = time.monotonic(), telling()
    new_kafka = not settings.kafka and not (places.kafka / "data").exists()
    remembered.save(places.memory, memory)
    with dumps.administrator(settings, places, memory, running=False) as admin:
        epoch, orders = asyncio.run(_databases(settings, memory, admin, folder, manifest, keys, new_kafka=new_kafka))
        tell(f"the databases are those of {manifest.at}; epoch {epoch}")
    if orders:
        tell(f"{orders} orders of destruction are newer than the backup; they are done again before anybody is served")
    if (keys / keysafe.MASTER).exists() and not places.master_key.exists():
        places.master_key.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.copy2(keys / keysafe.MASTER, places.master_key)
    nobody.remove(places.secrets)
    if (folder / dumps.SECRETS).is_dir():
        shutil.copytree(folder / dumps.SECRETS, places.secrets)
        places.secrets.chmod(0o700)
    identity.remember(memory, settings)
    remembered.save(places.memory, memory)
    print(f"The region is restored ({time.monotonic() - began:.1f} s). Next: fvm up, fvm reconcile, fvm resend.")
    return 0


def _memory(settings: Settings, places: Places, folder: Path, manifest: dumps.Manifest) -> Memory:
    """The region's own memory where it is still there, else that of the backup; Trouble where it is another region's."""
    saved = remembered.load(folder / dumps.MEMORY)
    if places.memory.exists():
        memory = remembered.load(places.memory)
        if memory.id != manifest.id:
            raise Trouble(
                f"{settings.data} holds another region than the backup; choose another FVM_DATA, or `fvm reset` first."
            )
    else:
        memory = saved
        memory.stores = {}
    identity.must_be_the_same(memory, settings, adopt=True)
    memory.ports = ports.settle(memory.ports, region.PORTS, {settings.gateway_port, settings.mllp_port})
    return memory


def _sure(settings: Settings, manifest: dumps.Manifest) -> bool:
    if not sys.stdin.isatty():
        raise Trouble("Nobody is there to ask; say `fvm restore DIR --yes`.", 2)
    asked = f"Replace the databases of the region in {settings.data} by those of {manifest.at}? Type yes: "
    return input(asked).strip().lower() == "yes"


async def _databases(
    settings: Settings,
    memory: Memory,
    admin: databases.Admin,
    folder: Path,
    manifest: dumps.Manifest,
    keys: Path,
    *,
    new_kafka: bool,
) -> tuple[int, int]:
    """Reads all dumps beside the present databases, and puts them in their place when all are whole. Returns the epoch, and how
    many orders of destruction are to be done again."""
    roles = {service.name: service.database(settings.prefix) for service in services.SERVICES}
    await databases.prepare(admin, memory, list(roles.values()))
    epoch = max([*manifest.epochs.values(), *(await _epochs(admin, memory, roles.values()))]) + 1
    saved = keysafe.together([keysafe.load(keys), await keysafe.read(admin, memory, roles)])
    orders = 0
    connection = await databases.connect(admin.url)
    try:
        for name in dumps.ORDER:
            await _beside(connection, admin, memory, roles[name], folder / f"{name}.dump")
            orders = max(orders, await _begin(admin, memory, name, roles[name], epoch, saved, new_kafka=new_kafka))
        for role in roles.values():
            await _in_its_place(connection, memory, role)
    finally:
        for role in roles.values():
            await connection.execute(f'drop database if exists "{_new(role)}" with (force)')
        await connection.close()
    return epoch, orders


async def _beside(
    connection: asyncpg.Connection, admin: databases.Admin, memory: Memory, role: str, file: Path
) -> None:
    await connection.execute(f'drop database if exists "{_new(role)}" with (force)')
    await databases.create(connection, _new(role), role)
    await asyncio.to_thread(dumps.load, admin, role, memory.password(role), _new(role), file)


async def _begin(
    admin: databases.Admin, memory: Memory, name: str, role: str, epoch: int, saved: keysafe.Saved, *, new_kafka: bool
) -> int:
    """The new epoch; the keys, and the orders of destruction that are newer; and at a new Kafka every reader begins at the
    beginning (what it knows it does not take twice). Returns how many orders."""
    own = await databases.connect(admin.url_for(role, memory.password(role), _new(role)))
    try:
        async with own.transaction():
            await own.execute("update region set epoch = $1", epoch)
            if new_kafka:
                await own.execute("delete from inbox_position")
            orders = await keysafe.give_back(own, name, saved)
        await own.execute("analyze")
        return orders
    finally:
        await own.close()


async def _in_its_place(connection: asyncpg.Connection, memory: Memory, role: str) -> None:
    await connection.execute(f'drop database if exists "{role}" with (force)')
    await connection.execute(f'alter database "{_new(role)}" rename to "{role}"')
    await databases.mark(connection, role, memory)


async def _epochs(admin: databases.Admin, memory: Memory, roles: Any) -> list[int]:
    """Of the databases that are there now; a region that was restored before must not come to the same epoch again."""
    found = []
    for role in roles:
        own = await databases.connect(admin.url_for(role, memory.password(role)))
        try:
            found.append(await own.fetchval("select epoch from region"))
        except asyncpg.UndefinedTableError:  # made just now
            continue
        finally:
            await own.close()
    return found


def _new(role: str) -> str:
    return f"{role}_restoring"
