"""What prescribing is asked with: drafts, and how their checks were answered, in one Parameters resource."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fhircore.outcome import InvalidFHIR
from fhirserver.bodies import minified, parsed
from fhirserver.intake import ID
from fhirserver.messages import Request
from fhirserver.problems import Invalid
from vis.care.medicines import OVERRIDDEN

Resource = dict[str, Any]
MOST = 30  # drafts of one signature
REASONS: Mapping[str, str] = {
    "benefit": "Nyttan överväger risken",
    "tolerated": "Har tålts tidigare",
    "replaces": "Ersätter det andra läkemedlet",
    "intended": "Avsiktlig kombination",
    "checked": "Kontrollerad på annat sätt",
    "other": "Annat skäl",
}
_ANSWER = {
    "draft": "valueString",
    "check": "valueCode",
    "about": "valueString",
    "reason": "valueCode",
    "comment": "valueString",
}


@dataclass(frozen=True, slots=True)
class Said:
    """How one check of one draft was answered; `about` is "" for what could not be checked."""

    draft: str
    check: str
    about: str
    reason: str
    comment: str = ""

    def extension(self) -> Resource:
        """As it is kept with the prescription."""
        parts: list[Resource] = [{"url": "check", "valueCode": self.check}]
        if self.about:
            parts.append({"url": "about", "valueString": self.about})
        parts.append({"url": "reason", "valueCode": self.reason})
        if self.comment:
            parts.append({"url": "comment", "valueString": self.comment})
        return {"url": OVERRIDDEN, "extension": parts}


@dataclass(slots=True)
class Basket:
    """What is to be checked or signed together; `values` are the operation's plain parameters."""

    drafts: list[Resource] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    def of(self, draft: Resource) -> list[Said]:
        return [one for one in self.said if one.draft == draft["id"]]


def basket(request: Request, plain: Mapping[str, str] | None = None) -> Basket:
    """Reads the body; `plain` says which plain parameters there are beside `draft` and `answer`, each once. Raises Invalid by
    the place of what is wrong."""
    found = Basket()
    for place, one in enumerate(_parameters(request)):
        at = f"Parameters.parameter[{place}]"
        name = str(one.get("name")) if isinstance(one, dict) else ""
        if name == "draft" and plain is None:
            found.drafts.append(_draft(one, at))
        elif name == "answer":
            found.said.append(_said(one, at))
        elif plain and name in plain and name not in found.values and isinstance(one.get(plain[name]), str):
            found.values[name] = one[plain[name]].strip()
        else:
            raise Invalid(f"'{name[:60]}' is no parameter of this operation, given twice, or of another type", at=at)
    ids = [one["id"] for one in found.drafts]
    if len(set(ids)) != len(ids):
        raise Invalid("Two drafts have the same id", at="Parameters.parameter")
    if len(ids) > MOST:
        raise Invalid(f"There are {len(ids)} drafts; at most {MOST} are signed together", at="Parameters.parameter")
    return found


def _parameters(request: Request) -> list[Any]:
    try:
        data = parsed(minified(request.body))
    except InvalidFHIR as error:
        raise Invalid.of(error) from None
    if not isinstance(data, dict) or data.get("resourceType") != "Parameters":
        raise Invalid("The body of an operation is a Parameters resource", at="resourceType")
    listed = data.get("parameter", [])
    return listed if isinstance(listed, list) else []


def _draft(one: Resource, at: str) -> Resource:
    draft = one.get("resource")
    if not isinstance(draft, dict) or draft.get("resourceType") != "MedicationRequest":
        raise Invalid("'draft' is given as a MedicationRequest in `resource`", at=at)
    id_of(draft.get("id"), at)
    return draft


def id_of(id: object, at: str) -> str:
    """The id that the client gives, so that the same signature sent twice is one. Raises Invalid."""
    if not isinstance(id, str) or not ID.fullmatch(id):
        raise Invalid("The client gives each draft its id", at=at)
    return id


def _said(one: Resource, at: str) -> Said:
    values: dict[str, str] = {}
    parts = one.get("part")
    if not isinstance(parts, list):
        raise Invalid("'answer' is given in parts", at=at)
    for part in parts:
        name = str(part.get("name")) if isinstance(part, dict) else ""
        value = part.get(_ANSWER.get(name, "")) if name in _ANSWER else None
        if not isinstance(value, str) or name in values:
            raise Invalid(f"'{name[:60]}' is no part of an answer, given twice, or of another type", at=at)
        values[name] = value.strip()
    if values.get("reason") not in REASONS:
        raise Invalid(f"'reason' is one of {', '.join(REASONS)}", at=at)
    if values["reason"] == "other" and not values.get("comment"):
        raise Invalid("Skriv vilket skälet är", at=at)
    if len(values.get("comment", "")) > 1_000:
        raise Invalid("'comment' har högst 1000 tecken", at=at)
    return Said(
        values.get("draft", ""),
        values.get("check", ""),
        values.get("about", ""),
        values["reason"],
        values.get("comment", ""),
    )
