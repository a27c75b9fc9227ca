"""The law in the store: facts of patients, who has a relation to whom, and what one caller may see of it (D9, D10)."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import msgspec

from access import NO_RULES, NOTHING, Actor, Decision, Facts, Known, Label, Rules, Sight, Zones, shown_to_patient, zones
from fhircore.types import TYPES
from fhirserver.ages import born
from fhirserver.bodies import parsed
from fhirserver.codec import Codec
from fhirserver.entries import NO_DATE
from fhirserver.law_sql import AROUND, LOOK, LOOK_AT, LOOK_WHOLE
from fhirserver.store import Current
from kit.caller import Caller
from kit.db import Connection

_decode, _encode = msgspec.json.Decoder(Facts).decode, msgspec.json.Encoder().encode
_decode_rules = msgspec.json.Decoder(Rules).decode
_UNKNOWN = Known()
_PATIENTS = TYPES["Patient"].number
SAID = (Decision.PERMIT, Decision.DENY)  # decisions that no opening changes
END_OF_TIME = 2**62
_MOST_KEPT = 100_000  # decoded facts of patients

_MOST_AROUND = 1_000
_PATIENT = "select body, key from res where key = any($1::bigint[]) and rtype = $2"
_FACTS = "select pat, version, value from access_fact where pat = any($1::bigint[])"

Pool = asyncpg.Pool


class Copy(Protocol):
    """Where the facts are told from elsewhere: how old they are, and asking for those of some patients (D9)."""

    @property
    def young(self) -> bool: ...

    async def fresh(self, patient_keys: Collection[int], *, again: bool = False) -> bool: ...

    def heard(self, patient_keys: Collection[int], before: float) -> bool: ...


@dataclass(slots=True)
class Law:
    """The facts of one store. Decoded facts are remembered by patient and version; the version is read each time."""

    labels: Mapping[int, Label]
    copy: Copy | None = None  # where this store is not the owner of the facts
    rules: Rules = NO_RULES
    _facts: dict[int, Facts] = field(default_factory=dict)
    _callers: dict[Caller, tuple[Actor, Zones, int]] = field(default_factory=dict)

    async def refresh(self, con: Pool | Connection) -> None:
        """Reads the rules that hold for everybody."""
        value = await con.fetchval("select value from access_rules")
        found = NO_RULES if value is None else _decode_rules(value)
        if found != self.rules:
            self.rules = found
            self._callers.clear()

    async def run(self, pool: Pool) -> None:
        """Keeps the rules fresh until cancelled."""
        while True:
            await asyncio.sleep(1)
            await self.refresh(pool)

    def sight(self, caller: Caller, own: Iterable[int] = ()) -> Sight:
        """Without what depends on the patient's facts; `opened` adds that for a patient's token."""
        actor, found = self._zoned(caller)
        stale = self.copy is not None and actor.cares and not self.copy.young
        return Sight(actor, self.labels, found, frozenset(own), rules=self.rules, stale=stale)

    async def trust(self, sight: Sight, patients: Collection[int]) -> None:
        """A copy that is too old asks for these patients; what it is told is trusted."""
        if sight.stale and patients and self.copy is not None:
            sight.stale = not await self.copy.fresh(patients)

    async def asked(self, sight: Sight, patients: Collection[int]) -> bool:
        """Whether a copy could ask once more about these patients; what `sight` knew of them is forgotten then. What was
        asked not long before the request began was read by it already."""
        if self.copy is None or not patients or (not sight.stale and self.copy.heard(patients, sight.began)):
            return False
        if not await self.copy.fresh(patients, again=True):
            return False
        sight.stale = False
        for patient in patients:
            sight.known.pop(patient, None)
        return True

    async def again(self, con: Pool | Connection, sight: Sight, patients: Collection[int]) -> bool:
        """Before a reader is told that something is withheld, a copy asks once more, so that an opening just given works at
        once. Whether anything is known now that was not."""
        stale, before = sight.stale, [sight.known.get(one, _UNKNOWN) for one in patients]
        if not await self.asked(sight, patients):
            return False
        await self.look(con, sight, patients)
        after = [sight.known[one] for one in patients]
        return stale or any(
            (old.facts.version, old.related) != (new.facts.version, new.related)
            for old, new in zip(before, after, strict=True)
        )

    def _zoned(self, caller: Caller) -> tuple[Actor, Zones]:
        """Remembered until a label is met for the first time, or the rules change."""
        known = self._callers.get(caller)
        if known is None or known[2] != len(self.labels):
            if len(self._callers) > 10_000:
                self._callers.clear()
            actor = Actor.of(caller)
            known = self._callers[caller] = (actor, zones(actor, self.labels, self.rules), len(self.labels))
        return known[0], known[1]

    async def opened(self, con: Pool | Connection, sight: Sight, codec: Codec) -> None:
        """What a patient's token is shown: it depends on age, mandates and what was decided about them."""
        facts = await self.facts(con, sight.own)
        whole = max(facts.values(), key=lambda one: one.version, default=NOTHING)
        bodies = await con.fetch(_PATIENT, list(sight.own), TYPES["Patient"].number)
        await codec.ready(con, [row[0] for row in bodies])
        dates = [found for row in bodies if (found := born(parsed(codec.unpack(row[0], row[1]))))]
        whole = msgspec.structs.replace(whole, born=max(dates, default=None))  # joined records may differ: the youngest
        sight.own_labels = shown_to_patient(sight.actor, self.labels, whole, self.rules, sight.now)

    async def sees(self, con: Pool | Connection, sight: Sight, rows: Sequence[Any]) -> list[bool]:
        """For rows in hand, each with pat and lab, and dt and dte where their time is known."""
        if sight.everything:
            return [True] * len(rows)
        await self.look(con, sight, (row["pat"] for row in rows))
        return [sight.sees(row["lab"], row["pat"], _when(row)) for row in rows]

    async def decisions(self, con: Pool | Connection, sight: Sight, rows: Sequence[Any]) -> list[Decision]:
        """The same with its reason."""
        await self.look(con, sight, (row["pat"] for row in rows))
        found = [sight.decision(row["lab"], row["pat"], _when(row)) for row in rows]
        closed = {row["pat"] for row, one in zip(rows, found, strict=True) if one not in SAID and row["pat"]}
        if closed and await self.again(con, sight, closed):
            found = [sight.decision(row["lab"], row["pat"], _when(row)) for row in rows]
        return found

    async def look(self, con: Pool | Connection, sight: Sight, patients: Iterable[int]) -> None:
        """Reads what `sight` must know of these patients (keys of the store) to decide rows in hand."""
        wanted = {patient for patient in patients if patient and patient not in sight.known}
        if not wanted or not sight.depends:
            return
        rows = await con.fetch(LOOK, list(wanted), sight.actor.unit, sight.actor.subject)
        await self.remember(con, [(row[0], row[1]) for row in rows])
        for pat, version, related in rows:
            sight.known[pat] = self.known(pat, version, related)

    def known(self, patient: int, version: int, related: bool) -> Known:
        return Known(self._facts.get(patient, NOTHING) if version else NOTHING, related)

    async def remember(self, con: Pool | Connection, versions: Iterable[tuple[int, int]]) -> None:
        """Reads the facts of patients (key, version) that are not the remembered ones."""
        stale = [pat for pat, version in versions if version and self._facts.get(pat, NOTHING).version != version]
        if stale:
            await self.facts(con, stale)

    async def around(self, con: Pool | Connection, sight: Sight) -> None:
        """For a search that names no patient: the reader's current relations, unless they are too many to name (D10)."""
        if not sight.depends or sight.actor.population:
            return
        rows = await con.fetch(AROUND, sight.actor.unit, sight.actor.subject, _MOST_AROUND + 1)
        if len(rows) <= _MOST_AROUND:
            sight.around = [row[0] for row in rows]

    async def withheld(self, con: Pool | Connection, sight: Sight, patients: Iterable[int]) -> set[Decision]:
        """Why anything of these patients is not shown to this reader, whatever was asked for; DENY is no reason (D10)."""
        keys = list(patients)
        if not keys or not sight.depends:
            return set()
        rows = await con.fetch(LOOK_WHOLE, keys, sight.actor.unit, sight.actor.subject)
        await self._know(con, sight, rows)
        return _reasons(sight, rows)

    async def look_at(self, con: Pool | Connection, sight: Sight, patient: int, rtype: int) -> "Looked":
        """Before a search about one patient and one type: what this reader is shown, and why something is not."""
        rows = await con.fetch(LOOK_AT, patient, sight.actor.unit, sight.actor.subject, rtype)
        await self._know(con, sight, rows)
        blocked = bool(sight.known[patient].facts.blocks)
        return Looked(None if blocked else sight.shown_of(patient), not rows[0][4], _reasons(sight, rows))

    async def _know(self, con: Pool | Connection, sight: Sight, rows: Sequence[Any]) -> None:
        await self.remember(con, [(row[0], row[1]) for row in rows])
        for row in rows:
            sight.known[row[0]] = self.known(row[0], row[1], row[2])

    async def facts(self, con: Pool | Connection, patients: Iterable[int]) -> dict[int, Facts]:
        """The facts of these patients as they stand, by key; none where nothing is known."""
        if len(self._facts) > _MOST_KEPT:
            self._facts.clear()
        found = {row[0]: _decode(row[2]) for row in await con.fetch(_FACTS, list(patients))}
        self._facts.update(found)
        return found


