"""Invariants of clinical, administrative and foundation resources that need more than presence (http://hl7.org/fhir/R4/resourcelist.html)."""

from collections.abc import Iterator
from typing import Any

from fhircore.validation.moments import definitely_after
from fhircore.validation.references import LOCAL, pointed_type
from fhircore.validation.rules import Rule, has
from fhircore.validation.rules_types import UCUM

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
CONDITION_STATUS = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ALLERGY_STATUS = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"

Json = dict[str, Any]


def _codings(concept: Any) -> Iterator[tuple[Any, Any]]:
    for coding in (concept or {}).get("coding", ()):
        yield coding.get("system"), coding.get("code")


def _starts(v: Json, prefix: str) -> bool:
    return any(key.startswith((prefix, "_" + prefix)) for key in v)


def _distinct(values: list[Any]) -> bool:
    return len(values) == len(set(values))


def _allergy_in_error(v: Json) -> bool:
    return (ALLERGY_STATUS, "entered-in-error") in _codings(v.get("verificationStatus"))


def _condition_in_error(v: Json) -> bool:
    return (CONDITION_STATUS, "entered-in-error") in _codings(v.get("verificationStatus"))


def app_3(v: Json) -> bool:
    """Only proposed, cancelled and waitlisted appointments may be without times."""
    return (has(v, "start") and has(v, "end")) or v.get("status") in ("proposed", "cancelled", "waitlist")


def app_4(v: Json) -> bool:
    """A reason for cancelling needs the status noshow or cancelled."""
    # the expression says 'no-show', which is not a code of the value set; the code is noshow
    return "cancelationReason" not in v or v.get("status") in ("noshow", "cancelled")


def ctm_1(v: Json) -> bool:
    """On behalf of: only for a member that is a practitioner, as far as the reference tells."""
    member = v.get("member", {}).get("reference")
    return "onBehalfOf" not in v or member is None or pointed_type(member) in (None, LOCAL, "Practitioner")


def con_4(v: Json) -> bool:
    """An abated condition is inactive, resolved or in remission."""
    if not _starts(v, "abatement"):
        return True
    ended = {(CLINICAL, code) for code in ("resolved", "remission", "inactive")}
    return not ended.isdisjoint(_codings(v.get("clinicalStatus")))


def obs_7(v: Json) -> bool:
    """A component with the code of the observation itself: then there is no value of its own."""
    components = v.get("component")
    if not components or not _starts(v, "value"):
        return True
    own = {_coding_key(coding) for coding in v["code"].get("coding", ())}
    return not any(_coding_key(coding) in own for part in components for coding in part["code"].get("coding", ()))


def _coding_key(coding: Json) -> tuple[Any, ...]:
    return tuple(coding.get(name) for name in ("system", "version", "code", "display", "userSelected"))


def grp_1(v: Json) -> bool:
    """Only a group of actual things has members."""
    return "member" not in v or v.get("actual") is True


def lst_2(v: Json) -> bool:
    """Only a list of changes marks entries as deleted."""
    return v.get("mode") == "changes" or not any(has(entry, "deleted") for entry in v.get("entry", ()))


def lst_3(v: Json) -> bool:
    """Only a working list dates its entries."""
    return v.get("mode") == "working" or not any(has(entry, "date") for entry in v.get("entry", ()))


def mdd_1(v: Json) -> bool:
    """Handed over after it was prepared."""
    handed, prepared = v.get("whenHandedOver"), v.get("whenPrepared")
    return handed is None or prepared is None or not definitely_after(prepared, handed)


def task_1(v: Json) -> bool:
    """Last modified is not before authored."""
    modified, authored = v.get("lastModified"), v.get("authoredOn")
    return modified is None or authored is None or not definitely_after(authored, modified)


def mea_1(v: Json) -> bool:
    """A stratifier has criteria or components, not both."""
    found = [part for group in v.get("group", ()) for part in group.get("stratifier", ())]
    return all(("code" in s or has(s, "description") or "criteria" in s) != ("component" in s) for s in found)


def mrp_2(v: Json) -> bool:
    """A stratum has a value or components, not both."""
    found = [s for g in v.get("group", ()) for part in g.get("stratifier", ()) for s in part.get("stratum", ())]
    return all(("value" in stratum) != ("component" in stratum) for stratum in found)


def msq_6(v: Json) -> bool:
    """Exactly one of genome build, sequence id, pointer and string."""
    return (
        sum(has(v, name) for name in ("genomeBuild", "referenceSeqId", "referenceSeqPointer", "referenceSeqString"))
        == 1
    )


