"""`fvm backup DIR`: every database of the region, its secrets and what the runner remembers, while the region runs or not."""

import argparse
import asyncio
import os
import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fvm import databases, dumps, keysafe, services, show, state
from fvm import memory as remembered
from fvm.asking import Services
from fvm.memory import Memory
from fvm.places import Places
from fvm.settings import Settings, from_environment
from fvm.trouble import Trouble


def add(verbs: Any) -> None:
    own = verbs.add_parser(
        "backup",
        help="save the region's databases, secrets and memory to a new folder",
        description="Saves every database, the secrets of the services and what the runner remembers. The region may run. "
        "What it holds of patients is sealed, and the keys are saved in a folder of their own. "
        "Kafka is not saved: what is on its way is also in the outboxes and in the databases of its sources. The folder "
        "holds patients' data and passwords; it is made readable for this user only. Keep it encrypted.",
    )
    own.add_argument("folder", type=Path, metavar="DIR", help="a folder that does not exist yet")
    own.add_argument(
        "--keys", type=Path, metavar="DIR", help="where the keys are saved, over what was there (DIR.keys)"
    )
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    places = Places(settings.data)
    folder = chosen.folder.expanduser().absolute()
    if folder.exists():
        raise Trouble(f"{folder} exists already; name a new folder.", 2)
    if not places.memory.exists():
        raise Trouble(f"There is no region in {settings.data}; nothing to save.")
    memory = remembered.load(places.memory)
    running = state.runner(places) is not None
    began = time.monotonic()
    keys = (chosen.keys or keysafe.beside(folder)).expanduser().absolute()
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    try:
        with dumps.administrator(settings, places, memory, running) as admin:
            _save(settings, places, memory, admin, unfinished)
            # After the data: a key that is destroyed in between stays destroyed.
            roles = {service.name: service.database(settings.prefix) for service in services.SERVICES}
            keysafe.save(keys, asyncio.run(keysafe.read(admin, memory, roles)), places)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    megabytes = dumps.size(folder) / 1_000_000
    print(f"The region is saved in {folder} ({megabytes:.1f} MB, {time.monotonic() - began:.1f} s).")
    print(f"Its keys are in {keys}: without them the data cannot be read. Keep them apart from it.")
    if running:
        print(only_at_kafka(Services(settings).lags()), end="")
    return 0


def only_at_kafka(lags: Mapping[str, Any]) -> str:
    """What a backup of this moment does not hold, as a line; "" where it holds everything."""
    silent = [name for name, lag in lags.items() if lag is None or not lag["kafka"]]
    if silent:
        return f"How far {', '.join(silent)} had read is not known; restored beside another Kafka, use `fvm resend`.\n"
    behind = sum(arrow["behind"] or 0 for lag in lags.values() for arrow in lag["arrows"])
    if not behind:
        return ""
    return f"About {behind:,} messages are at Kafka only; restored beside another Kafka, `fvm resend` brings what they told.\n"


def _save(settings: Settings, places: Places, memory: Memory, admin: databases.Admin, folder: Path) -> None:
    tell = show.telling()
    by_name = {service.name: service for service in services.SERVICES}
    roles = {name: by_name[name].database(settings.prefix) for name in dumps.ORDER}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    version, epochs = asyncio.run(_asked(admin, memory, roles))
    for name, role in roles.items():
        dumps.dump(admin, role, memory.password(role), folder / f"{name}.dump")
        tell(f"{by_name[name].title} is saved ({(folder / f'{name}.dump').stat().st_size / 1e6:.1f} MB)")
    shutil.copy2(places.memory, folder / dumps.MEMORY)
    if places.secrets.is_dir():
        shutil.copytree(places.secrets, folder / dumps.SECRETS)
    for path in folder.rglob("*"):
        os.chmod(path, 0o700 if path.is_dir() else 0o600)
    dumps.write(folder, dumps.Manifest(memory.id, memory.region, memory.mode, at, version, epochs))


async def _asked(admin: databases.Admin, memory: Memory, roles: dict[str, str]) -> tuple[str, dict[str, int]]:
    """The server's version and each database's epoch."""
    epochs = {}
    version = ""
    for name, role in roles.items():
        connection = await databases.connect(admin.url_for(role, memory.password(role)))
        try:
            version = str(connection.get_server_version().major)
            epochs[name] = await connection.fetchval("select epoch from region")
        finally:
            await connection.close()
    return version, epochs
