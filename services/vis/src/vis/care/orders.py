"""What is ordered: a draft is read strictly and becomes an order of who signs it; tests and referrals alike (pure).

A laboratory sees the order's number (identifier of type PLAC) and answers with it (http://hl7.org/fhir/R4/servicerequest.html).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fhircore.identifiers import HSA
from kit.caller import Caller, Commission
from vis.care import notes, referrals, tasks
from vis.care.asking import NotNow, person
from vis.care.places import Place

Resource = dict[str, Any]
REFERRAL = "referral"
TESTS = ("laboratory", "imaging")
CATEGORIES = {"laboratory": "Laboratorium", "imaging": "Bilddiagnostik", REFERRAL: "Remiss"}
CATEGORY = "urn:fvm:order-category"
_ALSO = {
    "108252007": "laboratory",
    "363679005": "imaging",
    "3457005": REFERRAL,
}  # as SNOMED CT and FHIR's examples say it
NUMBER = "urn:fvm:order"  # the system of an order's number
ORDERED_AT = "urn:fvm:ordered-at"  # an extension: the unit of who ordered
MOST = 40  # orders of one signature
ONE_LINE = 300  # characters
LONGEST = 20_000  # characters of a question, a background or an answer
_KEPT = (
    "code", "priority", "reasonCode", "reasonReference", "note", "performer", "encounter", "bodySite", "occurrenceDateTime",
    "orderDetail", "supportingInfo", "specimen",
)  # fmt: skip
_TYPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PLAC"}]}


def kind_of(order: Mapping[str, Any]) -> str:
    """laboratory, imaging or referral; "" where it is none of them."""
    found = {_ALSO.get(one, one) for one in referrals.kinds(order)}
    return next((one for one in CATEGORIES if one in found), "")


def number_of(id: str) -> str:
    """The twelve digits that follow an order to the laboratory, of its id."""
    return f"{UUID(id).int % 10**12:012d}"


def lacks(draft: Mapping[str, Any], patient: str, places: Mapping[str, Place]) -> tuple[str, str] | None:
    """The first thing that a draft lacks: the element, and what to do in words; None where it can be signed."""
    if draft.get("resourceType") != "ServiceRequest":
        return "resourceType", "En beställning är en ServiceRequest"
    if not _is_id(draft.get("id")):
        return "id", "Beställningen behöver ett eget id (UUID)"
    if draft.get("subject", {}).get("reference") != f"Patient/{patient}":
        return "subject", "Beställningen gäller en annan patient"
    kind = kind_of(draft)
    if not kind:
        return "category", "Ange om det är laboratorieprov, bilddiagnostik eller remiss"
    if not title(draft):
        return "code", "Ange vad som beställs"
    if draft.get("priority", "routine") not in referrals.ASSESSED_WITHIN:
        return "priority", "Prioriteten är rutin, förtur eller akut"
    if any(len(words) > LONGEST for words in (question(draft), background(draft))):
        return "note", f"Texten är för lång; högst {LONGEST} tecken tas emot"
    if kind == "imaging" and not question(draft):
        return "reasonCode", "Skriv frågeställningen till bilddiagnostiken"
    return _referral_lacks(draft, places) if kind == REFERRAL else None


def _referral_lacks(draft: Mapping[str, Any], places: Mapping[str, Place]) -> tuple[str, str] | None:
    if not question(draft):
        return "reasonCode", "Skriv frågeställningen"
    if referrals.receiver(draft) not in places:
        return "performer", "Välj en enhet som kan ta emot remissen"
    return None


def signed(draft: Mapping[str, Any], caller: Caller, at: datetime, basket: str) -> Resource:
    """The order, active, of who signs it. Only known elements are kept of the draft; `basket` is the number they all share."""
    id, kind = str(draft["id"]), kind_of(draft)
    assert caller.commission is not None
    kept = {name: draft[name] for name in _KEPT if name in draft}
    return {
        "resourceType": "ServiceRequest",
        "id": id,
        **kept,
        "extension": [{"url": ORDERED_AT, "valueReference": _at(caller.commission)}],
        "identifier": [{"type": _TYPE, "system": NUMBER, "value": number_of(id)}],
        "requisition": {"system": NUMBER, "value": basket},
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": CATEGORY, "code": kind}], "text": CATEGORIES[kind]}],
        "priority": draft.get("priority", "routine"),
        "subject": draft["subject"],
        "authoredOn": at.isoformat(timespec="seconds"),
        "requester": person(caller),
    }


def _at(held: Commission) -> Resource:
    """The unit by its HSA-id: an order of tests needs no register of units."""
    return {"type": "Organization", "identifier": {"system": HSA, "value": held.unit}, "display": held.unit_name}


def copy(order: Resource, id: str, place: Place) -> Resource:
    """The receiver's copy of a referral that was moved to its state already."""
    performer = {"reference": f"Organization/{place.unit}", "display": place.name}
    own = {"id": id, "intent": "filler-order", "performer": [performer]}
    made = {**order, **own, "basedOn": [{"reference": f"ServiceRequest/{order['id']}"}]}
    return {name: value for name, value in made.items() if name != "meta"}


