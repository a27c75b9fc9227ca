"""`fvm psql SERVICE`: a prompt in a service's database, as that service's role."""

import argparse
import os
from typing import Any

from fvm import databases, postgres, services
from fvm import memory as remembered
from fvm.places import Places
from fvm.settings import from_environment
from fvm.trouble import Trouble


def add(verbs: Any) -> None:
    own = verbs.add_parser("psql", help="a prompt in a service's database", description=__doc__)
    own.add_argument("service", choices=[service.name for service in services.SERVICES], help="whose database")
    own.add_argument("more", nargs=argparse.REMAINDER, metavar="...", help="given to psql as it is (-c 'select 1')")
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    file = Places(settings.data).memory
    if not file.exists():
        raise Trouble(f"There is no region in {settings.data}; `make run` makes one.")
    memory = remembered.load(file)
    own = f"postgresql://postgres@127.0.0.1:{memory.ports.get('postgres', 0)}/postgres"
    role = f"{settings.prefix}_{chosen.service}"
    # The password goes by the environment: arguments can be read by every user of the machine.
    url = databases.Admin(settings.postgres_url or own, ours=not settings.postgres_url).url_for(role, "")
    program = str(postgres.binary("psql"))
    environment = os.environ | {"PGPASSWORD": memory.password(role)}
    os.execve(program, [program, url, *chosen.more], environment)  # noqa: S606 - it takes our place
