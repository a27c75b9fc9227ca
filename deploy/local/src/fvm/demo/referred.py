"""Referrals of the demo region that are under way: sent at VIS by who writes them, and assessed by a colleague who receives."""

from collections.abc import Sequence
from datetime import date

from application_platform.demo import cast
from fvm.demo.chart import Chart
from fvm.demo.doors import FHIR, Doors
from fvm.demo.facts import Referred
from fvm.demo.staff import DOCTOR, Resource, colleagues
from fvm.trouble import Trouble

_TYPE = "/vis/fhir/ServiceRequest"
_ASKED = "Vilka läkemedel tar patienten nu, och hur är blodtrycket?"


def tell(doors: Doors, charts: Sequence[Chart]) -> int:
    """Sends every one and does what its receiver does; how many. Told twice, true once. Raises Trouble."""
    told = 0
    for chart in charts:
        for one in chart.referrals:
            about = {"FVM-Patient": chart.person.id}
            token = doors.token(one.author.id, one.author.commission)
            _, made = doors.ask("POST", f"{_TYPE}/$order", token, body(one, chart.person.id), FHIR, about)
            if one.fate:
                asked = {"name": "question", "valueString": _ASKED} if one.fate == "return" else None
                said = {"resourceType": "Parameters", "parameter": [asked] if asked else []}
                address = f"{_TYPE}/{copy_of(made['entry'][0]['resource'])}/${one.fate}"
                doors.ask("POST", address, _receiver(doors, one, chart.today), said, FHIR, about)
            told += 1
    return told


def body(one: Referred, patient: str) -> Resource:
    """What VIS is asked to sign."""
    draft = {
        "resourceType": "ServiceRequest",
        "id": one.id,
        "status": "draft",
        "intent": "order",
        "category": [{"coding": [{"code": "referral"}]}],
        "priority": "urgent" if one.urgent else "routine",
        "code": {"text": one.what},
        "subject": {"reference": f"Patient/{patient}"},
        "performer": [{"reference": f"Organization/{cast.place(one.to)['unit']}"}],
        "reasonCode": [{"text": one.question}],
        **({"note": [{"text": one.background}]} if one.background else {}),
    }
    return {"resourceType": "Parameters", "parameter": [{"name": "order", "resource": draft}]}


def copy_of(order: Resource) -> str:
    """The id of the receiver's copy (vis.care.referrals)."""
    parts = [part for one in order["extension"] for part in one.get("extension", ()) if part["url"] == "order"]
    if not parts:
        raise Trouble("VIS did not say where the demo's referral went.")
    return str(parts[0]["valueReference"]["reference"]).removeprefix("ServiceRequest/")


def _receiver(doors: Doors, one: Referred, today: date) -> str:
    """The token of who assesses at the receiving unit: a doctor, else whoever works there."""
    present = colleagues(one.to, today)
    who = next((found for found in present if found.role == DOCTOR), present[0])
    return doors.token(who.id, who.commission)
