"""$move-to-patient: an entry about the wrong patient is struck out there and stands at the right one, each saying where the other
is (REC-08). $note-opinion: what the patient thinks is wrong with an entry is noted in it (PDL 3 kap. 8 §, REC-07).
$withhold-from-patient and $release-to-patient: whether the patient reads an entry online (PAT-02)."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import msgspec

from access import NOT_FOR_PATIENT, Label
from fhirserver import answers
from fhirserver.actions import Action
from fhirserver.bodies import parsed
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import checked, require_context
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform
from vis.care import entries, tasks
from vis.care.asking import NotNow, NotYours, parameters, patients, staff, text
from vis.care.changing import Change, current

_LONGEST = 4_000  # characters of an opinion
_OWED: tuple[tasks.Kind, ...] = ("unsigned", "countersign")
_LABEL = "select lab from res where key = $1"


async def move(engine: Engine, request: Request, type_name: str, id: str) -> Answer:
    """200 with the struck entry; parameters `patient` (the id of whom it is about) and `reason`.

    403 to other units than its owner, and without a relation to the other patient; 409 when it is struck out already. Moved
    again to the same patient it answers and writes nothing.
    """
    asked = parameters(request, {"patient": "valueString", "reason": "valueString"})
    staff(request.caller)
    to = text(asked, "patient", most=64, needed=True).removeprefix("Patient/")
    reason, now = text(asked, "reason", most=1_000, needed=True), datetime.now(UTC)
    entry, answer = await current(engine, request, type_name, id)
    new_id = entries.id_of_moved(f"{type_name}/{id}", to)
    if entries.where_it_went(entry) == f"{type_name}/{new_id}":
        return answer
    label = await _own_label(engine, request, type_name, id)
    stated = require_context(request, type_name, creating=False)
    await _other_patient(engine, request, stated or "", to)
    raw = msgspec.json.encode(entries.moved_here(entry, to, request.caller, reason, now))
    new = checked(raw, parsed(raw), type_name)

    def away(standing: entries.Resource) -> entries.Resource:
        return entries.moved_away(standing, f"{type_name}/{new_id}", request.caller, reason, now)

    struck = Action("PATCH", type_name, type_name, id, patch=Change(away), if_match=request.if_match())
    struck.patient, struck.by, struck.label = stated, "move-to-patient", _kept_from_patient(label)
    made = Action("PUT", type_name, type_name, new_id, new.raw, new.data, patient=to, must_be_new=True)
    made.by, made.label = (
        "move-to-patient",
        label,
    )  # what was kept from patients is so until somebody has assessed it anew
    closing = [one for kind in _OWED for one in await tasks.closing(engine, kind, type_name, id, "cancelled")]
    render = partial(answers.alone, engine, request)
    return await perform(engine, request, "update", [struck, made, *closing], render)


async def note_opinion(engine: Engine, request: Request, type_name: str, id: str) -> Answer:
    """200; parameter `text`: the patient's own words. By the patient, whoever acts for them, or staff on their behalf."""
    asked = parameters(request, {"text": "valueString"})
    if request.caller.kind == "patient":
        patients(request.caller)
    else:
        staff(request.caller)
    said, now = text(asked, "text", most=_LONGEST, needed=True), datetime.now(UTC)

    def noted(entry: entries.Resource) -> entries.Resource:
        return entries.noted(entry, said, request.caller, now)

    action = Action(
        "PATCH", type_name, type_name, id, patch=Change(noted), if_match=request.if_match(), by="note-opinion"
    )
    action.patient = require_context(request, type_name, creating=False)
    return await perform(engine, request, "update", [action], partial(answers.alone, engine, request))


async def show_or_not(engine: Engine, request: Request, type_name: str, id: str, *, shown: bool) -> Answer:
    """200; parameter `reason`. 403 to other units than its owner; 409 when it is so already, and where it was moved away."""
    asked = parameters(request, {"reason": "valueString"})
    staff(request.caller)
    reason, now = text(asked, "reason", most=1_000, needed=True), datetime.now(UTC)
    label = await _own_label(engine, request, type_name, id)
    entry, _ = await current(engine, request, type_name, id)
    if shown and entries.where_it_went(entry):
        raise NotNow("Uppgiften gäller en annan patient och visas inte för den här")
    wanted = _shown_to_patient(label) if shown else _kept_from_patient(label)
    if wanted == label:
        raise NotNow("Uppgiften visas redan för patienten" if shown else "Uppgiften visas redan inte för patienten")

    def marked(entry: entries.Resource) -> entries.Resource:
        return entries.shown_or_not(entry, request.caller, reason, now, shown=shown)

    action = Action("PATCH", type_name, type_name, id, patch=Change(marked), if_match=request.if_match(), label=wanted)
    action.by = "release-to-patient" if shown else "withhold-from-patient"
    action.patient = require_context(request, type_name, creating=False)
    return await perform(engine, request, "update", [action], partial(answers.alone, engine, request))


async def _own_label(engine: Engine, request: Request, type_name: str, id: str) -> Label:
    """The entry's label. Raises NotYours unless the caller's unit owns it, and what a read raises where it is not seen."""
    await current(engine, request, type_name, id)
    number = await engine.db.pool.fetchval(_LABEL, engine.keys.of(f"{type_name}/{id}"))
    label = engine.labels.by_number.get(number)
    unit = request.caller.commission.unit if request.caller.commission else ""
    if label is None or label.unit != unit:
        raise NotYours("Det gör den enhet som äger uppgiften")
    return label


async def _other_patient(engine: Engine, request: Request, wrong: str, to: str) -> None:
    """Raises NotNow unless it is another patient who is here, NotYours without a relation to that one."""
    one, other = engine.keys.of(f"Patient/{wrong}"), engine.keys.of(f"Patient/{to}")
    if other in engine.persons.expanded(one):
        raise NotNow("Uppgiften står redan hos den patienten")
    async with engine.db.pool.acquire() as con:
        if not await con.fetchval("select exists (select from res where key = $1)", other):
            raise NotNow("Den patienten finns inte här")
        await engine.law.look(con, request.sight, [other])
    known = request.sight.known.get(other)
    if known is None or not known.related:
        raise NotYours("Du har ingen vårdrelation med patienten som uppgiften gäller. Öppna den journalen först")


def _kept_from_patient(label: Label) -> Label:
    return replace(label, security=" ".join(sorted({*label.security.split(), NOT_FOR_PATIENT})))


def _shown_to_patient(label: Label) -> Label:
    return replace(label, security=" ".join(sorted({*label.security.split()} - {NOT_FOR_PATIENT})))


_ACTS = (
    ("move-to-patient", move, False, "An entry about the wrong patient is moved to the right one (patient, reason)."),
    ("note-opinion", note_opinion, True, "What the patient thinks is wrong with it is noted in it (text)."),
    ("withhold-from-patient", partial(show_or_not, shown=False), False, "It is kept from the patient online (reason)."),
    (
        "release-to-patient",
        partial(show_or_not, shown=True),
        False,
        "It is shown to the patient online again (reason).",
    ),
)


def _of(type_name: str, run: object) -> object:
    async def act(engine: Engine, request: Request, id: str) -> Answer:
        found: Answer = await run(engine, request, type_name, id)  # type: ignore[operator]
        return found

    return act


OPERATIONS = tuple(
    Brought(type_name, name, says, _of(type_name, run), patients=by_patients)  # type: ignore[arg-type]
    for type_name in entries.TYPES
    for name, run, by_patients, says in _ACTS
)
