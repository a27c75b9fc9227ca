"""Tells the open boards of a ward that something was done there: whoever admits a patient is not yet on the others' boards."""

import asyncpg
import structlog
from fastapi import Request

from application_platform.portal.hearing import News, tell
from kit.db import Database

log = structlog.get_logger(__name__)


def key_of(unit: str) -> str:
    """What a board listens for beside its patients; no patient has such an id."""
    return f"ward:{unit}"


async def told(request: Request, unit: str, stay: str) -> None:
    """Every process hears it. What cannot be said now is seen when the board asks again by itself, half a minute later."""
    db: Database = request.app.state.db
    try:
        async with db.pool.acquire() as connection:
            await tell(connection, [News((key_of(unit),), (f"Encounter/{stay}",))])
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        log.warning("a ward's boards were not told")
