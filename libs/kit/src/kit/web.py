"""The edge of every service: refusals, health, metrics, OpenAPI, and the two words handlers ask for (Tx, SignedIn)."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
import structlog
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from kit.auth import Verifier, bearer
from kit.caller import Caller
from kit.db import Database
from kit.problems import Problem
from kit.refusals import as_problem, problem_response, render
from kit.telemetry import LOOPS_DOWN, Scope, TraceContext, describe, observe

Check = Callable[[], Awaitable[None]]

_SILENT: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
_CHECK_SECONDS = 2.0

log = structlog.get_logger(__name__)
_scheme = HTTPBearer(auto_error=False, description="ES256 access token of the application platform")


async def _transaction(request: Request) -> AsyncIterator[AsyncConnection]:
    database: Database = request.app.state.db
    async with database.transaction() as tx:
        yield tx


async def _caller(request: Request, _shown: Annotated[Any, Depends(_scheme)]) -> Caller:
    verifier: Verifier = request.app.state.verifier
    return await verifier.caller(bearer(request.headers.get("authorization")))


# scope="function": the commit comes BEFORE the answer. FastAPI's default commits after it has left.
Tx = Annotated[AsyncConnection, Depends(_transaction, scope="function")]
SignedIn = Annotated[Caller, Depends(_caller)]


def new_app(
    title: str,
    *,
    db: Database,
    verifier: Verifier | None,
    routers: Sequence[APIRouter] = (),
    checks: Mapping[str, Check] | None = None,
    fhir_base: str = "",
    body_limit: int = 50 * 1024 * 1024,
) -> FastAPI:
    """A FastAPI with what every service must have. `fhir_base`: below it refusals are OperationOutcomes.

    The database is checked for readiness under the name "database"; `checks` adds more: each returns, or raises.
    """
    app = FastAPI(
        title=title,
        telemetry=_SILENT,  # FastAPI's own would export paths and queries
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(TraceContext), Middleware(Edge, limit=body_limit)],
        generate_unique_id_function=_operation_id,
    )
    app.state.db = db
    app.state.verifier = verifier
    app.state.fhir_base = fhir_base
    app.state.checks = {"database": db.check, **(checks or {})}
    for kind in (Problem, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, problem_response)
    app.include_router(_own)
    for router in routers:
        app.include_router(router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


class Edge:
    """ASGI middleware: measures by route template, limits bodies, and answers what nobody caught, telling nothing."""

    def __init__(self, app: Any, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def sending(message: Scope) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, _limited(scope, receive, self.limit), sending)
        except Exception as error:
            problem = as_problem(error)
            log.error("request failed", route=_route(scope), method=scope["method"], error=describe(error))
            if status:
                raise
            await render(problem, scope["path"], fhir=_is_fhir(scope))(scope, receive, sending)
        finally:
            observe(scope["method"], _route(scope), status, began)


def _limited(scope: Scope, receive: Any, limit: int) -> Any:
    """Receives until the limit; says 413 at the first byte when the length is told beforehand."""
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    got = int(told) if told.isdigit() and int(told) > limit else 0

    async def receiving() -> Scope:
        nonlocal got
        message: Scope = await receive()
        got += len(message.get("body", b""))
        if got > limit:
            raise HTTPException(413)
        return message

    return receiving


_own = APIRouter(include_in_schema=False)


@_own.get("/health/live")
async def live() -> Response:
    """The process answers."""
    return _json({"status": "pass"})


@_own.get("/health/ready")
async def ready(request: Request) -> Response:
    """Each named check and each loop that is down; 503 unless all pass."""
    found = await checked(request)
    good = all(found.values())
    return _json({"status": "pass" if good else "fail", "checks": _words(found)}, 200 if good else 503)


@_own.get("/metrics")
async def metrics() -> Response:
    """Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def checked(request: Request, seconds: float = _CHECK_SECONDS) -> dict[str, bool]:
    """The app's checks by name, run side by side, and `loop NAME` for each loop of this process that is down. What does not
    answer in so many seconds has failed."""
    checks: Mapping[str, Check] = request.app.state.checks
    outcomes = await asyncio.gather(*(passes(name, check, seconds) for name, check in checks.items()))
    down = {f"loop {name}": False for name in request.scope.get(LOOPS_DOWN, ())}
    return {**dict(zip(checks, outcomes, strict=True)), **down}


async def passes(name: str, check: Check, seconds: float = _CHECK_SECONDS) -> bool:
    """Whether a check passes within its time; why not stands in the log."""
    try:
        async with asyncio.timeout(seconds):
            await check()
    except Exception as error:  # noqa: BLE001 - a check that fails in any way has failed
        log.warning("not ready", check=name, error=describe(error))
        return False
    return True


def _words(found: Mapping[str, bool]) -> dict[str, str]:
    return {name: "pass" if good else "fail" for name, good in found.items()}


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _route(scope: Scope) -> str:
    """The route's template; every address that matched none is one and the same."""
    return getattr(scope.get("route"), "path", "unmatched")


def _is_fhir(scope: Scope) -> bool:
    app = scope.get("app")
    base = app.state.fhir_base if app is not None else ""
    return bool(base) and (scope["path"] == base or scope["path"].startswith(base + "/"))


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The contract, with our 400 where FastAPI would promise its 422."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        for path in schema.get("paths", {}).values():
            for operation in path.values():
                if operation["responses"].pop("422", None) is not None:
                    operation["responses"]["400"] = _BAD_REQUEST
        schemas = schema.get("components", {}).get("schemas", {})
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        app.openapi_schema = schema
    return app.openapi_schema


_BAD_REQUEST = {
    "description": "The input could not be understood",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": {"type": "string"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "instance": {"type": "string"},
                    "at": {"type": "string"},
                    "trace": {"type": "string"},
                },
            }
        }
    },
}
