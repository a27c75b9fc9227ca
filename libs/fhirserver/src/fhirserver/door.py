"""The ASGI edge: the hot FHIR interactions answered in front of FastAPI, with the same identity, decision and log."""

import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import structlog
from fastapi import FastAPI

from fhircore.outcome import InvalidFHIR
from fhircore.types import TYPES
from fhirserver.allowing import allow
from fhirserver.engine import Engine
from fhirserver.intake import ID
from fhirserver.interactions.batch import batch
from fhirserver.interactions.capabilities import capabilities, statement
from fhirserver.interactions.compartment import search_compartment
from fhirserver.interactions.create import create
from fhirserver.interactions.delete import delete
from fhirserver.interactions.everything import everything
from fhirserver.interactions.history import history
from fhirserver.interactions.read import read
from fhirserver.interactions.search import search, search_everywhere
from fhirserver.interactions.transaction import incoming, transaction
from fhirserver.interactions.update import update
from fhirserver.interactions.vread import vread
from fhirserver.messages import Answer, Request, json_only, no_parameters, outcome
from fhirserver.negotiating import PLAIN, form_of, read_body, written
from fhirserver.openapi import joined
from fhirserver.operations.delivering import Stream, send_stream
from fhirserver.operations.dispatching import is_operation, operate
from fhirserver.operations.exporting import asks_async, search_later
from fhirserver.problems import Invalid, NotAllowed, NotFound, TooLarge
from kit.auth import Verifier, bearer
from kit.refusals import as_problem
from kit.telemetry import observe

App = Callable[[Any, Any, Any], Awaitable[None]]
log = structlog.get_logger(__name__)


