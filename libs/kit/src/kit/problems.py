"""A refusal is a value with a name: a few kinds, each (HTTP status, FHIR issue code), rendered once."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from fhircore.outcome import Issue


class Kind(Enum):
    """Every refusal is one of these: (HTTP status, FHIR issue type)."""

    INVALID = (400, "invalid")
    UNAUTHENTICATED = (401, "login")
    FORBIDDEN = (403, "forbidden")
    NOT_FOUND = (404, "not-found")
    NOT_ALLOWED = (405, "not-supported")
    NOT_ACCEPTABLE = (406, "not-supported")
    CONFLICT = (409, "conflict")
    GONE = (410, "deleted")
    STALE = (412, "conflict")
    TOO_LARGE = (413, "too-long")
    UNSUPPORTED_MEDIA = (415, "not-supported")
    RULE_BROKEN = (422, "business-rule")
    TOO_MANY = (429, "throttled")
    FAULT = (500, "exception")
    UNAVAILABLE = (503, "transient")

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def issue(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Header:
    """A response header that belongs to the refusal (Allow, Retry-After, WWW-Authenticate, ETag)."""

    name: str
    value: str


class Problem(Exception):
    """A refusal the caller can understand. Subclass it next to the rule it guards.

    In a message handler a Problem parks the message with its reason; any other exception means: try again.
    """

    kind: ClassVar[Kind] = Kind.FAULT
    code: ClassVar[str] = "kit/fault"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        detail: str = "",
        *,
        at: str | None = None,
        issues: tuple[Issue, ...] = (),
        headers: tuple[Header, ...] = (),
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.at = at
        self.issues = issues or (Issue(self.kind.issue, self.detail, at),)
        self.headers = headers


class Fault(Problem):
    """An unexpected error; it tells the caller nothing but the trace id."""


class Malformed(Problem):
    """The input is not what the contract says."""

    kind = Kind.INVALID
    code = "kit/malformed"
    title = "The input could not be understood"


class Unavailable(Problem):
    """Something this answer needs is away; the same request may work in a moment."""

    kind = Kind.UNAVAILABLE
    code = "kit/unavailable"
    title = "A part of the system is not reachable just now"
