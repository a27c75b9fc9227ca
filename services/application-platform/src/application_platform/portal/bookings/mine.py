"""The patient's bookings: what is to come, booking a time, moving it, calling it off; also for whom one acts (PAT-04, PAT-11)."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.bookings import at_vis, times, upcoming
from application_platform.portal.bookings.forms import AnId, Ended, Shown
from application_platform.portal.mine.frame import InMine, Mine, framed, sent
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.record import SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE, day_heading
from kit.problems import Problem

router = APIRouter(prefix="/portal/mine/{patient}/bookings", route_class=PageRoute, include_in_schema=False)

_DONE = {
    "bokad": "Tiden är bokad.",
    "ombokad": "Tiden är ombokad. Den gamla tiden är avbokad.",
    "avbokad": "Tiden är avbokad.",
    "väntar": "Du står i kö. Mottagningen hör av sig när det finns en tid.",
    "lämnat": "Du står inte längre i kö.",
}
_EARLIER = 30  # of those that are over


@router.get("")
async def listed(
    request: Request, portal: InPortal, mine: InMine, klar: Annotated[str, Query(max_length=20)] = "", om: AnId = ""
) -> Response:
    """What is to come, and what has been; `klar` says what was just done, `om` about which booking."""
    found = await at_vis.own(portal, mine.reader, mine.patient)
    now = datetime.now(UTC)
    coming, past = upcoming.next_bookings(found.appointments, now), upcoming.earlier(found.appointments, now)
    context = {
        "coming": coming,
        "waiting": upcoming.waiting(found.appointments),
        "past": past[:_EARLIER],
        "more": len(past) > _EARLIER,
        "missing": found.unchecked,
        "done": _DONE.get(klar, ""),
        "about": next((one for one in (*coming, *past) if one.id == om), None),
        "now": now,
    }
    return drawn(request, portal, mine, "mine/bookings.html", context)


@router.get("/{id}")
async def opened(request: Request, portal: InPortal, mine: InMine, id: str) -> Response:
    """One booking: when, where, to whom; moving it and calling it off."""
    return await _opened(request, portal, mine, id, Shown())


@router.post("/{id}/cancel")
async def cancel(
    request: Request, portal: InPortal, mine: InMine, id: str, filled: Annotated[Ended, Form()]
) -> Response:
    """Calls it off, in the version that was read; sent twice it is done once."""
    await sent(request, mine, filled.patient)
    try:
        await portal.care.act(mine.reader.token, mine.patient, f"Appointment/{id}", "cancel", {}, filled.version)
    except SignedOut:
        raise
    except Problem as problem:
        status, words = at_vis.refusal(problem)
        if status == 409 and (await at_vis.one(portal, mine.reader, mine.patient, id)).status == "cancelled":
            return RedirectResponse(f"{mine.base}/bookings?klar=avbokad&om={id}", 303)
        return await _opened(request, portal, mine, id, Shown(status, words))
    return RedirectResponse(f"{mine.base}/bookings?klar={'avbokad' if not filled.waits else 'lämnat'}&om={id}", 303)


async def _opened(request: Request, portal: Portal, mine: Mine, id: str, shown: Shown) -> Response:
    found, now = await at_vis.one(portal, mine.reader, mine.patient, id), datetime.now(UTC)
    where = await place_of(portal, mine, found.service)
    context = {"one": found, "where": where, "wrong": shown.wrong, "now": now, "may": found.patient_may_change(now)}
    return drawn(request, portal, mine, "mine/booking.html", context, shown.status)


async def place_of(portal: Portal, mine: Mine, service: str) -> times.Place | None:
    """The kind of visit that this is of, where it is here and active."""
    if not service:
        return None
    found = await at_vis.places(portal, mine.reader, mine.patient, [("_id", service)])
    return found[0] if found else None


def drawn(
    request: Request, portal: Portal, mine: Mine, template: str, context: dict[str, Any], status: int = 200
) -> Response:
    """A page of the patient's bookings."""
    today = datetime.now(ZONE).date()
    return render.page(
        request,
        template,
        {**framed(portal, mine, "bookings", today=today), "heading": partial(day_heading, today=today), **context},
        status,
    )
