"""What `fvm doctor` looks at before a region runs: programs, stores, the data folder, room, ports; each with what to do."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fvm import databases, envoy, identity, kafka, nobody, ports, postgres, topics
from fvm import memory as remembered
from fvm.places import Places
from fvm.settings import Settings
from fvm.trouble import Trouble

ROOM, MEMORY = 1_000, 1_500  # MB that a region needs


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do about it; "" where nothing needs doing."""

    what: str
    found: str
    todo: str = ""

    @property
    def good(self) -> bool:
        return not self.todo


def tried(what: str, look: Callable[[], str]) -> Finding:
    """What `look` found; a Trouble says itself what to do."""
    try:
        return Finding(what, look())
    except Trouble as trouble:
        problem, _, way_out = trouble.sentence.partition("; ")
        return Finding(what, problem, way_out or "see above")


def machine(settings: Settings) -> Iterator[Finding]:
    """Programs and room."""
    version = f"{sys.version.split()[0]} at {sys.executable}"
    yield Finding("Python", version, "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer")
    if not settings.postgres_url:
        yield tried("PostgreSQL", lambda: f"from the wheel, {postgres.binary('postgres').parent}")
    if not settings.kafka:
        yield tried("Kafka", lambda: f"{kafka.jars()}, by {kafka.java()}")
    yield tried("Envoy", lambda: str(envoy.program()))
    yield from _room(settings)


def disks(settings: Settings) -> Iterator[Finding]:
    """Each disk that the region writes to, once: the data folder, and where PostgreSQL's and Kafka's files really lie."""
    places = Places(settings.data)
    seen = set()
    for place in (settings.data, places.postgres.resolve(), places.kafka.resolve()):
        there = next(above for above in (place, *place.parents) if above.exists())
        if there.stat().st_dev in seen:
            continue
        seen.add(there.stat().st_dev)
        free = shutil.disk_usage(there).free // 1_000_000
        todo = "" if free >= ROOM else f"make room ({ROOM:,} MB at least); parts that stopped start again by themselves"
        yield Finding("disk", f"{free:,} MB free at {there}", todo)


def _room(settings: Settings) -> Iterator[Finding]:
    yield from disks(settings)
    told = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    megabytes = int(told["MemAvailable"].split()[0]) // 1000
    todo = "" if megabytes >= MEMORY else "stop something else: the kernel may kill parts of the region"
    yield Finding("memory", f"{megabytes:,} MB available (an idle region takes about {MEMORY:,})", todo)
    yield Finding("cores", str(os.cpu_count()))


def data_folder(settings: Settings) -> Iterator[Finding]:
    """Whether what lies in the data folder is this region's, and whole."""
    places = Places(settings.data)
    if not places.memory.exists():
        yield Finding("data folder", f"{settings.data} (no region yet; the first start makes one)")
        return
    yield tried("data folder", lambda: _memory(settings))
    if not settings.postgres_url and places.postgres.exists():
        yield tried("PostgreSQL data", lambda: _cluster(places))


def _memory(settings: Settings) -> str:
    memory = remembered.load(Places(settings.data).memory)
    identity.must_be_the_same(memory, settings, adopt=False)
    return f"{settings.data} ({memory.mode or 'new'} region{' ' + memory.region if memory.region else ''})"


def _cluster(places: Places) -> str:
    file = nobody.place_for(places.postgres) / "PG_VERSION"
    if not file.exists():
        raise Trouble(f"{places.postgres} is no PostgreSQL data folder; move it away, or choose another FVM_DATA.")
    made = file.read_text().strip()
    told = postgres.version()
    if made != told:
        raise Trouble(
            f"The data was made by PostgreSQL {made} and the installed one is {told}; start the old version and use "
            "`fvm backup`, then `fvm restore` into a new data folder."
        )
    return f"made by PostgreSQL {made}"


def stores(settings: Settings) -> Iterator[Finding]:
    """A PostgreSQL and a Kafka of one's own, asked at their doors."""
    if settings.postgres_url:
        yield tried("PostgreSQL", lambda: asyncio.run(_own_postgres(settings)))
    if settings.kafka:
        yield tried("Kafka", lambda: asyncio.run(_own_kafka(settings)))


async def _own_postgres(settings: Settings) -> str:
    connection = await databases.connect(settings.postgres_url)
    try:
        major = connection.get_server_version().major
        may = await connection.fetchval(
            "select rolsuper or (rolcreatedb and rolcreaterole) from pg_roles where rolname = current_user"
        )
        most = int(await connection.fetchval("show max_connections"))
    finally:
        await connection.close()
    at = databases.place(settings.postgres_url)
    if major < databases.OLDEST:
        raise Trouble(f"{at} is PostgreSQL {major}; version {databases.OLDEST} or newer is needed.")
    if not may:
        raise Trouble(f"The user at {at} may not create databases and roles; give it CREATEDB and CREATEROLE.")
    if most < 4 * databases.CONNECTIONS:
        raise Trouble(f"{at} takes {most} connections; set max_connections to {4 * databases.CONNECTIONS} or more.")
    return f"your own at {at}, version {major}"


async def _own_kafka(settings: Settings) -> str:
    from kit.broker import topics_there
    from kit.problems import Unavailable

    try:
        known = await topics_there(topics.reached(settings.kafka))
    except Unavailable as away:
        raise Trouble(f"Kafka does not answer at {settings.kafka}; start it, or correct FVM_KAFKA.") from away
    missing = [topic.name for topic in topics.load() if topics.full_name(topic.name, settings.region) not in known]
    born = Places(settings.data).memory.exists()
    if missing and born:
        raise Trouble(
            f"Kafka at {settings.kafka} lacks {', '.join(missing)}; is it the right one? `fvm topics --apply` makes them."
        )
    return f"your own at {settings.kafka}" + (", topics are made at the first start" if missing else "")


def doors(settings: Settings) -> Iterator[Finding]:
    """The two ports that must be free before a start."""
    for port, variable, what in (
        (settings.gateway_port, "FVM_GATEWAY_PORT", "the gateway's"),
        (settings.mllp_port, "FVM_MLLP_PORT", "HL7 v2 over MLLP"),
    ):
        yield tried(f"port {port}", lambda p=port, v=variable, w=what: _port(p, v, w, settings.host))  # type: ignore[misc]


def _port(port: int, variable: str, what: str, host: str) -> str:
    ports.must_be_free(port, variable, what, host)
    return f"free ({what})"
