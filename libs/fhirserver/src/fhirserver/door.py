"""The ASGI edge: the hot FHIR interactions answered in front of FastAPI, with the same identity, decision and log."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import FastAPI

from fhircore.outcome import InvalidFHIR
from fhirserver.allowing import allow
from fhirserver.arriving import arrived, repeated
from fhirserver.brought import brought
from fhirserver.bundling import incoming
from fhirserver.engine import Engine
from fhirserver.interactions.batch import batch
from fhirserver.interactions.capabilities import capabilities, statement
from fhirserver.interactions.create import create
from fhirserver.interactions.delete import conditional_delete, delete
from fhirserver.interactions.patch import patch
from fhirserver.interactions.transaction import transaction
from fhirserver.interactions.update import conditional_update, update
from fhirserver.messages import Answer, Request, json_only, no_parameters, outcome
from fhirserver.negotiating import PLAIN, form_of, read_body, written
from fhirserver.openapi import joined
from fhirserver.operations.bringing import bring
from fhirserver.operations.delivering import Stream, send_stream
from fhirserver.operations.dispatching import is_operation, operate
from fhirserver.problems import Invalid, NotAllowed, TooLarge
from fhirserver.routing import an_id, ask, known
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
        query = scope["query_string"].decode("latin-1")
        try:
            form = form_of(headers, query)
            route, answer = await self._answer(scope["method"], path[len(self._prefix) :], query, headers, receive)
            if form is not PLAIN:
                answer = await written(answer, form)
        except Exception as error:
            problem = as_problem(error)
            if problem.kind.status >= 500:
                log.error("fhir request failed", method=scope["method"], exc_info=error)
            answer = await written(outcome(problem), form)
        observe(scope["method"], f"{self._path}/{route}", answer.status, began)
        await _send(send, answer, head=scope["method"] == "HEAD")

    async def _answer(
        self, method: str, below: str, query: str, headers: dict[bytes, bytes], receive: Any
    ) -> tuple[str, Answer]:
        method = "GET" if method == "HEAD" else method
        below = below.strip("/")
        parts = tuple(below.split("/")) if below else ()
        if parts == ("metadata",):
            return "metadata", capabilities(self._engine, headers)
        caller = await self._verifier.caller(bearer((headers.get(b"authorization") or b"").decode("latin-1")))
        request = Request(method, parts, query, headers, b"", caller, await self._engine.sight(caller))

        position = await arrived(self._engine.mount.awaits, request)

        async def body() -> bytes:
            return await read_body(request, await _body(receive, headers, self._engine.mount.body_limit))

        own = brought(self._engine.mount.operations, parts) if method == "POST" else None
        if own is not None:
            request.body = await body()
            return await bring(self._engine, request, own)
        if is_operation(parts):
            route, answer = await operate(self._engine, request, receive, body)
            return route, repeated(answer, position)
        request.body = await body() if method in ("POST", "PUT", "PATCH") else b""
        try:
            route, answer = await self._dispatch(request)
        except InvalidFHIR as error:
            raise Invalid.of(error) from None
        if b"_format=" in request.body and parts[-1:] == ("_search",):  # a search by POST may say it in its form
            answer = await written(answer, form_of(headers, request.body.decode("latin-1")))
        return route, repeated(answer, position)

    async def _dispatch(self, request: Request) -> tuple[str, Answer]:
        engine, method = self._engine, request.method
        if method in ("POST", "PUT"):
            json_only(request)
        searched = method == "POST" and request.path[-1:] == ("_search",)
        if method == "GET" or searched or request.path == ("_history",):
            return await ask(engine, request)
        if not request.path:
            return await self._at_base(request)
        type_name = known(request)
        match (method, *request.path[1:]):
            case ("POST",):
                no_parameters(request)
                allow(engine, request, type_name, "c")
                return "{type}", await create(engine, request, type_name)
            case ("PUT", id):
                allow(engine, request, type_name, "u")
                return "{type}/{id}", await update(engine, request, type_name, an_id(id))
            case ("PATCH", id):
                allow(engine, request, type_name, "u")
                return "{type}/{id}", await patch(engine, request, type_name, an_id(id))
            case ("DELETE", id):
                allow(engine, request, type_name, "d")
                return "{type}/{id}", await delete(engine, request, type_name, an_id(id))
        if len(request.path) == 1 and request.parameters:
            return "{type}?", await self._conditional(request, type_name)
        raise NotAllowed(f"{request.method} is not an interaction of this address", at="method")

    async def _conditional(self, request: Request, type_name: str) -> Answer:
        """What is to be written is what a search points out."""
        engine = self._engine
        match request.method:
            case "PUT":
                allow(engine, request, type_name, "u")
                return await conditional_update(engine, request, type_name)
            case "PATCH":
                allow(engine, request, type_name, "u")
                return await patch(engine, request, type_name)
            case "DELETE":
                allow(engine, request, type_name, "d")
                return await conditional_delete(engine, request, type_name)
        raise NotAllowed(f"{request.method} is not an interaction of this address", at="method")

    async def _at_base(self, request: Request) -> tuple[str, Answer]:
        if request.method != "POST":
            raise NotAllowed("At the base address a Bundle is posted, or everything is searched by GET")
        bundle = incoming(request.body)
        if bundle.type == "batch":
            return "batch", await batch(self._engine, request, bundle)
        return "transaction", await transaction(self._engine, request, bundle)


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
