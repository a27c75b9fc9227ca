"""The register of persons for one batch of events: read what is known in a few statements, decide in memory, write back."""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from fhircore.identifiers import PERSONNUMMER, Identifier
from fhirserver.codec import Codec
from fhirserver.keys import Keys
from information_platform.persons import said
from information_platform.persons.composing import Source
from information_platform.persons.model import Identity, identify
from kit.db import Connection
from kit.events import CloudEvent
from kit.outbox import Outgoing

CHANGED = "information.person-changed.v1"
_SLOTS = 4096


@dataclass(slots=True)
class Kept:
    """A source's Patient as it was last received."""

    person: str
    source: str
    version: int
    updated: datetime
    digest: bytes


@dataclass(slots=True)
class Register:
    """What is known of the persons that one batch touches. `load` first; every change goes to the database at once."""

    con: Connection
    keys: Keys
    codec: Codec
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    links: dict[str, str] = field(default_factory=dict)  # a source's Patient id → person
    holders: dict[Identifier, str] = field(default_factory=dict)
    numbers: dict[str, set[str]] = field(default_factory=dict)  # person → their personnummer
    kept: dict[str, Kept] = field(default_factory=dict)  # a source's Patient id → what it said last
    touched: set[str] = field(default_factory=set)  # persons to compose anew
    joined: bool = False

    async def load(self, patients: Iterable[str], identifiers: Iterable[Identifier]) -> None:
        """Reads everything about these, holding the identifiers so that no two writers make two persons of one."""
        ids, wanted = sorted(set(patients)), list(set(identifiers))
        slots = {self.keys.of(f"{one.system}|{one.value}") % _SLOTS for one in wanted}
        slots |= {self.keys.of(f"person|{one}") % _SLOTS for one in ids}
        if slots:
            await self.con.execute(
                "select pg_advisory_xact_lock(7002, slot) from unnest($1::int[]) slot", sorted(slots)
            )
        rows = await self.con.fetch("select id, person from person_link where id = any($1::text[])", ids)
        self.links |= {row["id"]: row["person"] for row in rows}
        rows = await self.con.fetch(
            "select i.system, i.value, i.person from person_identifier i"
            " join unnest($1::text[], $2::text[]) w(system, value) using (system, value)",
            [one.system for one in wanted],
            [one.value for one in wanted],
        )
        self.holders |= {Identifier(row["system"], row["value"]): row["person"] for row in rows}
        await self._numbers(set(self.links.values()) | set(self.holders.values()))
        rows = await self.con.fetch(
            "select id, person, source, version, updated, digest from person_source where id = any($1::text[])", ids
        )
        self.kept |= {row["id"]: Kept(*tuple(row)[1:]) for row in rows}

    async def _numbers(self, persons: set[str]) -> None:
        rows = await self.con.fetch(
            "select person, value from person_identifier where system = $1 and person = any($2::text[])",
            PERSONNUMMER,
            sorted(persons),
        )
        for row in rows:
            self.numbers.setdefault(row["person"], set()).add(row["value"])

    def identify(self, patient: str, identifiers: Sequence[Identifier]) -> Identity:
        """Who this Patient is, by what is loaded. Raises DifferentPersons."""
        return identify(patient, identifiers, self.links.get(patient), self.holders, self.numbers)

    async def settle(self, patient: str, identity: Identity, identifiers: Sequence[Identifier]) -> None:
        """Writes down who this Patient is: the person, the link, the identifiers."""
        person = identity.person
        if identity.new:
            await self.begin(person)
        if self.links.get(patient) != person:
            await self.con.execute(
                "insert into person_link(id, person) values ($1, $2) on conflict (id) do update set person = $2",
                patient,
                person,
            )
            self.links[patient] = person
        for one in identifiers:
            if self.holders.get(one) != person:
                await self.hold(one, person)

    async def hold(self, one: Identifier, person: str) -> None:
        await self.con.execute(
            "insert into person_identifier(system, value, person, since) values ($1, $2, $3, $4)"
            " on conflict (system, value) do update set person = $3",
            one.system,
            one.value,
            person,
            self.at,
        )
        self.holders[one] = person
        if one.system == PERSONNUMMER:
            self.numbers.setdefault(person, set()).add(one.value)

    async def keep(
        self, patient: str, source: str, version: int, updated: datetime, body: bytes, *, again: bool = False
    ) -> bool:
        """Keeps the source's Patient. False when it is old, or says what it said before; `again` mends a lost copy."""
        person, digest = self.links[patient], hashlib.blake2b(body, digest_size=16).digest()
        known = self.kept.get(patient)
        old = known is not None and (version < known.version if again else version <= known.version)
        if known is not None and (old or known.digest == digest):
            return False
        await self.con.execute(
            "insert into person_source(id, person, source, version, updated, digest, body) values ($1, $2, $3, $4, $5, $6, $7)"
            " on conflict (id) do update set person = $2, version = $4, updated = $5, digest = $6, body = $7",
            patient,
            person,
            source,
            version,
            updated,
            digest,
            await said.packed(self.con, self.codec, self.keys, patient, person, body),
        )
        self.kept[patient] = Kept(person, source, version, updated, digest)
        self.touched.add(person)
        return True

    async def join(self, survivor: str, retired: str, source: str, reason: str) -> None:
        """Two persons are one from now on (D1): links and identifiers move, every key of both is one person's."""
        await self._numbers({survivor, retired})
        for table in ("person_link", "person_identifier", "person_source"):
            await self.con.execute(f"update {table} set person = $1 where person = $2", survivor, retired)
        await self.con.execute("update person set retired_to = $1 where id = $2 or retired_to = $2", survivor, retired)
        await self.con.execute(
            "insert into person_merge(retired, survivor, source, reason, at) values ($1, $2, $3, $4, $5)",
            retired,
            survivor,
            source,
            reason,
            self.at,
        )
        await self.same(survivor, retired)
        for known in (self.links, self.holders):
            for one, person in list(known.items()):
                if person == retired:
                    known[one] = survivor  # type: ignore[index]
        self.numbers.setdefault(survivor, set()).update(self.numbers.pop(retired, ()))
        self.touched.discard(retired)
        self.touched.add(survivor)

    async def begin(self, person: str) -> None:
        """A person nobody had heard of."""
        await self.con.execute(
            "insert into person(id, created_at) values ($1, $2) on conflict do nothing", person, self.at
        )

    async def same(self, survivor: str, retired: str) -> None:
        """Both ids are one person's: from now on a search by either finds what is about both."""
        self.joined = True
        one, other = self.keys.of(f"Patient/{survivor}"), self.keys.of(f"Patient/{retired}")
        await self.con.execute("update same set person = $1, version = version + 1 where person = $2", one, other)
        await self.con.execute(
            "insert into same(key, person, version) values ($1, $1, 1), ($2, $1, 1)"
            " on conflict (key) do update set person = $1, version = same.version + 1",
            one,
            other,
        )

    async def sources(self, person: str) -> list[Source]:
        """Everything that sources said of this person."""
        rows = await self.con.fetch("select id, source, updated, body from person_source where person = $1", person)
        bodies = await said.bodies(self.con, self.codec, self.keys, rows)
        return [Source(row["source"], row["updated"], body) for row, body in zip(rows, bodies, strict=True)]

    async def replaced(self, person: str) -> list[str]:
        """The ids that were joined into this person, oldest first."""
        rows = await self.con.fetch("select id from person where retired_to = $1 order by created_at, id", person)
        return [row["id"] for row in rows]

    async def composed_now(self, person: str, digest: bytes) -> bool:
        """Remembers what was composed; False when it is what was composed before."""
        changed = await self.con.fetchval(
            "update person set digest = $2 where id = $1 and digest is distinct from $2 returning 1", person, digest
        )
        return changed is not None


async def told(register: Register, person: str, retired: Sequence[str]) -> Outgoing:
    """The whole fact of a person: id, identifiers, and the ids that are joined into it."""
    rows = await register.con.fetch(
        "select system, value from person_identifier where person = $1 order by system, value", person
    )
    fact = {
        "person": person,
        "identifiers": [{"system": row["system"], "value": row["value"]} for row in rows],
        "replaces": list(retired),
        "at": register.at.isoformat(),
    }
    event = CloudEvent(
        id=str(uuid.uuid4()),
        source="fvm/information",
        type=CHANGED,
        time=register.at,
        data=msgspec.json.encode(fact),
        key=person,
        subject=person,
    )
    return Outgoing(CHANGED, person, event)
