"""$record-vitals: a set of vital signs is written whole, with its NEWS2, once per id; a mistyped one is replaced, both kept."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fhirserver import answers
from fhirserver.actions import Action, Done
from fhirserver.bodies import parsed, written_exactly
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import checked, require_context
from fhirserver.messages import Answer, Request
from fhirserver.performing import perform
from fhirserver.problems import Forbidden, Gone, Invalid, NotFound, VersionConflict
from vis.care.asking import NotNow, parameters, person, staff
from vis.care.changing import Change, current
from vis.care.vitals import Taken, is_news2, observations, too_young, vitals, withdrawn

Resource = dict[str, Any]
_KNOWN = {
    "id": "valueId", "replaces": "valueId", "at": "valueDateTime",
    "respirations": "valueInteger", "spo2": "valueInteger", "oxygen": "valueBoolean", "systolic": "valueInteger",
    "diastolic": "valueInteger", "pulse": "valueInteger", "consciousness": "valueCode", "temperature": "valueDecimal",
    "scale": "valueInteger",
}  # fmt: skip
_NO_VALUES = frozenset(("id", "replaces", "at", "scale"))
_AHEAD = timedelta(minutes=5)  # how far a clock may be ahead
_STAY = "select stay from occupied where patient = $1 and unit = $2 and inpatient"


async def record(engine: Engine, request: Request, id: str) -> Answer:
    """201 with the NEWS2 Observation; 200 when this panel is stored already. 400 names the field of an impossible value.

    `replaces` alone withdraws a panel; with values it is replaced by them. 409 when it is replaced already.
    """
    asked = parameters(request, _KNOWN)
    staff(request.caller)
    if require_context(request, "Patient", creating=False) != id:
        raise Forbidden("The vital signs are not about the patient in context", at="FVM-Patient")
    panel, replaces = _uuid(asked, "id"), _uuid(asked, "replaces")
    if panel:
        standing = await _standing(engine, request, panel, id)
        if standing is not None:
            return standing
    values, diastolic = vitals(asked)
    if not asked.keys() - _NO_VALUES and not replaces:
        raise Invalid("Minst ett värde anges", at="Parameters.parameter")
    actions = await _withdrawing(engine, request, replaces, id) if replaces else []
    if asked.keys() - _NO_VALUES:
        if not panel:
            raise Invalid("'id' måste anges: panelens UUID, som gör att den sparas en gång", at="id")
        at = _at(asked, datetime.now(UTC))
        who, _ = await current(engine, request, "Patient", id)
        taken = Taken(
            panel, id, at, person(request.caller), values, diastolic, await _stay(engine, request, id),
            too_young(str(who.get("birthDate", "")), at.date()),
        )  # fmt: skip
        actions += [_put(one, id) for one in observations(taken)]

    def rendered(done: Sequence[Done], position: int) -> Answer:
        return answers.single(engine, request, done[-1], position)

    try:
        return await perform(engine, request, "create", actions, rendered)
    except VersionConflict:  # the same panel was sent twice at the same time
        standing = await _standing(engine, request, panel, id)
        if standing is None:
            raise
        return standing


async def _standing(engine: Engine, request: Request, panel: str, patient: str) -> Answer | None:
    """The answer of a panel that is stored. Raises NotNow when something else has its id."""
    try:
        found, answer = await current(engine, request, "Observation", panel)
    except (NotFound, Gone):
        return None
    if not is_news2(found) or found.get("subject", {}).get("reference") != f"Patient/{patient}":
        raise NotNow("Id:t används redan för något annat. Läs om sidan och skriv in värdena igen")
    return answer


async def _withdrawing(engine: Engine, request: Request, panel: str, patient: str) -> list[Action]:
    """What marks a panel and its members as entered in error; its score comes last, which is what is answered."""
    found, _ = await current(engine, request, "Observation", panel)
    if not is_news2(found) or found.get("subject", {}).get("reference") != f"Patient/{patient}":
        raise NotNow("Det som ska rättas är ingen kontroll av den här patienten")
    withdrawn(found)
    members = [str(one.get("reference", "")).partition("/")[2] for one in found.get("hasMember", ())]
    return [
        Action("PATCH", "Observation", "Observation", id, patch=Change(withdrawn), patient=patient, by="record-vitals")
        for id in (*members, panel)
    ]


async def _stay(engine: Engine, request: Request, patient: str) -> str:
    """The patient's ongoing stay at the caller's unit, "" where there is none."""
    assert request.caller.commission is not None
    unit = f"Organization/{request.caller.commission.unit}"
    return str(await engine.db.pool.fetchval(_STAY, patient, unit) or "")


def _put(one: Resource, patient: str) -> Action:
    raw = written_exactly(one)
    made = checked(raw, parsed(raw), "Observation")
    return Action(
        "PUT", "Observation", "Observation", one["id"], made.raw, made.data, patient=patient, must_be_new=True,
        by="record-vitals",
    )  # fmt: skip


def _uuid(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name, "")
    try:
        return str(UUID(value)) if value else ""
    except (ValueError, AttributeError, TypeError):
        raise Invalid(f"'{name}' är ett UUID", at=name) from None


def _at(asked: dict[str, Any], now: datetime) -> datetime:
    """When it was measured: now unless it is said; never later."""
    if "at" not in asked:
        return now
    try:
        found = datetime.fromisoformat(str(asked["at"]))
    except ValueError:
        raise Invalid("Tiden skrivs som 2026-11-23T09:10:00+01:00", at="at") from None
    if found.tzinfo is None:
        raise Invalid("Tiden har ingen tidszon", at="at")
    if found > now + _AHEAD:
        raise Invalid("Tiden för mätningen har inte varit än", at="at")
    return found


OPERATIONS = (
    Brought(
        "Patient",
        "record-vitals",
        "A set of vital signs with its NEWS2, written whole (id, at, respirations, spo2, oxygen, systolic, diastolic, pulse,"
        " consciousness, temperature, scale; replaces: the panel that was mistyped). Answers the NEWS2 Observation.",
        record,
    ),
)
