"""What staff and patients decide, and what a reader may see, below /information/access (docs/reference/access.md)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID, uuid5

import msgspec
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from access.acts import Act
from fhirserver.taking import ChoiceIn, EmergencyIn, NotYours, RelationIn, caring
from information_platform.access import store
from information_platform.access.acting import GuardianBlockIn, GuardianIn, InformedIn, MandateIn, ObjectionIn, OpenIn
from information_platform.access.actions import FactsOwner, Outcome
from information_platform.access.asked import AnswerIn, BlockIn, ConsentIn, EndIn, LiftIn, RevealIn, manages, writing
from information_platform.access.model import NoSuchAct, Person
from information_platform.access.seeing import Seen, seen, shown
from kit.caller import Caller
from kit.web import SignedIn

PatientPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]
Policy = Literal["request", "self"]


class TakenOut(BaseModel):
    """An act that holds. `at_vis` is empty where VIS was away: the event brings it there."""

    id: str
    kind: str
    at: datetime
    until: datetime | None
    at_vis: datetime | None
    text: str


class ActOut(BaseModel):
    """One line of the history."""

    act: dict[str, Any]
    in_force: bool


class TaskOut(BaseModel):
    """Something that waits for somebody of the unit."""

    id: int
    act: str
    kind: str
    patient: str
    unit: str
    due: datetime
    made_at: datetime


class _Asked(Protocol):
    def act(self, person: Person, caller: Caller, now: datetime) -> Act: ...


def router(law: FactsOwner, policy: Policy) -> APIRouter:
    """`policy`: who lifts another provider's block in an emergency: its owner on request, or the reader (EMG-02)."""
    made = APIRouter(prefix="/information/access", tags=["access"])
    _reading(made, law)
    _by_staff(made, law)
    _of_patients(made, law)
    _blocking(made, law, policy)
    _tasks(made, law)
    return made


def _reading(made: APIRouter, law: FactsOwner) -> None:
    @made.get("/patients/{patient}")
    async def what_is_seen(patient: PatientPath, caller: SignedIn) -> Seen:
        """What of the record is shown to the reader, what is not and why, and the next step."""
        return await seen(law, caller, patient, datetime.now(UTC))

    @made.get("/patients/{patient}/acts")
    async def acts(patient: PatientPath, caller: SignedIn) -> list[ActOut]:
        """What was decided, newest first: the patient sees all, staff what is their care provider's."""
        now = datetime.now(UTC)
        async with law.engine.db.pool.acquire() as con:
            person = await law.person(con, patient, now)
        found = shown(person, caller, now)
        await law.read(caller, patient)
        return [ActOut(act=msgspec.to_builtins(act), in_force=live) for act, live in found]


def _by_staff(made: APIRouter, law: FactsOwner) -> None:
    @made.post("/patients/{patient}/relations", status_code=201)
    async def attest_relation(patient: PatientPath, body: RelationIn, caller: SignedIn) -> TakenOut:
        """ACC-01: the user answers for taking part in the care of the patient."""
        return _out(await law.take(caller, patient, lambda person, now: body.act(person.patient, caller, now)))

    @made.post("/patients/{patient}/choices", status_code=201)
    async def choose(patient: PatientPath, body: ChoiceIn, caller: SignedIn) -> TakenOut:
        """ACC-05: what other units of the same care provider wrote is opened in this session."""
        return _out(await law.take(caller, patient, lambda person, now: body.act(person.patient, caller, now)))

    @made.post("/patients/{patient}/emergencies", status_code=201)
    async def open_in_emergency(patient: PatientPath, body: EmergencyIn, caller: SignedIn) -> TakenOut:
        """EMG-01a: others' unblocked information, when consent cannot be had."""
        return _out(await law.take(caller, patient, lambda person, now: body.act(person.patient, caller, now)))

    @made.post("/patients/{patient}/informed", status_code=201)
    async def note_informed(patient: PatientPath, body: InformedIn, caller: SignedIn) -> TakenOut:
        """CON-01: the patient has been told."""
        return await _take(law, caller, patient, body)

    @made.post("/patients/{patient}/opened", status_code=201)
    async def open_to_teenager(patient: PatientPath, body: OpenIn, caller: SignedIn) -> TakenOut:
        """PAT-05: after assessment, what this unit wrote."""
        return await _take(law, caller, patient, body)

    @made.post("/patients/{patient}/guardians", status_code=201)
    async def register_guardian(patient: PatientPath, body: GuardianIn, caller: SignedIn) -> TakenOut:
        """PAT-04: from the population register, or by a manager of care."""
        return await _take(law, caller, patient, body)

    @made.post("/patients/{patient}/guardian-blocks", status_code=201)
    async def block_guardian(patient: PatientPath, body: GuardianBlockIn, caller: SignedIn) -> TakenOut:
        """PAT-07: at once, by a manager of care."""
        return await _take(law, caller, patient, body)


