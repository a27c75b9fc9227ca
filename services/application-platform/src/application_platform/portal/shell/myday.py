"""My day and the inbox: what staff see before any patient is open."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from application_platform.portal import render
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell import day
from application_platform.portal.swedish import ZONE, day_heading
from application_platform.portal.timeline import Answer, Source

router = APIRouter(prefix="/portal", route_class=PageRoute, include_in_schema=False)

_FIRST = 5  # of what is late or urgent


async def my_day(request: Request, portal: Portal, reader: Reader) -> Response:
    """Three questions at once, over the patients that the unit has a relation to; what gets no answer is not checked."""
    now = datetime.now(UTC)
    today = now.astimezone(ZONE).date()
    here, booked, tasks = await _ask(portal, reader, day.HERE, day.booked(today), day.WAITING)
    rows = day.waiting(tasks, now, today, _unit(reader))
    context = {
        **_frame(reader, portal, "day"),
        "today": day_heading(today, today).partition(", ")[2],
        "visits": day.visits(here, today),
        "booked": day.visits(booked, today),
        "first": [row for row in rows if row.late or row.urgent][:_FIRST],
        "piles": day.piles(rows, now),
        "count": len(rows),
        "more": _more(tasks),
        "unchecked": [one.source.word for one in (here, booked, tasks) if one.bundle is None],
        "ago": lambda at: day.ago(at.at, now),
    }
    return render.page(request, "start.html", context)


@router.get("/inbox")
async def inbox(
    request: Request, portal: InPortal, reader: Reads, slag: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Everything that waits, or what waits of one kind (`slag`)."""
    if reader.kind != "staff":
        raise NotShown
    now = datetime.now(UTC)
    (tasks,) = await _ask(portal, reader, day.WAITING)
    rows = day.waiting(tasks, now, now.astimezone(ZONE).date(), _unit(reader))
    context = {
        **_frame(reader, portal, "inbox"),
        "rows": [row for row in rows if slag in ("", row.kind)],
        "piles": day.piles(rows, now),
        "count": len(rows),
        "more": _more(tasks),
        "kind": slag,
        "unchecked": [tasks.source.word] if tasks.bundle is None else [],
        "ago": lambda at: day.ago(at.at, now),
    }
    return render.page(request, "staff/inbox.html", context)


async def _ask(portal: Portal, reader: Reader, *sources: Source) -> list[Answer]:
    return await portal.record.ask_all(reader.token, [(one, [("_count", str(one.count))]) for one in sources])


def _unit(reader: Reader) -> str:
    return reader.commission.unit if reader.commission else ""


def _more(tasks: Answer) -> bool:
    """Whether there is more than was read: then counts say "minst"."""
    links = tasks.bundle.get("link", ()) if tasks.bundle is not None else ()
    return any(link.get("relation") == "next" for link in links)


def _frame(reader: Reader, portal: Portal, here: str) -> dict[str, Any]:
    return {"reader": reader, "place": portal, "here": here}
