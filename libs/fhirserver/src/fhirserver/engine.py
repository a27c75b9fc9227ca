"""The engine of one mount: what a service puts together once and every interaction uses."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import sqlalchemy as sa

from access import Sight
from fhircore.types import TYPES
from fhirserver import idempotency
from fhirserver.accesslog import AccessLog
from fhirserver.brought import Brought, Name
from fhirserver.codec import Codec
from fhirserver.creating import Creator
from fhirserver.guarding import Guard, Guards
from fhirserver.index import Indexer
from fhirserver.integrity import Elsewhere, Integrity
from fhirserver.keys import Keys
from fhirserver.labels import Labels
from fhirserver.law import Copy, Law
from fhirserver.logtogether import LogTogether
from fhirserver.messages import Answer, Request
from fhirserver.persons import SamePersons
from fhirserver.reading import Reader
from fhirserver.search.cursor import Seal
from fhirserver.search.finding import for_reader
from fhirserver.search.shared import Shared
from fhirserver.subscribing.endpoints import NOWHERE, Rules
from fhirserver.telling import Teller
from fhirserver.writing import Writer
from kit.caller import Caller
from kit.db import Database
from kit.keyring import Keyring

_SEARCH_SESSION = {"timezone": "UTC", "jit": "off", "statement_timeout": "20s"}


# A search that a patient or a main code drives has one good plan whatever the values are: planned once per connection,
# not at each search (planning took longer than finding).
_DRIVEN_SESSION = {**_SEARCH_SESSION, "plan_cache_mode": "force_generic_plan"}

_PATIENT = TYPES["Patient"].number


async def _pool(url: str, session: Mapping[str, str]) -> asyncpg.Pool:
    return await asyncpg.create_pool(url, min_size=1, max_size=6, reset=_leave_as_is, server_settings=dict(session))


async def _leave_as_is(_connection: Any) -> None:
    """Searches leave nothing behind in a session."""


async def _any_id(_patient: Mapping[str, Any]) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Mount:
    """Where and how the engine stands: door (`vis` or `region`), public base URL, and what it tells."""

    door: str
    base: str  # public, without a trailing slash: http://localhost:8080/vis/fhir
    title: str
    teller: Teller | None = None
    writable: Callable[[str], bool] = lambda _type_name: True  # may this type be written at this door?
    elsewhere: str = ""  # what to say when not: which door does it
    logged: bool = True  # the log may be off in a benchmark of a demo region only (D19)
    body_limit: int = 50 * 1024 * 1024
    full_text: bool = False  # keep the words of every resource, for _text and _content
    hooks: Rules = NOWHERE  # where notifications may be sent
    integrity: bool = False  # refuse references to nothing, and deletes of what others refer to
    held_elsewhere: Elsewhere | None = None  # which references another door holds, asked where integrity is on
    most_deleted: int = 1  # resources that one conditional delete may take
    awaits: Callable[[int], Awaitable[bool]] | None = None  # what a writer told another door is waited for (D6)
    operations: Mapping[Name, Brought] = field(default_factory=dict)  # the service's own: its clinical rules
    guards: Mapping[str, Guard] = field(default_factory=dict)  # by type: what must hold whatever door a write came by
    # By type, asked before what is stored is: answers reads and searches that are not about stored resources, else None.
    faces: Mapping[str, Callable[[Any, Request], Awaitable[Answer | None]]] = field(default_factory=dict)
    # Asked before a Patient is created (D1): gives the id it must have, None for a new one; raises when it is a duplicate.
    new_patient_id: Callable[[Mapping[str, Any]], Awaitable[str | None]] = _any_id


@dataclass(slots=True)
class Engine:
    """Everything an interaction needs. Built by `start`, which reads the database's secret and its labels."""

    db: Database
    mount: Mount
    wake: Callable[[], None]  # tells the relay that something was committed
    copy: Copy | None = None  # where the facts of the law are told from elsewhere
    ring: Keyring | None = None  # the keys that bodies of patients are sealed with; None: they are not
    teller: Teller | None = field(init=False)
    keys: Keys = field(init=False)
    codec: Codec = field(init=False)
    labels: Labels = field(init=False)
    law: Law = field(init=False)
    indexer: Indexer = field(init=False)
    log: AccessLog = field(init=False)
    reader: Reader = field(init=False)
    writer: Writer = field(init=False)
    creator: Creator = field(init=False)
    persons: SamePersons = field(init=False)
    integrity: Integrity | None = field(init=False)
    guards: Guards = field(init=False)
    seal: Seal = field(init=False)
    together: LogTogether = field(init=False)
    search_pool: asyncpg.Pool = field(init=False)  # its connections stop a statement that takes too long
    driven_pool: asyncpg.Pool = field(init=False)  # for searches about named patients or one main code
    shared: Shared = field(init=False)  # for those of them that are few rows of one patient
    job_posted: asyncio.Event = field(default_factory=asyncio.Event)  # wakes the loop that does jobs
    change_noted: asyncio.Event = field(default_factory=asyncio.Event)  # wakes the loop that notifies subscribers

    async def start(self) -> None:
        """Reads what the database knows of itself; the pool must be open and the migrations done."""
        async with self.db.engine.connect() as connection:
            secret, epoch = (await connection.execute(sa.text("select hash_key, epoch from region"))).one()
        self.teller = None if self.mount.teller is None else replace(self.mount.teller, epoch=epoch)
        self.keys = Keys(bytes(secret))
        self.codec = Codec(self.ring)
        self.labels = Labels()
        self.law = Law(self.labels.by_number, self.copy)
        self.indexer = Indexer(self.keys, self.mount.base, full_text=self.mount.full_text)
        self.log = AccessLog()
        self.together = LogTogether(self.db, self.log)
        self.persons = SamePersons(self.db)
        self.reader = Reader(self.db, self.log, self.law, logged=self.mount.logged)
        self.writer = Writer(self.keys, self.codec, self.labels, self.indexer, self.teller)
        self.writer.law = self.law
        self.writer.same = self.persons.expanded
        mount = self.mount
        self.integrity = Integrity(self.keys, mount.base, mount.held_elsewhere) if mount.integrity else None
        self.guards = Guards(mount.guards, self.keys, self.codec)
        self.creator = Creator(self.db, self.writer, self.log, self.wake, self.integrity)
        self.seal = Seal(bytes(secret))
        self.search_pool = await _pool(self.db.url, _SEARCH_SESSION)
        self.driven_pool = await _pool(self.db.url, _DRIVEN_SESSION)
        self.shared = Shared(self.driven_pool)
        self.indexer.terms.pool = self.search_pool
        if self.ring is not None:
            self.ring.pool = self.search_pool
            await self.ring.look()
        await self.labels.load(self.db.pool)
        await self.law.refresh(self.db.pool)
        await self.persons.refresh()

    async def stop(self) -> None:
        await self.search_pool.close()
        await self.driven_pool.close()

    async def keep_fresh(self) -> None:
        """A loop: what another process may have changed (persons joined, labels first met) is read again each second;
        answers kept longer than promised are dropped."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.persons.run())
            tasks.create_task(self.labels.run(self.db.pool))
            tasks.create_task(self.law.run(self.db.pool))
            tasks.create_task(idempotency.forget(self.db.pool))
            if self.ring is not None:
                tasks.create_task(self.ring.run())

    async def sight(self, caller: Caller) -> Sight:
        """What this caller may see here, for one request."""
        own = self.patient_keys(caller.patient) if caller.kind == "patient" and caller.patient else []
        sight = self.law.sight(caller, own)
        if own:
            await self.law.opened(self.db.pool, sight, self.codec)
        return sight

    def shown(self, sight: Sight, rtype: int, pat: int, body: bytes, key: int) -> bytes:
        """A packed body as this caller may have it: of a Patient, a reader in care without a relation has what finds them, and
        nobody in care what is protected. `sight` must have looked at the patient; `key` is the row's,
        whose body is ready."""
        unpacked = self.codec.unpack(body, key)
        if rtype != _PATIENT or not sight.depends:
            return unpacked
        known = sight.known.get(pat)
        return for_reader(unpacked, related=known is not None and known.related)

    def patient_keys(self, patient: str) -> list[int]:
        """Every key of this person: their own, and those of records joined with it (D1)."""
        return self.persons.expanded(self.keys.of(f"Patient/{patient}"))