def _of_patients(made: APIRouter, law: FactsOwner) -> None:
    @made.post("/patients/{patient}/consents", status_code=201)
    async def give_consent(patient: PatientPath, body: ConsentIn, caller: SignedIn) -> TakenOut:
        """CON-03, CON-04: by the patient, or registered by the unit that will read."""
        return await _take(law, caller, patient, body)

    @made.post("/patients/{patient}/mandates", status_code=201)
    async def give_mandate(patient: PatientPath, body: MandateIn, caller: SignedIn) -> TakenOut:
        """PAT-11: an ombud, for a time or until ended."""
        return await _take(law, caller, patient, body)

    @made.post("/patients/{patient}/objections", status_code=201)
    async def object_to(patient: PatientPath, body: ObjectionIn, caller: SignedIn) -> TakenOut:
        """BLK-17, and the objection to secondary use."""
        return await _take(law, caller, patient, body)

    @made.post("/patients/{patient}/acts/{id}/end", status_code=201)
    async def end_act(patient: PatientPath, id: UUID, body: EndIn, caller: SignedIn) -> TakenOut:
        """BLK-10, CON-05: a block is taken off for good, a consent or a mandate ends."""
        return _out(await law.take(caller, patient, lambda who, now: body.act(who, caller, now, "end", str(id))))

    @made.post("/patients/{patient}/acts/{id}/cancel", status_code=201)
    async def cancel_act(patient: PatientPath, id: UUID, body: EndIn, caller: SignedIn) -> TakenOut:
        """BLK-10: makulera what was wrong from the beginning."""
        return _out(await law.take(caller, patient, lambda who, now: body.act(who, caller, now, "cancel", str(id))))


def _blocking(made: APIRouter, law: FactsOwner, policy: Policy) -> None:
    @made.post("/patients/{patient}/blocks", status_code=201)
    async def set_block(patient: PatientPath, body: BlockIn, caller: SignedIn) -> TakenOut:
        """BLK-01, BLK-02: in force when this answers."""
        return await _take(law, caller, patient, body)

    @made.post("/patients/{patient}/reveals", status_code=201)
    async def reveal_blocks(patient: PatientPath, body: RevealIn, caller: SignedIn) -> TakenOut:
        """EMG-02, step 1: whose blocks there are; they then stand in the patient's state."""
        return await _take(law, caller, patient, body)

    @made.post("/patients/{patient}/blocks/{id}/lift", status_code=201)
    async def lift_block(
        patient: PatientPath, id: UUID, body: LiftIn, caller: SignedIn, response: Response
    ) -> TakenOut:
        """BLK-11, EMG-01b: lifted for a while. Another provider's (EMG-02, step 2): 202, its owner is asked."""
        alone = policy == "self"
        out = await law.take(caller, patient, lambda who, now: body.act(who, caller, now, str(id), alone))
        if out.act.kind == "request":
            response.status_code = 202
        return _out(out)


def _tasks(made: APIRouter, law: FactsOwner) -> None:
    @made.get("/tasks")
    async def waiting(caller: SignedIn) -> list[TaskOut]:
        """Requests to lift a block; for a manager of care also what must be reviewed, and which patients must be told."""
        commission = caring(caller)
        async with law.engine.db.pool.acquire() as con:
            rows = await store.tasks(con, commission.provider, commission.unit, reviews=manages(caller))
        await law.noted(caller, "log-read", [row["patient"] for row in rows], "tasks")
        return [TaskOut(**{**row, "act": str(row["act"])}) for row in rows]

    @made.post("/tasks/{id}/answer")
    async def answer(id: int, body: AnswerIn, caller: SignedIn) -> TakenOut | None:
        """A request is granted (the block is lifted for who asked) or refused; a review or a notice is done."""
        commission = writing(caller)
        async with law.engine.db.pool.acquire() as con, con.transaction():
            task = await store.task(con, id, commission.provider, commission.unit)
            if task is None:
                raise NoSuchAct("There is no such task")
            if (task["kind"] == "lift-request") == (body.outcome == "done"):
                raise NotYours("This is not how such a task ends", at="outcome")
            if task["kind"] != "lift-request" and not manages(caller):
                raise NotYours("Only a manager of care reviews")
            request = await store.act(con, str(task["act"]))
            if request is not None and request.by == caller.subject:
                raise NotYours("Somebody else reviews what one has opened oneself")
            out = None
            if body.outcome == "granted" and request is not None:
                granting = _granting(request, caller, commission.id, body.note)
                out = _out(await law.take(caller, request.patient, granting))
            await store.done(con, id, caller.subject, body.outcome, body.note)
        await law.noted(caller, "review", [task["patient"]], f"{task['kind']} {body.outcome}")
        return out


def _granting(request: Act, caller: Caller, commission: str, note: str) -> Callable[[Person, datetime], Act]:
    def granted(person: Person, now: datetime) -> Act:
        person.act(request.target, now, "block")
        return msgspec.structs.replace(
            request,
            id=str(uuid5(UUID(request.id), "granted")),
            kind="lift",
            at=now,
            by=caller.subject,
            commission=commission,
            reason=note,
        )

    return granted


async def _take(law: FactsOwner, caller: Caller, patient: str, body: _Asked) -> TakenOut:
    return _out(await law.take(caller, patient, lambda person, now: body.act(person, caller, now)))


def _out(done: Outcome) -> TakenOut:
    act = done.act
    text = "Gäller nu." if done.at_vis else "Gäller i regionens journal nu och i vårdsystemet inom kort."
    if act.kind == "request":
        text = "Begäran har gått till vårdgivaren som spärrat."
    return TakenOut(id=act.id, kind=act.kind, at=act.at, until=act.until, at_vis=done.at_vis, text=text)
