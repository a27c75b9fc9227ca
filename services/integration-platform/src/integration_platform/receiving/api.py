"""The events door: FHIR resources as CloudEvents, kept first, answered with a receipt."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from integration_platform.hl7v2.ack import ERROR, Verdict
from integration_platform.receiving import cloudevents
from integration_platform.receiving.actions import Receiver
from integration_platform.receiving.model import Incoming, Kept
from integration_platform.receiving.numbers import Look, NotATestNumber, in_event, taken
from integration_platform.rights import must_send, must_write
from integration_platform.senders.model import Sender, UnregisteredSender
from integration_platform.senders.store import Register
from integration_platform.translate import fhir
from integration_platform.translate.model import Origin
from kit.caller import Caller
from kit.problems import Problem
from kit.refusals import as_json
from kit.telemetry import current_traceparent
from kit.web import SignedIn

router = APIRouter(prefix="/exchange", tags=["events"])

_LARGE = 256 * 1024  # bytes; a larger event is read beside the event loop
_CONTENT = {
    cloudevents.STRUCTURED: {"schema": {"type": "object"}},
    cloudevents.BATCH: {"schema": {"type": "array", "items": {"type": "object"}}},
    "application/fhir+json": {"schema": {"type": "object"}},
}


@router.post(
    "/events",
    status_code=202,
    response_class=Response,
    responses={202: {"description": "Kept; Location is the receipt", "content": {"application/json": {}}}},
    openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
)
async def take_events(request: Request, caller: SignedIn) -> Response:
    """Takes FHIR resources as CloudEvents 1.0: structured, a batch, or binary. Data is one resource or a Bundle.

    Kept before the answer; what became of it is at the receipt. Of a batch, each event has its own outcome.
    """
    must_send(caller)
    door = _Door(request, caller)
    body = await request.body()
    kind = cloudevents.media_type(request.headers.get("content-type", ""))
    if kind == cloudevents.BATCH:
        return await door.batch(body)
    if kind == cloudevents.STRUCTURED:
        return await door.single(body)
    if "ce-specversion" not in request.headers or not kind.endswith("json"):
        raise cloudevents.UnsupportedMediaType
    return await door.binary(request, body)


@dataclass(slots=True)
class Event:
    """One event at the door: what is kept of it, what it says of itself, and what there is to say about it."""

    raw: bytes
    given: cloudevents.Given = field(default_factory=cloudevents.Given)
    look: Look = field(default_factory=Look)
    refused: Problem | None = None


class _Door:
    """One request of one sender."""

    def __init__(self, request: Request, caller: Caller) -> None:
        state = request.app.state
        self._receiver: Receiver = state.receiver
        register: Register = state.register
        self._base: str = state.settings.base
        self._demo: bool = state.settings.demo
        self._path = request.url.path
        self._caller = caller
        self._sender = register.now.at_events(caller.client)

    async def single(self, raw: bytes) -> Response:
        event = await self._looked_at(raw)
        kept = await self._receiver.keep(self._incoming(event))
        if event.refused is not None:
            raise event.refused
        told = {"receipt": kept.id, "repeated": kept.again, **_warned(event)}
        return _json(told, 202, {"Location": self._receipt(kept)})

    async def binary(self, request: Request, body: bytes) -> Response:
        try:
            raw = cloudevents.binary(request.headers, body)
        except cloudevents.UnreadableEvent as problem:
            await self._receiver.keep(self._incoming(Event(body, refused=problem)))
            raise
        return await self.single(raw)

    async def batch(self, body: bytes) -> Response:
        try:
            raws = cloudevents.split(body)
        except cloudevents.UnreadableEvent as problem:
            await self._receiver.keep(self._incoming(Event(body, refused=problem)))
            raise
        events = [await self._looked_at(raw) for raw in raws]
        incoming = [self._incoming(event) for event in events]
        kept = await asyncio.gather(*map(self._receiver.keep, incoming))  # stored in the order of the batch
        results = [self._result(one, event) for one, event in zip(kept, events, strict=True)]
        return _json({"results": results}, 202)

    async def _looked_at(self, raw: bytes) -> Event:
        event = Event(raw)
        try:
            event.given = cloudevents.read(raw)
            look = _looker(event, demo=self._demo)
            await (asyncio.to_thread(look) if len(raw) > _LARGE else _at_once(look))
            if self._sender is None:
                raise UnregisteredSender(f"The client {self._caller.client} is not registered as a sender")
            check = self._check(event.given, self._sender)
            await (asyncio.to_thread(check) if len(raw) > _LARGE else _at_once(check))
        except Problem as problem:
            event.refused = problem
        return event

    def _check(self, given: cloudevents.Given, sender: Sender) -> Any:
        """What the translator will do, tried now: a sender is told at once what is wrong."""

        def check() -> None:
            origin = Origin(sender, "", "", given.id, 0, datetime.now(UTC))
            found = fhir.translate(cloudevents.payload(given), origin)
            must_write(self._caller, fhir.types_of(found))

        return check

    def _incoming(self, event: Event) -> Incoming:
        return Incoming(
            "events",
            self._sender.id if self._sender is not None else None,
            event.given.source,
            event.given.type,
            event.given.id,
            event.raw,
            verdict=Verdict(ERROR) if event.refused is not None else taken(event.look),
            refused=event.refused,
            came_from=None if self._sender is not None else self._caller.client,
            traceparent=current_traceparent(),
        )

    def _result(self, kept: Kept, event: Event) -> dict[str, Any]:
        if event.refused is not None:
            problem = as_json(event.refused, self._path)
            return {"status": event.refused.kind.status, "receipt": kept.id, "problem": problem}
        told = {"status": 202, "receipt": kept.id, "repeated": kept.again, "location": self._receipt(kept)}
        return told | _warned(event)

    def _receipt(self, kept: Kept) -> str:
        return f"{self._base}/receipts/{kept.id}"


def _looker(event: Event, *, demo: bool) -> Callable[[], None]:
    """Looks for numbers. Raises NotATestNumber, and then only the event's envelope is kept."""

    def look() -> None:
        event.look = in_event(event.given)
        if demo and event.look.real:
            event.raw = cloudevents.envelope(event.given)
            raise NotATestNumber(event.look.real)

    return look


def _warned(event: Event) -> dict[str, str]:
    return {"warning": event.look.warning} if event.look.warning else {}


async def _at_once(check: Any) -> None:
    check()


def _json(body: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, "application/json")
