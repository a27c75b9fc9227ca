"""A refusal as bytes: RFC 9457 for everyone, OperationOutcome for FHIR (https://www.rfc-editor.org/rfc/rfc9457)."""

from typing import Any

import asyncpg
import msgspec
import sqlalchemy.exc
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from fhircore.outcome import InvalidFHIR, operation_outcome
from kit import malformed
from kit.problems import Fault, Header, Kind, Malformed, Problem, Unavailable
from kit.room import NoRoom, noticed
from kit.telemetry import current_trace_id

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # what a connection says that died under way
    ConnectionError,
)
# The zero character, which PostgreSQL has in no text; half a character pair, which UTF-8 has not.
_NO_TEXT = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)


class NoSuchRoute(Problem):
    """Nothing answers at this address."""

    kind = Kind.NOT_FOUND
    code = "kit/no-such-route"
    title = "There is nothing at this address"


class MethodNotAllowed(Problem):
    """The address exists, but not for this method."""

    kind = Kind.NOT_ALLOWED
    code = "kit/method-not-allowed"
    title = "This address does not take that method"


class TooLarge(Problem):
    """The body is larger than this door takes (D17)."""

    kind = Kind.TOO_LARGE
    code = "kit/too-large"
    title = "The request is larger than we take"


def as_problem(error: BaseException) -> Problem:
    """Any exception as a refusal; one nobody foresaw becomes a Fault that tells the caller nothing."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return _malformed(error)
    if isinstance(error, InvalidFHIR):
        first = error.issues[0]
        return Malformed(first.detail, at=first.at, issues=tuple(error.issues))
    if isinstance(error, HTTPException):
        return _of_status(error)
    if noticed(error):
        return NoRoom()
    if isinstance(_of_the_database(error), _NO_TEXT):
        return Malformed("The input holds a character that cannot be stored")
    return Unavailable("The database is not reachable just now") if _is_away(error) else Fault()


def _of_the_database(error: BaseException) -> BaseException | None:
    """The database's own error, where SQLAlchemy has wrapped one."""
    return getattr(error.orig, "__cause__", None) if isinstance(error, sqlalchemy.exc.DBAPIError) else error


def _is_away(error: BaseException) -> bool:
    """Whether the database is what is missing: as asyncpg says it, or as SQLAlchemy wraps that."""
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return True  # no connection free
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return error.connection_invalidated or isinstance(_of_the_database(error), _AWAY)
    return isinstance(error, _AWAY) or (isinstance(error, asyncpg.InterfaceError) and "closed" in str(error))


def render(problem: Problem, instance: str, *, fhir: bool = False) -> Response:
    """The answer. `instance` is the path without query; FHIR paths get an OperationOutcome instead."""
    headers = {header.name: header.value for header in problem.headers}
    if problem.kind in (Kind.UNAVAILABLE, Kind.TOO_MANY):
        headers.setdefault("Retry-After", "1")
    if fhir:
        body = msgspec.json.encode(operation_outcome(problem.issues))
        return Response(body, problem.kind.status, headers, "application/fhir+json")
    return Response(
        msgspec.json.encode(as_json(problem, instance)), problem.kind.status, headers, "application/problem+json"
    )


def as_json(problem: Problem, instance: str) -> dict[str, Any]:
    """The members of RFC 9457; `issues` and `trace` are ours."""
    body: dict[str, Any] = {
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": instance,
    }
    if problem.at is not None:
        body["at"] = problem.at
    if len(problem.issues) > 1:
        body["issues"] = [{"detail": issue.detail, "at": issue.at} for issue in problem.issues]
    trace = current_trace_id()
    if trace is not None:
        body["trace"] = trace
    return body


async def problem_response(request: Request, error: Exception) -> Response:
    """Exception handler of every app: whatever was raised, as the refusal it is."""
    base = getattr(request.app.state, "fhir_base", "")
    path = request.url.path
    return render(as_problem(error), path, fhir=bool(base) and (path == base or path.startswith(base + "/")))


def _malformed(error: RequestValidationError) -> Malformed:
    issues = malformed.issues(error.errors())
    return Malformed(issues[0].detail, at=issues[0].at, issues=issues) if issues else Malformed()


def _of_status(error: HTTPException) -> Problem:
    headers = tuple(Header(name, value) for name, value in (error.headers or {}).items())
    known = {404: NoSuchRoute, 405: MethodNotAllowed, 413: TooLarge}
    if error.status_code in known:
        return known[error.status_code](headers=headers)
    return Malformed(str(error.detail), headers=headers) if error.status_code < 500 else Fault(headers=headers)
