"""The list of issues that a walk fills, and how sentences are made safe: names of elements are shown, values never."""

from typing import Any

from fhircore.outcome import Issue
from fhircore.validation.invariants import wording

MAX_ISSUES = 200


class Enough(Exception):
    """The limit of issues is reached."""


class Report:
    """At most MAX_ISSUES issues; raises Enough when full."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def tell(self, code: str, detail: str, at: str) -> None:
        """One issue: FHIR issue type, what is wrong and what to do, FHIRPath location."""
        self.issues.append(Issue(code, detail, at))
        if len(self.issues) >= MAX_ISSUES:
            raise Enough

    def broken(self, key: str, path: str, at: str) -> None:
        """An invariant of this path that does not hold, in the specification's words."""
        self.tell("invariant", f"{key}: {wording(path, key).rstrip('.')}.", at)

    def not_listed(self, codes: list[str], at: str) -> None:
        """A code that is not in the value set of a required binding."""
        choices = f": use one of {', '.join(codes)}" if len(codes) <= 30 else f", which has {len(codes)} codes"
        self.tell("code-invalid", f"This code is not in the required value set{choices}.", at)


def shown(name: Any) -> str:
    """An element name of the input, made safe for a sentence."""
    text = str(name)
    return text[:64] if text.isprintable() else ascii(text)[1:65]
