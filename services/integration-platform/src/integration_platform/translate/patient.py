"""PID (with PD1 and NK1) as Patient (HL7 v2-to-FHIR: PID[Patient], PD1[Patient], NK1[Patient])."""

from typing import Any

from integration_platform.hl7v2.message import Field, Message, Segment
from integration_platform.translate import codes
from integration_platform.translate.datatypes import Reader, compact, identifiers
from integration_platform.translate.ids import resource_id
from integration_platform.translate.model import MissingIdentity, MissingSegment, Resource, SeveralPersons
from integration_platform.translate.persons import Identifier, claim_of, proven

_WEIGHT = (1, 0, 2)  # of identifiers that tell persons apart, by worth: the person's own first
_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"


def whose(reader: Reader, message: Message) -> Segment:
    """The PID segment. Raises MissingSegment, SeveralPersons, or MissingIdentity when it names nobody."""
    pids = list(message.all("PID"))
    if not pids:
        raise MissingSegment("The message has no PID segment", at="PID")
    if len(pids) > 1:
        raise SeveralPersons(f"The message has {len(pids)} PID segments", at="PID")
    pid = pids[0]
    if not keys_of(reader, _cxs(pid)):
        raise MissingIdentity("PID-3 has no identifier", at="PID-3")
    return pid


def keys(reader: Reader, pid: Segment) -> tuple[Identifier, ...]:
    """All identifiers of a PID as (system, value), the person's own first: strongest first."""
    return keys_of(reader, _cxs(pid))


def keys_of(reader: Reader, cxs: list[Field]) -> tuple[Identifier, ...]:
    found = sorted((cx for cx in cxs if cx.text(1)), key=lambda cx: _WEIGHT[_worth(cx)])
    return tuple(dict.fromkeys(map(reader.key, found)))


def patient_id(reader: Reader, cxs: list[Field]) -> str:
    """The Patient of a source is known by the source's own number where it has one, else by the person's identifier.

    So a person keeps one Patient per source, also when the personnummer comes later, changes, or was mistyped.
    """
    system, value = reader.key(min((cx for cx in cxs if cx.text(1)), key=_worth))
    return resource_id(reader.origin.source, "Patient", f"{system}|{value}")


def _worth(cx: Field) -> int:
    """0: the source's own number; 1: the person's; 2: one that should be the person's and identifies nobody."""
    claim = claim_of(cx)
    if claim is None:
        return 0
    return 2 if proven(claim) is None else 1


def id_of(reader: Reader, pid: Segment) -> str:
    return patient_id(reader, _cxs(pid))


def translate(reader: Reader, message: Message) -> Resource:
    """The Patient that a message is about. Raises MissingSegment or MissingIdentity."""
    pid = whose(reader, message)
    born = pid.text(7)
    found: Resource = {
        "resourceType": "Patient",
        "id": id_of(reader, pid),
        "meta": {"source": source_uri(reader)},
        "extension": _extensions(reader, pid),
        "identifier": identifiers(reader, pid, 3, 2, 4) + _national(reader, pid),
        "active": True,
        "name": [name for name in map(reader.name, (*pid.repetitions(5), *pid.repetitions(9))) if name],
        "telecom": _telecoms(reader, pid),
        "gender": codes.GENDER.get(pid.text(8).upper()) if pid.text(8) else None,
        "birthDate": reader.clock.date(born),
        "_birthDate": _birth_time(reader, born),
        "address": _addresses(reader, pid),
        "maritalStatus": _marital(reader, pid.first(16)),
        "contact": [contact for contact in (_contact(reader, nk1) for nk1 in message.all("NK1")) if contact],
        "communication": [{"language": concept} for concept in map(reader.concept, pid.repetitions(15)) if concept],
        **_deceased(reader, pid),
        **_multiple_birth(pid),
    }
    pd1 = message.first("PD1")
    if pd1 is not None:
        found["generalPractitioner"] = [who for who in map(reader.practitioner, pd1.repetitions(4)) if who]
    if found["_birthDate"] is not None and found["birthDate"] is None:
        found["_birthDate"] = None
    return compact(**found)


