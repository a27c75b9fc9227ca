"""Logs, metrics and trace context without patient data: event names, ids, kinds and route templates only."""

import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Iterable, MutableMapping
from contextvars import ContextVar
from random import getrandbits
from typing import Any

import structlog
from prometheus_client import Counter, Histogram

Scope = MutableMapping[str, Any]

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)

REQUESTS = Histogram(
    "http_request_seconds",
    "Time to answer, by route template",
    ("method", "route", "status"),
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
RELAYED = Counter("outbox_relayed", "Messages that Kafka has acknowledged", ("topic",))
RECEIVED = Counter("inbox_received", "Messages taken from Kafka, by outcome", ("reader", "topic", "outcome"))
LOOPS_DOWN = "fvm.loops_down"  # of a request's scope: which loops of this process are down
LOOP_CRASHES = Counter("loop_crashes", "Background loops that crashed and were restarted", ("loop",))


def configure_logging(service: str, *, level: int = logging.INFO) -> None:
    """JSON lines on stdout from structlog and from the standard library's loggers, with service and trace id."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_trace,
        _without_messages,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    handler.addFilter(_Calm("aiokafka"))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service, pid=os.getpid())


class _Calm(logging.Filter):
    """Lets a library say the same thing once in a while: aiokafka writes fifty lines a second while its broker is away."""

    def __init__(self, library: str, every: float = 5.0) -> None:
        super().__init__()
        self._library = library
        self._every = every  # seconds
        self._said: dict[tuple[str, str], tuple[float, int]] = {}  # when last, and how often it was kept back since

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(self._library):
            return True
        what = record.name, str(record.msg)
        last, kept_back = self._said.get(what, (float("-inf"), 0))
        now = time.monotonic()
        if now - last < self._every:
            self._said[what] = last, kept_back + 1
            return False
        if len(self._said) > 500:  # words that differ each time are no repetition; they must not be kept for ever
            self._said.clear()
        self._said[what] = now, 0
        if kept_back:
            record.msg = f"{record.msg} (and {kept_back} times more since it was last written)"
        return True


_observers: dict[tuple[str, str, int], Histogram] = {}


def describe(error: BaseException) -> str:
    """An error as type names and code places. Never its message: a database's may quote a patient's values."""
    found: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(found) < 5:
        frames = traceback.extract_tb(seen.__traceback__)[-8:]
        places = " < ".join(f"{os.path.basename(f.filename)}:{f.lineno}:{f.name}" for f in reversed(frames))
        code = getattr(seen, "code", None) or getattr(seen, "sqlstate", None)
        found.append(f"{type(seen).__module__}.{type(seen).__qualname__}{f'({code})' if code else ''} at {places}")
        if isinstance(seen, BaseExceptionGroup):
            seen = seen.exceptions[0]
        else:
            seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " | ".join(found)


def current_traceparent() -> str | None:
    """The W3C traceparent of what is going on now, for events and outbound calls."""
    return _traceparent.get()


def current_trace_id() -> str | None:
    """The 32 hex digits a person can quote to us."""
    found = _traceparent.get()
    return found[3:35] if found else None


def enter_trace(incoming: str | None) -> str:
    """Goes on with the incoming trace under a new span, or begins a new trace; returns the new traceparent."""
    span = f"{getrandbits(64) | 1:016x}"
    if incoming is not None and _TRACEPARENT.fullmatch(incoming):
        found = f"{incoming[:36]}{span}{incoming[52:]}"
    else:
        found = f"00-{getrandbits(128) | 1:032x}-{span}-01"
    _traceparent.set(found)
    return found


def observe(method: str, route: str, status: int, began: float) -> None:
    """Counts one answered request; `route` is the template, `began` a time.perf_counter()."""
    known = _observers.get((method, route, status))
    if known is None:  # few: a route is a template
        known = _observers[method, route, status] = REQUESTS.labels(method, route, str(status))
    known.observe(time.perf_counter() - began)


class TraceContext:
    """ASGI middleware: takes the request's traceparent, or makes one; a second one in the same chain does nothing."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and "fvm.trace" not in scope:
            scope["fvm.trace"] = enter_trace(_incoming(scope["headers"]))
        await self.app(scope, receive, send)


def _incoming(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name == b"traceparent":
            return value.decode("latin-1")
    return None


def _with_trace(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace = current_trace_id()
    if trace is not None:
        event["trace"] = trace
    return event


def _without_messages(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces exc_info by describe(); takes it off the record too, or the formatter would print the message."""
    info = event.pop("exc_info", None)
    record = event.get("_record")
    if info is None and record is not None:
        info = record.exc_info
    if record is not None:
        record.exc_info = record.exc_text = None
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = describe(error)
    return event
