"""Requests and answers of the engine: plain values between the ASGI edge and the interactions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import parse_qsl

from access import Sight
from fhircore.outcome import InvalidFHIR, Issue, operation_outcome
from fhirserver.bodies import plain
from fhirserver.problems import Invalid, NotSupported, WrongMedia
from kit.caller import Caller
from kit.problems import Problem

JSON = b"application/fhir+json;charset=utf-8"
Headers = Mapping[bytes, bytes]  # lower-case names
_FORM = frozenset(("_format", "_pretty"))  # how an answer is written: seen to at the edge (negotiating.py)


@dataclass(slots=True)
class Request:
    """One interaction as asked for. `parameters` are decoded pairs in order, without _format and _pretty."""

    method: str
    path: tuple[str, ...]  # below the base: ("Observation", "1")
    query: str
    headers: Headers
    body: bytes
    caller: Caller
    sight: Sight

    @property
    def parameters(self) -> list[tuple[str, str]]:
        try:
            if "%00" in self.query or "\0" in self.query:  # no text that is stored holds it, and PostgreSQL refuses it
                raise ValueError
            query = self.query.strip("&")  # many clients leave one behind
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
        except (ValueError, UnicodeDecodeError):
            raise Invalid("The query string is not name=value pairs in UTF-8", at="query") from None
        return [pair for pair in pairs if pair[0] not in _FORM]

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def lenient(self) -> bool:
        return "handling=lenient" in (self.header(b"prefer") or "")

    @property
    def wanted(self) -> str:
        """Prefer: return=… (minimal, representation, OperationOutcome)."""
        for part in (self.header(b"prefer") or "").replace(",", ";").split(";"):
            name, _, value = part.strip().partition("=")
            if name == "return":
                return value
        return "representation"

    @property
    def wanted_in_bundle(self) -> str:
        """The same for the entries of a bundle, which are told shortly when nothing is said."""
        return self.wanted if "return=" in (self.header(b"prefer") or "") else "minimal"

    def if_match(self) -> int | None:
        """The version of If-Match: W/"3"; raises when it is not one."""
        value = self.header(b"if-match")
        return None if value is None else version_of(value)

    def must_be_new(self) -> bool:
        """If-None-Match: * of an update; raises for every other value of it."""
        value = self.header(b"if-none-match")
        if value is not None and value.strip() != "*":
            raise NotSupported("If-None-Match of an update is *: the resource must not be there", at="if-none-match")
        return value is not None

    def refuse(self, *names: bytes) -> None:
        """Refuses headers that this interaction would otherwise leave out without a word."""
        for name in names:
            if self.header(name) is not None:
                raise NotSupported(f"{name.decode()} is not supported by this interaction", at=name.decode())


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    content_type: bytes = JSON


def version_of(etag: str) -> int:
    text = etag.strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid(f'A version looks like W/"3", not {etag[:40]!r}', at="If-Match")
    return int(text)


def stamps(ver: int, upd: datetime) -> list[tuple[bytes, bytes]]:
    """ETag and Last-Modified of one version."""
    return [
        (b"etag", b'W/"%d"' % ver),
        (b"last-modified", _http_date(upd.replace(microsecond=0))),
    ]


@lru_cache(maxsize=4096)
def _http_date(at: datetime) -> bytes:
    """RFC 9110 §5.6.7; remembered, since what was written together was written in the same second."""
    return format_datetime(at.astimezone(UTC), usegmt=True).encode()


def outcome(problem: Problem) -> Answer:
    """The refusal as an OperationOutcome with its status."""
    headers = [(header.name.lower().encode(), header.value.encode()) for header in problem.headers]
    return Answer(problem.kind.status, plain(operation_outcome(problem.issues)), headers)


def all_ok(detail: str) -> bytes:
    return plain(operation_outcome([Issue("informational", detail, severity="information")]))


def refused(error: InvalidFHIR) -> Answer:
    return outcome(Invalid.of(error))


def no_parameters(request: Request) -> None:
    """Refuses by name what a read would otherwise leave out without a word (_summary, _elements …)."""
    for name, _ in request.parameters:
        raise NotSupported(f"The parameter '{name[:60]}' is not supported here", at=name[:60])


def json_only(request: Request) -> None:
    """Raises unless the body is a resource or a form; XML has become JSON before (negotiating.py)."""
    kind = (request.header(b"content-type") or "application/fhir+json").split(";")[0].strip().lower()
    form = kind == "application/x-www-form-urlencoded" and request.path[-1:] == ("_search",)
    if request.body and kind not in ("application/fhir+json", "application/json") and not form:
        raise WrongMedia(
            f"The body must be application/fhir+json or application/fhir+xml, not {kind[:60]}", at="Content-Type"
        )
