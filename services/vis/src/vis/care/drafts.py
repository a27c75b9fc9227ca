"""Notes that are being written: saved by themselves, never over a newer version, and filed as a note once (D15; HFD 2013:33).

A draft is its author's and nobody else's until it is filed. It is not told to the region.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from fhircore.types import TYPES
from fhirserver import answers
from fhirserver.accesslog import Entry
from fhirserver.actions import Action
from fhirserver.engine import Engine
from fhirserver.intake import checked
from fhirserver.messages import Request
from fhirserver.performing import perform
from fhirserver.problems import NotFound, VersionConflict
from kit.caller import Caller
from kit.db import Connection
from kit.problems import Kind, Problem
from vis.care import notes, tasks
from vis.care.asking import NotNow, person
from vis.care.changing import current

_TYPE = "DocumentReference"
_NUMBER, _PATIENT = TYPES[_TYPE].number, TYPES["Patient"].number
_ONE = """
select d.id, d.pat, d.patient, d.version, d.state, d.note, d.at, v.body from draft d
join draft_version v on v.draft = d.id and v.version = d.version where d.id = $1 and d.author = $2"""
_MINE = """
select d.id, d.pat, d.patient, d.version, d.state, d.note, d.at, v.body from draft d
join draft_version v on v.draft = d.id and v.version = d.version
where d.author = $1 and d.state = 'open' order by d.at desc limit 200"""


class DraftNewer(Problem):
    """The draft was saved from somewhere else meanwhile: nothing is written over."""

    kind = Kind.CONFLICT
    code = "care/draft-newer"
    title = "The draft has a newer version"


class Words(msgspec.Struct, frozen=True):
    """What is written."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """As its author sees it."""

    id: UUID
    patient: str
    version: int
    state: str
    note: str  # the id of the DocumentReference that it became
    at: datetime
    words: Words


@dataclass(frozen=True, slots=True)
class Drafts:
    """The drafts of one VIS."""

    engine: Engine

    async def save(self, caller: Caller, id: UUID, patient: str, base: int, words: Words) -> tuple[int, datetime]:
        """The version that was made, and when. `base` is the version that the text was written from, 0 for a new draft.

        Raises DraftNewer, NotNow (filed or cancelled), NotFound (no such patient, or the draft is another's).
        """
        async with self.engine.db.pool.acquire() as con:
            async with con.transaction():
                pat = await self._patient(con, patient)
                now = datetime.now(UTC)
                known = await con.fetchrow("select author, pat, version, state from draft where id = $1 for update", id)
                if known is None:
                    if base:
                        raise NotFound("There is no such draft", at="id")
                    await self._begin(con, caller, id, patient, pat, now)
                    version = 1
                else:
                    version = _next(known, caller, pat, base)
                    await con.execute("update draft set version = $2, at = $3 where id = $1", id, version, now)
                body = await self.engine.codec.pack_for(con, msgspec.json.encode(words), [pat], place_of(id))
                await con.execute("insert into draft_version values ($1, $2, $3, $4)", id, version, now, body)
                await self._log(con, caller, "update", [pat], 1)
            self.engine.log.settled(con)
        return version, now

    async def _begin(self, con: Connection, caller: Caller, id: UUID, patient: str, pat: int, now: datetime) -> None:
        assert caller.commission is not None
        made = await con.execute(
            "insert into draft(id, pat, patient, author, unit, version, at) values ($1, $2, $3, $4, $5, 1, $6)"
            " on conflict (id) do nothing", id, pat, patient, caller.subject, caller.commission.unit, now,
        )  # fmt: skip
        if made.endswith(" 0"):  # the same first save twice at the same moment
            raise DraftNewer("Utkastet sparades nyss från ett annat fönster")

    async def _patient(self, con: Connection, patient: str) -> int:
        key = self.engine.keys.of(f"Patient/{patient}")
        if not await con.fetchval("select exists (select from res where key = $1 and rtype = $2)", key, _PATIENT):
            raise NotFound("There is no such patient", at="patient")
        return key

    async def one(self, caller: Caller, id: UUID) -> Draft:
        """Raises NotFound also where it is another's."""
        found = await self._read(caller, _ONE, id, caller.subject)
        if not found:
            raise NotFound("There is no such draft", at="id")
        return found[0]

    async def mine(self, caller: Caller) -> list[Draft]:
        """Those that are being written, the newest first."""
        return await self._read(caller, _MINE, caller.subject)

    async def _read(self, caller: Caller, statement: str, *values: Any) -> list[Draft]:
        async with self.engine.db.pool.acquire() as con:
            async with con.transaction():
                rows = await con.fetch(statement, *values)
                await self.engine.codec.ready(con, [row["body"] for row in rows])
                await self._log(con, caller, "read", {row["pat"] for row in rows}, len(rows))
            self.engine.log.settled(con)
        return [self._draft(row) for row in rows]

    async def cancel(self, caller: Caller, id: UUID) -> None:
        """It is written no more; every version is kept. Again: nothing happens. Raises NotFound, NotNow (filed)."""
        async with self.engine.db.pool.acquire() as con:
            async with con.transaction():
                row = await con.fetchrow("select pat, state, author from draft where id = $1 for update", id)
                if row is None or row["author"] != caller.subject:
                    raise NotFound("There is no such draft", at="id")
                if row["state"] == "filed":
                    raise NotNow("Anteckningen är redan sparad i journalen")
                await con.execute("update draft set state = 'cancelled' where id = $1", id)
                await self._log(con, caller, "delete", [row["pat"]], 1)
            self.engine.log.settled(con)

    async def file(self, request: Request, id: UUID, version: int, *, sign: bool) -> str:
        """The draft becomes a note in the record, unsigned or signed; an unsigned one owes its author a task.

        Returns the id of the DocumentReference: the draft's own, so that filing it again finds it. Raises DraftNewer, NotNow
        (cancelled, no text, a note with other words stands), NotFound.
        """
        draft = await self.one(request.caller, id)
        if draft.state == "filed":
            return draft.note
        if draft.state != "open":
            raise NotNow("Utkastet är makulerat")
        if draft.version != version:
            raise DraftNewer(f"Utkastet har version {draft.version}. Läs det och spara igen")
        if not draft.words.text.strip():
            raise NotNow("Anteckningen är tom")
        note = _note(draft, request.caller, sign=sign)
        raw = msgspec.json.encode(note)
        made = checked(raw, note, _TYPE)
        action = Action(
            "PUT", _TYPE, _TYPE, str(id), made.raw, made.data, must_be_new=True, patient=draft.patient, by="file"
        )
        owed = () if sign else (_owed(draft, request.caller),)
        render = partial(answers.alone, self.engine, request)
        try:
            await perform(self.engine, request, "sign" if sign else "create", [action, *owed], render)
        except VersionConflict:  # it was filed, and then the connection broke
            await self._stands(request, draft)
        await self.engine.db.pool.execute(
            "update draft set state = 'filed', note = $2 where id = $1 and state = 'open' and version = $3",
            id, str(id), version,
        )  # fmt: skip
        return str(id)

    async def _stands(self, request: Request, draft: Draft) -> None:
        """Raises NotNow where the note that stands has other words: what was saved after it must not look filed."""
        note, _ = await current(self.engine, request, _TYPE, str(draft.id))
        if notes.words(note) != draft.words.text:
            raise NotNow("Anteckningen finns redan i journalen med en annan text. Utkastet är kvar: rätta anteckningen")

    async def _log(self, con: Connection, caller: Caller, activity: str, patients: Collection[int], count: int) -> None:
        about = [(pat, _NUMBER, 0) for pat in sorted(patients)]
        await self.engine.log.append(con, [Entry(caller, activity, about, count)])

    def _draft(self, row: Any) -> Draft:
        body = self.engine.codec.unpack(row["body"], place_of(row["id"]))
        words = msgspec.json.decode(body, type=Words)
        return Draft(row["id"], row["patient"], row["version"], row["state"], row["note"], row["at"], words)


def _next(known: Any, caller: Caller, pat: int, base: int) -> int:
    """The version after `base`, if that is the newest."""
    if known["author"] != caller.subject or known["pat"] != pat:
        raise NotFound("There is no such draft", at="id")
    if known["state"] != "open":
        raise NotNow("Utkastet är redan sparat i journalen eller makulerat")
    if known["version"] != base:
        raise DraftNewer(f"Utkastet har version {known['version']}, texten skrevs från {base}")
    return base + 1


def _note(draft: Draft, caller: Caller, *, sign: bool) -> dict[str, Any]:
    """The DocumentReference of a draft."""
    now = datetime.now(UTC)
    attached = notes.attachment(draft.words.text, draft.words.title, now)
    note = {
        "resourceType": _TYPE,
        "id": str(draft.id),
        "status": "current",
        "docStatus": "preliminary",
        "type": {"text": draft.words.title},
        "subject": {"reference": f"Patient/{draft.patient}"},
        "date": now.isoformat(timespec="seconds"),
        "author": [person(caller)],
        "content": [{"attachment": attached}],
    }
    return notes.sign(note, caller, frozenset((caller.subject,)), now) if sign else note


def _owed(draft: Draft, caller: Caller) -> Action:
    """The task that a note which is not signed owes its author."""
    focus, now = f"{_TYPE}/{draft.id}", datetime.now(UTC)
    task = tasks.made("unsigned", focus, draft.patient, person(caller), now)
    made = checked(msgspec.json.encode(task), task, "Task")
    return Action("PUT", "Task", "Task", task["id"], made.raw, made.data, patient=draft.patient)


def place_of(id: UUID) -> int:
    """Where the bodies of a draft stand, for their seal."""
    return int.from_bytes(id.bytes[:8], "big", signed=True)