def ras_1(v: Json) -> bool:
    """A range of probabilities is in percent."""
    found = v.get("probabilityRange", {})
    return all(
        (q.get("code"), q.get("system")) == ("%", UCUM) for q in (found.get("low"), found.get("high")) if q is not None
    )


def cmd_1(v: Json) -> bool:
    """A mapping that is narrower or inexact needs a comment."""
    return has(v, "comment") or v.get("equivalence") not in ("narrower", "inexact")


BUNDLE_REQUESTS = ("batch", "transaction", "history")
BUNDLE_RESPONSES = ("batch-response", "transaction-response", "history")


def bdl_3(v: Json) -> bool:
    """Entries have a request exactly in batches, transactions and histories."""
    wanted = v.get("type") in BUNDLE_REQUESTS
    return all(("request" in entry) == wanted for entry in v.get("entry", ()))


def bdl_4(v: Json) -> bool:
    """Entries have a response exactly in responses and histories."""
    wanted = v.get("type") in BUNDLE_RESPONSES
    return all(("response" in entry) == wanted for entry in v.get("entry", ()))


def bdl_7(v: Json) -> bool:
    """A fullUrl is unique, or its versions are."""
    if v.get("type") == "history":
        return True
    named = [entry for entry in v.get("entry", ()) if "fullUrl" in entry]
    return _distinct(
        [entry["fullUrl"] + entry.get("resource", {}).get("meta", {}).get("versionId", "") for entry in named]
    )


def bdl_9(v: Json) -> bool:
    """A document has an identifier with a system and a value."""
    identifier = v.get("identifier", {})
    return v.get("type") != "document" or (has(identifier, "system") and has(identifier, "value"))


def _first(v: Json, bundle_type: str, resource_type: str) -> bool:
    if v.get("type") != bundle_type:
        return True
    entries = v.get("entry") or [{}]
    return bool(entries[0].get("resource", {}).get("resourceType") == resource_type)


CARE_RULES: dict[str, dict[str, Rule]] = {
    "AllergyIntolerance": {
        "ait-1": lambda v: "clinicalStatus" in v or _allergy_in_error(v),
        "ait-2": lambda v: "clinicalStatus" not in v or not _allergy_in_error(v),
    },
    "Appointment": {"app-2": lambda v: has(v, "start") == has(v, "end"), "app-3": app_3, "app-4": app_4},
    "Bundle": {
        "bdl-1": lambda v: not has(v, "total") or v.get("type") in ("searchset", "history"),
        "bdl-2": lambda v: v.get("type") == "searchset" or not any("search" in entry for entry in v.get("entry", ())),
        "bdl-3": bdl_3,
        "bdl-4": bdl_4,
        "bdl-7": bdl_7,
        "bdl-9": bdl_9,
        "bdl-10": lambda v: v.get("type") != "document" or "timestamp" in v,
        "bdl-11": lambda v: _first(v, "document", "Composition"),
        "bdl-12": lambda v: _first(v, "message", "MessageHeader"),
    },
    "Bundle.entry": {"bdl-8": lambda v: "/_history/" not in v.get("fullUrl", "")},
    "CareTeam.participant": {"ctm-1": ctm_1},
    "ConceptMap.group.element.target": {"cmd-1": cmd_1},
    "ConceptMap.group.unmapped": {
        "cmd-2": lambda v: v.get("mode") != "fixed" or has(v, "code"),
        "cmd-3": lambda v: v.get("mode") != "other-map" or has(v, "url"),
    },
    "Condition": {"con-4": con_4, "con-5": lambda v: "clinicalStatus" not in v or not _condition_in_error(v)},
    "Group": {"grp-1": grp_1},
    "Linkage": {"lnk-1": lambda v: len(v.get("item", ())) > 1},
    "List": {"lst-2": lst_2, "lst-3": lst_3},
    "Measure": {"mea-1": mea_1},
    "MeasureReport": {"mrp-1": lambda v: v.get("type") != "data-collection" or "group" not in v, "mrp-2": mrp_2},
    "MedicationDispense": {"mdd-1": mdd_1},
    "MolecularSequence": {"msq-3": lambda v: v.get("coordinateSystem") in (0, 1)},
    "MolecularSequence.referenceSeq": {
        "msq-5": lambda v: ("chromosome" in v) == has(v, "genomeBuild"),
        "msq-6": msq_6,
    },
    "Observation": {"obs-7": obs_7},
    "Organization": {
        "org-2": lambda v: not any(address.get("use") == "home" for address in v.get("address", ())),
        "org-3": lambda v: not any(point.get("use") == "home" for point in v.get("telecom", ())),
    },
    "RiskAssessment.prediction": {"ras-1": ras_1, "ras-2": lambda v: v.get("probabilityDecimal", 0) <= 100},
    "Task": {"inv-1": task_1},
}