class FhirDoor:
    """Answers everything below `path` (e.g. /vis/fhir); the rest goes to `app`."""

    def __init__(self, app: App, engine: Engine, verifier: Verifier, path: str) -> None:
        self._app = app
        self._engine = engine
        self._verifier = verifier
        self._path = path
        if isinstance(app, FastAPI):
            self._own = app.openapi()
            app.openapi = self.openapi  # type: ignore[method-assign]
        self._prefix = path + "/"

    @property
    def door(self) -> str:
        return self._engine.mount.door

    def statement(self) -> dict[str, Any]:
        """The CapabilityStatement of this door."""
        return statement(self._engine)

    def openapi(self) -> dict[str, Any]:
        """The service's OpenAPI document, this door included."""
        return joined(self._own, self._path, self.statement())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path.startswith(self._prefix) or path == self._path):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        route, answer, form, headers = "unmatched", None, PLAIN, dict(scope["headers"])
        try:
            form = form_of(headers, scope["query_string"].decode("latin-1"))
            route, answer = await self._answer(scope, headers, receive, path[len(self._prefix) :])
            if form is not PLAIN:
                answer = await written(answer, form)
        except Exception as error:
            problem = as_problem(error)
            if problem.kind.status >= 500:
                log.error("fhir request failed", method=scope["method"], exc_info=error)
            answer = await written(outcome(problem), form)
        observe(scope["method"], f"{self._path}/{route}", answer.status, began)
        await _send(send, answer, head=scope["method"] == "HEAD")

    async def _answer(self, scope: Any, headers: dict[bytes, bytes], receive: Any, below: str) -> tuple[str, Answer]:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        parts = tuple(below.strip("/").split("/")) if below.strip("/") else ()
        if parts == ("metadata",):
            return "metadata", capabilities(self._engine, headers)
        caller = await self._verifier.caller(bearer((headers.get(b"authorization") or b"").decode("latin-1")))
        query = scope["query_string"].decode("latin-1")
        request = Request(method, parts, query, headers, b"", caller, self._engine.sight(caller))

        async def body() -> bytes:
            return await read_body(request, await _body(receive, headers, self._engine.mount.body_limit))

        if is_operation(parts):
            return await operate(self._engine, request, receive, body)
        request.body = await body() if method in ("POST", "PUT", "PATCH") else b""
        try:
            route, answer = await self._dispatch(request)
        except InvalidFHIR as error:
            raise Invalid.of(error) from None
        if b"_format=" in request.body and parts[-1:] == ("_search",):  # a search by POST may say it in its form
            answer = await written(answer, form_of(headers, request.body.decode("latin-1")))
        return route, answer

    async def _dispatch(self, request: Request) -> tuple[str, Answer]:
        engine, parts, method = self._engine, request.path, request.method
        if method in ("POST", "PUT"):
            json_only(request)
        if not parts or parts == ("_search",):
            return await self._at_base(request)
        type_name = parts[0]
        if request.query and not _takes_parameters(parts):
            no_parameters(request)
        if type_name not in TYPES:
            raise NotFound(f"'{unquote(type_name)[:60]}' is not a resource type of FHIR R4", at="resourceType")
        match (method, *parts[1:]):
            case ("GET", id) if not id.startswith(("_", "$")):
                allow(engine, request, type_name, "r")
                return "{type}/{id}", await read(engine, request, type_name, _id(id))
            case ("GET",) | ("POST", "_search"):
                allow(engine, request, type_name, "s")
                if asks_async(request):
                    return "{type}?", await search_later(engine, request, type_name)
                return "{type}?", await search(engine, request, type_name)
            case ("POST",):
                allow(engine, request, type_name, "c")
                return "{type}", await create(engine, request, type_name)
        return await self._at_one(request, type_name)

    async def _at_one(self, request: Request, type_name: str) -> tuple[str, Answer]:
        """What is asked of one resource by its id; reads, which are hot, are answered before."""
        engine = self._engine
        match (request.method, *request.path[1:]):
            case ("PUT", id):
                allow(engine, request, type_name, "u")
                return "{type}/{id}", await update(engine, request, type_name, _id(id))
            case ("DELETE", id):
                allow(engine, request, type_name, "d")
                return "{type}/{id}", await delete(engine, request, type_name, _id(id))
            case ("GET", id, "_history"):
                allow(engine, request, type_name, "r")
                return "{type}/{id}/_history", await history(engine, request, type_name, _id(id))
            case ("GET", id, "_history", version):
                allow(engine, request, type_name, "r")
                return "{type}/{id}/_history/{version}", await vread(engine, request, type_name, _id(id), version)
            case ("GET", id, "$everything") if type_name == "Patient":
                allow(engine, request, "Patient", "r")
                return "Patient/{id}/$everything", await everything(engine, request, _id(id))
            case ("GET", id, kind) | ("POST", id, kind, "_search") if _in_patient(request.path):
                if kind != "*":
                    allow(engine, request, kind, "s")
                return "Patient/{id}/{type}?", await search_compartment(engine, request, _id(id), kind)
        raise NotAllowed(f"{request.method} is not an interaction of this address", at="method")

    async def _at_base(self, request: Request) -> tuple[str, Answer]:
        if request.method == "GET" or request.path:
            if request.method not in ("GET", "POST"):
                raise NotAllowed("At the base address everything is searched by GET, or by POST _search")
            return "?", await search_everywhere(self._engine, request)
        if request.method != "POST":
            raise NotAllowed("At the base address a Bundle is posted, or everything is searched by GET")
        bundle = incoming(request.body)
        if bundle.type == "batch":
            return "batch", await batch(self._engine, request, bundle)
        return "transaction", await transaction(self._engine, request, bundle)


def _takes_parameters(path: tuple[str, ...]) -> bool:
    return len(path) == 1 or path[-1] in ("_search", "_history", "$everything") or _in_patient(path)


def _in_patient(path: tuple[str, ...]) -> bool:
    """Whether this is a search in a patient's compartment: Patient/x/Observation, Patient/x/*."""
    return path[0] == "Patient" and len(path) > 2 and not path[2].startswith(("_", "$"))


def _id(text: str) -> str:
    if not ID.fullmatch(text):
        raise Invalid("An id is 1 to 64 of the characters A-Z a-z 0-9 - .", at="id")
    return text


async def _body(receive: Any, headers: dict[bytes, bytes], limit: int) -> bytes:
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge(f"The body has {int(announced)} bytes; at most {limit} are taken", at="body")
    message = await receive()
    if not message.get("more_body"):
        return _within(message.get("body", b""), limit)
    chunks, size = [message.get("body", b"")], len(message.get("body", b""))
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("The request ended before its body did", at="body")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise TooLarge(f"The body has more than the {limit} bytes that are taken", at="body")
    return b"".join(chunks)


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise TooLarge(f"The body has {len(body)} bytes; at most {limit} are taken", at="body")
    return body


async def _send(send: Any, answer: Answer, *, head: bool) -> None:
    if isinstance(answer, Stream):
        await send_stream(send, answer, head=head)
        return
    headers = [(b"content-length", b"%d" % len(answer.body)), *answer.headers]
    if answer.body:
        headers.append((b"content-type", answer.content_type))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})
