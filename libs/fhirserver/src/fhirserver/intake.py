"""From received bytes to a checked draft: JSON, a type this door takes, the structure of R4, an id, a legal label."""

import os
import re
from dataclasses import dataclass
from typing import Any

from access import REGISTER, Label, unlabelled
from fhircore.outcome import InvalidFHIR, Issue
from fhircore.types import TYPES, information_type
from fhircore.validate import validator
from fhirserver.bodies import minified, parsed, repeats_a_name
from fhirserver.messages import Request
from fhirserver.problems import Forbidden, Invalid, NotProcessable
from fhirserver.profiling import IN_FORCE
from kit.caller import Caller
from kit.problems import Header

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(slots=True)
class Draft:
    """A resource as received: minified bytes, and the same as data for looking."""

    type_name: str
    raw: bytes
    data: dict[str, Any]


def draft(body: bytes, expected: str | None = None) -> Draft:
    """Parses and checks one resource. Raises Invalid or NotProcessable with every issue found."""
    if not body.strip():
        raise Invalid("The body is empty; a FHIR resource was expected", at="body")
    try:
        raw = minified(body)
        data = parsed(raw)
    except InvalidFHIR as error:
        raise Invalid.of(error) from None
    return checked(raw, data, expected)


def checked(raw: bytes, data: Any, expected: str | None = None, at: str = "") -> Draft:
    """The same for a resource that is parsed already; `at` goes before every location."""
    type_name = data.get("resourceType") if isinstance(data, dict) else None
    if not isinstance(type_name, str):
        raise Invalid("A FHIR resource is a JSON object with a resourceType", at=at or "resourceType")
    if type_name not in TYPES:
        raise Invalid(f"'{type_name[:60]}' is not a resource type of FHIR R4", at=at or "resourceType")
    if expected is not None and type_name != expected:
        told = f"A resource of type {expected} was expected, this is one of type {type_name}"
        raise Invalid(told, at=at or "resourceType")
    issues = validator(type_name)(data)
    errors = [issue for issue in issues if issue.severity in ("error", "fatal")]
    errors = errors or IN_FORCE.faults(type_name, data)
    if errors:
        if at:
            errors = [
                Issue(i.code, i.detail, f"{at}.{i.at.partition('.')[2]}" if i.at else at, i.severity) for i in errors
            ]
        raise NotProcessable(errors[0].detail, issues=tuple(errors))
    if repeats_a_name(raw, data):
        raise Invalid("An object has the same property twice", at=at or type_name)
    return Draft(type_name, raw, data)


def label_of(caller: Caller, resource: dict[str, Any]) -> Label:
    """Who owns what this caller writes: the unit of the commission; registers and knowledge are nobody's (D3)."""
    kind = TYPES[resource["resourceType"]].kind
    if kind in ("register", "knowledge"):
        return REGISTER
    info = information_type(resource) or ""
    nobodys = kind == "other" and resource["resourceType"] != "Subscription"
    if nobodys or caller.commission is None or not caller.commission.provider:
        return unlabelled(info)
    return Label(caller.commission.provider, caller.commission.unit, info)


def refuse_patients(caller: Caller) -> None:
    """What patients contribute comes through the application platform's event, never straight into the record (D4)."""
    if caller.kind == "patient":
        raise Forbidden("Patients contribute through the portal; the record is written by care", at="scope")


def patient_in_context(request: Request) -> str | None:
    """The patient a staff member says they are writing about: token, header, or both agreeing (D10)."""
    header = request.header(b"fvm-patient")
    stated = None if header is None else header.removeprefix("Patient/")
    token = request.caller.patient
    if stated and token and stated != token:
        raise Forbidden("The header FVM-Patient and the patient of the token differ", at="FVM-Patient")
    return stated or token


def require_context(request: Request, type_name: str, *, creating: bool = True) -> str | None:
    """The patient in context for a write of this type; staff must have one, except to create a Patient (D10)."""
    patient = patient_in_context(request)
    needs = TYPES[type_name].kind == "patient" or (type_name == "Patient" and not creating)
    if needs and patient is None and request.caller.kind == "staff":
        raise Forbidden(
            "A staff member writes about one patient at a time: send the header FVM-Patient with the patient's id",
            at="FVM-Patient",
            headers=(Header("FVM-Needs", "FVM-Patient"),),
        )
    return patient


def new_ids(count: int) -> list[str]:
    """Random ids in the form of UUID version 4, many at a time (one call for randomness instead of one each)."""
    block = bytearray(os.urandom(16 * count))
    ids = []
    for start in range(0, 16 * count, 16):
        block[start + 6] = block[start + 6] & 0x0F | 0x40
        block[start + 8] = block[start + 8] & 0x3F | 0x80
        text = block[start : start + 16].hex()
        ids.append(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
    return ids
