"""Taking an act of the law: decide, write, compose, store, tell and log, all in one transaction (D9)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from access import Facts, Rules
from access.acts import Act, compose
from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.ages import born
from fhirserver.bodies import parsed
from fhirserver.engine import Engine
from fhirserver.facts import put_facts, put_rules
from information_platform.access import store
from information_platform.access.model import IdTaken, NoSuchPatient, Person, activity, same
from information_platform.access.telling import RULES_KEY, facts_told, rules_told, tell
from kit.caller import Caller
from kit.db import Connection
from kit.http import Client
from kit.own_token import OwnToken
from kit.problems import Kind, Problem, Unavailable
from kit.telemetry import describe

log = structlog.get_logger(__name__)
Make = Callable[[Person, datetime], Act]
_PATIENT = TYPES["Patient"].number
_BODIES = "select key, body from res where key = any($1::bigint[]) and rtype = $2"


@dataclass(frozen=True, slots=True)
class Vis:
    """VIS, told of each change before the command that made it returns."""

    client: Client
    own: OwnToken

    async def take(self, value: bytes) -> bool:
        """Whether the facts are in force there now; if not, the event brings them."""
        try:
            answer = await self.client.send(
                "POST", "/internal/access/facts", bearer=await self.own.token(), data=value, type="application/json"
            )
        except Unavailable as error:
            log.warning("VIS could not be told of the law at once", error=describe(error))
            return False
        return answer.status == 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """An act that was taken, now or when it was first sent, and since when VIS follows it (None: the event is on its way)."""

    act: Act
    at: datetime
    at_vis: datetime | None


@dataclass(frozen=True, slots=True)
class FactsOwner:
    """The owner of the facts."""

    engine: Engine
    vis: Vis | None = None

    async def take(self, caller: Caller, patient: str, make: Make) -> Outcome:
        """`make` decides on the person as they are and gives the act, or raises a Problem: a refusal is logged too."""
        now = datetime.now(UTC)
        try:
            async with self.engine.db.pool.acquire() as con:
                async with con.transaction():
                    person = await self.person(con, patient, now, hold=True)
                    act = make(person, now)
                    act, value = await self._once(con, person, act, now)
                    await self._log(con, caller, person, act)
                self.engine.log.settled(con)
        except Problem as problem:
            if problem.kind is Kind.FORBIDDEN:
                await self.refused(caller, patient, problem)
            raise
        self.engine.wake()
        there = await self.vis.take(value) if self.vis is not None else False
        return Outcome(act, now, datetime.now(UTC) if there else None)

    async def _once(self, con: Connection, person: Person, act: Act, now: datetime) -> tuple[Act, bytes]:
        if not await store.write(con, act):
            known = await store.act(con, act.id)
            if known is None or known.patient not in person.ids or not same(known, act):
                raise IdTaken(at="id")
            return known, await self.retell(con, person.ids, now)
        await raise_tasks(con, person, act, now)
        return act, await self.retell(con, person.ids, now)

    async def person(self, con: Connection, patient: str, now: datetime, *, hold: bool = False) -> Person:
        """Raises NoSuchPatient."""
        ids = await store.ids_of(con, patient)
        while hold and ids:
            await store.hold(con, ids)
            before, ids = ids, await store.ids_of(con, patient)
            if set(ids) <= set(before):
                break
        if not ids:
            raise NoSuchPatient
        rows = await con.fetch(_BODIES, self.keys(ids), _PATIENT)
        codec = self.engine.codec
        await codec.ready(con, [row["body"] for row in rows])
        dates = [found for row in rows if (found := born(parsed(codec.unpack(row["body"], row["key"]))))]
        acts = await store.acts_of(con, ids)
        protected = (await store.protection(con, ids[:1])).get(ids[0], "")
        facts = compose(acts, now, protected=protected, hidden=await store.hidden(con, _whos(acts)))
        return Person(patient, tuple(ids), max(dates, default=None), protected, acts, facts)

    def keys(self, ids: Collection[str]) -> list[int]:
        return [self.engine.keys.of(f"Patient/{id}") for id in ids]

    async def retell(self, con: Connection, ids: Sequence[str], now: datetime) -> bytes:
        """Composes the facts anew, stores and tells them; gives what is told. The person must be held."""
        acts, keys = await store.acts_of(con, ids), self.keys(ids)
        protected = (await store.protection(con, ids[:1])).get(ids[0], "")
        facts = compose(acts, now, protected=protected, hidden=await store.hidden(con, _whos(acts)))
        version = await store.version(con, keys)
        facts = msgspec.structs.replace(facts, version=version, since=int(now.timestamp() * 1_000_000))
        await put_facts(con, keys, facts)
        value = facts_told(ids, facts, await store.taken_at_vis(con, ids, now), now)
        await tell(con, now, [(ids[0], value)])
        return value

    async def current(self, con: Connection, patients: Sequence[str], now: datetime) -> list[bytes]:
        """The facts of these as they would be told, for a copy that is too old to be trusted."""
        told = []
        for patient in patients:
            ids = await store.ids_of(con, patient)
            found = await self.engine.law.facts(con, self.keys(ids))
            facts = max(found.values(), key=lambda one: one.version, default=None)
            if facts is not None:
                told.append(facts_told(ids, facts, await store.taken_at_vis(con, ids, now), now))
        return told

    async def adopt(self, con: Connection, act: Act) -> None:
        """An act that VIS took while we were away, with its own time. Told twice, true once."""
        now = datetime.now(UTC)
        ids = await store.ids_of(con, act.patient) or [act.patient]
        await store.hold(con, ids)
        if await store.write(con, act, "vis"):
            await raise_tasks(con, Person(act.patient, tuple(ids)), act, now)
            await self.retell(con, ids, now)

    async def follow(self, con: Connection, joined: Collection[str], levels: Mapping[str, str]) -> None:
        """What a batch of events says of persons: who has got further ids, and how each is protected."""
        await self.merged(con, joined)
        await self.protection(con, levels)

    async def merged(self, con: Connection, persons: Collection[str]) -> None:
        """Persons whose ids have changed: what was decided of one id holds for all (BLK-18). In the merge's transaction."""
        now = datetime.now(UTC)
        for person in sorted(persons):
            ids = await store.ids_of(con, person)
            await store.hold(con, ids)
            if await store.decided(con, ids):
                await self.retell(con, ids, now)

    async def protection(self, con: Connection, levels: Mapping[str, str]) -> None:
        """Who is protected now, by person: it breaks every link to who acts for them, and from them to whom they act for
        (PAT-08)."""
        news = await store.protect(con, levels)
        touched = set(news)
        for person in news:
            touched |= set(await store.acted_for(con, await store.ids_of(con, person)))
        now = datetime.now(UTC)
        for person in sorted(touched):
            ids = await store.ids_of(con, person)
            if ids and (person in news or await store.decided(con, ids)):
                await store.hold(con, ids)
                await self.retell(con, ids, now)

    async def rule(self, caller: Caller, rules: Rules) -> tuple[int, bool]:
        """New rules for everybody: their version, and whether VIS follows them already."""
        now = datetime.now(UTC)
        async with self.engine.db.pool.acquire() as con, con.transaction():
            version = await store.new_rules(con, caller.subject, rules)
            await put_rules(con, rules)
            value = rules_told(version, rules, now)
            await tell(con, now, [(RULES_KEY, value)])
        await self.engine.law.refresh(self.engine.db.pool)
        self.engine.wake()
        return version, await self.vis.take(value) if self.vis is not None else False

    async def forget(self, con: Connection, patient: str) -> None:
        """An order of destruction: every act of the person goes, and every copy hears it (a tombstone per id)."""
        ids = await store.ids_of(con, patient) or [patient]
        await store.hold(con, ids)
        await con.execute("set local fvm.erasing = 'on'")
        await con.execute("delete from access_act where patient = any($1::text[])", ids)
        await con.execute("delete from access_task where patient = any($1::text[])", ids)
        now, keys = datetime.now(UTC), self.keys(ids)
        await put_facts(con, keys, Facts(await store.version(con, keys)))
        await tell(con, now, [(id, b"") for id in ids])

    async def read(self, caller: Caller, patient: str, activity: str = "read") -> None:
        """A look at what was decided, in the log before it is answered."""
        await self.note(Entry(caller, activity, self._about(patient), 1))

    async def noted(self, caller: Caller, activity: str, patients: Collection[str], what: str) -> None:
        """Something that was done with several patients' tasks; `what` in words of ours."""
        about = [place for patient in dict.fromkeys(patients) for place in self._about(patient)]
        await self.note(Entry(caller, activity, about, len(about), args=what))

    async def refused(self, caller: Caller, patient: str, problem: Problem) -> None:
        await self.note(Entry(caller, "denied", self._about(patient), 0, args=problem.code))

    async def note(self, entry: Entry) -> None:
        if self.engine.mount.logged:
            await self.engine.together.write(entry)

    async def _log(self, con: Connection, caller: Caller, person: Person, act: Act) -> None:
        if self.engine.mount.logged:
            reason = act.reason if act.ground == "emergency" else None
            entry = Entry(caller, activity(act, person.acts), self._about(person.patient), 1, args=reason)
            await self.engine.log.append(con, [entry])

    def _about(self, patient: str) -> list[tuple[int, int, int]]:
        return [(self.engine.keys.of(f"Patient/{patient}"), _PATIENT, 0)]


async def raise_tasks(con: Connection, person: Person, act: Act, now: datetime) -> None:
    """An emergency is reviewed by the unit's manager and told to the patient (EMG-04); a request goes to the block's owner."""
    if act.ground == "emergency" and act.kind in ("consent", "lift", "reveal", "request"):
        await store.ask(con, act, "review", act.unit, act.provider, now)
        await store.ask(con, act, "patient-notice", act.unit, act.provider, now)
    if act.kind == "request":
        block: Any = next(one.block for one in person.acts if one.id == act.target)
        await store.ask(con, act, "lift-request", block.unit or "", block.provider, now)


def _whos(acts: Sequence[Act]) -> list[str]:
    return sorted({act.who for act in acts if act.who})
