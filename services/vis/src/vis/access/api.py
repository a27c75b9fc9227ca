"""Doors of the law at VIS: the region puts facts in force at once, and staff take what cannot wait for it (D9, EMG-05)."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel

from access.acts import Act
from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.engine import Engine
from fhirserver.problems import NotFound
from fhirserver.taking import ChoiceIn, EmergencyIn, NotYours, RelationIn
from kit.caller import Caller
from kit.events import CloudEvent
from kit.outbox import Outgoing, emit_raw
from kit.problems import Kind as ProblemKind
from kit.problems import Malformed, Problem
from kit.web import SignedIn
from vis.access import store
from vis.access.model import read

TAKEN = "vis.access-taken.v1"
OWNER = "information"  # the client that tells what the law is
PatientPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]
_PATIENT = TYPES["Patient"].number
_ACTIVITIES = {"relation": "relation-attest", "choice": "active-choice", "consent": "emergency-consent"}


class TakenOut(BaseModel):
    """An act that holds in VIS now; the region hears of it and adopts it with its own time."""

    id: str
    kind: str
    at: datetime
    until: datetime | None
    text: str = "Gäller nu i vårdsystemet. Regionen får veta det."


class InForce(BaseModel):
    """When what the region told was in force here."""

    at: datetime


def router(engine: Engine) -> APIRouter:
    """`/internal/access/facts` and `/vis/access/…`."""
    made = APIRouter(tags=["access"])

    @made.post("/internal/access/facts")
    async def put_in_force(request: Request, caller: SignedIn) -> InForce:
        """What the event will say, before the command that made it returns (D9)."""
        if caller.kind != "system" or caller.client != OWNER:
            raise NotYours("Only the information platform tells what the law is")
        try:
            told = read(await request.body())
        except msgspec.MsgspecError:
            raise Malformed("This is not a fact of the law") from None
        async with engine.db.pool.acquire() as con, con.transaction():
            await store.follow(con, engine, told)
        if told.rules is not None:
            await engine.law.refresh(engine.db.pool)
        return InForce(at=datetime.now(UTC))

    @made.post("/vis/access/patients/{patient}/relations", status_code=201)
    async def attest_relation(patient: PatientPath, body: RelationIn, caller: SignedIn) -> TakenOut:
        """ACC-01, also while the information platform is away."""
        return await _take(engine, caller, patient, body)

    @made.post("/vis/access/patients/{patient}/choices", status_code=201)
    async def choose(patient: PatientPath, body: ChoiceIn, caller: SignedIn) -> TakenOut:
        """ACC-05, also while the information platform is away."""
        return await _take(engine, caller, patient, body)

    @made.post("/vis/access/patients/{patient}/emergencies", status_code=201)
    async def open_in_emergency(patient: PatientPath, body: EmergencyIn, caller: SignedIn) -> TakenOut:
        """EMG-01a, EMG-05: the emergency door works whatever else is away."""
        return await _take(engine, caller, patient, body)

    return made


async def _take(engine: Engine, caller: Caller, patient: str, body: RelationIn | ChoiceIn | EmergencyIn) -> TakenOut:
    try:
        act = body.act(patient, caller, datetime.now(UTC))
    except Problem as problem:
        if problem.kind is ProblemKind.FORBIDDEN:
            await engine.together.write(Entry(caller, "denied", _about(engine, patient), 0, args=problem.code))
        raise
    async with engine.db.pool.acquire() as con:
        async with con.transaction():
            key = engine.keys.of(f"Patient/{patient}")
            if not await con.fetchval("select exists (select from res where key = $1 and rtype = $2)", key, _PATIENT):
                raise NotFound("There is no such patient", at="patient")
            if await store.take(con, engine, act):
                await emit_raw(con, [_told(act)])
            reason = act.reason if act.kind == "consent" else None
            entry = Entry(caller, _ACTIVITIES[act.kind], _about(engine, patient), 1, args=reason)
            await engine.log.append(con, [entry])
        engine.log.settled(con)
    engine.wake()
    return TakenOut(id=act.id, kind=act.kind, at=act.at, until=act.until)


def _about(engine: Engine, patient: str) -> list[tuple[int, int, int]]:
    return [(engine.keys.of(f"Patient/{patient}"), _PATIENT, 0)]


def _told(act: Act) -> Outgoing:
    event = CloudEvent(
        id=str(uuid.uuid4()), source="fvm/vis", type=TAKEN, time=act.at, data=msgspec.json.encode(act),
        key=act.patient, subject=act.patient,
    )  # fmt: skip
    return Outgoing(TAKEN, act.patient, event)
