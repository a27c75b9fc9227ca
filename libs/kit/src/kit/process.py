"""Runs one service: HTTP and its loops in one process, started in order, stopped gently."""

import asyncio
import contextlib
import gc
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import structlog
import uvicorn
import uvloop

from kit import region, tls
from kit.corked import CorkedHttp
from kit.db import Database
from kit.migrate import migrate
from kit.room import noticed
from kit.settings import Settings, WrongSettings, read
from kit.telemetry import LOOP_CRASHES, LOOPS_DOWN, Scope, TraceContext, configure_logging, describe

Hook = Callable[[], Awaitable[None]]
ROLES = ("all", "serve", "worker", "migrate")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0  # seconds before a crashed loop is started again
_SETTLED = 5.0  # a loop that has run this long since its last crash is well again
_STOP_WITHIN = 10  # seconds for open requests to end

S = TypeVar("S", bound=Settings)

log = structlog.get_logger(__name__)


@dataclass
class Service:
    """What a composition root hands over. `loops` run until cancelled; `migrations` is the import package."""

    name: str
    app: Any
    db: Database
    loops: Sequence[Hook] = ()  # of a worker
    loops_everywhere: Sequence[Hook] = ()  # what each process needs for itself, also one that only serves
    on_start: Sequence[Hook] = ()  # after the database is open, before loops and HTTP
    on_stopping: Sequence[Hook] = ()  # when told to stop, before open requests are waited for (streams do not end)
    on_stop: Sequence[Hook] = ()  # after loops and HTTP have ended, before the database closes
    migrations: str = ""


def main(build: Callable[[S], Service], settings: type[S]) -> None:
    """`python -m vis [all|serve|worker|migrate]`: everything, only HTTP, only loops, or only the migrations."""
    role = sys.argv[1] if len(sys.argv) > 1 else "all"
    if role not in ROLES:
        sys.exit(f"Unknown role {role!r}; one of: {', '.join(ROLES)}")
    try:
        chosen = read(settings)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_main(build, chosen, role))
    except region.WrongMode as refusal:
        sys.exit(refusal.detail)
    except WrongSettings as wrong:
        sys.exit(str(wrong))


async def _main(build: Callable[[S], Service], settings: S, role: str) -> None:
    service = build(settings)
    configure_logging(service.name)
    if role in ("all", "migrate") and service.migrations:
        await migrate(settings.database_url, service.migrations, mode=settings.mode)
    if role != "migrate":
        settings.must_have_keys()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(service, settings, stop, role=role)


async def run(service: Service, settings: Settings, stop: asyncio.Event, *, role: str = "all") -> None:
    """Runs until `stop` is set. Raises WrongMode (D19), and what opening the database raises."""
    await service.db.start()
    loops: list[asyncio.Task[None]] = []
    try:
        if service.migrations:
            async with service.db.transaction() as tx:
                await region.check_mode(tx, settings.mode)
        for hook in service.on_start:
            await hook()
        down = Down()
        wanted = [*service.loops_everywhere, *(service.loops if role != "serve" else ())]
        loops = [asyncio.create_task(supervise(_name(loop), loop, down)) for loop in wanted]
        gc.collect()
        gc.freeze()  # what start-up made lives for ever; the collector need not look at it again
        gc.set_threshold(100_000, 50, 100)
        await _serve(Front(service.app, down, health_only=role == "worker"), settings, stop, service.on_stopping)
    finally:
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        for hook in service.on_stop:
            await hook()
        await service.db.stop()


class Down:
    """Which loops are down: crashed, and not yet running again for a while."""

    def __init__(self) -> None:
        self._crashed: dict[str, float] = {}

    def crashed(self, name: str) -> None:
        self._crashed[name] = float("inf")

    def restarted(self, name: str) -> None:
        if name in self._crashed:
            self._crashed[name] = time.monotonic() + _SETTLED

    def names(self) -> list[str]:
        now = time.monotonic()
        return sorted(name for name, until in self._crashed.items() if until > now)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())


async def supervise(name: str, loop: Hook, down: Down, *, first_pause: float = _FIRST_PAUSE) -> None:
    """Runs a loop for ever: a crash is logged and the loop started again, later each time."""
    pause = first_pause
    while True:
        began = time.monotonic()
        down.restarted(name)
        try:
            await loop()
            log.warning("loop ended", loop=name)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_ending():
                raise  # a library may let the cancellation of its own tasks through; that must not end a loop silently
            noticed(error)
            log.error("loop crashed", loop=name, error=describe(error))
        LOOP_CRASHES.labels(name).inc()
        down.crashed(name)
        if time.monotonic() - began > 60:
            pause = first_pause
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _is_ending() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Front:
    """ASGI, outermost: begins the trace, says which loops are down (kit.web tells it), and hides the rest in a worker.

    /health/serving is what a gateway asks each copy: whether to send requests here. A store that is away is away for
    every copy, so it does not count.
    """

    def __init__(self, app: Any, down: Down, *, health_only: bool) -> None:
        self._app = TraceContext(app)
        self._down = down
        self._health_only = health_only
        self.draining = False  # told to stop: answers as ever, but no longer asks for work

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if self.draining:
            send = _last(send)
        if path == "/health/serving":
            await _answer(send, *((503, {"status": "fail"}) if self.draining else (200, {"status": "pass"})))
        elif path == "/health/ready" and self.draining:
            await _answer(send, 503, {"status": "fail", "checks": {"stopping": "fail"}})
        elif self._health_only and scope["type"] == "http" and not path.startswith(("/health/", "/metrics")):
            await _answer(send, 404, {"title": "This process only works; ask the one that serves", "status": 404})
        else:
            scope[LOOPS_DOWN] = self._down  # in place: nobody stands before this one, and a copy costs each request
            await self._app(scope, receive, send)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: stopping is ours, in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(app: Front, settings: Settings, stop: asyncio.Event, on_stopping: Sequence[Hook]) -> None:
    certificate = None
    if settings.certificate is not None and settings.key is not None:
        certificate = tls.Certificate(settings.certificate, settings.key)
    server = _Server(_http(app, settings, certificate))
    renewing = asyncio.create_task(certificate.watch()) if certificate is not None else None
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        app.draining = True
        await asyncio.wait((serving,), timeout=settings.drain_seconds)
    for hook in on_stopping:
        await hook()
    server.should_exit = True
    stopping.cancel()
    await serving
    if renewing is not None:
        renewing.cancel()


def _http(app: Front, settings: Settings, certificate: tls.Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=CorkedHttp,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # it prints queries
        server_header=False,
        proxy_headers=False,  # FVM_PUBLIC_URL is the only source of addresses
        timeout_keep_alive=75,  # longer than the gateway keeps its idle connections
        timeout_graceful_shutdown=_STOP_WITHIN,
        ssl_context_factory=(lambda *_: certificate.context) if certificate is not None else None,
    )


def _last(send: Any) -> Any:
    """Tells the other end that this connection takes no more requests."""

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return sending


async def _answer(send: Any, status: int, body: Any) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(body)})


def _name(loop: Hook) -> str:
    owner = getattr(loop, "__self__", None)
    return getattr(owner, "name", None) or (type(owner).__name__ if owner is not None else loop.__name__)
