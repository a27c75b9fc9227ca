"""Ended sessions: every service hears of a sign-out and refuses the session's tokens from then on (D11)."""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.auth import Verifier
from kit.events import CloudEvent, UnreadableEvent
from kit.waiting import Handler

REVOKED = "application.session-revoked.v1"


class SessionRevoked(msgspec.Struct):
    """Our reading of the event: only what we use."""

    session: str


def handlers(verifier: Verifier) -> dict[str, Handler]:
    """By topic: the session is refused by this process's verifier."""

    async def refuse(_tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
        for event in events:
            try:
                verifier.revoke(msgspec.json.decode(event.data, type=SessionRevoked).session)
            except (msgspec.DecodeError, msgspec.ValidationError):
                raise UnreadableEvent("This is not the end of a session", at="data") from None

    return {REVOKED: refuse}
