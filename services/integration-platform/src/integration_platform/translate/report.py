"""ORC and OBR, with the OBX below them, as DiagnosticReport and Observations (HL7 v2-to-FHIR: ORU_R01)."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from integration_platform.hl7v2.message import Field, Message, Segment
from integration_platform.translate import codes, observation, values
from integration_platform.translate.datatypes import Reader, compact
from integration_platform.translate.ids import resource_id
from integration_platform.translate.model import NoSuchOrder, Resource


@dataclass(slots=True)
class Order:
    """One ORDER_OBSERVATION group: each OBR has its own ORC, and whatever follows until the next."""

    obr: Segment
    orc: Segment | None
    notes: list[Segment] = field(default_factory=list)
    results: list[tuple[Segment, list[Segment]]] = field(default_factory=list)  # OBX, and the NTEs after it
    specimens: list[Segment] = field(default_factory=list)


def orders(message: Message) -> list[Order]:
    """Groups the segments of an ORU. An OBX belongs to the OBR before it, also after SPM or anything else."""
    found: list[Order] = []
    orc: Segment | None = None
    notes: list[Segment] = []
    for segment in message.segments:
        if segment.name == "ORC":
            orc = segment
        elif segment.name == "OBR":
            found.append(Order(segment, orc))
            orc, notes = None, found[-1].notes
        elif not found:
            continue
        elif segment.name == "OBX":
            notes = []
            found[-1].results.append((segment, notes))
        elif segment.name == "NTE":
            notes.append(segment)
        elif segment.name == "SPM":
            found[-1].specimens.append(segment)
    return found


def translate(reader: Reader, order: Order, nth: int, subject: dict[str, Any], encounter: str | None) -> list[Resource]:
    """The DiagnosticReport and its Observations, report first. Raises NoSuchOrder on OBR-25 Y and Z."""
    if order.obr.text(25).upper() in codes.NOT_ON_RECORD:
        raise NoSuchOrder(at="OBR-25")
    source_id = _source_id(reader, order, nth)
    about = _about(reader, order, subject, encounter)
    shared = about | _specimen(reader, order)
    results: list[Resource] = []
    documents: list[dict[str, Any]] = []
    seen: Counter[tuple[str, str]] = Counter()
    for obx, notes in order.results:
        document = _document(obx)
        if document is not None:
            documents.append(document)
            continue
        key = (obx.text(3) or obx.text(3, 2) or obx.text(3, 4), obx.text(4))
        seen[key] += 1
        own = obx.text(21) or "|".join((source_id, *key, str(seen[key])))
        results.append(observation.translate(reader, obx, notes, source_id=own, about=shared))
    report = _report(reader, order, source_id, about, results)
    report["presentedForm"] = documents
    return [compact(**report), *results]


def _report(
    reader: Reader, order: Order, source_id: str, about: dict[str, Any], results: list[Resource]
) -> dict[str, Any]:
    obr = order.obr
    code, section = obr.first(4), obr.text(24).upper()
    comment = observation.note_of(order.notes)
    return {
        "resourceType": "DiagnosticReport",
        "id": resource_id(reader.origin.source, "DiagnosticReport", source_id),
        "meta": {"source": f"urn:fvm:sender:{reader.origin.sender.id}"},
        "identifier": _identifiers(reader, order),
        "basedOn": _based_on(reader, order),
        "status": _status(obr.text(25).upper(), results),
        **about,
        "category": _report_category(section, about["category"]),
        "code": (reader.concept(code) if code is not None else None) or {"text": "(utan kod)"},
        "issued": reader.clock.instant(obr.text(22)),
        "performer": [reader.unit()],
        "resultsInterpreter": _interpreters(reader, obr),
        "specimen": _specimens(reader, order),
        "result": [{"reference": f"Observation/{one['id']}"} for one in results],
        "conclusion": comment[0]["text"] if comment else None,
    }


def _source_id(reader: Reader, order: Order, nth: int) -> str:
    """The filler's number and the test; where there is none the placer's; at last the message itself."""
    test = order.obr.text(4) or order.obr.text(4, 2)
    for number, kind in ((3, "FILL"), (2, "PLAC")):
        found = _entity(reader, order, number, kind)
        if found is not None:
            return "|".join((kind, found["system"], found["value"], test))
    return "|".join(("message", reader.origin.control_id, str(nth), test))


def _entity(reader: Reader, order: Order, number: int, kind: str) -> dict[str, Any] | None:
    """Order number from OBR, else from its ORC: they carry the same two."""
    for segment in (order.obr, order.orc):
        ei: Field | None = segment.first(number) if segment is not None else None
        found = reader.entity(ei, kind) if ei is not None else None
        if found is not None:
            return found
    return None


def _identifiers(reader: Reader, order: Order) -> list[dict[str, Any]]:
    found = (_entity(reader, order, 2, "PLAC"), _entity(reader, order, 3, "FILL"))
    return [one for one in found if one is not None]


def _based_on(reader: Reader, order: Order) -> list[dict[str, Any]]:
    """The order this answers, by its placer's number: whoever placed it knows it."""
    placer = _entity(reader, order, 2, "PLAC")
    return [{"type": "ServiceRequest", "identifier": placer}] if placer is not None else []


