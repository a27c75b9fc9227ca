"""HL7 v2 messages as entries of a record event: which type becomes what."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from integration_platform.hl7v2.message import Message
from integration_platform.translate import encounter, patient, report
from integration_platform.translate.datatypes import Reader
from integration_platform.translate.model import (
    Merge,
    MissingIdentity,
    MissingSegment,
    Origin,
    Put,
    Translation,
    UnsupportedMessage,
)
from integration_platform.translate.times import Clock

_READ = {
    "ADT": frozenset({"MSH", "EVN", "PID", "PD1", "NK1", "PV1", "PV2", "MRG"}),
    "ORU": frozenset({"MSH", "PID", "PD1", "NK1", "PV1", "ORC", "OBR", "OBX", "NTE", "SPM"}),
}


def translate(message: Message, origin: Origin) -> Translation:
    """Everything the message says that we can say in FHIR.

    Raises UnsupportedMessage, MissingSegment, MissingIdentity or NoSuchOrder: the message is kept with that reason.
    """
    kind = message.header.kind
    found = TRANSLATORS.get(kind)
    if found is None:
        raise UnsupportedMessage(f"{kind} is not translated", at="MSH-9")
    reader = Reader(origin, Clock.of(message.header.text(7)))
    translation = found(reader, message)
    read = _READ[kind[:3]]
    translation.left = {name: count for name, count in message.counts().items() if name not in read}
    return translation


def _visit(reader: Reader, message: Message) -> Translation:
    """A01, A03, A04, A08: the person, and the visit where it has a number."""
    who = patient.translate(reader, message)
    translation = Translation(patient.keys(reader, patient.whose(reader, message))[0], [Put(who)])
    visit = encounter.translate(reader, message, who["id"], message.header.kind[4:])
    if visit is not None:
        translation.entries.append(Put(visit))
    return translation


def _merge(reader: Reader, message: Message) -> Translation:
    """A40: whom PID names stays; whom MRG-1 names is retired. Nothing but the person is told."""
    who = patient.translate(reader, message)
    survivor = patient.keys(reader, patient.whose(reader, message))
    mrg = message.first("MRG")
    if mrg is None:
        raise MissingSegment("An A40 has an MRG segment", at="MRG")
    cxs = [cx for number in (1, 4) for cx in mrg.repetitions(number) if cx.text(1)]
    if not cxs:
        raise MissingIdentity("MRG-1 has no identifier", at="MRG-1")
    retired = tuple(key for key in patient.keys_of(reader, cxs) if key not in survivor)
    entries: list[Put | Merge] = [Put(who)]
    if retired:
        entries.append(Merge(survivor, retired, who["id"], patient.patient_id(reader, cxs)))
    return Translation(survivor[0], [*entries])


def _results(reader: Reader, message: Message) -> Translation:
    """ORU^R01: the person, and for each OBR a report with its observations.

    The visit is referred to, not told: PV1 of a result is a shadow of what the ADT system says.
    """
    who = patient.translate(reader, message)
    translation = Translation(patient.keys(reader, patient.whose(reader, message))[0], [Put(who)])
    groups = report.orders(message)
    if not groups:
        raise MissingSegment("An ORU has at least one OBR segment", at="OBR")
    subject = {"reference": f"Patient/{who['id']}"}
    visit = encounter.visit_id(reader, message)
    for nth, order in enumerate(groups, 1):
        translation.entries += [Put(one) for one in report.translate(reader, order, nth, subject, visit)]
    return translation


TRANSLATORS: Mapping[str, Callable[[Reader, Message], Translation]] = MappingProxyType(
    {
        "ADT^A01": _visit,
        "ADT^A03": _visit,
        "ADT^A04": _visit,
        "ADT^A08": _visit,
        "ADT^A40": _merge,
        "ORU^R01": _results,
    }
)