def answer(order: Mapping[str, Any], copy: Mapping[str, Any], caller: Caller, text: str, at: datetime) -> Resource:
    """The answer to a referral, a final report: it is the sender's to acknowledge."""
    moment = at.isoformat(timespec="seconds")
    return {
        "resourceType": "DiagnosticReport",
        "id": referrals.report_id(str(order["id"])),
        "basedOn": [{"reference": f"ServiceRequest/{order['id']}"}],
        "status": "final",
        "code": {"text": f"Remissvar: {title(order)}"},
        "subject": order["subject"],
        "effectiveDateTime": moment,
        "issued": moment,
        "performer": copy.get("performer", []),
        "resultsInterpreter": [person(caller)],
        **_said(text, at),
    }


def _said(text: str, at: datetime) -> Resource:
    """One line is a conclusion; a longer text is a document, whose lines are kept."""
    if len(text) <= ONE_LINE and "\n" not in text:
        return {"conclusion": text}
    return {"presentedForm": [notes.attachment(text, "Remissvar", at)]}


def task(
    kind: tasks.Kind, order: Mapping[str, Any], owner: Resource, sender: Resource, at: datetime, due: datetime | None
) -> Resource:
    """A task about this end of a referral: what the receiver owes, or what the sender keeps an eye on."""
    urgent = order.get("priority") in ("stat", "asap", "urgent")
    patient = str(order["subject"]["reference"]).removeprefix("Patient/")
    made = tasks.made(kind, f"ServiceRequest/{order['id']}", patient, owner, at, urgent=urgent)
    made["focus"]["display"] = title(order)
    return followed(made | {"requester": sender}, order, at, due)


def followed(
    task: Resource, order: Mapping[str, Any], at: datetime, due: datetime | None, status: str = "", text: str = ""
) -> Resource:
    """The task, in step with its referral. `text` is what it asks for from now on, where that is something else."""
    code = referrals.state(order)
    found = task | {
        "lastModified": at.isoformat(timespec="seconds"),
        "businessStatus": {"coding": [{"system": referrals.STATE, "code": code}], "text": referrals.WORDS[code]},
        "restriction": {"period": {"end": due.isoformat(timespec="seconds")}} if due else None,
        "status": status or task["status"],
    }
    if text:
        found["code"] = task["code"] | {"text": text}
    return {name: value for name, value in found.items() if value is not None}


def title(order: Mapping[str, Any]) -> str:
    """What is ordered, in words."""
    code = order.get("code", {})
    named: Sequence[Mapping[str, Any]] = code.get("coding", ())
    return str(code.get("text") or next((one["display"] for one in named if one.get("display")), "")).strip()


def question(order: Mapping[str, Any]) -> str:
    """Frågeställning."""
    return " ".join(str(one.get("text", "")) for one in order.get("reasonCode", ())).strip()


def background(order: Mapping[str, Any]) -> str:
    """Anamnes, status and what else the receiver needs."""
    return "\n\n".join(str(one.get("text", "")) for one in order.get("note", ())).strip()


def with_note(order: Resource, caller: Caller, text: str, at: datetime) -> Resource:
    """The same with one more note; without words nothing is added."""
    if not text:
        return order
    note = {"authorReference": person(caller), "time": at.isoformat(timespec="seconds"), "text": text}
    return order | {"note": [*order.get("note", ()), note]}


def latest(text: str, order: Mapping[str, Any], at: datetime) -> datetime:
    """The latest time that the receiver gives, the end of that day. Raises NotNow where it is over or no date."""
    if not text:
        return referrals.seen_by(order, at)
    try:
        found = datetime.fromisoformat(text[:10]).replace(hour=22, tzinfo=UTC)
    except ValueError:
        raise NotNow("Skriv datumet som 2026-12-31") from None
    if found < at:
        raise NotNow("Det senaste datumet har redan varit. Välj ett datum framåt")
    return found


def _is_id(id: Any) -> bool:
    try:
        return isinstance(id, str) and str(UUID(id)) == id
    except ValueError:
        return False
