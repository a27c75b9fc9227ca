"""Results are acknowledged: each final report owes exactly one, by who ordered it or answers for it (REC-12; vidimering).

The report itself is the laboratory's and stays as it is. What was done with it is a Task of ours, whose id follows from the
report's, so that a second acknowledgement of the same result finds the first.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from fhirserver import answers
from fhirserver.actions import Action
from fhirserver.bodies import parsed
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import Draft, checked, require_context
from fhirserver.interactions.read import read
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform
from fhirserver.problems import Forbidden, Invalid, NotFound
from kit.caller import Caller
from vis.care import tasks
from vis.care.asking import NotNow, parameters, staff, text
from vis.care.changing import Change

Resource = dict[str, Any]
OUTCOMES = {"none": "Ingen åtgärd", "action": "Åtgärd", "informed": "Patienten informerad"}


async def acknowledge(engine: Engine, request: Request, id: str, type_name: str) -> Answer:
    """200 or 201 with the Task, completed; parameters `outcome` (none, action, informed), `comment` and `version`, the version
    of the report that was read. 409 when somebody else has acknowledged that version."""
    known = {"outcome": "valueCode", "comment": "valueString", "version": "valueString"}
    asked = parameters(request, known)
    staff(request.caller)
    outcome, said = text(asked, "outcome", most=20) or "none", text(asked, "comment", most=2_000)
    if outcome not in OUTCOMES:
        raise Invalid(f"'outcome' is one of {', '.join(OUTCOMES)}", at="outcome")
    version = text(asked, "version", most=20, needed=True)
    patient = require_context(request, type_name)
    focus = f"{type_name}/{id}"
    here = await _held_here(engine, focus, patient)
    standing = await _standing(engine, request, focus, patient)
    if standing is None and not here:  # whose it is, is not known here: it is never taken from the request alone
        raise NotNow("Svaret har ingen uppgift att vidimera än. Försök igen om en stund")
    if standing is not None and standing.get("status") == "completed" and version_of(standing) == version:
        return _already(standing, request.caller)
    action = await _action(engine, request, focus, patient, standing)
    words = f"{OUTCOMES[outcome]}. {said}".strip() if said else OUTCOMES[outcome]
    make = _done(request.caller, words, outcome, version)
    if standing is None:
        action.raw, action.data = _new(make(action.data or {}))
    else:
        action.patch = Change(make)
    return await perform(engine, request, "attest", [action], partial(answers.alone, engine, request))


async def _held_here(engine: Engine, focus: str, patient: str | None) -> bool:
    """Whether VIS holds the result. Raises Forbidden where it is about somebody else than the patient in context (D10)."""
    row = await engine.db.pool.fetchrow("select pat from res where key = $1", engine.keys.of(focus))
    if row is None:
        return False
    persons = engine.persons.expanded(engine.keys.of(f"Patient/{patient}")) if patient else [row["pat"]]
    if row["pat"] not in persons:
        raise Forbidden("The result is not about the patient in context", at="FVM-Patient")
    return True


async def _standing(engine: Engine, request: Request, focus: str, patient: str | None) -> Resource | None:
    """The task about this result, as the caller may see it: the one at a patient to whom it was moved before the first."""
    for id in (tasks.moved_id("result", focus, patient or ""), tasks.id_of("result", focus)):
        asked = Request("GET", ("Task", id), "", {}, b"", request.caller, request.sight)
        try:
            return dict(parsed((await read(engine, asked, "Task", id)).body))
        except NotFound:
            continue
    return None


async def _action(
    engine: Engine, request: Request, focus: str, patient: str | None, standing: Resource | None
) -> Action:
    if standing is not None:
        return Action("PATCH", "Task", "Task", str(standing["id"]), patient=patient)
    id = tasks.id_of("result", focus)
    if patient is None:
        raise Forbidden("Say whose result it is: the header FVM-Patient", at="FVM-Patient")
    found = tasks.made("result", focus, patient, tasks.unit(request.caller), datetime.now(UTC))
    return Action("PUT", "Task", "Task", id, data=found, patient=patient, must_be_new=True)


def _new(task: Resource) -> tuple[bytes, Resource]:
    raw = msgspec.json.encode(task)
    draft: Draft = checked(raw, parsed(raw), "Task")
    return draft.raw, draft.data


def _done(caller: Caller, words: str, outcome: str, version: str) -> Callable[[Resource], Resource]:
    now = datetime.now(UTC)

    def make(task: Resource) -> Resource:
        if task.get("status") == "completed":
            if version_of(task) == version:
                raise NotNow("Svaret är redan vidimerat av någon annan. Läs om sidan")
            task = task | {"status": "requested"}  # a corrected result owes a new one
        read = {"type": {"text": "version"}, "valueString": version}
        return tasks.completed(task, caller, now, words, outcome) | {"input": [read]}

    return make


def version_of(task: Resource) -> str:
    """The version of the result that was acknowledged."""
    for one in task.get("input", ()):
        if one.get("type", {}).get("text") == "version":
            return str(one.get("valueString", ""))
    return ""


def _already(task: Resource, caller: Caller) -> Answer:
    """The same act again by the same person is answered as before; by another it is said who did it."""
    last = (task.get("note") or [{}])[-1].get("authorReference", {})
    if last.get("identifier", {}).get("value") == caller.subject:
        return Answer(200, msgspec.json.encode(task))
    raise NotNow(f"Svaret är redan vidimerat av {last.get('display', 'någon annan')}. Läs om sidan")


OPERATIONS = tuple(
    Brought(
        one,
        "acknowledge",
        "A result has been read by who answers for it (vidimering): parameters version, outcome and comment. Answers the Task.",
        partial(acknowledge, type_name=one),
    )
    for one in ("DiagnosticReport", "Observation")
)
