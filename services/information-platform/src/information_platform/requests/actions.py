"""A request is made, followed, withdrawn and answered: decided on the person, stored, logged."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from fhirserver.taking import NotYours
from information_platform.access.actions import FactsOwner
from information_platform.access.model import Person
from information_platform.requests import store
from information_platform.requests.model import (
    NoSuchRequest,
    RequestIn,
    RequestOut,
    RequestSettled,
    SettlingIn,
    answering,
    asking,
    state_of,
)
from kit.caller import Caller
from kit.db import Connection
from kit.problems import Kind, Problem

_READ, _WRITE = "messages-read", "messages-write"  # a request is a letter to the care provider
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Requests:
    """Beside the facts of the law, whose rules say who acts for the patient."""

    law: FactsOwner

    async def ask(self, caller: Caller, asked: RequestIn) -> RequestOut:
        """Raises NotYours, NoSuchPatient, RequestSettled when the id is another request's."""

        async def begin(con: Connection, person: Person) -> RequestOut:
            await store.add(self.law.engine, con, person.patient, asked, caller)
            found = await self._shown(con, asked.id)
            same = (found.text, found.kind, found.unit) == (asked.text, asked.kind, asked.unit)
            if not same or found.patient not in person.ids:
                raise RequestSettled("Another request has this id")
            return found

        return await self._patients(caller, _WRITE, begin)

    async def own(self, caller: Caller) -> list[RequestOut]:
        """Of the record that the token opens, newest first. Raises NotYours, NoSuchPatient."""

        async def listed(con: Connection, person: Person) -> list[RequestOut]:
            return await store.shown(self.law.engine, con, await store.of_patient(con, person.ids))

        return await self._patients(caller, _READ, listed)

    async def waiting(self, caller: Caller) -> list[RequestOut]:
        """For the caller's care provider, longest first. Raises NotYours."""
        commission = answering(caller)
        async with self.law.engine.db.pool.acquire() as con:
            found = await store.shown(self.law.engine, con, await store.open_at(con, commission.provider))
        await self.law.noted(caller, _READ, sorted({one.patient for one in found}), "requests")
        return found

    async def withdraw(self, caller: Caller, id: UUID) -> RequestOut:
        """Before it is answered; withdrawn twice, once. Raises NotYours, NoSuchRequest, RequestSettled."""

        async def end(con: Connection, person: Person) -> RequestOut:
            row = await store.load(con, id, hold=True)
            if row is None or row["patient"] not in person.ids:
                raise NoSuchRequest
            if state_of(row) == "answered":
                raise RequestSettled
            if state_of(row) == "open":
                await store.withdraw(con, id)
            return await self._shown(con, id)

        return await self._patients(caller, _WRITE, end)

    async def answer(self, caller: Caller, id: UUID, body: SettlingIn) -> RequestOut:
        """Once; the same again is told again. Raises NotYours, NoSuchRequest, RequestSettled."""
        commission = answering(caller)
        async with self.law.engine.db.pool.acquire() as con, con.transaction():
            row = await store.load(con, id, hold=True)
            if row is None or row["provider"] != commission.provider:
                raise NoSuchRequest
            known = await self._shown(con, id)
            if known.state == "open":
                await store.answer(self.law.engine, con, row, body.outcome, body.text, caller)
            elif (known.outcome, known.answer) != (body.outcome, body.text):
                raise RequestSettled
            found = await self._shown(con, id)
        await self.law.noted(caller, _WRITE, [found.patient], "requests")
        return found

    async def _shown(self, con: Connection, id: UUID) -> RequestOut:
        row = await store.load(con, id)
        if row is None:
            raise NoSuchRequest
        return (await store.shown(self.law.engine, con, [row]))[0]

    async def _patients(self, caller: Caller, what: str, do: Callable[[Connection, Person], Awaitable[T]]) -> T:
        """In one transaction about the record that a patient's token opens, where the caller may ask about it; logged."""
        if caller.kind != "patient" or not caller.patient:
            raise NotYours("Only the patient, or a guardian of a small child, asks this")
        now = datetime.now(UTC)
        try:
            async with self.law.engine.db.pool.acquire() as con, con.transaction():
                person = await self.law.person(con, caller.patient, now)
                asking(person, caller, now)
                found = await do(con, person)
        except Problem as problem:
            if problem.kind is Kind.FORBIDDEN:
                await self.law.refused(caller, caller.patient, problem)
            raise
        await self.law.noted(caller, what, [caller.patient], "requests")
        return found
