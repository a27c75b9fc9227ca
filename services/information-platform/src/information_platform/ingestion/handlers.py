"""The region's record listens: who is it about, what is new, store, tell. A batch of events is one set of statements."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from access import REGISTER, all_seeing
from fhircore.identifiers import Identifier, NotAnIdentifier, canonical
from fhircore.types import TYPES
from fhirserver.bodies import parsed, replacer
from fhirserver.engine import Engine
from fhirserver.problems import Raced
from fhirserver.telling import RecordEntry
from fhirserver.wishes import Delete, Put
from information_platform.access.actions import FactsOwner
from information_platform.access.protected import protected
from information_platform.erasure import past
from information_platform.ingestion.parts import Told, whole
from information_platform.persons.composing import composed, retired
from information_platform.persons.model import DifferentPersons, person_identifiers
from information_platform.persons.register import Register, told
from kit.db import driver
from kit.events import CloudEvent
from kit.inbox import Handler
from kit.outbox import emit_raw
from kit.problems import Kind, Problem, Unavailable

TOPICS = ("vis.record.v1", "exchange.record.v1", "application.record.v1")
_PATIENT = re.compile(rb'"reference":"Patient/([A-Za-z0-9\-.]{1,64})"')
_VIS = "fvm/vis"
_NOBODY = b'{"resourceType":"Patient"}'
_EVERYTHING = all_seeing()


class UnknownType(Problem):
    """An entry of a type that FHIR R4 does not have."""

    kind = Kind.INVALID
    code = "ingestion/unknown-type"
    title = "The record holds a resource of an unknown type"


@dataclass(slots=True)
class _Step:
    """One entry, looked at once: which Patients it names, and who it says a Patient is."""

    source: str
    entry: RecordEntry
    version: int  # (epoch, version) of the source as one number
    raw: bytes
    patients: set[str]
    data: dict[str, Any] = field(default_factory=dict)
    identifiers: tuple[Identifier, ...] = ()


def handlers(engine: Engine) -> dict[str, Handler]:
    """By topic: every record topic is taken the same way."""

    async def take(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        await _Batch(engine, tx).take(events)

    return dict.fromkeys(TOPICS, take)


class _Batch:
    """One batch in one transaction."""

    def __init__(self, engine: Engine, tx: AsyncConnection) -> None:
        self._engine = engine
        self._tx = tx
        self._wishes: dict[tuple[str, str], Put | Delete] = {}
        self._joined = set[str]()  # who got further ids
        self._protected = dict[str, str]()  # how each person is protected

    async def take(self, events: Sequence[CloudEvent]) -> None:
        con = await driver(self._tx)
        steps = [step for told in await whole(con, self._engine, events) for step in _steps(told)]
        steps = await past.without(con, self._engine, steps)  # what was destroyed does not come back
        register = Register(con, self._engine.keys, self._engine.codec)
        await register.load(
            {p for step in steps for p in step.patients}, [i for step in steps for i in step.identifiers]
        )
        for step in steps:
            await self._step(register, step)
        await self._compose(register)
        try:
            await self._engine.writer.apply(con, list(self._wishes.values()), _EVERYTHING)
        except Raced as error:  # another writer was first with the same id: the next try finds it there
            raise Unavailable(error.detail) from None
        self._engine.wake()
        if register.joined:
            await self._engine.persons.refresh_on(con)
        await FactsOwner(self._engine).follow(con, self._joined, self._protected)

    async def _step(self, register: Register, step: _Step) -> None:
        entry = step.entry
        if entry.op == "merge":
            await self._merge(register, step)
        elif entry.type == "Patient":
            await self._patient(register, step)
        else:
            await self._fact(register, step)

    async def _patient(self, register: Register, step: _Step) -> None:
        """A source says who somebody is."""
        entry = step.entry
        if entry.op == "delete":
            return  # a person is not deleted by one of their sources
        identity = register.identify(entry.id, step.identifiers)
        unknown = entry.id not in register.links
        await register.settle(entry.id, identity, step.identifiers)
        if unknown and identity.person != entry.id:
            await self._also_known_as(register, identity.person, step)
        for other in identity.joined:
            await self._join(register, identity.person, other, step.source, "identifiers")
        await register.keep(entry.id, step.source, step.version, entry.updated, step.raw, again=entry.again)

    async def _also_known_as(self, register: Register, person: str, step: _Step) -> None:
        """A source knows somebody under an id of its own. VIS's ids are valid in the region too, so that one is joined."""
        if step.source == _VIS:
            await register.begin(step.entry.id)
            await self._join(register, person, step.entry.id, step.source, "identifiers", step.raw)
        else:
            await register.same(person, step.entry.id)
            self._joined.add(person)

    async def _merge(self, register: Register, step: _Step) -> None:
        """A source says that two persons are one (A40)."""
        entry = step.entry
        survivor = self._known(register, _canonical(entry.survivor), entry.survivor_id)
        gone = self._known(register, _canonical(entry.retired), entry.retired_id)
        if survivor is None and gone is None:
            return  # neither has said anything yet; their Patients come with their facts
        if survivor is not None and gone is not None and survivor != gone:
            numbers = register.numbers.get(survivor, set()) | register.numbers.get(gone, set())
            if len(numbers) > 1:
                raise DifferentPersons(at="PID-3 and MRG-1")
            await self._join(register, survivor, gone, step.source, "A40")
        person = survivor or gone
        assert person is not None
        for one in (*_canonical(entry.survivor), *_canonical(entry.retired)):
            if register.holders.get(one) is None:
                await register.hold(one, person)
        for patient in (entry.survivor_id, entry.retired_id):
            if patient and register.links.get(patient) is None:
                await register.con.execute(
                    "insert into person_link(id, person) values ($1, $2) on conflict (id) do update set person = $2",
                    patient,
                    person,
                )
                register.links[patient] = person
                self._joined.add(person)

    def _known(self, register: Register, identifiers: Sequence[Identifier], patient: str) -> str | None:
        for one in identifiers:
            if one in register.holders:
                return register.holders[one]
        return register.links.get(patient)

    async def _join(
        self, register: Register, survivor: str, gone: str, source: str, reason: str, body: bytes = _NOBODY
    ) -> None:
        """The retired Patient stays readable and says who replaced it; the join is told to the region."""
        bodies = await register.sources(gone)
        await register.join(survivor, gone, source, reason)
        self._joined.add(survivor)
        raw = retired(composed(bodies) if bodies else body, survivor)
        self._wish(Put("Patient", gone, raw, _patient_data(raw, gone), await self._register_label()))
        await emit_raw(register.con, [await told(register, survivor, await register.replaced(survivor))])

    async def _fact(self, register: Register, step: _Step) -> None:
        """Anything else: about the persons it names, under the ids the region knows them by."""
        entry = step.entry
        label = await self._engine.labels.number(self._engine.db.pool, entry.label.label())
        if entry.op == "delete":
            self._wish(Delete(entry.type, entry.id, sver=step.version, lab=label))
            return
        raw = step.raw
        known = {one: register.links[one] for one in step.patients if register.links.get(one, one) != one}
        if known:
            raw = replacer('Patient/[^"]+', lambda old: f"Patient/{known.get(old[8:], old[8:])}")(raw)
        # The entries are made while the resource is still in the processor's cache, and its data need not be kept.
        entries = self._engine.indexer.entries(entry.type, entry.id, parsed(raw))
        put = Put(entry.type, entry.id, raw, {}, label, sver=step.version, again=entry.again, entries=entries)
        self._wish(put)

    async def _compose(self, register: Register) -> None:
        """The region's Patient of everyone who was touched, where it says something new."""
        label = await self._register_label()
        for person in sorted(register.touched):
            sources = await register.sources(person)
            if not sources:
                continue
            raw = composed(sources, await register.replaced(person))
            self._protected[person] = protected(raw)
            if await register.composed_now(person, hashlib.blake2b(raw, digest_size=16).digest()):
                self._wish(Put("Patient", person, raw, _patient_data(raw, person), label))

    async def _register_label(self) -> int:
        return await self._engine.labels.number(self._engine.db.pool, REGISTER)

    def _wish(self, wish: Put | Delete) -> None:
        """The last word on a resource within a batch is the one that is stored."""
        key = wish.type_name, wish.id
        known = self._wishes.pop(key, None)
        if known is not None and known.sver is not None and wish.sver is not None and known.sver > wish.sver:
            wish = known
        self._wishes[key] = wish


