"""The events door: FHIR resources as CloudEvents, kept first, answered with a receipt."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from integration_platform.hl7v2.ack import ACCEPT, ERROR, Verdict
from integration_platform.receiving import cloudevents
from integration_platform.receiving.actions import Receiver
from integration_platform.receiving.model import Incoming, Kept
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


class _Door:
    """One request of one sender."""

    def __init__(self, request: Request, caller: Caller) -> None:
        state = request.app.state
        self._receiver: Receiver = state.receiver
        register: Register = state.register
        self._base: str = state.settings.base
        self._path = request.url.path
        self._caller = caller
        self._sender = register.now.at_events(caller.client)

    async def single(self, raw: bytes) -> Response:
        given, refused = await self._checked(raw)
        kept = await self._receiver.keep(self._incoming(raw, given, refused))
        if refused is not None:
            raise refused
        return _json({"receipt": kept.id, "repeated": kept.again}, 202, {"Location": self._receipt(kept)})

    async def binary(self, request: Request, body: bytes) -> Response:
        try:
            raw = cloudevents.binary(request.headers, body)
        except cloudevents.UnreadableEvent as problem:
            await self._receiver.keep(self._incoming(body, cloudevents.Given(), problem))
            raise
        return await self.single(raw)

    async def batch(self, body: bytes) -> Response:
        try:
            events = cloudevents.split(body)
        except cloudevents.UnreadableEvent as problem:
            await self._receiver.keep(self._incoming(body, cloudevents.Given(), problem))
            raise
        checked = [await self._checked(raw) for raw in events]
        incoming = [self._incoming(raw, *found) for raw, found in zip(events, checked, strict=True)]
        kept = await asyncio.gather(*map(self._receiver.keep, incoming))  # stored in the order of the batch
        results = [self._result(one, refused) for one, (_, refused) in zip(kept, checked, strict=True)]
        return _json({"results": results}, 202)

    async def _checked(self, raw: bytes) -> tuple[cloudevents.Given, Problem | None]:
        given = cloudevents.Given()
        try:
            given = cloudevents.read(raw)
            if self._sender is None:
                return given, UnregisteredSender(f"The client {self._caller.client} is not registered as a sender")
            check = self._check(given, self._sender)
            await (asyncio.to_thread(check) if len(raw) > _LARGE else _at_once(check))
        except Problem as problem:
            return given, problem
        return given, None

    def _check(self, given: cloudevents.Given, sender: Sender) -> Any:
        """What the translator will do, tried now: a sender is told at once what is wrong."""

        def check() -> None:
            origin = Origin(sender, "", "", given.id, 0, datetime.now(UTC))
            found = fhir.translate(cloudevents.payload(given), origin)
            must_write(self._caller, fhir.types_of(found))

        return check

    def _incoming(self, raw: bytes, given: cloudevents.Given, refused: Problem | None) -> Incoming:
        return Incoming(
            "events",
            self._sender.id if self._sender is not None else None,
            given.source,
            given.type,
            given.id,
            raw,
            verdict=ACCEPT if refused is None else Verdict(ERROR),
            refused=refused,
            came_from=None if self._sender is not None else self._caller.client,
            traceparent=current_traceparent(),
        )

    def _result(self, kept: Kept, refused: Problem | None) -> dict[str, Any]:
        if refused is not None:
            return {"status": refused.kind.status, "receipt": kept.id, "problem": as_json(refused, self._path)}
        return {"status": 202, "receipt": kept.id, "repeated": kept.again, "location": self._receipt(kept)}

    def _receipt(self, kept: Kept) -> str:
        return f"{self._base}/receipts/{kept.id}"


async def _at_once(check: Any) -> None:
    check()


def _json(body: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, "application/json")