def source_uri(reader: Reader) -> str:
    """meta.source: the registered system and its own message."""
    return f"urn:fvm:sender:{reader.origin.sender.id}"


def _cxs(pid: Segment) -> list[Field]:
    """PID-3, and what older messages use instead: PID-2 and PID-4, at last PID-19 (the national number)."""
    for numbers in ((3,), (2, 4), (19,)):
        found = [cx for number in numbers for cx in pid.repetitions(number) if cx.text(1)]
        if found:
            return found
    return []


def _national(reader: Reader, pid: Segment) -> list[dict[str, Any]]:
    """PID-19, the national number of older versions, when it is a person identifier that PID-3 did not have."""
    cx = pid.first(19)
    if cx is None or claim_of(cx) is None or reader.key(cx) in keys(reader, pid):
        return []
    found = reader.identifier(cx)
    return [found] if found is not None else []


def _extensions(reader: Reader, pid: Segment) -> list[dict[str, Any]]:
    mother = reader.name(pid.repetitions(6)[0]) if pid.repetitions(6) else None
    name = mother.get("family") if mother else None
    return [{"url": f"{_EXTENSION}patient-mothersMaidenName", "valueString": name}] if name else []


def _birth_time(reader: Reader, born: str) -> dict[str, Any] | None:
    moment = reader.clock.instant(born)
    if moment is None:
        return None
    return {"extension": [{"url": f"{_EXTENSION}patient-birthTime", "valueDateTime": moment}]}


def _telecoms(reader: Reader, pid: Segment) -> list[dict[str, Any]]:
    found = [reader.telecom(xtn, "home") for xtn in pid.repetitions(13)]
    found += [reader.telecom(xtn, "work") for xtn in pid.repetitions(14)]
    found += [reader.telecom(xtn) for xtn in pid.repetitions(40)]
    return [one for at, one in enumerate(found) if one is not None and one not in found[:at]]


def _addresses(reader: Reader, pid: Segment) -> list[dict[str, Any]]:
    found = [address for address in map(reader.address, pid.repetitions(11)) if address]
    county = pid.text(12)
    if county and len(found) == 1:
        found[0].setdefault("district", county)
    return found


def _marital(reader: Reader, field: Field | None) -> dict[str, Any] | None:
    if field is None:
        return None
    code = codes.MARITAL.get(field.text(1).upper())
    if code is None:
        return reader.concept(field)
    return compact(coding=[{"system": codes.marital_system(code), "code": code}], text=field.text(2))


def _contact(reader: Reader, nk1: Segment) -> dict[str, Any]:
    relation = nk1.first(3)
    names, addresses = nk1.repetitions(2), nk1.repetitions(4)
    found = compact(
        name=reader.name(names[0]) if names else None,
        telecom=[one for one in (reader.telecom(xtn) for xtn in (*nk1.repetitions(5), *nk1.repetitions(6))) if one],
        address=reader.address(addresses[0]) if addresses else None,
    )
    concept = reader.concept(relation) if relation is not None else None
    return {"relationship": [concept], **found} if concept and found else found


def _deceased(reader: Reader, pid: Segment) -> dict[str, Any]:
    when = reader.clock.date_time(pid.text(29))
    if when is not None:
        return {"deceasedDateTime": when}
    return {"deceasedBoolean": pid.text(30) == "Y"} if pid.text(30) in ("Y", "N") else {}


def _multiple_birth(pid: Segment) -> dict[str, Any]:
    if pid.text(25).isdecimal():
        return {"multipleBirthInteger": int(pid.text(25))}
    return {"multipleBirthBoolean": pid.text(24) == "Y"} if pid.text(24) in ("Y", "N") else {}
