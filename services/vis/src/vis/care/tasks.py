"""Tasks: the one inbox of what somebody owes; one per kind and thing it is about, ever (http://hl7.org/fhir/R4/task.html)."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from fhirserver.actions import Action
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.problems import Invalid
from kit.caller import Caller
from vis.care import offers
from vis.care.asking import NotNow, parameters, person, staff, text
from vis.care.changing import Change, changed, current

Resource = dict[str, Any]
Kind = Literal["result", "unsigned", "countersign", "referral", "referral-sent", "renewal", "message"]
SYSTEM = "urn:fvm:task"
_NAMES = uuid.UUID("6d6f0a0e-0a49-5f43-9a43-6a2d7d1f3c10")
DECLINED = "declined"  # what came of a request for renewal that the unit says no to
OPEN = ("requested", "received", "accepted", "in-progress", "ready", "on-hold")
TEXTS: dict[str, str] = {
    "result": "Vidimera svar",
    "unsigned": "Signera anteckning",
    "countersign": "Kontrasignera anteckning",
    "referral": "Bedöm remiss",
    "referral-sent": "Bevaka remiss",
    "renewal": "Förnya recept",
    "message": "Svara på meddelande",
}


# Days until a task is late, then those of an urgent one; a kind that is not here is late when who raises it says so.
LATE: dict[str, tuple[int, int]] = {"result": (7, 1), "unsigned": (3, 3), "countersign": (7, 7), "renewal": (3, 3)}


def due(kind: str, at: datetime, *, urgent: bool = False) -> Resource:
    """Until when it is in time, as the element `restriction` of a Task; empty where the kind has no time of its own."""
    if kind not in LATE:
        return {}
    end = at + timedelta(days=LATE[kind][urgent])
    return {"restriction": {"period": {"end": end.isoformat(timespec="seconds")}}}


def id_of(kind: Kind, focus: str) -> str:
    """The id of the task of this kind about `focus` (Type/id)."""
    return str(uuid.uuid5(_NAMES, f"{kind} {focus}"))


def moved_id(kind: Kind, focus: str, patient: str) -> str:
    """The id of the task about `focus` at a patient to whom it was moved."""
    return str(uuid.uuid5(_NAMES, f"{kind} {focus} {patient}"))


def made(kind: Kind, focus: str, patient: str, owner: Resource, at: datetime, *, urgent: bool = False) -> Resource:
    """A new task that waits for `owner`, a person or a unit."""
    moment = at.isoformat(timespec="seconds")
    return {
        "resourceType": "Task",
        "id": id_of(kind, focus),
        "status": "requested",
        "intent": "order",
        "priority": "urgent" if urgent else "routine",
        "code": {"coding": [{"system": SYSTEM, "code": kind}], "text": TEXTS[kind]},
        "focus": {"reference": focus},
        "for": {"reference": f"Patient/{patient}"},
        "authoredOn": moment,
        "lastModified": moment,
        "owner": owner,
        **due(kind, at, urgent=urgent),
    }


def unit(caller: Caller) -> Resource:
    """The caller's unit as an owner."""
    assert caller.commission is not None
    return {"reference": f"Organization/{caller.commission.unit}", "display": caller.commission.unit_name}


def claimed(task: Resource, caller: Caller, at: datetime) -> Resource:
    """The task, the caller's own from now on. Raises NotNow when it is over, or a colleague's who has not offered it."""
    _must_be_open(task)
    owner, offer = task.get("owner", {}), offers.offer_of(task)
    others = task.get("status") == "accepted" and owner.get("type") == "Practitioner"
    if others and not offers.same(owner, person(caller)) and not (offer and offers.mine(offer, caller)):
        raise NotNow(f"Uppgiften är redan tagen av {owner.get('display', 'någon annan')}. Läs om sidan")
    mine = {"status": "accepted", "owner": person(caller), "lastModified": at.isoformat(timespec="seconds")}
    return offers.settled(task) | mine


def completed(task: Resource, caller: Caller, at: datetime, said: str = "", outcome: str = "") -> Resource:
    """The task, done. `outcome` is a code of what came of it, `said` the words of who did it."""
    _must_be_open(task)
    moment = at.isoformat(timespec="seconds")
    done = task | {"status": "completed", "lastModified": moment, "executionPeriod": {"end": moment}}
    if outcome:
        done["output"] = [{"type": {"text": "outcome"}, "valueCode": outcome}]
    note = {"authorReference": person(caller), "time": moment, "text": said or "Klar"}
    return done | {"note": [*task.get("note", ()), note]}


def _kinds(task: Resource) -> set[str]:
    coded = task.get("code", {}).get("coding", ())
    return {str(one.get("code")) for one in coded if one.get("system") == SYSTEM}


def _must_be_open(task: Resource) -> None:
    if task.get("status") not in OPEN:
        raise NotNow("Uppgiften är redan avslutad. Läs om sidan")


