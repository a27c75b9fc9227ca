"""How each kind of FHIR resource becomes an event of the timeline: its title, its one line, its values."""

import base64
import binascii
from collections.abc import Callable, Mapping

from application_platform.portal.entry import (
    Entry,
    Held,
    Resource,
    base,
    display,
    first,
    joined,
    reference,
    start,
    state,
)
from application_platform.portal.medication.shown import medication
from application_platform.portal.swedish import moment
from application_platform.portal.values import codes_of, key_of, results, text_of

_VISITS = {
    "AMB": "Besök",
    "IMP": "Vårdtillfälle",
    "ACUTE": "Vårdtillfälle",
    "NONAC": "Vårdtillfälle",
    "SS": "Korttidsvård",
    "EMER": "Akutbesök",
    "VR": "Distanskontakt",
    "HH": "Hembesök",
    "FLD": "Insats på plats",
    "PRENC": "Inskrivningssamtal",
}
_NOTE_LOINC = {"34117-2", "51847-2", "11506-3", "18842-5", "28570-0", "34109-9"}
_IMAGING = {"RAD", "CT", "RX", "NMR", "NMS", "VUS", "OUS", "CUS", "XRC", "IMG"}


def encounter(found: Resource, _: Held) -> Entry:
    period = found.get("period", {})
    ended = moment(period.get("end"))
    begun = moment(period.get("start"))
    class_ = found.get("class", {})
    title = _VISITS.get(str(class_.get("code")), "Vårdkontakt")
    why = text_of(first(found.get("reasonCode")))
    until = f"till {ended.date}" if ended and begun and ended.day != begun.day else ""
    return Entry(
        **base(found, period.get("start")),
        **state(found, found.get("status")),
        kind="besok",
        icon="bed" if title == "Vårdtillfälle" else "stethoscope",
        title=title,
        line=joined(text_of(first(found.get("type"))), why, until),
        source=display(found.get("serviceProvider")),
    )


def report(found: Resource, held: Held) -> Entry:
    codes = codes_of(found.get("category")) | codes_of(found.get("code"))
    if codes & _NOTE_LOINC and not found.get("result"):
        return _note(found, held)
    shown = [held[key] for key in map(reference, found.get("result", ())) if key in held]
    rows = tuple(row for observation in shown for row in results(observation))
    imaging = bool(codes & _IMAGING)
    keys = frozenset({key_of(found), *(reference(item) for item in found.get("result", ()))})
    at = found.get("effectiveDateTime") or start(found) or found.get("issued")
    return Entry(
        **{**base(found, at), "keys": keys},
        **state(found, found.get("status")),
        kind="svar",
        icon="scan-line" if imaging else "flask-conical",
        title=text_of(found.get("code")) or "Provsvar",
        line=str(found.get("conclusion", "")),
        source=display(first(found.get("performer"))),
        results=rows,
        text=_attached(found.get("presentedForm")),
    )


def _note(found: Resource, _: Held) -> Entry:
    return Entry(
        **base(found, found.get("effectiveDateTime") or start(found) or found.get("issued")),
        **state(found, found.get("status")),
        kind="anteckningar",
        icon="file-text",
        title=text_of(found.get("code")) or "Anteckning",
        source=display(first(found.get("performer"))),
        text=_attached(found.get("presentedForm")),
    )


def document(found: Resource, _: Held) -> Entry:
    content = [item.get("attachment", {}) for item in found.get("content", ()) if isinstance(item, Mapping)]
    return Entry(
        **base(found, found.get("date")),
        **state(found, _document_status(found)),
        kind="anteckningar",
        icon="file-text",
        title=text_of(found.get("type")) or "Dokument",
        line=str(found.get("description", "")),
        source=display(first(found.get("author"))) or display(found.get("custodian")),
        text=_attached(content),
    )


def _document_status(found: Resource) -> str:
    """Struck and replaced come first: a replaced note stays readable, and says so."""
    status = str(found.get("status", ""))
    if status in ("entered-in-error", "superseded"):
        return status
    return "unsigned" if found.get("docStatus") == "preliminary" else str(found.get("docStatus") or status)


