"""Writes: from wishes to rows, history, tombstones and events, set-based in the caller's transaction (D2, D6)."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import asyncpg
import structlog

from access import Decision, Sight
from fhircore.types import TYPES
from fhirserver import store
from fhirserver.bodies import instant, parsed, stamped
from fhirserver.codec import Codec
from fhirserver.index import Entries, Indexer
from fhirserver.keys import Keys
from fhirserver.labels import Labels
from fhirserver.law import Law, decision_on
from fhirserver.marking import mark
from fhirserver.problems import Gone, KeyTaken, NotFound, Raced, VersionConflict, WrongPatient
from fhirserver.refusing import withheld
from fhirserver.store import Current, Row, Tombstone
from fhirserver.telling import Teller
from fhirserver.wishes import Delete, Put, Written
from kit.db import Connection
from kit.outbox import emit_raw

_BREATH = 50  # rows made between two looks at the event loop
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    written: list[Written]
    position: int  # of the outbox (FVM-Position)


class Writer:
    """Turns wishes into stored versions. Holds no connection and no state but caches."""

    def __init__(self, keys: Keys, codec: Codec, labels: Labels, indexer: Indexer, teller: Teller | None) -> None:
        self.keys = keys
        self._codec = codec
        self._labels = labels
        self._indexer = indexer
        self._teller = teller
        self.law: Law | None = None  # what must be read before rows in hand can be decided
        self.same: Callable[[int], list[int]] = lambda key: [key]  # every key of the person with this one (D1)

    def row(self, wish: Put, ver: int, at: datetime, lab: int | None = None, key: int | None = None) -> Row:
        """The version as it will rest. Raises WrongPatient when it is not about the patient in context."""
        entries = wish.entries or self._indexer.entries(wish.type_name, wish.id, wish.data)
        if (
            wish.patient is not None
            and entries.patients
            and wish.patient not in entries.patients.values()
            and not self._about(self.keys.of(f"Patient/{wish.patient}"), entries)
        ):
            raise WrongPatient(at=wish.at or wish.type_name)
        kind = TYPES[wish.type_name]
        lab = wish.lab if lab is None else lab
        if kind.kind == "patient" and not entries.patients:
            lab = self._labels.withheld
        body = stamped(wish.raw, wish.type_name, wish.id, ver, instant(at))
        return Row(
            key=self.keys.of(f"{wish.type_name}/{wish.id}") if key is None else key,
            type_name=wish.type_name,
            rtype=kind.number,
            id=wish.id,
            ver=ver,
            upd=at,
            lab=lab,
            entries=entries,
            body=body,
            stored=self._codec.pack(body),
            sver=wish.sver,
        )

    def restamp(self, row: Row, at: datetime) -> None:
        """A later time for a version that is not stored yet."""
        row.upd = at
        row.body = stamped(row.body, row.type_name, row.id, row.ver, instant(at))
        row.stored = self._codec.pack(row.body)

    async def apply(
        self, con: Connection, wishes: Sequence[Put | Delete], sight: Sight, at: datetime | None = None
    ) -> Result:
        """Does all wishes or raises; each Type/id at most once. The transaction is the caller's, and so is the commit."""
        at = at or datetime.now(UTC)
        keys = {id(wish): self.keys.of(f"{wish.type_name}/{wish.id}") for wish in wishes}
        known = [keys[id(wish)] for wish in wishes if not (isinstance(wish, Put) and wish.new)]
        standing = await store.locked(con, known)
        await self._look(con, sight, standing.values())
        patients = await self._patients(con, [keys[id(wish)] for wish in wishes if isinstance(wish, Delete)])
        written: list[Written] = []
        stones: list[Tombstone] = []
        for place, wish in enumerate(wishes):
            if place % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            key = keys[id(wish)]
            current = standing.get(key)
            if current is not None:
                _same_resource(wish, current)
            _expected(wish, current)
            if current is not None and _is_old(wish, current):
                written.append(Written("unchanged", wish.type_name, wish.id, current.ver, at))
                continue
            if isinstance(wish, Put):
                written.append(self._put(wish, key, current, sight, at))
            else:
                done = self._delete(wish, current, sight, at)
                written.append(done)
                if done.outcome == "deleted":
                    stones.append(_stone(wish, key, done, patients.get(key, "")))
        rows = [done.row for done in written if done.row is not None]
        await self.settle(rows)
        old = {key for key, current in standing.items() if not current.deleted}
        await store.replace(con, [row for row in rows if row.key in old])
        given = {keys[id(wish)] for wish in wishes if isinstance(wish, Put) and not wish.new}
        await self._insert(con, [row for row in rows if row.key not in old], given)
        await store.bury(con, stones)
        await self.mark(con, rows, stones)
        return Result(written, await self.tell(con, rows, stones, at))

    async def _look(self, con: Connection, sight: Sight, standing: Iterable[Current]) -> None:
        """Reads what must be known before what stands can be decided on."""
        if any(current.lab not in self._labels.by_number for current in standing):
            await self._labels.refresh(con)  # another process met this label first
        if self.law is not None:
            await self.law.look(con, sight, (current.pat for current in standing))

    async def mark(self, con: Connection, rows: Sequence[Row], stones: Sequence[Tombstone] = ()) -> None:
        """After rows were stored: what the law must know of them."""
        await mark(con, rows, stones, self._labels.by_number, self.same)

    async def settle(self, rows: Sequence[Row] = ()) -> None:
        """Before rows are stored: the words behind their hashes; and their bodies sealed, in the transaction that stores them."""
        await self._indexer.terms.settle()
        await self._codec.seal(rows)

    async def tell(self, con: Connection, rows: Sequence[Row], stones: Sequence[Tombstone], at: datetime) -> int:
        """Writes the events of one transaction to the outbox, sealed; returns its position."""
        if self._teller is None or not (rows or stones):
            return 0
        told = self._teller.messages(rows, stones, self._labels.by_number, at)
        return await emit_raw(con, await self._codec.seal_told(told, self._teller.topic, self.keys))

    def _put(self, wish: Put, key: int, current: Current | None, sight: Sight, at: datetime) -> Written:
        if current is None:
            if wish.if_match is not None:
                raise VersionConflict(f"{wish.type_name}/{wish.id} does not exist", at=wish.at or wish.type_name)
            row = self.row(wish, 1, at, key=key)
            return Written("created", wish.type_name, wish.id, 1, at, row, row.entries.pat, row.lab)
        self._check(wish, current, sight)
        if wish.must_be_new is not None and not current.deleted:
            raise wish.must_be_new(f"{wish.type_name}/{wish.id} exists already", at=wish.at or wish.type_name)
        outcome: Literal["created", "updated"] = "created" if current.deleted else "updated"
        lab = wish.lab if current.deleted else self._kept(wish, current)
        row = self.row(wish, current.ver + 1, at, lab, key)
        if current.pat and row.entries.pat and not self._about(current.pat, row.entries):
            raise WrongPatient("An update cannot move a resource to another patient", at=wish.at or wish.type_name)
        if current.pat and not row.entries.pat and not current.deleted and wish.sver is None:
            raise WrongPatient("An update cannot take the patient out of a resource", at=wish.at or wish.type_name)
        return Written(outcome, wish.type_name, wish.id, row.ver, at, row, row.entries.pat, row.lab)

    def _about(self, patient: int, entries: Entries) -> bool:
        """Whether this patient, under any key of the person, is among those the resource is about."""
        return any(key in entries.patients for key in self.same(patient))

    def _kept(self, wish: Put, current: Current) -> int:
        """An update never changes the owner; only its source may (a source version says that it is the source), a rule of the
        service, and who gives what was withheld the patient that it lacked."""
        return (
            wish.lab if wish.relabel or wish.sver is not None or current.lab == self._labels.withheld else current.lab
        )

    def _delete(self, wish: Delete, current: Current | None, sight: Sight, at: datetime) -> Written:
        if (
            current is None and wish.sver is not None
        ):  # told before its creation was: an older version must not come back
            return Written("deleted", wish.type_name, wish.id, 1, at, None, 0, wish.lab)
        if current is None:
            raise NotFound(f"{wish.type_name}/{wish.id} does not exist", at=wish.at or wish.type_name)
        if current.deleted and decision_on(current, sight) is Decision.PERMIT:
            return Written("unchanged", wish.type_name, wish.id, current.ver, at)
        self._check(wish, current, sight)
        return Written("deleted", wish.type_name, wish.id, current.ver + 1, at, None, current.pat, current.lab)

    def _check(self, wish: Put | Delete, current: Current, sight: Sight) -> None:
        at = wish.at or wish.type_name
        decision = Decision.PERMIT if isinstance(wish, Put) and wish.house else decision_on(current, sight)
        if decision is not Decision.PERMIT:
            raise withheld(decision, f"{wish.type_name}/{wish.id} does not exist", at)
        if wish.if_match is not None and wish.if_match != current.ver:
            raise VersionConflict(f"The current version is {current.ver}, not {wish.if_match}", at=at)

    async def _patients(self, con: Connection, keys: list[int]) -> dict[int, str]:
        """The patient (id) each of these is about: a deletion must be told to whom it concerns."""
        if not keys:
            return {}
        found: dict[int, str] = {}
        rows = await con.fetch("select key, body from res where key = any($1::bigint[])", keys)
        await self._codec.ready(con, [row["body"] for row in rows])
        for key, body in rows:
            read = parsed(self._codec.unpack(body, key))
            found[key] = next(iter(self._indexer.entries(read["resourceType"], read["id"], read).patients.values()), "")
        return found

    async def _insert(self, con: Connection, rows: Sequence[Row], given: set[int]) -> None:
        """`given`: keys of ids that clients gave, which somebody else may have created, or created and deleted, meanwhile."""
        try:
            await store.insert(con, rows)
            free = await store.are_next(con, [row for row in rows if row.key in given])
        except asyncpg.UniqueViolationError:
            free = False
        if not free:
            raise Raced("The same resource is being written by somebody else just now; try again")


