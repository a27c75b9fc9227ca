"""Rules for an entry of a record whatever it is: struck out, moved to whom it is about, and what the patient thinks of it; pure.

(PDL 3 kap. 8 and 14 §§; sweden.md REC-07, REC-08.)
"""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kit.caller import Caller
from vis.care.asking import NotNow, person

Resource = dict[str, Any]
MOVED_TO = "urn:fvm:moved-to"  # an extension: where an entry about the wrong patient went, why, when and by whom
MOVED_FROM = "urn:fvm:moved-from"  # an extension of what it became: where it stood
OPINION = "urn:fvm:patients-opinion"  # an extension: that the patient thinks it is wrong, in their words, when, by whom
FOR_PATIENT = (
    "urn:fvm:for-patient"  # an extension: that it is not shown to the patient, or shown again, why, when, by whom
)
MARKS = frozenset((MOVED_TO, MOVED_FROM, OPINION, FOR_PATIENT))
_NAMES = uuid.UUID("b0b8e3f5-6a61-5b0e-9a83-55d7a3f0a6c1")
_VERIFICATION = {
    "Condition": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
    "AllergyIntolerance": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
}
_SUBJECT = {"AllergyIntolerance": "patient", "Immunization": "patient"}
# What belongs to the wrong patient's care and means nothing in the other's: visits, and what it was done for.
_LEFT = (
    "id",
    "meta",
    "encounter",
    "basedOn",
    "partOf",
    "hasMember",
    "derivedFrom",
    "context",
    "relatesTo",
    "identifier",
)
TYPES = (
    "DocumentReference", "Observation", "Condition", "Procedure", "AllergyIntolerance", "Immunization", "DiagnosticReport",
)  # fmt: skip


def id_of_moved(name: str, patient: str) -> str:
    """The id that the entry `name` (Type/id) has when it has been moved to this patient: moved twice, it is one."""
    return str(uuid.uuid5(_NAMES, f"{name} {patient}"))


def is_struck(entry: Mapping[str, Any]) -> bool:
    """Whether it is entered in error already."""
    kind = str(entry["resourceType"])
    if kind in _VERIFICATION:
        codings = entry.get("verificationStatus", {}).get("coding", ())
        return any(one.get("code") == "entered-in-error" for one in codings)
    return entry.get("status") == "entered-in-error"


def struck(entry: Resource) -> Resource:
    """The entry, entered in error. What it said stays in it."""
    kind = entry["resourceType"]
    if kind in _VERIFICATION:
        rest = {name: value for name, value in entry.items() if name != "clinicalStatus"}
        return rest | {"verificationStatus": {"coding": [{"system": _VERIFICATION[kind], "code": "entered-in-error"}]}}
    more = {"docStatus": "entered-in-error"} if kind == "DocumentReference" else {}
    return entry | {"status": "entered-in-error"} | more


def moved_away(entry: Resource, to: str, caller: Caller, reason: str, at: datetime) -> Resource:
    """The entry at the wrong patient: struck out, and saying where it went. Raises NotNow when it is struck out already."""
    if is_struck(entry):
        raise NotNow("Uppgiften är redan makulerad och kan inte flyttas")
    return marked(struck(entry), MOVED_TO, caller, at, reason, to)


def moved_here(entry: Resource, patient: str, caller: Caller, reason: str, at: datetime) -> Resource:
    """The same entry at the right patient, under another id. Whose record it stood in is not said: the link leads only whom
    the law lets there. Raises NotNow where it names its patient elsewhere too."""
    name, was = f"{entry['resourceType']}/{entry['id']}", entry[subject_of(entry)]["reference"]
    rest = {key: value for key, value in entry.items() if key not in _LEFT and key != subject_of(entry)}
    if f'"{was}"' in json.dumps(rest):
        raise NotNow(
            "Uppgiften nämner den felaktiga patienten på fler ställen. Skriv om den i rätt journal och makulera den här"
        )
    new = rest | {"id": id_of_moved(name, patient), subject_of(entry): {"reference": f"Patient/{patient}"}}
    if entry["resourceType"] == "DocumentReference":
        new["relatesTo"] = [{"code": "replaces", "target": {"reference": name}}]
    return marked(new, MOVED_FROM, caller, at, reason, name)


def noted(entry: Resource, text: str, caller: Caller, at: datetime) -> Resource:
    """The entry with what the patient thinks is wrong with it, beside what others noted before."""
    if any(text == _value(one, "text") for one in extensions(entry, OPINION)):
        raise NotNow("Samma synpunkt är redan noterad")
    return marked(entry, OPINION, caller, at, text=text)


def shown_or_not(entry: Resource, caller: Caller, reason: str, at: datetime, *, shown: bool) -> Resource:
    """The entry, saying that it is kept from the patient's own reading, or shown again."""
    return marked(entry, FOR_PATIENT, caller, at, reason, text="visas" if shown else "visas inte")


def plain_write(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
    """What a write by none of these acts may do: anything but take away, put on or change a mark. Raises NotNow."""
    before, after = _marks(old), _marks(new)
    if new is not None and before != after:
        raise NotNow("Flyttningar och patientens synpunkter noteras med sina egna åtgärder, och tas inte bort")


def marked(
    entry: Resource, url: str, caller: Caller, at: datetime, reason: str = "", reference: str = "", text: str = ""
) -> Resource:
    """With one more extension."""
    parts: list[Resource] = [
        {
            "url": "by",
            "valueReference": person(caller) if caller.kind == "staff" else {"display": caller.name or "Patienten"},
        },
        {"url": "at", "valueDateTime": at.isoformat(timespec="seconds")},
    ]
    parts += [{"url": "reason", "valueString": reason}] if reason else []
    parts += [{"url": "entry", "valueReference": {"reference": reference}}] if reference else []
    parts += [{"url": "text", "valueString": text}] if text else []
    return entry | {"extension": [*entry.get("extension", ()), {"url": url, "extension": parts}]}


def subject_of(entry: Mapping[str, Any]) -> str:
    """The element that says whom it is about."""
    return _SUBJECT.get(str(entry["resourceType"]), "subject")


def extensions(entry: Mapping[str, Any], url: str) -> list[Resource]:
    return [one for one in entry.get("extension", ()) if one.get("url") == url]


def where_it_went(entry: Mapping[str, Any]) -> str:
    """Type/id of what it became, "" where it was not moved."""
    return next((str(_value(one, "entry").get("reference", "")) for one in extensions(entry, MOVED_TO)), "")


def _value(extension: Mapping[str, Any], url: str) -> Any:
    for one in extension.get("extension", ()):
        if one.get("url") == url:
            return next(value for name, value in one.items() if name.startswith("value"))
    return {} if url == "entry" else ""


def _marks(entry: Mapping[str, Any] | None) -> list[Resource]:
    return [one for one in (entry or {}).get("extension", ()) if one.get("url") in MARKS]