def _steps(told: Told) -> Iterator[_Step]:
    for entry in told.entries:
        version = _source_version(told.epoch, entry)
        if entry.op == "merge":
            both = (*_canonical(entry.survivor), *_canonical(entry.retired))
            yield _Step(
                told.source, entry, version, b"", {entry.survivor_id, entry.retired_id} - {""}, identifiers=both
            )
            continue
        if entry.type not in TYPES:
            raise UnknownType(at=entry.type[:60])
        raw = bytes(entry.resource)
        patients = {found.decode() for found in _PATIENT.findall(raw)}
        if entry.type != "Patient":
            yield _Step(told.source, entry, version, raw, patients)
            continue
        data = parsed(raw) if raw else {}
        yield _Step(told.source, entry, version, raw, patients | {entry.id}, data, person_identifiers(data))


def _canonical(found: Sequence[dict[str, str]]) -> tuple[Identifier, ...]:
    known = []
    for one in found:
        with suppress(NotAnIdentifier):
            known.append(canonical(one.get("system", ""), one.get("value", "")))
    return tuple(known)


def _source_version(epoch: int, entry: RecordEntry) -> int:
    """Versions compare as (epoch, version): a source that was restored tells a higher epoch, and so its versions win."""
    return (epoch << 40) | entry.version


def _patient_data(raw: bytes, id: str) -> dict[str, Any]:
    return {**parsed(raw), "id": id}
