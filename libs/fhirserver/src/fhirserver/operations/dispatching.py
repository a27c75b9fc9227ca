"""Which address is which operation, and what each asks of its request."""

from collections.abc import Awaitable, Callable

from fhircore.outcome import InvalidFHIR
from fhirserver.engine import Engine
from fhirserver.intake import ID
from fhirserver.messages import Answer, Request, json_only
from fhirserver.operations.exporting import export
from fhirserver.operations.following import fetch, follow
from fhirserver.operations.graphql import graphql
from fhirserver.operations.intaking import Receive, intake, resumed
from fhirserver.operations.lastn import lastn
from fhirserver.operations.meta import meta
from fhirserver.operations.purging import purge_asked
from fhirserver.operations.reindexing import reindex
from fhirserver.operations.subscriptions import subscriptions
from fhirserver.operations.validating import validate
from fhirserver.problems import Invalid, NotAllowed, NotFound

_OURS = (
    "$export", "$import", "$reindex", "$job", "$graphql", "$validate",
    "$meta", "$meta-add", "$meta-delete", "$lastn", "$purge", "$status", "$events",
)  # fmt: skip


def is_operation(path: tuple[str, ...]) -> bool:
    """Whether `operate` answers this address."""
    return bool(path) and (path[-1] in _OURS or path[0] == "$job")


async def operate(
    engine: Engine, request: Request, receive: Receive, body: Callable[[], Awaitable[bytes]]
) -> tuple[str, Answer]:
    """The route's name for metrics, and the answer. The body is read here only, since an import streams it."""
    try:
        return await _operate(engine, request, receive, body)
    except InvalidFHIR as error:
        raise Invalid.of(error) from None


async def _operate(
    engine: Engine, request: Request, receive: Receive, body: Callable[[], Awaitable[bytes]]
) -> tuple[str, Answer]:
    match (request.method, *request.path):
        case (_, "$job", id):
            return "$job/{id}", await follow(engine, request, id)
        case (_, "$job", id, number):
            return "$job/{id}/{file}", await fetch(engine, request, id, number)
        case ("POST", "$import"):
            return "$import", await intake(engine, request, receive)
        case ("GET", "$import"):
            return "$import", await resumed(engine, request)
        case ("POST", "$reindex"):
            return "$reindex", await reindex(engine, request)
        case ("GET" | "POST", *_, "$export"):
            request.body = await body() if request.method == "POST" else b""
            json_only(request)
            return await _export(engine, request)
        case ("GET" | "POST", type_name, *id, "$validate") if len(id) < 2:
            request.body = await body() if request.method == "POST" else b""
            answer = await validate(engine, request, type_name, id[0] if id else None)
            return "{type}/{id}/$validate" if id else "{type}/$validate", answer
    return await _at_once(engine, request, body)


async def _at_once(engine: Engine, request: Request, body: Callable[[], Awaitable[bytes]]) -> tuple[str, Answer]:
    """The operations that are answered at once and post little."""
    request.body = await body() if request.method == "POST" else b""
    match (request.method, *request.path):
        case ("GET" | "POST", *_, "$graphql"):
            return await graphql(engine, request)
        case (_, *_, "$meta" | "$meta-add" | "$meta-delete"):
            json_only(request)
            return await meta(engine, request)
        case ("GET" | "POST", "Observation", "$lastn"):
            return "Observation/$lastn", await lastn(engine, request)
        case (_, "Subscription", *_, "$status" | "$events"):
            json_only(request)
            return await subscriptions(engine, request)
        case (_, *_, "$purge"):
            return await purge_asked(engine, request)
    raise NotAllowed(f"{request.method} is not an interaction of this address", at="method")


async def _export(engine: Engine, request: Request) -> tuple[str, Answer]:
    match request.path:
        case ("$export",):
            return "$export", await export(engine, request, "system")
        case ("Patient", "$export"):
            return "Patient/$export", await export(engine, request, "patient")
        case ("Group", id, "$export") if ID.fullmatch(id):
            return "Group/{id}/$export", await export(engine, request, "group", id)
    raise NotFound("$export is asked at the base, of Patient, or of one Group", at="address")
