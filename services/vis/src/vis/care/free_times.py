"""$find, $hold and $release: which times are free, and a time that is somebody's for some minutes while they decide."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from access import Decision, Label
from fhircore.types import information_type
from fhirserver.bodies import parsed
from fhirserver.brought import Brought
from fhirserver.engine import Engine
from fhirserver.intake import ID, require_context
from fhirserver.interactions.search import search
from fhirserver.messages import Answer, Request
from fhirserver.problems import Forbidden, Invalid, NotFound
from vis.care import calendar
from vis.care.asking import NotNow, NotYours, parameters, staff, text
from vis.care.bookings import GONE, HELD, OPEN, bookable, moment
from vis.care.calendar import Time

Resource = dict[str, Any]
_MOST, _FARTHEST = 200, timedelta(days=400)  # times in one answer; how far ahead is looked
_BODIES = "select key, body from res where key = any($1::bigint[])"


@dataclass(frozen=True, slots=True)
class Offer:
    """A time with all that says whose it is. `label` is what an Appointment of it belongs to."""

    slot: Resource
    schedule: Resource
    time: Time
    label: Label


async def registers(engine: Engine, *names: str) -> dict[str, Resource]:
    """These resources (Type/id) of those that are about nobody, as they stand; what is not here is left out."""
    keys = {engine.keys.of(name): name for name in names}
    found = {}
    for row in await engine.db.pool.fetch(_BODIES, list(keys)):
        found[keys[row["key"]]] = dict(parsed(engine.codec.unpack(row["body"], row["key"])))
    return found


async def offered(engine: Engine, id: str) -> Offer:
    """The time with this id. Raises NotFound where it, or its Schedule, is not here; NotNow where no unit answers for it."""
    slot = await _one(engine, f"Slot/{id}" if ID.fullmatch(id) else "")
    schedule = await _one(engine, calendar.schedule_of(slot))
    named = [str(one.get("reference", "")) for one in schedule.get("actor", ())]
    services = [name for name in named if name.startswith("HealthcareService/")]
    service = next(iter((await registers(engine, *services[:1])).values()), {})
    if not schedule.get("active", True):
        raise NotNow(GONE)
    return Offer(slot, schedule, Time(engine.keys, slot), await owner(engine, service))


async def owner(engine: Engine, service: Resource) -> Label:
    """Whose an Appointment at this HealthcareService is. Raises NotNow where no unit answers for it."""
    unit = str(service.get("providedBy", {}).get("reference", ""))
    organization = (await registers(engine, unit)).get(unit, {})
    provider = str(organization.get("partOf", {}).get("reference", "")).removeprefix("Organization/")
    if not provider:
        raise NotNow("Tidboken saknar en mottagning som svarar för den. Mottagningen behöver rätta den")
    return Label(provider, unit.removeprefix("Organization/"), information_type({"resourceType": "Appointment"}) or "")


async def _one(engine: Engine, name: str) -> Resource:
    found = await registers(engine, name) if name else {}
    if name not in found:
        raise NotFound("There is no such time", at="Slot")
    return found[name]


async def may_book(engine: Engine, request: Request, label: Label, patient: str) -> None:
    """Raises NotYours: staff book at the unit of their commission, patients (and who acts for them) where the law lets them see
    what comes of it."""
    caller = request.caller
    if caller.kind != "patient":
        staff(caller)
        if caller.commission is not None and caller.commission.unit != label.unit:
            raise NotYours("Tiden hör till en annan enhet. Skicka en remiss, eller ring dem")
        return
    number = await engine.labels.number(engine.db.pool, label)
    request.sight = await engine.sight(caller)  # knows a label that was new a moment ago
    if request.sight.decision(number, engine.keys.of(f"Patient/{patient}")) is not Decision.PERMIT:
        raise NotYours("Den här mottagningen bokas inte på nätet. Ring dem")


async def for_whom(engine: Engine, request: Request) -> str:
    """The patient in context, who must be here. Raises Forbidden, NotFound."""
    patient = require_context(request, "Appointment")
    if patient is None:
        raise Forbidden("Say for whom: the header FVM-Patient", at="FVM-Patient")
    key = engine.keys.of(f"Patient/{patient}")
    if not await engine.db.pool.fetchval("select exists (select from res where key = $1)", key):
        raise NotFound("There is no such patient", at="FVM-Patient")
    return patient


async def hold(engine: Engine, request: Request, id: str) -> Answer:
    """200 with Parameters `slot` and `until`; 409 when it is taken, or held by another. Holding another one lets go of this."""
    parameters(request, {})
    patient, offer = await for_whom(engine, request), await offered(engine, id)
    await may_book(engine, request, offer.label, patient)
    bookable(offer.slot, request.caller, datetime.now(UTC))
    async with engine.db.pool.acquire() as con:
        pat = engine.keys.of(f"Patient/{patient}")
        until = await calendar.hold(con, offer.time, pat, request.caller.subject, HELD)
    said = [
        {"name": "slot", "valueReference": {"reference": f"Slot/{id}"}},
        {"name": "until", "valueInstant": until.isoformat(timespec="milliseconds")},
        {"name": "time", "resource": offer.slot},
        {"name": "schedule", "resource": offer.schedule},
    ]
    return Answer(200, msgspec.json.encode({"resourceType": "Parameters", "parameter": said}))


async def release(engine: Engine, request: Request, id: str) -> Answer:
    """200; the time that was held is free again. Also when it was not held any more."""
    parameters(request, {})
    patient = await for_whom(engine, request)
    if request.caller.kind != "patient":
        staff(request.caller)
    pat = engine.keys.of(f"Patient/{patient}")
    await calendar.release(engine.db.pool, engine.keys.of(f"Slot/{id}"), pat, request.caller.subject)
    return Answer(200, msgspec.json.encode({"resourceType": "Parameters"}))


async def find(engine: Engine, request: Request, _id: str) -> Answer:
    """200 with a searchset: free Slots by time, their Schedules included. Parameters: `unit` (HSA-id) or `service`
    (HealthcareService) or `schedule`, `from` and `until` (times), `most`. A patient is answered what is open to patients."""
    known = dict.fromkeys(("unit", "service", "schedule"), "valueString")
    asked = parameters(request, known | {"from": "valueDateTime", "until": "valueDateTime", "most": "valueInteger"})
    if request.caller.kind != "patient":
        staff(request.caller)
    most = asked.get("most", _MOST)
    if not isinstance(most, int) or not 1 <= most <= _MOST:
        raise Invalid(f"'most' is 1 to {_MOST}", at="most")
    schedules = await _schedules(engine, request, {name: text(asked, name, most=64) for name in known})
    since, until = _span(asked)
    if not schedules or since >= until:
        return _listed([], {})
    open_ = [("_tag", "|".join(OPEN))] if request.caller.kind == "patient" else []
    pairs = [("schedule", ",".join(schedules)), ("status", "free"), ("start", f"ge{since.isoformat()}")]
    pairs += [("start", f"lt{until.isoformat()}"), *open_, ("_sort", "start"), ("_count", "1000")]
    found = await _search(engine, request, "Slot", pairs)
    patient = request.caller.patient or (request.header(b"fvm-patient") or "").removeprefix("Patient/")
    times = {str(slot["id"]): Time(engine.keys, slot) for slot in found}
    pat = engine.keys.of(f"Patient/{patient}") if patient else 0
    free = await calendar.free(engine.db.pool, list(times.values()), pat, request.caller.subject)
    return _listed([slot for slot in found if times[str(slot["id"])].slot in free][:most], schedules)


async def _schedules(engine: Engine, request: Request, asked: Mapping[str, str]) -> dict[str, Resource]:
    """By reference; those that the request names by one of three names."""
    if asked["schedule"]:
        _an_id(asked["schedule"], "schedule")
        pairs = [("_id", asked["schedule"])]
    else:
        named = [asked["service"]] if asked["service"] else []
        if not named:
            _an_id(asked["unit"], "unit")
            of = [("organization", f"Organization/{asked['unit']}"), ("_count", "100")]
            named = [str(one["id"]) for one in await _search(engine, request, "HealthcareService", of)]
        for one in named:
            _an_id(one, "service")
        if not named:
            return {}
        pairs = [("actor", ",".join(f"HealthcareService/{one}" for one in named))]
    found = await _search(engine, request, "Schedule", [*pairs, ("_count", "500")])
    return {f"Schedule/{one['id']}": one for one in found if one.get("active", True)}


def _an_id(text: str, at: str) -> None:
    if not ID.fullmatch(text):
        raise Invalid("Say where: 'unit', 'service' or 'schedule' is an id", at=at)


def _span(asked: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """From now at the earliest; to `until`, or as far as is looked."""
    now = datetime.now(UTC)
    try:
        since = moment(asked["from"]) if "from" in asked else now
        until = moment(asked["until"]) if "until" in asked else now + _FARTHEST
    except (ValueError, OverflowError):
        raise Invalid("'from' and 'until' are times", at="from") from None
    return max(since, now), min(until, now + _FARTHEST)


async def _search(engine: Engine, request: Request, type_name: str, pairs: list[tuple[str, str]]) -> list[Resource]:
    asking = replace(request, method="GET", path=(type_name,), query=urlencode(pairs), headers={}, body=b"")
    entries = parsed((await search(engine, asking, type_name)).body).get("entry", ())
    return [dict(one["resource"]) for one in entries if one["resource"]["resourceType"] == type_name]


def _listed(slots: list[Resource], schedules: Mapping[str, Resource]) -> Answer:
    used = {calendar.schedule_of(slot) for slot in slots}
    entries = [{"resource": slot, "search": {"mode": "match"}} for slot in slots]
    entries += [{"resource": schedules[name], "search": {"mode": "include"}} for name in sorted(used & set(schedules))]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset"}
    return Answer(200, msgspec.json.encode(bundle | ({"entry": entries} if entries else {})))


OPERATIONS = (
    Brought("Slot", "find", find.__doc__ or "", find, of_type=True, patients=True),
    Brought("Slot", "hold", "This time is held for the patient for five minutes. No parameters.", hold, patients=True),
    Brought("Slot", "release", "A time that was held is free again. No parameters.", release, patients=True),
)
