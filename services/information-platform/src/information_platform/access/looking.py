"""The law for what lies in another service's store, and for whom somebody acts: one decision and one row of the log per look."""

from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from fhirserver.taking import NotYours, PatientId, caring
from information_platform.access import store
from information_platform.access.actions import FactsOwner
from information_platform.access.model import NoSuchPatient, Role, role_of
from kit.caller import Caller
from kit.db import Connection
from kit.problems import Problem
from kit.web import SignedIn

# What is looked at or done, in words of fhirserver.activities. Messages go to a unit, which reads what is sent to it without a
# relation of its own: that the patient wrote is the reason. What patients write about themselves needs the relation.
What = Literal["messages-read", "messages-write", "own-read", "own-write", "download"]
_TO_THE_UNIT = frozenset(("messages-read", "messages-write"))
_PATIENTS_ONLY = frozenset(("own-write", "download"))


class LookIn(BaseModel):
    """A look, or a write, that is about to happen in the store of the service that asks with its user's own token."""

    what: What
    patients: list[PatientId] = Field(min_length=1, max_length=200)


class LookOut(BaseModel):
    """It may happen, and stands in the log. `role`: as what the caller acts."""

    role: Literal["self", "guardian", "mandate", "staff"]


class ActingOut(BaseModel):
    """Somebody for whom the caller acts now."""

    patient: str
    role: Role


def router(law: FactsOwner) -> APIRouter:
    """Two doors below /information/access."""
    made = APIRouter(prefix="/information/access", tags=["access"])

    @made.post("/looks")
    async def look(body: LookIn, caller: SignedIn) -> LookOut:
        """Whether the caller may see or write it. A refusal is in the log too (`denied`)."""
        now = datetime.now(UTC)
        role: Literal["self", "guardian", "mandate", "staff"] = "staff"
        for patient in body.patients:
            try:
                role = await _decided(law, caller, patient, body.what, now)
            except Problem as problem:
                await law.refused(caller, patient, problem)
                raise
        await law.noted(caller, body.what, body.patients, "looks")
        return LookOut(role=role)

    @made.get("/acting")
    async def acting(caller: SignedIn) -> list[ActingOut]:
        """For whom the holder of a patient's token acts today: a child's thirteenth birthday ends it (PAT-04, PAT-11)."""
        if caller.kind != "patient":
            raise NotYours("Only patients act for others")
        return await _acting(law, caller, datetime.now(UTC))

    return made


async def _decided(
    law: FactsOwner, caller: Caller, patient: str, what: What, now: datetime
) -> Literal["self", "guardian", "mandate", "staff"]:
    async with law.engine.db.pool.acquire() as con:
        person = await law.person(con, patient, now)
        if caller.kind == "patient":
            role = role_of(person, caller, now)
            if role is None:
                raise NoSuchPatient
            return role
        caring(caller)
        if what in _PATIENTS_ONLY:
            raise NotYours("Only the patient, or who acts for them, does this")
        if what not in _TO_THE_UNIT and not await _related(law, con, caller, person.ids):
            raise NotYours("This needs a patient relation")
    return "staff"


async def _related(law: FactsOwner, con: Connection, caller: Caller, ids: tuple[str, ...]) -> bool:
    keys = law.keys(ids)
    sight = await law.engine.sight(caller)
    await law.engine.law.look(con, sight, keys)
    return any(sight.known[key].related for key in keys if key in sight.known)


async def _acting(law: FactsOwner, caller: Caller, now: datetime) -> list[ActingOut]:
    found: dict[tuple[str, ...], ActingOut] = {}
    async with law.engine.db.pool.acquire() as con:
        for patient in sorted(await store.acted_for(con, await store.ids_of(con, caller.subject) or [caller.subject])):
            try:
                person = await law.person(con, patient, now)
            except NoSuchPatient:
                continue  # the child has left the record; nobody acts for who is not there
            role = role_of(person, _as(caller, patient), now)
            if role in ("guardian", "mandate"):
                found.setdefault(tuple(sorted(person.ids)), ActingOut(patient=patient, role=role))
    return list(found.values())


def _as(caller: Caller, patient: str) -> Caller:
    """The caller as a token in this patient's record would show them."""
    return Caller(caller.subject, caller.kind, caller.client, patient=patient, session=caller.session)
