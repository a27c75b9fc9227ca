"""OBX (with its NTE) as Observation (HL7 v2-to-FHIR: OBX[Observation], NTE[Observation])."""

from collections.abc import Callable, Sequence
from typing import Any

from integration_platform.hl7v2.message import Field, Segment
from integration_platform.translate import codes
from integration_platform.translate.datatypes import Reader, compact
from integration_platform.translate.ids import HSA, resource_id
from integration_platform.translate.model import Resource
from integration_platform.translate.values import reference_range, unit_of, value_of

Read = Callable[[Reader, Segment], Any]

_TEXTS = frozenset({"ST", "TX", "FT"})


def translate(
    reader: Reader, obx: Segment, notes: Sequence[Segment], *, source_id: str, about: dict[str, Any]
) -> Resource:
    """One Observation per OBX. `about` is what it has from its report: subject, encounter, category, effective time."""
    status = obx.text(11).upper()
    value = _values(reader, obx)
    found: Resource = {
        "resourceType": "Observation",
        "id": resource_id(reader.origin.source, "Observation", source_id),
        "meta": {"source": f"urn:fvm:sender:{reader.origin.sender.id}"},
        "status": codes.OBSERVATION_STATUS.get(status, "unknown"),
        "code": _code(reader, obx),
        **about,
        **(value or {"dataAbsentReason": _absent(status)}),
    }
    fields = obx.fields
    for number, name, read in _MORE:
        if number < len(fields) and fields[number] and (more := read(reader, obx)):
            found[name] = more
    if len(fields) > 14 and fields[14]:
        _put_effective(found, reader.clock.date_time(obx.text(14)))
    if notes and (note := note_of(notes)):
        found["note"] = note
    return found


def _code(reader: Reader, obx: Segment) -> dict[str, Any]:
    code = obx.first(3)
    return (reader.concept(code) if code is not None else None) or {"text": "(utan kod)"}


def _values(reader: Reader, obx: Segment) -> dict[str, Any]:
    """One value; lines of text joined; several values of another type as components (they share the code)."""
    fields = obx.repetitions(5)
    if not fields:
        return {}
    kind, unit = obx.text(2).upper(), unit_of(reader, obx)
    values = [value for value in (value_of(reader, kind, field, unit) for field in fields) if value]
    if len(values) <= 1:
        return values[0] if values else {}
    if kind in _TEXTS:
        return {"valueString": "\n".join(value["valueString"] for value in values)}
    code = _code(reader, obx)
    return {"component": [{"code": code, **value} for value in values]}


def note_of(notes: Sequence[Segment]) -> list[dict[str, str]]:
    """NTE-3 of all notes as one annotation: they are the lines of one comment."""
    lines = [field.whole() for note in notes for field in note.repetitions(3)]
    text = "\n".join(lines).strip()
    return [{"text": text}] if text else []


def _put_effective(found: Resource, own: str | None) -> None:
    """OBX-14 goes before the time of the report."""
    if own is not None:
        found.pop("effectivePeriod", None)
        found["effectiveDateTime"] = own


def _interpretations(reader: Reader, obx: Segment) -> list[dict[str, Any]]:
    found = []
    for field in obx.repetitions(8):
        code = field.text(1)
        if code in codes.INTERPRETATIONS:
            coding = {"system": codes.INTERPRETATION, "code": code}
            found.append(compact(coding=[coding], text=field.text(9) or field.text(2)))
        else:
            found.append(reader.concept(field) or {})
    return [one for one in found if one]


def _performers(reader: Reader, obx: Segment) -> list[dict[str, Any]]:
    """Who answers for the result: OBX-16, and the laboratory of OBX-23."""
    found = [reader.practitioner(xcn) for xcn in obx.repetitions(16)]
    laboratory = obx.first(23)
    if laboratory is not None and (laboratory.text(1) or laboratory.text(10)):
        found.append(_organization(laboratory))
    return [who for who in found if who]


def _range(reader: Reader, obx: Segment) -> list[dict[str, Any]]:
    written = obx.first(7)
    return [reference_range(written.whole(), unit_of(reader, obx))] if written is not None else []


def _identifiers(reader: Reader, obx: Segment) -> list[dict[str, Any]]:
    return [one for one in (reader.entity(ei, "FILL") for ei in obx.repetitions(21)) if one]


def _concept_of(number: int) -> Read:
    def read(reader: Reader, obx: Segment) -> dict[str, Any] | None:
        field = obx.first(number)
        return reader.concept(field) if field is not None else None

    return read


def _organization(xon: Field) -> dict[str, Any]:
    number = xon.text(10)
    identifier = {"system": HSA, "value": number} if number.startswith("SE") else {}
    return compact(type="Organization", identifier=identifier, display=xon.text(1))


def _device(reader: Reader, obx: Segment) -> dict[str, Any] | None:
    ei = obx.first(18)
    identifier = reader.entity(ei, "SNO") if ei is not None else None
    return {"type": "Device", "identifier": identifier} if identifier else None


def _absent(status: str) -> dict[str, Any]:
    """Why there is no value: not asked (N), not obtainable (X), else not known here."""
    code = {"N": "not-asked", "X": "not-performed", "I": "temp-unknown", "O": "temp-unknown"}.get(status, "unknown")
    return {"coding": [{"system": codes.ABSENT, "code": code}]}


# OBX field → element; the fields most messages do not have are not even looked at. 16 and 23 are read together.
_MORE: tuple[tuple[int, str, Read], ...] = (
    (7, "referenceRange", _range),
    (8, "interpretation", _interpretations),
    (16, "performer", _performers),
    (23, "performer", _performers),
    (17, "method", _concept_of(17)),
    (18, "device", _device),
    (20, "bodySite", _concept_of(20)),
    (21, "identifier", _identifiers),
)
