"""Whether the relay has brought to Kafka what was told up to a position: the region waits for it on behalf of a reader (D6)."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from fhirserver.taking import NotYours
from kit.db import Database
from kit.web import SignedIn

ASKS = "information"  # the client that may ask
_LONGEST, _LOOK = 0.8, 0.01  # seconds: of one question, and between two looks
_LEFT = "select exists (select from outbox where id <= $1)"

Position = Annotated[int, Path(ge=0, lt=2**63)]


class Told(BaseModel):
    """`told`: nothing up to the position is left in the outbox."""

    told: bool


def router(db: Database) -> APIRouter:
    """`GET /internal/told/{position}`."""
    made = APIRouter(tags=["events"])

    @made.get("/internal/told/{position}")
    async def told(position: Position, caller: SignedIn) -> Told:
        """Answers as soon as it is, at the latest after 0.8 s."""
        if caller.kind != "system" or caller.client != ASKS:
            raise NotYours("Only the information platform asks how far events have come")
        until = time.monotonic() + _LONGEST
        while True:
            async with db.pool.acquire() as con:
                left = await con.fetchval(_LEFT, position)
            if not left or time.monotonic() > until:
                return Told(told=not left)
            await asyncio.sleep(_LOOK)

    return made
