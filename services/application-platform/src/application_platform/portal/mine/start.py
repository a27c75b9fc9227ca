"""A patient's first page: what needs them, in order of time, and what is coming."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from application_platform.forms import store as forms
from application_platform.portal import render, timeline
from application_platform.portal.bookings import at_vis, upcoming
from application_platform.portal.bookings.upcoming import Booking
from application_platform.portal.medication import model
from application_platform.portal.medication.listing import or_none
from application_platform.portal.medication.mine import state
from application_platform.portal.mine import todo
from application_platform.portal.mine.asking import Found, asked
from application_platform.portal.mine.frame import InMine, Mine, framed
from application_platform.portal.mine.todo import Todo
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.referrals import steps
from application_platform.portal.referrals.mine import REFERRALS
from application_platform.portal.referrals.steps import Steps
from application_platform.portal.refusals import PageRoute
from application_platform.portal.summary import lists
from application_platform.portal.summary.pages import ORDERS
from application_platform.portal.swedish import ZONE
from application_platform.portal.timeline import Source

router = APIRouter(prefix="/portal/mine/{patient}", route_class=PageRoute, include_in_schema=False)

_NONE: frozenset[str] = frozenset()
_REPORTS = Source("DiagnosticReport", "date", _NONE, "nya provsvar", 20, (("_include", "DiagnosticReport:result"),))


@dataclass(frozen=True, slots=True)
class Said:
    """What the sources said; `missing` names those that did not answer."""

    record: Found
    bookings: tuple[Booking, ...]
    referrals: tuple[Steps, ...]
    renewals: Sequence[Mapping[str, Any]] | None
    begun: bool
    missing: tuple[str, ...]


@router.get("")
async def start(request: Request, portal: InPortal, mine: InMine) -> Response:
    """What each source says; one that is away is named, and the rest is shown."""
    now = datetime.now(ZONE)
    said = await _asked(request, portal, mine, now)
    found = said.record
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
        missing=said.missing,
        todos=todo.ordered(_todos(mine, said, now)),
        bookings=said.bookings,
        referrals=[one for one in said.referrals if not one.ended],
    )
    return render.page(request, "mine/start.html", context)


async def _asked(request: Request, portal: Portal, mine: Mine, now: datetime) -> Said:
    found, booked, renewals, begun = await asyncio.gather(
        asked(portal, mine, [_REPORTS, ORDERS, REFERRALS]),
        at_vis.own(portal, mine.reader, mine.patient),
        or_none(portal.care.tasks(mine.reader.token, mine.patient, "renewal")),
        _form_is_begun(request, mine.patient),
    )
    referred = timeline.matches(found.bundle(2) or {})
    missing = [*found.page.unchecked, *booked.unchecked, *(["svar om recept"] if renewals is None else [])]
    return Said(
        record=found,
        bookings=tuple(upcoming.next_bookings(booked.appointments, now)),
        referrals=tuple(steps.steps(referred, booked.appointments, found.today)),
        renewals=renewals,
        begun=begun,
        missing=tuple(missing),
    )


def _todos(mine: Mine, said: Said, now: datetime) -> list[Todo]:
    reports, today = said.record.bundle(0), said.record.today
    orders = lists.resources(said.record.answers[1:2], "MedicationRequest")
    medicines = model.medicines([one for one in orders if one.get("status") != "draft"], tasks=said.renewals)
    told = {one.key: state(one, medicines, today) for one in medicines}
    return [
        *todo.of_bookings(said.bookings, mine.base, now),
        *todo.of_messages(mine.unread, mine.base, now),
        *(todo.of_form(mine.base, now) if said.begun else []),
        *todo.of_answers(timeline.entries_from([reports] if reports else [], "svar"), mine.base, now),
        *todo.of_referrals(said.referrals, mine.base, now),
        *todo.of_medicines(medicines, told, mine.base, now),
    ]


async def _form_is_begun(request: Request, patient: str) -> bool:
    """That there is one, and nothing of what stands in it."""
    db = getattr(request.app.state, "db", None)
    if db is None:
        return False
    async with db.transaction() as tx:
        return await forms.begun(tx, patient)
