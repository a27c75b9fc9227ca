"""What an operation is asked with: a Parameters resource, read strictly (http://hl7.org/fhir/R4/parameters.html)."""

from collections.abc import Mapping
from typing import Any

from fhircore.identifiers import HSA
from fhircore.outcome import InvalidFHIR, Issue
from fhirserver.bodies import minified, parsed
from fhirserver.messages import Request
from fhirserver.problems import Invalid
from kit.caller import Caller
from kit.problems import Kind, Problem

Resource = dict[str, Any]


class _Coded:
    """A Problem that carries its own name as the coded reason, so that a page can tell what to do."""

    def __init__(self: Any, detail: str, *, at: str | None = None) -> None:
        issue = Issue(self.kind.issue, detail, at, reason=self.code)
        Problem.__init__(self, detail, at=at, issues=(issue,))


class NotNow(_Coded, Problem):
    """What stands is in a state that does not allow this act; the text says which and what to do."""

    kind = Kind.CONFLICT
    code = "care/not-now"
    title = "This cannot be done in the state that things are in"


class NotYours(_Coded, Problem):
    """The act is somebody else's to do, by law or by the rules of care."""

    kind = Kind.FORBIDDEN
    code = "care/not-yours"
    title = "This is not yours to do"


def parameters(request: Request, known: Mapping[str, str]) -> dict[str, Any]:
    """Values by name; `known` says which name is in which value[x]. An empty body is no parameters. Raises Invalid by name."""
    if not request.body.strip():
        return {}
    try:
        data = parsed(minified(request.body))
    except InvalidFHIR as error:
        raise Invalid.of(error) from None
    if not isinstance(data, dict) or data.get("resourceType") != "Parameters":
        raise Invalid("The body of an operation is a Parameters resource", at="resourceType")
    found: dict[str, Any] = {}
    for place, one in enumerate(data.get("parameter", ())):
        at = f"Parameters.parameter[{place}]"
        name = str(one.get("name")) if isinstance(one, dict) else ""
        if name not in known:
            raise Invalid(f"'{name[:60]}' is no parameter of this operation ({', '.join(known) or 'none'})", at=at)
        if name in found:
            raise Invalid(f"'{name}' is given twice", at=at)
        if known[name] not in one:
            raise Invalid(f"'{name}' is given as {known[name]}", at=at)
        found[name] = one[known[name]]
    return found


def text(found: Mapping[str, Any], name: str, *, most: int, needed: bool = False) -> str:
    """A parameter that is text, without blanks around it. Raises Invalid when it is missing and needed, or too long."""
    value = found.get(name, "")
    if not isinstance(value, str):
        raise Invalid(f"'{name}' is text", at=name)
    value = value.strip()
    if needed and not value:
        raise Invalid(f"'{name}' måste anges", at=name)
    if len(value) > most:
        raise Invalid(f"'{name}' har {len(value)} tecken; högst {most} tas emot", at=name)
    return value


def person(caller: Caller) -> Resource:
    """The caller as a reference: a logical one by HSA-id, with the name that people read."""
    return {
        "type": "Practitioner",
        "identifier": {"system": HSA, "value": caller.subject},
        "display": caller.name or caller.subject,
    }


def staff(caller: Caller) -> None:
    """Raises NotYours unless a member of staff asks, with a commission of care: acts of care have a person behind them, and who
    only follows care up does none (PDL 2:4)."""
    if caller.kind != "staff" or caller.commission is None or caller.commission.purpose != "care":
        raise NotYours("Bara vårdpersonal med ett medarbetaruppdrag gör detta")


def patients(caller: Caller) -> str:
    """The patient whose record a patient's own token opens: theirs, or of whom they act for; the law says what they see of it.

    Raises NotYours unless a patient asks.
    """
    if caller.kind != "patient" or not caller.patient:
        raise NotYours("Bara patienten, eller den som företräder patienten, gör detta")
    return caller.patient
