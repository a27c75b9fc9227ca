"""$validate: everything that is wrong with a resource, and what a create, update or delete would meet; nothing is stored.

http://hl7.org/fhir/R4/resource-operation-validate.html
"""

from dataclasses import dataclass, field
from typing import Any

from access import allows
from fhircore.outcome import InvalidFHIR, Issue, operation_outcome
from fhircore.types import TYPES
from fhircore.validate import validator
from fhirserver.bodies import minified, parsed, plain, repeats_a_name
from fhirserver.engine import Engine
from fhirserver.intake import ID, refuse_patients
from fhirserver.interactions.read import read
from fhirserver.messages import Answer, Request, json_only
from fhirserver.problems import Forbidden, Gone, Invalid, NotFound
from fhirserver.profiling import IN_FORCE
from kit.problems import Problem

_MODES = {"create": "c", "update": "u", "delete": "d", "profile": "c"}
_PARAMETERS = ("resource", "mode", "profile")
_ALL_OK = Issue("informational", "All OK", severity="information")


@dataclass(slots=True)
class _Asked:
    """What is to be validated (None: nothing was sent), as what, against which profiles beside those it claims."""

    resource: Any = None
    mode: str = ""
    profiles: tuple[str, ...] = ()
    issues: list[Issue] = field(default_factory=list)  # what is wrong with the body itself


async def validate(engine: Engine, request: Request, type_name: str, id: str | None) -> Answer:
    """200 with an OperationOutcome, whatever it says of the resource.

    Raises Invalid for a call that is none of the operation's, NotFound for an unknown type, Forbidden.
    """
    if type_name not in TYPES:
        raise NotFound(f"'{type_name[:60]}' is not a resource type of FHIR R4", at="resourceType")
    if id is not None and not ID.fullmatch(id):
        raise Invalid("An id is 1 to 64 of the characters A-Z a-z 0-9 - .", at="id")
    asked = _asked(request, type_name)
    _allow(request, type_name, asked)
    issues = asked.issues or await _found(engine, request, type_name, id, asked)
    if not any(issue.severity in ("error", "fatal", "warning") for issue in issues):
        issues = [*issues, _ALL_OK]
    return Answer(200, plain(operation_outcome(issues)))


def _allow(request: Request, type_name: str, asked: _Asked) -> None:
    """As the write that it tries; looking at what is stored is a read."""
    action = _MODES.get(asked.mode, "c") if request.method == "POST" else "r"
    if action != "r":
        refuse_patients(request.caller)
    if not allows(request.caller.scopes, type_name, action):
        raise Forbidden(f"The token's scopes do not allow this for {type_name}", at="scope")


def _asked(request: Request, type_name: str) -> _Asked:
    """From the query string, and from a resource or Parameters in the body."""
    asked = _Asked()
    for name, value in request.parameters:
        _take(asked, name, value)
    if not request.body.strip():
        return asked
    json_only(request)
    try:
        raw = minified(request.body)
        data = parsed(raw)
    except InvalidFHIR as error:
        asked.issues = list(error.issues)
        return asked
    if repeats_a_name(raw, data):
        asked.issues = [Issue("structure", "An object has the same property twice", type_name)]
    elif _is_call(data, type_name):
        _read_call(asked, data)
    else:
        asked.resource = data
    return asked


def _is_call(data: Any, type_name: str) -> bool:
    """Whether the body is the operation's Parameters, and not Parameters that are to be validated themselves."""
    if not isinstance(data, dict) or data.get("resourceType") != "Parameters":
        return False
    parts = data.get("parameter")
    names = {part.get("name") for part in parts if isinstance(part, dict)} if isinstance(parts, list) else set()
    return type_name != "Parameters" or "resource" in names


def _read_call(asked: _Asked, data: dict[str, Any]) -> None:
    parts = data.get("parameter", [])
    for part in parts if isinstance(parts, list) else [parts]:
        if not isinstance(part, dict) or part.get("name") not in _PARAMETERS:
            raise Invalid(f"The parameters of $validate are {', '.join(_PARAMETERS)}", at="Parameters.parameter")
        if part["name"] == "resource":
            if asked.resource is not None or "resource" not in part:
                raise Invalid("One resource is validated at a time", at="Parameters.parameter")
            asked.resource = part["resource"]
            continue
        values = [value for key, value in part.items() if key.startswith("value") and isinstance(value, str)]
        _take(asked, part["name"], values[0] if values else "")


def _take(asked: _Asked, name: str, value: str) -> None:
    if name == "mode":
        if value not in _MODES:
            raise Invalid(f"mode is one of {', '.join(_MODES)}", at="mode")
        asked.mode = value
    elif name == "profile":
        if not value or len(asked.profiles) == 20:
            raise Invalid("profile is the canonical URL of a profile; at most 20 are taken", at="profile")
        asked.profiles = (*asked.profiles, value)
    elif name not in ("_format", "_pretty"):
        raise Invalid(f"$validate has no parameter '{name[:60]}'", at=name[:60])


async def _found(engine: Engine, request: Request, type_name: str, id: str | None, asked: _Asked) -> list[Issue]:
    """What is wrong with the resource, then what would keep this door from the write that `mode` names."""
    if asked.resource is None:
        if id is None:
            raise Invalid("There is nothing to validate: send a resource, or ask at the address of one", at="body")
        try:
            stored = await read(engine, request, type_name, id)
        except (NotFound, Gone) as problem:
            return list(problem.issues)
        asked.resource = parsed(stored.body)
        return [] if asked.mode == "delete" else _wrong(type_name, asked)
    issues = _wrong(type_name, asked)
    if isinstance(asked.resource, dict) and asked.resource.get("resourceType") == type_name:
        issues += await _written(engine, type_name, id, asked)
    return issues


def _wrong(type_name: str, asked: _Asked) -> list[Issue]:
    """R4's own rules first; profiles too when those hold, since a profile is about a resource that is one."""
    issues = validator(type_name)(asked.resource)
    if any(issue.severity in ("error", "fatal") for issue in issues):
        if asked.profiles or IN_FORCE.policy.wants(type_name):
            told = "The profiles were not checked, since this is not valid FHIR R4 yet."
            issues = [*issues, Issue("informational", told, type_name, "information")]
        return issues
    return [*issues, *IN_FORCE.all_issues(type_name, asked.resource, asked.profiles)]


async def _written(engine: Engine, type_name: str, id: str | None, asked: _Asked) -> list[Issue]:
    """What this door would say to the write itself."""
    mount, own = engine.mount, asked.resource.get("id")
    issues = []
    if asked.mode in ("create", "update", "delete") and not mount.writable(type_name):
        issues.append(Issue("not-supported", f"{type_name} is not written here. {mount.elsewhere}".strip(), type_name))
    if asked.mode == "update" and own is None:
        issues.append(Issue("required", "An update needs the id in the resource.", f"{type_name}.id"))
    if id is not None and asked.mode != "create" and own is not None and own != id:
        issues.append(Issue("value", "The id in the resource must be the id in the address.", f"{type_name}.id"))
    if asked.mode == "create" and type_name == "Patient":
        try:
            await mount.new_patient_id(asked.resource)
        except Problem as problem:
            issues += problem.issues
    return issues