def _about(reader: Reader, order: Order, subject: dict[str, Any], encounter: str | None) -> dict[str, Any]:
    """What the report and its observations share."""
    start, end = (reader.clock.date_time(order.obr.text(number)) for number in (7, 8))
    when = {"effectivePeriod": compact(start=start, end=end)} if end else compact(effectiveDateTime=start)
    section = order.obr.text(24).upper()
    category = "imaging" if section in codes.IMAGING else "exam" if section in codes.CLINICAL else "laboratory"
    return {
        "category": [{"coding": [{"system": codes.OBSERVATION_CATEGORY, "code": category}]}],
        "subject": subject,
        **({"encounter": {"reference": f"Encounter/{encounter}"}} if encounter else {}),
        **when,
    }


def _report_category(section: str, shared: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Table 0074 as sent; LAB where the sender says nothing and the observations are the laboratory's."""
    is_laboratory = shared[0]["coding"][0]["code"] == "laboratory"
    code = section or ("LAB" if is_laboratory else "")
    return [{"coding": [{"system": f"{codes.V2}0074", "code": code}]}] if code else []


def _status(written: str, results: list[Resource]) -> str:
    """OBR-25; where it is empty, what the observations say together."""
    if written:
        return codes.REPORT_STATUS.get(written, "unknown")
    found = {one["status"] for one in results}
    if found == {"final"}:
        return "final"
    if found and found <= {"final", "corrected", "amended"}:
        return "corrected"
    return "partial" if "preliminary" in found or "registered" in found else "unknown"


def _interpreters(reader: Reader, obr: Segment) -> list[dict[str, Any]]:
    """OBR-32 is an NDL: the person is its first component, in subcomponents."""
    ndl = obr.first(32)
    if ndl is None:
        return []
    name = " ".join(part for part in (ndl.text(1, 3), ndl.text(1, 2)) if part) or ndl.text(1)
    return [{"type": "Practitioner", "display": name}] if name else []


def _specimens(reader: Reader, order: Order) -> list[dict[str, Any]]:
    found = [_sample(reader, spm) for spm in order.specimens]
    if not found and order.obr.text(15):
        found = [{"type": "Specimen", "display": order.obr.text(15, 1, 2) or order.obr.text(15)}]
    return [one for one in found if one]


def _specimen(reader: Reader, order: Order) -> dict[str, Any]:
    """The sample of an observation, where its report has just one."""
    found = _specimens(reader, order)
    return {"specimen": found[0]} if len(found) == 1 else {}


def _sample(reader: Reader, spm: Segment) -> dict[str, Any]:
    kind, number = spm.first(4), spm.first(2)
    display = kind.text(2) or kind.text(1) if kind is not None else ""
    value = number.text(2) or number.text(1) if number is not None else ""
    identifier = {"value": value} if value else {}
    found = compact(identifier=identifier, display=display)
    return {"type": "Specimen"} | found if found else {}


def _document(obx: Segment) -> dict[str, Any] | None:
    """A document instead of a value: it becomes the report's presentedForm."""
    kind, fields = obx.text(2).upper(), obx.repetitions(5)
    if kind not in ("ED", "RP") or not fields:
        return None
    title = obx.text(3, 2) or obx.text(3)
    if kind == "ED":
        return values.attachment(fields[0], title)
    return values.pointer(fields[0], title)
