"""Everything the application platform tells the region, on one page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from kit.events import CloudEvent
from kit.outbox import Outgoing, emit

SOURCE = "/application-platform"

Reason = Literal["signed-out", "commission-changed", "revoked", "reused", "superseded"]


@dataclass(frozen=True, slots=True)
class SessionRevoked:
    """Tokens with this `sid` are void from now on, whatever their `exp` says (D11: in < 2 s everywhere)."""

    type: ClassVar[str] = "application.session-revoked.v1"

    session: str
    reason: Reason
    revoked_at: datetime
    forget_after: datetime  # no token that carries this `sid` can still be alive then

    def payload(self) -> dict[str, Any]:
        return {
            "session": self.session,
            "reason": self.reason,
            "revoked_at": _instant(self.revoked_at),
            "forget_after": _instant(self.forget_after),
        }

    def outgoing(self) -> Outgoing:
        event = CloudEvent(
            id=str(uuid4()),
            source=SOURCE,
            type=self.type,
            time=self.revoked_at,
            data=json.dumps(self.payload(), separators=(",", ":")).encode(),
            key=self.session,
            subject=self.session,
        )
        return Outgoing(topic=self.type, key=self.session, event=event)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_LONGEST_TOKEN = timedelta(hours=24)  # a demo token (D19); others live for minutes


async def tell_revoked(tx: AsyncConnection, sids: Sequence[str], reason: Reason, at: datetime) -> None:
    """Tells the region, in this transaction, that tokens with these `sid`s are void."""
    revoked = [SessionRevoked(sid, reason, at, at + _LONGEST_TOKEN) for sid in sids]
    await emit(tx, [event.outgoing() for event in revoked])
