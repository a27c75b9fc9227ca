"""A new time for a patient, by staff: held, then booked or moved; where somebody else came first others are shown."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.bookings import at_vis
from application_platform.portal.bookings.chart import ELSEWHERE, checked, page
from application_platform.portal.bookings.days import window
from application_platform.portal.bookings.forms import AnId, Booked, Held, Shown, Till, Wanted
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.sheet import sheet, staffs
from application_platform.portal.swedish import moment
from kit.problems import Problem

router = APIRouter(prefix="/portal/patients/{patient}/bookings", route_class=PageRoute, include_in_schema=False)


@router.post("/hold")
async def hold(
    request: Request, portal: InPortal, reader: Reads, patient: str, filled: Annotated[Held, Form()]
) -> Response:
    """The time is held for the patient; where somebody else came first it is told, with other times."""
    asked = await checked(request, reader, patient)
    near = window("")
    if filled.patient != asked:
        return await page(request, portal, reader, asked, near, "", Shown(422, ELSEWHERE))
    try:
        until = await at_vis.hold(portal, reader, asked, filled.slot)
    except SignedOut:
        raise
    except Problem as problem:
        return await _refused(request, portal, reader, asked, filled, problem)
    more = f"&moves={filled.moves}" if filled.moves else ""
    address = f"/portal/patients/{asked}/bookings/time/{filled.slot}?till={until.iso if until else ''}{more}"
    return RedirectResponse(address, 303)


@router.get("/time/{slot}")
async def confirm(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    slot: str,
    till: Till = "",
    moves: AnId = "",
) -> Response:
    """The time that is held, until when, and the button that books it."""
    wanted = Wanted(staffs(reader, slot), till, moves)
    return await _confirm(request, portal, reader, staffs(reader, patient), wanted, Shown())


@router.post("/time/{slot}")
async def book(
    request: Request, portal: InPortal, reader: Reads, patient: str, slot: str, filled: Annotated[Booked, Form()]
) -> Response:
    """Books, or moves; sent twice it is done once."""
    asked = await checked(request, reader, patient)
    if filled.patient != asked or filled.slot != slot:
        return await page(request, portal, reader, asked, window(""), "", Shown(422, ELSEWHERE))
    try:
        await at_vis.book(portal, reader, asked, slot, filled.id, filled.reason, filled.moves)
    except SignedOut:
        raise
    except Problem as problem:
        status, words = at_vis.refusal(problem)
        if status in (404, 409):
            return await _refused(request, portal, reader, asked, filled, problem)
        wanted = Wanted(slot, "", filled.moves)
        return await _confirm(request, portal, reader, asked, wanted, Shown(status, words, filled))
    return RedirectResponse(f"/portal/patients/{asked}/bookings?klar={'rebook' if filled.moves else 'book'}", 303)


async def _refused(
    request: Request, portal: Portal, reader: Reader, patient: str, filled: Held, problem: Problem
) -> Response:
    """Other times beside the one that somebody else has."""
    status, words = at_vis.refusal(problem)
    try:
        near = window((await at_vis.time(portal, reader, patient, filled.slot)).at.day.isoformat())
    except SignedOut:
        raise
    except Problem:
        near = window("")
    return await page(request, portal, reader, patient, near, filled.moves, Shown(status, words))


async def _confirm(
    request: Request, portal: Portal, reader: Reader, patient: str, wanted: Wanted, shown: Shown
) -> Response:
    found = await sheet(portal, reader, patient, "bookings", [])
    time = await at_vis.time(portal, reader, patient, wanted.slot)
    old = await at_vis.one(portal, reader, patient, wanted.moves) if wanted.moves else None
    until, now = moment(wanted.till), datetime.now(UTC)
    if time.at.at <= now:
        raise NotShown
    context = {
        **found.context,
        "time": time,
        "old": old,
        "until": until if until is not None and until.at > now else None,
        "wrong": shown.wrong,
        "filled": shown.filled,
    }
    return render.page(request, "staff/booking_time.html", context, shown.status)