async def closing(engine: Engine, kind: Kind, type_name: str, id: str, status: str = "completed") -> Sequence[Action]:
    """What closes the task of this kind about Type/id in the same transaction; nothing where there is none that is open."""
    task = id_of(kind, f"{type_name}/{id}")
    row = await engine.db.pool.fetchrow("select body, key from res where key = $1", engine.keys.of(f"Task/{task}"))
    if row is None:
        return ()
    await engine.codec.ready(engine.db.pool, [row["body"]])
    if msgspec.json.decode(engine.codec.unpack(row["body"], row["key"]))["status"] not in OPEN:
        return ()
    now = datetime.now(UTC)

    def done(task: Resource) -> Resource:
        moment = now.isoformat(timespec="seconds")
        closed = {"status": status, "lastModified": moment, "executionPeriod": {"end": moment}}
        return offers.settled(task) | closed

    return [Action("PATCH", "Task", "Task", task, patch=Change(done))]


async def claim(engine: Engine, request: Request, id: str) -> Answer:
    """200; 409 when it is done, or already somebody else's."""
    parameters(request, {})
    staff(request.caller)
    task, answer = await current(engine, request, "Task", id)
    if task.get("status") == "accepted" and task.get("owner") == person(request.caller) and not offers.offer_of(task):
        return answer
    now = datetime.now(UTC)
    return await changed(engine, request, "Task", id, "update", lambda task: claimed(task, request.caller, now))


async def complete(engine: Engine, request: Request, id: str) -> Answer:
    """200; 409 when it is done, or when it is done by doing the thing itself (a result, a note).

    Parameters `comment`, and `outcome`: "declined" with a comment is the unit's no to a request for renewal.
    """
    asked = parameters(request, {"comment": "valueString", "outcome": "valueCode"})
    staff(request.caller)
    outcome = text(asked, "outcome", most=20)
    if outcome not in ("", DECLINED):
        raise Invalid(f"'outcome' is {DECLINED} or not given", at="outcome")
    said, now = text(asked, "comment", most=2_000, needed=bool(outcome)), datetime.now(UTC)

    def done(task: Resource) -> Resource:
        if _kinds(task) & {"result", "unsigned", "countersign"}:
            raise NotNow("Uppgiften blir klar när svaret vidimeras eller anteckningen signeras")
        if _kinds(task) & {"referral", "referral-sent"}:
            raise NotNow("Uppgiften blir klar när remissen besvaras, returneras, skickas vidare eller makuleras")
        if outcome and "renewal" not in _kinds(task):
            raise NotNow("Bara en begäran om förnyelse avböjs")
        return completed(task, request.caller, now, said, outcome)

    return await changed(engine, request, "Task", id, "update", done)


async def hand_over(engine: Engine, request: Request, id: str) -> Answer:
    """200; parameters `to` (a person by HSA-id, or a unit) and `comment`. It stays where it is until they $claim it.

    409 when it is over or theirs already, or a note that only its author signs; 403 when a colleague has it.
    """
    asked = parameters(request, {"to": "valueReference", "comment": "valueString"})
    staff(request.caller)
    to, said, now = offers.somebody(asked.get("to"), "to"), text(asked, "comment", most=2_000), datetime.now(UTC)
    task, answer = await current(engine, request, "Task", id)
    if task.get("status") in OPEN and offers.same(offers.offer_of(task) or {}, to):
        return answer

    def offered(task: Resource) -> Resource:
        _must_be_open(task)
        if "unsigned" in _kinds(task):
            raise NotNow("En osignerad anteckning signeras av den som skrev den. Den lämnas inte över")
        return offers.offered(task, request.caller, to, said, now)

    return await changed(engine, request, "Task", id, "update", offered)


async def decline(engine: Engine, request: Request, id: str) -> Answer:
    """200; parameter `comment`. The offer is answered with no, or taken back by who has the task. 409 when there is none."""
    asked = parameters(request, {"comment": "valueString"})
    staff(request.caller)
    said, now = text(asked, "comment", most=2_000), datetime.now(UTC)
    task, answer = await current(engine, request, "Task", id)
    if offers.declined_by(task, request.caller):
        return answer
    return await changed(
        engine, request, "Task", id, "update", lambda task: offers.declined(task, request.caller, said, now)
    )


OPERATIONS = (
    Brought("Task", "claim", "I take this task: it becomes my own. No parameters.", claim),
    Brought("Task", "complete", "This task is done (comment; outcome declined of a renewal).", complete),
    Brought(
        "Task",
        "hand-over",
        "I offer this task to a person or a unit (to, comment); it is mine until they claim it.",
        hand_over,
    ),
    Brought("Task", "decline", "An offered task is not taken, or the offer is taken back (comment).", decline),
)
