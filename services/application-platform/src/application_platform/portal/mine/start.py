"""A patient's first page: what needs them, in order of time, and what is coming."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from application_platform.portal import render, timeline
from application_platform.portal.mine import todo
from application_platform.portal.mine.asking import Found, asked
from application_platform.portal.mine.frame import InMine, Mine, framed
from application_platform.portal.mine.todo import Todo, Visit
from application_platform.portal.reader import InPortal
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE
from application_platform.portal.timeline import Source

router = APIRouter(prefix="/portal/mine/{patient}", route_class=PageRoute, include_in_schema=False)

_NONE: frozenset[str] = frozenset()
_REPORTS = Source("DiagnosticReport", "date", _NONE, "nya provsvar", 20, (("_include", "DiagnosticReport:result"),))
_MEDICINES = Source("MedicationRequest", "", _NONE, "recept", 200, (("status", "active"),))


@router.get("")
async def start(request: Request, portal: InPortal, mine: InMine) -> Response:
    """What each source says; one that is away is named, and the rest is shown."""
    now = datetime.now(ZONE)
    found = await asked(portal, mine, [_bookings(now), _REPORTS, _MEDICINES])
    coming = todo.visits(_matches(found.bundle(0)), now)
    context = framed(
        portal,
        mine,
        "start",
        greeting=todo.greeting(now),
        day=todo.today_in_words(now),
        given=found.person.given or found.person.plain_name,
        young=found.young,
        page=found.page,
        today=found.today,
        todos=todo.ordered(_todos(mine, found, coming, now)),
        visits=coming,
    )
    return render.page(request, "mine/start.html", context)


def _todos(mine: Mine, found: Found, coming: list[Visit], now: datetime) -> list[Todo]:
    reports = found.bundle(1)
    return [
        *todo.of_visits(coming, mine.base, now),
        *todo.of_messages(mine.unread, mine.base, now),
        *todo.of_answers(timeline.entries_from([reports] if reports else [], "svar"), mine.base, now),
        *todo.of_medicines(_matches(found.bundle(2)), mine.base, found.today),
    ]


def _bookings(now: datetime) -> Source:
    """From today on, the next one first."""
    return Source("Appointment", "", _NONE, "bokade tider", 50, (("date", f"ge{now.date()}"), ("_sort", "date")))


def _matches(bundle: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return timeline.matches(bundle) if bundle is not None else []