@dataclass(frozen=True, slots=True)
class Looked:
    """`shown`: the labels of the patient's rows that the reader sees; None where it depends on more than the label. `alone`: no
    row of the type concerns the patient but their own. `withheld`: why something of the patient is not shown."""

    shown: frozenset[int] | None
    alone: bool
    withheld: set[Decision]


def _reasons(sight: Sight, rows: Sequence[Any]) -> set[Decision]:
    found = {sight.decision(lab, row[0]) for row in rows for lab in row[3] or ()}
    return found - {Decision.PERMIT, Decision.DENY}


def when(dt: int, dte: int | None) -> tuple[int, int] | None:
    """The time a row of `res` is about, µs, half-open; None when it has none."""
    return None if dt == NO_DATE else (dt, END_OF_TIME if dte is None else dte)


def decision_on(current: Current, sight: Sight) -> Decision:
    """On a row that is locked for writing; `look` has been asked about its patient."""
    time = None if current.dt is None else when(current.dt, current.dte)
    found = sight.decision(current.lab, current.pat, time)
    if found is Decision.PERMIT and current.rtype == _PATIENTS and sight.depends and not sight.actor.population:
        # A Patient is found by anybody in care and changed by who has a relation: what is changed is read as well.
        known = sight.known.get(current.pat)
        return found if known is not None and known.related else Decision.NEED_RELATION
    return found


def _when(row: Any) -> tuple[int, int] | None:
    if "dt" not in row.keys() or row["dt"] is None:  # noqa: SIM118 — a record is asked for its columns
        return None
    return when(row["dt"], row["dte"])
