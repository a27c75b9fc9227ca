"""Kept messages over HTTP: receipts for senders, the list and replay for operators."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator

from integration_platform.messages import store
from integration_platform.rights import must_operate, must_send, operates
from integration_platform.senders.store import Register
from kit.web import SignedIn, Tx

router = APIRouter(prefix="/exchange", tags=["messages"])

_LARGEST = 2**63  # of the numbers that messages have


def _number(written: object) -> int:
    """Raises NoSuchMessage for what is no number of a message."""
    text = str(written)
    if not text.isascii() or not text.isdecimal() or int(text[:20]) >= _LARGEST:
        raise store.NoSuchMessage("Messages have numbers; this is none")
    return int(text)


MessageId = Annotated[int, BeforeValidator(_number)]
State = Literal["received", "translated", "parked"]


class Receipt(BaseModel):
    """What became of a message. `resources` counts what was told to the region; `left_out` what was not.

    `warning` is what the sender was told to look at, though the message was taken.
    """

    id: int
    received_at: datetime
    state: State
    settled_at: datetime | None
    kind: str
    control_id: str
    answer: str
    changed: bool
    code: str | None
    reason: str | None
    location: str | None
    warning: str | None
    transaction: UUID | None
    resources: dict[str, int]
    left_out: dict[str, int]


class MessageOut(Receipt):
    """A message as operators see it: where it came from and what became of it, nothing of what it says."""

    door: Literal["mllp", "events", "inbox"]
    sender: str | None
    source: str
    came_from: str | None


@router.get("/receipts/{id}", response_model=Receipt)
async def read_receipt(id: MessageId, request: Request, tx: Tx, caller: SignedIn) -> dict[str, Any]:
    """What became of a message one has sent: received, translated, or parked with a reason."""
    if operates(caller):
        return _shown(await store.load(tx, id))
    must_send(caller)
    register: Register = request.app.state.register
    sender = register.now.at_events(caller.client)
    if sender is None:
        raise store.NoSuchMessage
    return _shown(await store.load(tx, id, sender=sender.id))


@router.get("/messages", response_model=list[MessageOut])
async def list_messages(
    tx: Tx,
    caller: SignedIn,
    state: Literal["received", "translated", "parked", "warned"] | None = None,
    sender: str | None = None,
    door: Literal["mllp", "events", "inbox"] | None = None,
    before: Annotated[int, Query(ge=1, lt=_LARGEST)] | None = None,
    count: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[dict[str, Any]]:
    """Kept messages, newest first. `before` is the last id of the page before; state `warned`: taken with a warning."""
    must_operate(caller)
    found = await store.listed(tx, state=state, sender=sender, door=door, before=before, count=count)
    return [_shown(message) for message in found]


@router.get("/messages/{id}", response_model=MessageOut)
async def read_message(id: MessageId, tx: Tx, caller: SignedIn) -> dict[str, Any]:
    """One kept message: where it came from and what became of it."""
    must_operate(caller)
    return _shown(await store.load(tx, id))


@router.post("/messages/{id}/replay", status_code=202, response_model=MessageOut)
async def replay_message(id: MessageId, request: Request, tx: Tx, caller: SignedIn) -> dict[str, Any]:
    """Tries a parked message again, as if it had just come in, but never over anything newer of its source."""
    must_operate(caller)
    register: Register = request.app.state.register
    await store.replay(tx, id, register.now)
    wake: Callable[[], None] = request.app.state.wake
    wake()  # a moment early is no harm: the queue is looked at again soon
    return _shown(await store.load(tx, id))


def _shown(message: dict[str, Any]) -> dict[str, Any]:
    return {
        **message,
        "received_at": message["at"],
        "resources": _counts(message["resources"]),
        "left_out": _counts(message["left_out"]),
    }


def _counts(written: str | None) -> dict[str, int]:
    """`Patient 1, Observation 12` as a mapping."""
    pairs = (part.rpartition(" ") for part in (written or "").split(", ") if part)
    return {name: int(count) for name, _, count in pairs}
