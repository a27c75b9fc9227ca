"""The forms of a literal reference and the types it may point to (http://hl7.org/fhir/R4/references.html#literal)."""

import re
from collections.abc import Callable
from typing import Any

from fhircore.validation.definitions import resource_types
from fhircore.validation.local import note

_ID = r"[A-Za-z0-9\-.]{1,64}"
_INSTANCE = re.compile(rf"{_ID}(?:/_history/{_ID})?").fullmatch
_RESTFUL = re.compile(rf"https?://(?:[A-Za-z0-9\-.:%$_~]*/)+([A-Z][A-Za-z]+)/{_ID}(?:/_history/{_ID})?").fullmatch
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match

LOCAL = "#"
WRONG_FORM = "!"


def pointed_type(reference: str) -> str | None:
    """The resource type that the reference names, LOCAL for `#id`, WRONG_FORM, or None when the form tells no type."""
    if not reference.isprintable() or " " in reference or not reference:
        return WRONG_FORM
    if reference[0] == "#":
        return LOCAL
    if _SCHEME(reference):
        found = _RESTFUL(reference)
        return found[1] if found and found[1] in resource_types() else None
    head, mark, rest = reference.partition("?")
    if mark:
        return head if head in resource_types() and rest else WRONG_FORM
    head, _, rest = reference.partition("/")
    return head if head in resource_types() and _INSTANCE(rest) else WRONG_FORM


def reference_check(targets: tuple[str, ...]) -> Callable[[Any], Any]:
    """A fast test of `Reference.reference` for these target types (none: any); `#id` is noted for later."""
    allowed = frozenset(targets) or resource_types()
    elsewhere = allowed | {None}
    types = "|".join(targets) if targets else "[A-Z][A-Za-z]+"
    common = re.compile(rf"(?:{types})/{_ID}|urn:uuid:[0-9a-f-]{{36}}").fullmatch

    def known(value: Any) -> Any:
        if value[:1] == "#":
            return note(value, allowed)
        return pointed_type(value) in elsewhere

    if targets:
        return lambda value: common(value) or known(value)
    return lambda value: (common(value) and (value[:4] == "urn:" or value.partition("/")[0] in allowed)) or known(value)


def type_check(targets: tuple[str, ...]) -> Callable[[Any], Any]:
    """A fast test of `Reference.type`: a resource type that may be pointed to, or the URL of a logical model."""
    allowed = frozenset(targets) or resource_types()

    def check(value: Any) -> Any:
        return value in allowed or (
            value not in resource_types() and value.isprintable() and " " not in value and ":" in value
        )

    return check


def type_agrees(reference: dict[str, Any]) -> bool:
    """True when `Reference.type` plainly is the type in `Reference.reference`, or one of them is missing."""
    if "type" not in reference or "reference" not in reference:
        return True
    return bool(reference["reference"].startswith(reference["type"] + "/"))
