"""PV1 (with PV2) as Encounter (HL7 v2-to-FHIR: PV1[Encounter], PV2[Encounter])."""

from typing import Any

from integration_platform.hl7v2.message import Field, Message, Segment
from integration_platform.translate import codes
from integration_platform.translate.datatypes import Reader, compact
from integration_platform.translate.ids import resource_id
from integration_platform.translate.model import Resource

_PARTICIPANTS = ((7, "ATND", "attender"), (8, "REF", "referrer"), (9, "CON", "consultant"), (17, "ADM", "admitter"))


def visit_id(reader: Reader, message: Message) -> str | None:
    """The id of the visit's Encounter: PV1-19 (visit number), else PV1-50; None when it has neither."""
    visit = _visit(message)
    if visit is None:
        return None
    return resource_id(reader.origin.source, "Encounter", f"{reader.authority(visit, 4)}|{visit.text(1)}")


def translate(reader: Reader, message: Message, patient: str, event: str) -> Resource | None:
    """The Encounter of an ADT message; None when it has no visit, or the visit no number to know it by."""
    id, pv1 = visit_id(reader, message), message.first("PV1")
    if id is None or pv1 is None:
        return None
    found: Resource = {
        "resourceType": "Encounter",
        "id": id,
        "meta": {"source": f"urn:fvm:sender:{reader.origin.sender.id}"},
        "identifier": _identifiers(reader, pv1),
        "status": _status(pv1, event),
        "class": _class(reader, pv1),
        "type": _concepts(reader, pv1, 4),
        "serviceType": _concept(reader, pv1, 10),
        "subject": {"reference": f"Patient/{patient}"},
        "participant": _participants(reader, pv1),
        "period": compact(
            start=reader.clock.date_time(pv1.text(44)),
            end=reader.clock.date_time(pv1.text(45)) if pv1.text(45) else None,
        ),
        "reasonCode": _reasons(reader, message),
        "hospitalization": _hospitalization(reader, pv1),
        "location": _locations(reader, pv1),
        "serviceProvider": reader.unit(),
    }
    return compact(**found)


def _visit(message: Message) -> Field | None:
    pv1 = message.first("PV1")
    if pv1 is None:
        return None
    for number in (19, 50):
        visit = pv1.first(number)
        if visit is not None and visit.text(1):
            return visit
    return None


def _identifiers(reader: Reader, pv1: Segment) -> list[dict[str, Any]]:
    found = []
    for number, kind in ((19, "VN"), (50, "")):
        for cx in pv1.repetitions(number):
            identifier = reader.identifier(cx)
            if identifier is not None and kind:
                identifier["type"] = {"coding": [{"system": f"{codes.V2}0203", "code": kind}]}
            if identifier is not None:
                found.append(identifier)
    return found


def _status(pv1: Segment, event: str) -> str:
    """A discharge ends it; else the patient class says whether it is planned or going on (see codes.py, overlay)."""
    if event == "A03" or pv1.text(45):
        return "finished"
    return codes.ENCOUNTER_STATUS.get(pv1.text(2).upper(), "in-progress")


def _class(reader: Reader, pv1: Segment) -> dict[str, Any]:
    """Encounter.class is required: an empty PV1-2 is the null flavour "no information"."""
    field = pv1.first(2)
    code = field.text(1).upper() if field is not None else ""
    if code in codes.ENCOUNTER_CLASS:
        return {"system": codes.ACT_CODE, "code": codes.ENCOUNTER_CLASS[code]}
    if not code or field is None:
        return {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "NI"}
    return {"system": reader.code_system(field.text(3)) or f"{codes.V2}0004", "code": code}


def _concept(reader: Reader, segment: Segment, number: int) -> dict[str, Any] | None:
    field = segment.first(number)
    return reader.concept(field) if field is not None else None


def _concepts(reader: Reader, segment: Segment, number: int) -> list[dict[str, Any]]:
    found = _concept(reader, segment, number)
    return [found] if found else []


def _participants(reader: Reader, pv1: Segment) -> list[dict[str, Any]]:
    found = []
    for number, code, text in _PARTICIPANTS:
        role = {"coding": [{"system": codes.PARTICIPATION, "code": code}], "text": text}
        people = (reader.practitioner(xcn) for xcn in pv1.repetitions(number))
        found += [{"type": [role], "individual": who} for who in people if who]
    return found


def _reasons(reader: Reader, message: Message) -> list[dict[str, Any]]:
    pv2 = message.first("PV2")
    return _concepts(reader, pv2, 3) if pv2 is not None else []


def _hospitalization(reader: Reader, pv1: Segment) -> dict[str, Any]:
    return compact(
        admitSource=_concept(reader, pv1, 14),
        reAdmission=_concept(reader, pv1, 13),
        dischargeDisposition=_concept(reader, pv1, 36),
    )


def _locations(reader: Reader, pv1: Segment) -> list[dict[str, Any]]:
    """Where the patient lies and lay, by name: locations are register data and come from their register."""
    status = "planned" if pv1.text(2).upper() == "P" else "active"
    found = []
    for number, state in ((3, status), (6, "completed"), (11, "active")):
        place = pv1.first(number)
        display = _place(place) if place is not None else ""
        if display:
            found.append({"location": {"type": "Location", "display": display}, "status": state})
    return found


def _place(pl: Field) -> str:
    """Unit, room, bed, facility: as one reads it on a door."""
    return ", ".join(part for part in (pl.text(1), pl.text(2), pl.text(3), pl.text(4)) if part)
