"""A post of the log as a FHIR AuditEvent, after the patterns of IHE BALP, the Swedish members as extensions (LOG-14).

https://profiles.ihe.net/ITI/BALP/ · http://hl7.org/fhir/R4/auditevent.html
"""

from collections.abc import Callable
from typing import Any

from fhircore.identifiers import HSA
from fhirserver.activities import activity, purpose
from information_platform.log.asking import Found
from information_platform.log.model import About, Post

EXTENSION = "urn:fvm:log:"
REST = {
    "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
    "code": "rest",
    "display": "RESTful Operation",
}
INTERACTION = "http://hl7.org/fhir/restful-interaction"
OWN_WORDS = "urn:fvm:log:activity"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_INTERACTIONS = {
    "read": "read",
    "vread": "vread",
    "history": "history",
    "search": "search",
    "create": "create",
    "update": "update",
    "patch": "patch",
    "delete": "delete",
    "transaction": "transaction",
    "batch": "batch",
}
_REASONS = {
    "care": "TREAT",
    "quality": "HQUALIMP",
    "administration": "HOPERAT",
    "planning": "HOPERAT",
    "statistics": "HSYSADMIN",
    "patient": "PATRQT",
    "legal": "LEGAL",
}
_OBJECT = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"

Mine = Callable[[str], bool]  # of a Patient id


def audit_event(found: Found, *, mine: Mine | None = None, names: bool = True) -> dict[str, Any]:
    """`mine` keeps out what is about other patients; without `names` staff are shown by their unit and title only."""
    post = found.post
    kind = activity(post.activity)
    reason = _REASONS.get(post.purpose)
    return {
        "resourceType": "AuditEvent",
        "id": found.reference,
        "extension": _extensions(post),
        "type": REST,
        "subtype": [subtype(post.activity)],
        "action": kind.act,
        "recorded": post.at.isoformat(),
        "outcome": "0" if post.returned or not post.withheld else "4",
        "purposeOfEvent": [
            {**({"coding": [{"system": _REASON, "code": reason}]} if reason else {}), "text": purpose(post.purpose)}
        ],
        "agent": [_user(post, names=names), _client(post)],
        "source": {"observer": {"display": post.source}},
        "entity": _entities(post, mine),
    }


def subtype(word: str) -> dict[str, str]:
    """The interaction of FHIR, else a word of ours."""
    if word in _INTERACTIONS:
        return {"system": INTERACTION, "code": _INTERACTIONS[word]}
    return {"system": OWN_WORDS, "code": word, "display": activity(word).text}


def _extensions(post: Post) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"url": EXTENSION + "id", "valueUuid": f"urn:uuid:{post.id}"},
        {"url": EXTENSION + "activity-type", "valueString": activity(post.activity).kind},
        {"url": EXTENSION + "returned", "valueInteger": post.returned},
        {"url": EXTENSION + "withheld", "valueInteger": post.withheld},
        {"url": EXTENSION + "policy", "valueString": post.policy},
    ]
    if post.args:
        found.append({"url": EXTENSION + "args", "valueString": post.args})
    return found


def _user(post: Post, *, names: bool) -> dict[str, Any]:
    who = post.who
    person: dict[str, Any] = {"display": who.role or who.kind}
    if who.kind == "patient":
        person = {"reference": f"Patient/{who.id}"}
    elif names:
        system = {"system": HSA} if who.kind == "staff" else {}
        person = {"identifier": {**system, "value": who.id}, **({"display": who.name} if who.name else {})}
    places = (("careUnit", who.unit, who.unit_name), ("careProvider", who.provider, who.provider_name))
    return {
        "extension": [
            {"url": EXTENSION + name, "valueReference": _hsa(id, display)} for name, id, display in places if id
        ],
        "type": {"coding": [{"system": _PARTICIPATION, "code": "IRCP"}]},
        "who": person,
        "requestor": True,
        **({"role": [{"text": who.role}]} if who.role else {}),
    }


def _client(post: Post) -> dict[str, Any]:
    return {
        "type": {"coding": [{"system": _DICOM, "code": "110153", "display": "Source Role ID"}]},
        "who": {"identifier": {"value": post.who.client or "?"}},
        "requestor": False,
    }


def _entities(post: Post, mine: Mine | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "what": {"reference": f"Patient/{id}"},
            "type": {"system": _OBJECT, "code": "1", "display": "Person"},
            "role": {"system": _ROLE, "code": "1", "display": "Patient"},
        }
        for id in post.patient_ids
        if mine is None or mine(id)
    ]
    about = [one for one in post.about if mine is None or mine(post.patients.get(one.key, ""))]
    found += [_data(one) for one in dict.fromkeys(about)]
    if post.trace:
        found.append({"what": {"identifier": {"value": post.trace}}, "type": {"system": _OBJECT, "code": "4"}})
    return found


def _data(one: About) -> dict[str, Any]:
    label = one.label
    places = (("careUnit", label.unit), ("careProvider", label.provider)) if label else ()
    extensions = [{"url": EXTENSION + name, "valueReference": _hsa(id, "")} for name, id in places if id]
    if label and label.type:
        extensions.append({"url": EXTENSION + "information-type", "valueString": label.type})
    return {
        **({"extension": extensions} if extensions else {}),
        "what": {"type": one.type} if one.type else {"display": "?"},
        "type": {"system": _OBJECT, "code": "2", "display": "System Object"},
        "role": {"system": _ROLE, "code": "4", "display": "Domain Resource"},
    }


def _hsa(id: str, display: str) -> dict[str, Any]:
    return {"identifier": {"system": HSA, "value": id}, **({"display": display} if display else {})}
