"""A patch as it was sent, JSON Patch or FHIRPath Patch, and a stored body after it (http://hl7.org/fhir/R4/http.html#patch)."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from fhircore.json_patch import json_patch
from fhircore.outcome import InvalidFHIR, Issue
from fhircore.patch import fhirpath_patch
from fhirserver.bodies import exact, minified, parsed, written_exactly
from fhirserver.intake import Draft, checked
from fhirserver.problems import Conflict, Invalid, NotProcessable, WrongMedia

JSON_PATCH = "application/json-patch+json"
_FHIR = ("application/fhir+json", "application/json")


@dataclass(frozen=True, slots=True)
class Patch:
    """The operations, with every digit of their decimals; `of_json` says which of the two languages they are in."""

    of_json: bool
    content: Any

    def on(self, body: bytes, type_name: str, id: str, at: str) -> Draft:
        """The resource after the patch, checked as if it had been sent whole.

        Raises Conflict where a `test` does not hold, NotProcessable where the patch cannot be done or what comes out breaks a
        rule, Invalid where it is no patch.
        """
        try:
            patched = (json_patch if self.of_json else fhirpath_patch)(exact(body), self.content)
            if not isinstance(patched, dict) or (patched.get("resourceType"), patched.get("id")) != (type_name, id):
                raise NotProcessable("A patch cannot change the resourceType or the id", at=at)
            raw = written_exactly(patched)
            return checked(raw, parsed(raw), type_name, at if at.startswith("Bundle") else "")
        except InvalidFHIR as error:
            raise _problem(error, at) from None


def patch_of(body: bytes, media: str, at: str) -> Patch:
    """The patch in these bytes. Raises WrongMedia, Invalid."""
    kind = media.split(";")[0].strip().lower()
    if kind != JSON_PATCH and kind not in _FHIR:
        raise WrongMedia(
            f"A patch is {JSON_PATCH}, or Parameters (FHIRPath Patch) as application/fhir+json or +xml, not {kind[:60]}",
            at="Content-Type",
        )
    if not body.strip():
        raise Invalid("The body is empty; a patch was expected", at=at)
    try:
        content = exact(minified(body))
    except InvalidFHIR as error:
        raise _problem(error, at) from None
    if kind != JSON_PATCH and not (isinstance(content, dict) and content.get("resourceType") == "Parameters"):
        raise Invalid("A FHIRPath Patch is a Parameters resource", at=at)
    return Patch(kind == JSON_PATCH, content)


def patch_in(resource: bytes, at: str) -> Patch:
    """The patch of a bundle's entry: a Binary that holds a JSON Patch, or Parameters. Raises Invalid, WrongMedia."""
    data = parsed(resource) if resource else None
    if not isinstance(data, dict) or data.get("resourceType") not in ("Binary", "Parameters"):
        raise Invalid(
            "A PATCH needs a resource: a Binary with a JSON Patch, or Parameters with a FHIRPath Patch", at=at
        )
    if data["resourceType"] == "Parameters":
        return patch_of(resource, _FHIR[0], at)
    try:
        body = base64.b64decode(data.get("data", ""), validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise Invalid("The data of a Binary is base64", at=f"{at}.data") from None
    if str(data.get("contentType", "")).split(";")[0].strip().lower() != JSON_PATCH:
        raise WrongMedia(f"The Binary of a PATCH is {JSON_PATCH}", at=f"{at}.contentType")
    return patch_of(body, JSON_PATCH, f"{at}.data")


def _problem(error: InvalidFHIR, at: str) -> Invalid | NotProcessable | Conflict:
    """A `test` that fails collides with what is there; what cannot be done cannot be processed; the rest is no patch."""
    issues = tuple(Issue(i.code, i.detail, _place(at, i.at), i.severity) for i in error.issues)
    kind: type[Invalid | NotProcessable | Conflict] = {"conflict": Conflict, "processing": NotProcessable}.get(
        issues[0].code, Invalid
    )  # type: ignore[assignment]
    return kind(issues[0].detail, issues=issues)


def _place(at: str, inside: str | None) -> str:
    if inside is None:
        return at
    return f"{at}{inside}" if inside.startswith("[") else f"{at}.{inside}"
