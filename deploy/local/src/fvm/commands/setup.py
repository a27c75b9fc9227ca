"""`fvm setup`: databases, roles and topics of a deployment, made from an administrator's URL; run again it mends."""

import argparse
import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from fvm import databases, topics
from fvm.memory import Memory
from fvm.services import SERVICES
from fvm.settings import Settings, from_environment
from fvm.trouble import Trouble

CONNECTIONS = 160  # per role: two copies that serve and two that work, also while they are replaced by new ones


def add(verbs: Any) -> None:
    own = verbs.add_parser("setup", help="databases, roles and topics for a deployment", description=__doc__)
    own.add_argument(
        "--secrets", type=Path, required=True, metavar="FOLDER", help="where SERVICE_database_url files lie"
    )
    own.add_argument("--connections", type=int, default=CONNECTIONS, help="most connections of one role (%(default)s)")
    own.add_argument("--adopt", action="store_true", help="take over databases that another region made")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    for name, value in (("FVM_POSTGRES_URL", settings.postgres_url), ("FVM_KAFKA", settings.kafka)):
        if not value:
            raise Trouble(f"Set {name}; setup prepares stores that are there already.", 2)
    memory = Memory(id=f"deployed as {settings.prefix}", passwords=passwords(settings, chosen.secrets))
    admin = databases.Admin(settings.postgres_url, ours=False)
    names = list(memory.passwords)
    asyncio.run(databases.prepare(admin, memory, names, chosen.adopt, chosen.connections))
    print(f"databases: {', '.join(names)}")
    wanted = topics.load()
    asyncio.run(topics.apply(settings.kafka, settings.region, wanted))
    print(f"topics: {len(wanted)} at {settings.kafka}")
    return 0


def passwords(settings: Settings, folder: Path) -> dict[str, str]:
    """By role, from the URLs that the services are given; Trouble where a URL is not of this region's role."""
    found = {}
    for service in SERVICES:
        file, role = folder / f"{service.name}_database_url", service.database(settings.prefix)
        try:
            url = urlsplit(file.read_text().strip())
        except OSError as away:
            raise Trouble(f"{file} cannot be read ({away.strerror}); deploy/secrets.sh makes it.") from away
        if (url.username, url.path) != (role, f"/{role}") or not url.password:
            raise Trouble(
                f"{file} must be postgresql://{role}:PASSWORD@HOST/{role}: database and role are named after the region "
                "(FVM_REGION)."
            )
        found[role] = unquote(url.password)
    return found
