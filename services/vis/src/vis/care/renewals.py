"""A patient asks that a medicine be renewed: one task at the unit that prescribed it, open or answered (PAT-09).

The patient, a guardian or who has a mandate asks; the law says by what they see of the record whether they may. What is
written is the rule's, in their name in the log.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from fhirserver import answers
from fhirserver.actions import Action
from fhirserver.bodies import parsed
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import checked
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform
from fhirserver.problems import NotFound, VersionConflict
from kit.caller import Caller
from vis.care import medicines, offers, tasks
from vis.care.asking import NotNow, parameters, patients, text
from vis.care.changing import Change, current

Resource = dict[str, Any]
_TYPE = "MedicationRequest"
_LABEL = "select lab from res where key = $1"
_TASK = "select key, body from res where key = $1"


def asked(task: Resource, owner: Resource, said: str, by: str, at: datetime) -> Resource:
    """The task, open and the unit's again: what was answered stays in its notes (pure)."""
    closed = ("executionPeriod", "output")
    kept = {name: value for name, value in offers.settled(task).items() if name not in closed}
    moment = at.isoformat(timespec="seconds")
    note = {"authorString": by, "time": moment, "text": said or "Begär förnyelse"}
    opened = {"status": "requested", "owner": owner, "authoredOn": moment, "lastModified": moment}
    return kept | opened | {"note": [*task.get("note", ()), note]}


async def request_renewal(engine: Engine, request: Request, id: str) -> Answer:
    """201 or 200 with the Task; parameter `comment`. While one is open the same is answered and nothing is written. 409 where
    the medicine has ended."""
    said = text(parameters(request, {"comment": "valueString"}), "comment", most=1_000)
    patient = patients(request.caller)
    medicine, _ = await current(engine, request, _TYPE, id)
    if medicine.get("subject", {}).get("reference") != f"Patient/{patient}":
        raise NotFound(f"There is no {_TYPE}/{id}", at=_TYPE)
    _must_be_in_use(medicine)
    label = engine.labels.by_number.get(await engine.db.pool.fetchval(_LABEL, engine.keys.of(f"{_TYPE}/{id}")))
    if label is None or not label.unit:
        raise NotNow("Läkemedlet är inte ordinerat här. Kontakta mottagningen som ordinerade det")
    focus, now = f"{_TYPE}/{id}", datetime.now(UTC)
    standing = await _standing(engine, focus)
    if standing is not None and standing["status"] in tasks.OPEN:
        return Answer(200, msgspec.json.encode(standing))
    unit, by = {"reference": f"Organization/{label.unit}"}, _name(request.caller)
    if standing is None:
        task = tasks.made("renewal", focus, patient, unit, now)
        task["focus"]["display"] = medicines.name_of(medicine)
        action = _put(asked(task, unit, said, by, now), patient)
        action.label = replace(label, info="samordning")
    else:
        reopened = Change(partial(_reopened, owner=unit, said=said, by=by, at=now))
        action = Action("PATCH", "Task", "Task", standing["id"], patch=reopened, patient=patient, house=True)
    action.by = "request-renewal"
    try:
        return await perform(engine, request, "create", [action], partial(answers.alone, engine, request))
    except (VersionConflict, _Open):  # asked twice at once
        return Answer(200, msgspec.json.encode(await _standing(engine, focus)))


def _must_be_in_use(medicine: Resource) -> None:
    """Raises NotNow, in words to the patient."""
    if medicines.ended_as(medicine) == medicines.RENEWED:
        raise NotNow("Läkemedlet är redan förnyat. Läs om sidan")
    if medicine.get("status") == "on-hold":
        raise NotNow("Läkemedlet är pausat. Kontakta mottagningen")
    if medicine.get("status") not in ("active", "completed"):
        raise NotNow("Läkemedlet är avslutat. Kontakta mottagningen om du behöver det igen")


class _Open(Exception):
    """The same was asked meanwhile; nothing is written."""


def _reopened(task: Resource, *, owner: Resource, said: str, by: str, at: datetime) -> Resource:
    if task["status"] in tasks.OPEN:
        raise _Open
    return asked(task, owner, said, by, at)


async def answering(engine: Engine, prior: str, caller: Caller, said: str, outcome: str) -> Sequence[Action]:
    """What answers an open request for this medicine in the same transaction; nothing where there is none."""
    now = datetime.now(UTC)

    def answered(task: Resource) -> Resource:
        return tasks.completed(offers.settled(task), caller, now, said, outcome)

    found = await tasks.closing(engine, "renewal", _TYPE, prior)
    return [replace(one, patch=Change(answered), house=True) for one in found]


def _put(task: Resource, patient: str) -> Action:
    raw = msgspec.json.encode(task)
    made = checked(raw, parsed(raw), "Task")
    return Action("PUT", "Task", "Task", task["id"], made.raw, made.data, patient=patient, must_be_new=True)


async def _standing(engine: Engine, focus: str) -> Resource | None:
    """The task about this medicine, whoever may see it: it is the medicine that the asker sees."""
    key = engine.keys.of(f"Task/{tasks.id_of('renewal', focus)}")
    row = await engine.db.pool.fetchrow(_TASK, key)
    if row is None:
        return None
    await engine.codec.ready(engine.db.pool, [row["body"]])
    return dict(parsed(engine.codec.unpack(row["body"], row["key"])))


def _name(caller: Caller) -> str:
    own = caller.subject == caller.patient
    return (caller.name or "Patienten") + ("" if own else ", för patienten")


OPERATIONS = (
    Brought(
        _TYPE,
        "request-renewal",
        "A patient, or who acts for them, asks the prescribing unit to renew this (comment). Answers the Task, open once.",
        request_renewal,
        patients=True,
    ),
)