def _expected(wish: Put | Delete, current: Current | None) -> None:
    """What a condition was decided on must be what stands now."""
    if wish.expect is not None and (current is None or current.deleted or current.ver != wish.expect):
        raise Raced(at=wish.at or wish.type_name)


def _same_resource(wish: Put | Delete, current: Current) -> None:
    """A second resource that would take a used key is refused, with an alarm (D2)."""
    if current.id != wish.id or current.rtype != TYPES[wish.type_name].number:
        log.error("two resources have the same key", code=KeyTaken.code)
        raise KeyTaken(at=wish.at or wish.type_name)


def _stone(wish: Delete, key: int, done: Written, patient: str) -> Tombstone:
    number = TYPES[wish.type_name].number
    return Tombstone(key, wish.type_name, number, wish.id, done.ver, done.upd, done.pat, done.lab, patient, wish.sver)


def _is_old(wish: Put | Delete, current: Current) -> bool:
    """An older version of its source never overwrites a newer one (D1)."""
    if wish.sver is None or current.sver is None:
        return False
    again = isinstance(wish, Put) and wish.again and not current.deleted
    return wish.sver < current.sver if again else wish.sver <= current.sver


def gone(type_name: str, id: str) -> Gone:
    return Gone(f"{type_name}/{id} was deleted", at=type_name)
