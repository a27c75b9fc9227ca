"""My day: what staff see before any patient is open."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from starlette.responses import Response

from application_platform.portal import render
from application_platform.portal.reader import Portal, Reader
from application_platform.portal.shell import day, waits
from application_platform.portal.swedish import ZONE, day_heading
from application_platform.portal.timeline import Answer, Source

_FIRST = 5  # of what is late or urgent


async def my_day(request: Request, portal: Portal, reader: Reader) -> Response:
    """Three questions at once, over the patients that the unit has a relation to; what gets no answer is not checked."""
    now = datetime.now(UTC)
    today = now.astimezone(ZONE).date()
    (here, booked), inbox = await asyncio.gather(
        _ask(portal, reader, day.HERE, day.booked(today)), waits.waits(request, portal, reader, now)
    )
    rows = inbox.mine
    context = {
        **_frame(reader, portal, "day"),
        "today": day_heading(today, today).partition(", ")[2],
        "visits": day.visits(here, today),
        "booked": day.visits(booked, today),
        "first": [row for row in rows if row.late or row.urgent][:_FIRST],
        "piles": day.piles(rows, now),
        "count": len(rows),
        "more": inbox.more,
        "unchecked": [*(one.source.word for one in (here, booked) if one.bundle is None), *inbox.unchecked],
        "ago": lambda at: day.ago(at.at, now),
    }
    return render.page(request, "start.html", context)


async def _ask(portal: Portal, reader: Reader, *sources: Source) -> list[Answer]:
    return await portal.record.ask_all(reader.token, [(one, [("_count", str(one.count))]) for one in sources])


def _frame(reader: Reader, portal: Portal, here: str) -> dict[str, Any]:
    return {"reader": reader, "place": portal, "here": here}
