"""Vital signs of those who lie on the demo's wards: each shift until now, so that the boards are alive after every start."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid5

from application_platform.demo import cast
from fvm.demo.doors import FHIR, Doors
from fvm.demo.staff import NURSE, Colleague, Resource, colleagues

_NAMESPACE = UUID("8f0c6a0e-4b1d-5d0a-9a6c-3f3f7b7a5a22")  # of the sets of vital signs of the demo, for ever
SHIFT = timedelta(hours=8)
_AT_ONCE = 6  # patients measured at the same time
_SHIFTS = 4  # that a board or a graph looks back on
_LATE = timedelta(hours=13)  # nobody has measured for so long where a set is late

# How somebody is: respirations, SpO2, oxygen, systolic, diastolic, pulse, consciousness, temperature. The ward's order of beds
# deals them out; most are well.
_CALM: dict[str, Any] = {
    "respirations": 16, "spo2": 97, "oxygen": False, "systolic": 128, "diastolic": 74, "pulse": 76, "consciousness": "A",
    "temperature": 36.9,
}  # fmt: skip
_LOW = _CALM | {"spo2": 95, "pulse": 92, "temperature": 37.4}
_MEDIUM = _CALM | {"respirations": 22, "spo2": 93, "pulse": 96, "temperature": 38.4}
_HIGH = _CALM | {"respirations": 25, "spo2": 91, "oxygen": True, "systolic": 104, "diastolic": 58, "pulse": 112}
_CONFUSED = _CALM | {"consciousness": "C"}
_COPD = _CALM | {"spo2": 90, "oxygen": True, "respirations": 21, "scale": 2}
_PARTIAL = {"respirations": 18, "pulse": 84, "temperature": 37.0}
STATES = (_CALM, _LOW, _MEDIUM, _CALM, _COPD, _LOW, _HIGH, _CALM, _PARTIAL, _LOW, _CONFUSED, _CALM)
LATE = 3  # the place in STATES of who is measured late


def keep(doors: Doors, now: datetime) -> int:
    """Records what is missing of the last shifts, by a nurse of each ward; how many sets. Raises Trouble."""
    bench = doors.token("bench")
    _, found = doors.ask("GET", "/vis/fhir/Encounter?class=IMP,EMER&status=in-progress&_count=500", bench)
    stays = [one["resource"] for one in found.get("entry", ()) if one["resource"].get("location")]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(
            pool.map(lambda held: _keep(doors, bench, held[0], held[1], now), enumerate(sorted(stays, key=_bed)))
        )


def _keep(doors: Doors, bench: str, place: int, stay: Resource, now: datetime) -> int:
    """What is missing of one stay."""
    nurse = _nurse(stay, now.date())
    if nurse is None:
        return 0
    patient = str(stay["subject"]["reference"]).removeprefix("Patient/")
    standing, token = _standing(doors, bench, patient, now), doors.token(nurse.id, nurse.commission)
    missing = [one for one in sets(stay, patient, place, now) if one["parameter"][0]["valueId"] not in standing]
    for body in missing:
        doors.ask("POST", f"/vis/fhir/Patient/{patient}/$record-vitals", token, body, FHIR, {"FVM-Patient": patient})
    return len(missing)


def sets(stay: Resource, patient: str, place: int, now: datetime) -> Iterator[Resource]:
    """The Parameters of each shift of this stay until now, the oldest first; those on one grid of time have the same ids."""
    state = STATES[place % len(STATES)]
    lungs = any(
        one.get("code", "").startswith("J44") for why in stay.get("reasonCode", ()) for one in why.get("coding", ())
    )
    if state is _COPD and not lungs:  # the second scale is for them alone
        state = _LOW
    elif state is _CALM and lungs:
        state = _COPD
    newest = now - _LATE if place % len(STATES) == LATE else now
    since = datetime.fromisoformat(str(stay["period"]["start"]))
    begun = datetime.fromtimestamp(now.timestamp() // SHIFT.total_seconds() * SHIFT.total_seconds(), UTC)
    for back in range(_SHIFTS - 1, -1, -1):
        at = begun - back * SHIFT
        panel = str(uuid5(_NAMESPACE, f"{patient}/{at.isoformat()}"))
        rng = Random(panel)  # noqa: S311 - invented, the same each time
        at += timedelta(minutes=rng.randint(0, 40))
        if since < at <= newest:
            yield _parameters(panel, at, _varied(state, rng))


def _varied(state: dict[str, Any], rng: Random) -> dict[str, Any]:
    """A little different each time, and never another band of NEWS2 for it."""
    return state | {
        name: round(state[name] + rng.choice((0, 0.1)), 1) if name == "temperature" else state[name] + rng.randint(0, 2)
        for name in ("pulse", "temperature", "diastolic")
        if name in state
    }


def _parameters(panel: str, at: datetime, values: dict[str, Any]) -> Resource:
    kinds = {"oxygen": "valueBoolean", "consciousness": "valueCode", "temperature": "valueDecimal"}
    named = [{"name": name, kinds.get(name, "valueInteger"): value} for name, value in values.items()]
    asked = [{"name": "id", "valueId": panel}, {"name": "at", "valueDateTime": at.isoformat(timespec="seconds")}]
    return {"resourceType": "Parameters", "parameter": [*asked, *named]}


def _standing(doors: Doors, token: str, patient: str, now: datetime) -> set[str]:
    """Ids of the Observations that are there since the oldest shift."""
    since = f"{now - (_SHIFTS + 1) * SHIFT:%Y-%m-%d}"
    address = f"/vis/fhir/Observation?patient={patient}&category=survey&date=ge{since}&_elements=status&_count=100"
    _, found = doors.ask("GET", address, token)
    return {one["resource"]["id"] for one in found.get("entry", ())}


def _bed(stay: Resource) -> str:
    return str(stay["location"][-1]["location"].get("reference", ""))


def _nurse(stay: Resource, today: date) -> Colleague | None:
    """Whoever measures at the stay's unit."""
    unit = str(stay.get("serviceProvider", {}).get("reference", "")).removeprefix("Organization/")
    key = next((key for key, held in cast.data()["units"].items() if held["id"] == unit), None)
    present = colleagues(key, today) if key else ()
    return next((one for one in present if one.role == NURSE), present[0] if present else None)
