"""What VIS took while the platform was away is adopted, with its own time (D9, EMG-05)."""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from access.acts import LONGEST, Act
from information_platform.access.actions import FactsOwner
from kit.db import driver
from kit.events import CloudEvent, UnreadableEvent
from kit.inbox import Handler

TOPIC = "vis.access-taken.v1"


def handlers(law: FactsOwner) -> dict[str, Handler]:
    """By topic."""

    async def adopt(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        con = await driver(tx)
        for event in events:
            await law.adopt(con, _read(event))
        law.engine.wake()

    return {TOPIC: adopt}


def _read(event: CloudEvent) -> Act:
    """Raises UnreadableEvent for what VIS may not take, or not for so long."""
    try:
        act = msgspec.json.decode(event.data, type=Act)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise UnreadableEvent("This is not an act of the law", at="data") from None
    kind = "emergency" if act.kind == "consent" and act.ground == "emergency" else act.kind
    if kind not in ("relation", "choice", "emergency") or act.until is None or act.until - act.at > LONGEST[kind]:
        raise UnreadableEvent("VIS may not take this act of the law", at="kind")
    return act