def condition(found: Resource, _: Held) -> Entry:
    status = next(iter(codes_of(found.get("clinicalStatus"))), "")
    if "entered-in-error" in codes_of(found.get("verificationStatus")):
        status = "entered-in-error"
    ended = moment(found.get("abatementDateTime"))
    return Entry(
        **base(found, found.get("recordedDate") or found.get("onsetDateTime")),
        **state(found, status),
        kind="diagnoser",
        icon="clipboard-list",
        title=text_of(found.get("code")) or "Diagnos utan namn",
        line=joined("Diagnos", f"till {ended.date}" if ended else ""),
        source=display(found.get("recorder")) or display(found.get("asserter")),
    )


def allergy(found: Resource, _: Held) -> Entry:
    status = next(iter(codes_of(found.get("clinicalStatus"))), "")
    severe = found.get("criticality") == "high"
    return Entry(
        **base(found, found.get("recordedDate") or found.get("onsetDateTime")),
        **state(found, status),
        kind="diagnoser",
        icon="octagon-alert" if severe else "triangle-alert",
        title=text_of(found.get("code")) or "Överkänslighet utan namn",
        line=joined("Överkänslighet", "kan vara livshotande" if severe else "", reactions(found)),
        source=display(found.get("recorder")),
    )


def reactions(found: Resource) -> str:
    shown = (text_of(item) for part in found.get("reaction", ()) for item in part.get("manifestation", ()))
    return ", ".join(dict.fromkeys(word for word in shown if word))


def procedure(found: Resource, _: Held) -> Entry:
    at = found.get("performedDateTime") or found.get("performedPeriod", {}).get("start")
    return Entry(
        **base(found, at),
        **state(found, found.get("status")),
        kind="atgarder",
        icon="activity",
        title=text_of(found.get("code")) or "Åtgärd utan namn",
        line=joined("Åtgärd", text_of(first(found.get("reasonCode"))) or display(first(found.get("reasonReference")))),
        source=display(found.get("location")),
    )


def immunization(found: Resource, _: Held) -> Entry:
    lot = f"batch {found['lotNumber']}" if found.get("lotNumber") else ""
    return Entry(
        **base(found, found.get("occurrenceDateTime")),
        **state(found, found.get("status")),
        kind="vaccinationer",
        icon="syringe",
        title=text_of(found.get("vaccineCode")) or "Vaccin utan namn",
        line=joined("Vaccination", lot),
        source=display(found.get("location")),
    )


def observations(found: list[Resource]) -> Entry:
    """Observations of the same kind at the same time that no report holds: one event with its values."""
    one = found[0]
    vitals = "vital-signs" in codes_of(one.get("category"))
    survey = codes_of(one.get("category")) & {"survey", "social-history"}
    title = "Vitalparametrar" if vitals else "Svar på frågor" if survey else "Provsvar"
    rows = tuple(row for observation in found for row in results(observation))
    if len(found) == 1 and not vitals:
        title = text_of(one.get("code")) or title
    at = one.get("effectiveDateTime") or start(one) or one.get("issued")
    return Entry(
        **{**base(one, at), "keys": frozenset(map(key_of, found))},
        **state(one, one.get("status") if len({item.get("status") for item in found}) == 1 else ""),
        kind="matvarden" if vitals or survey else "svar",
        icon="heart-pulse" if vitals else "clipboard-list" if survey else "flask-conical",
        title=title,
        source=display(first(one.get("performer"))),
        results=rows,
    )


def _attached(attachments: object) -> str:
    """The words of the first plain-text attachment that travels in the resource itself."""
    for found in attachments if isinstance(attachments, list) else ():
        if (
            isinstance(found, Mapping)
            and str(found.get("contentType", "")).startswith("text/plain")
            and "data" in found
        ):
            try:
                return base64.b64decode(found["data"], validate=True).decode("utf-8").strip("\n")
            except (binascii.Error, UnicodeDecodeError):
                return "Texten kunde inte läsas. Den finns kvar i källan."
    return ""


SHOWN: Mapping[str, Callable[[Resource, Held], Entry]] = {
    "Encounter": encounter,
    "DiagnosticReport": report,
    "DocumentReference": document,
    "Condition": condition,
    "AllergyIntolerance": allergy,
    "MedicationRequest": medication,
    "MedicationStatement": medication,
    "MedicationAdministration": medication,
    "Procedure": procedure,
    "Immunization": immunization,
}
