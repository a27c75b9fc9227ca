"""OperationOutcome: what is wrong, where, and what to do about it (http://hl7.org/fhir/R4/operationoutcome.html)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

REASONS = "urn:fvm:problems"  # the names of docs/reference/problems.md


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong: FHIR issue type, what to do about it, and where (a FHIRPath location or a parameter)."""

    code: str
    detail: str
    at: str | None = None
    severity: str = "error"
    reason: str | None = None  # the name of our own for it, a code of `REASONS`


class InvalidFHIR(Exception):
    """Input that is not what FHIR R4 says; carries every issue found, at least one."""

    def __init__(self, issues: Iterable[Issue] | str, at: str | None = None, code: str = "invalid") -> None:
        self.issues = (Issue(code, issues, at),) if isinstance(issues, str) else tuple(issues)
        super().__init__(self.issues[0].detail)


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """The OperationOutcome of these issues, as plain JSON data."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]}


def _issue(issue: Issue) -> dict[str, Any]:
    found: dict[str, Any] = {"severity": issue.severity, "code": issue.code, "diagnostics": issue.detail}
    if issue.reason is not None:
        found["details"] = {"coding": [{"system": REASONS, "code": issue.reason}], "text": issue.detail}
    if issue.at is not None:
        found["expression"] = [issue.at]
    return found
