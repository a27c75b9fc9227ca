"""The region's record changed: whoever in VIS is concerned hears of it, in the one transaction of the message (D18)."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from kit.events import CloudEvent
from kit.inbox import Handler
from vis import knowledge
from vis.care import owed


async def heard(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
    """Definitions are read anew, results are asked about."""
    await knowledge.heard(tx, events)
    await owed.heard(tx, events)


def concerns(value: bytes) -> bool:
    """Whether anybody here is concerned; of most changes nobody is."""
    return knowledge.concerns(value) or owed.concerns(value)


def handlers() -> dict[str, Handler]:
    """By topic."""
    return {knowledge.TOPIC: heard}
