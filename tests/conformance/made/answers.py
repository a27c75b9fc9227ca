"""What is an answer: below 500, and where it refuses, an OperationOutcome with codes of R4 (or GraphQL's errors with one inside)."""

from collections.abc import Sequence
from typing import Any

import httpx2

from fhircore.xml import from_xml

# http://hl7.org/fhir/R4/valueset-issue-type.html
_WORDS = """invalid structure required value invariant security login unknown expired forbidden suppressed processing
not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly business-rule conflict
transient lock-error no-store exception timeout incomplete throttled informational"""
CODES = frozenset(_WORDS.split())


def fault(answer: httpx2.Response) -> str:
    """Empty for an answer; else what is wrong with it."""
    if answer.status_code >= 500:
        return f"{answer.status_code}: {answer.text[:300]}"
    if answer.status_code < 400 or answer.request.method == "HEAD":
        return ""
    issues = _issues(answer)
    if not issues:
        return f"{answer.status_code} without an OperationOutcome: {answer.text[:300]}"
    strange = [issue for issue in issues if issue.get("code") not in CODES or not issue.get("diagnostics")]
    return f"not a coded issue: {strange[0]}" if strange else ""


def _issues(answer: httpx2.Response) -> Sequence[dict[str, Any]]:
    told = from_xml(answer.content) if b"<?xml" in answer.content[:10] else answer.json()
    if "errors" in told:
        told = told["errors"][0]["extensions"]["resource"]
    return told["issue"] if told.get("resourceType") == "OperationOutcome" else []
