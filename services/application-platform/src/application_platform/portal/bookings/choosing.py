"""Booking and moving a time, by the patient: where, when, held for five minutes, booked; also for whom one acts (PAT-04)."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from application_platform.portal.bookings import at_vis, times
from application_platform.portal.bookings.days import Window, window
from application_platform.portal.bookings.forms import AnId, Booked, Held, Shown, Till, Waits, Wanted
from application_platform.portal.bookings.mine import drawn, place_of
from application_platform.portal.mine.frame import InMine, Mine, sent
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.record import NotShown, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import moment
from kit.problems import Problem

router = APIRouter(prefix="/portal/mine/{patient}/bookings", route_class=PageRoute, include_in_schema=False)


@router.get("/new")
async def where(request: Request, portal: InPortal, mine: InMine) -> Response:
    """Where a time can be booked."""
    found = await at_vis.places(portal, mine.reader, mine.patient, [("_tag", at_vis.OPEN)])
    return drawn(request, portal, mine, "mine/booking_where.html", {"places": found})


@router.get("/new/{service}")
async def choose(
    request: Request,
    portal: InPortal,
    mine: InMine,
    service: str,
    dag: Annotated[str, Query(max_length=10)] = "",
    moves: AnId = "",
) -> Response:
    """Free times from a day on, or from the first day that has one."""
    return await _choose(request, portal, mine, service, window(dag), moves, Shown())


@router.post("/wait")
async def wait(request: Request, portal: InPortal, mine: InMine, filled: Annotated[Waits, Form()]) -> Response:
    """A place in the clinic's queue, with what it is about; sent twice it is one place."""
    await sent(request, mine, filled.patient)
    status, words = 422, "Skriv med några ord vad det gäller."
    if filled.reason.strip():
        try:
            await at_vis.wait(portal, mine.reader, mine.patient, filled.service, filled.id, filled.reason)
        except SignedOut:
            raise
        except Problem as problem:
            status, words = at_vis.refusal(problem)
        else:
            return RedirectResponse(f"{mine.base}/bookings?klar=väntar", 303)
    return await _choose(request, portal, mine, filled.service, window(""), "", Shown(status, words, filled))


@router.post("/hold")
async def hold(request: Request, portal: InPortal, mine: InMine, filled: Annotated[Held, Form()]) -> Response:
    """The time is the patient's for five minutes; where somebody else came first, others are shown."""
    await sent(request, mine, filled.patient)
    try:
        until = await at_vis.hold(portal, mine.reader, mine.patient, filled.slot)
    except SignedOut:
        raise
    except Problem as problem:
        status, words = at_vis.refusal(problem)
        return await _others(request, portal, mine, filled, Shown(status, words))
    asked = f"till={until.iso if until else ''}" + (f"&moves={filled.moves}" if filled.moves else "")
    return RedirectResponse(f"{mine.base}/bookings/time/{filled.slot}?{asked}", 303)


@router.get("/time/{slot}")
async def confirm(
    request: Request,
    portal: InPortal,
    mine: InMine,
    slot: str,
    till: Till = "",
    moves: AnId = "",
) -> Response:
    """The time that is held, until when, and the button that books it."""
    return await _confirm(request, portal, mine, Wanted(slot, till, moves), Shown())


@router.post("/time/{slot}")
async def book(
    request: Request, portal: InPortal, mine: InMine, slot: str, filled: Annotated[Booked, Form()]
) -> Response:
    """Books, or moves a booking; sent twice it is done once."""
    await sent(request, mine, filled.patient)
    if filled.slot != slot:
        raise NotShown
    try:
        made = await at_vis.book(portal, mine.reader, mine.patient, slot, filled.id, filled.reason, filled.moves)
    except SignedOut:
        raise
    except Problem as problem:
        status, words = at_vis.refusal(problem)
        if status in (404, 409):
            return await _others(request, portal, mine, filled, Shown(status, words))
        return await _confirm(request, portal, mine, Wanted(slot, "", filled.moves), Shown(status, words, filled))
    return RedirectResponse(f"{mine.base}/bookings?klar={'ombokad' if filled.moves else 'bokad'}&om={made.id}", 303)


async def _choose(
    request: Request, portal: Portal, mine: Mine, service: str, shown_days: Window, moves: str, shown: Shown
) -> Response:
    old = await at_vis.one(portal, mine.reader, mine.patient, moves) if moves else None
    where = await place_of(portal, mine, service)
    if where is None:
        raise NotShown
    asked = {"service": service}
    found = await at_vis.free(portal, mine.reader, mine.patient, asked, shown_days.since, shown_days.until)
    ahead: date | None = None
    if not found:
        later = await at_vis.free(
            portal, mine.reader, mine.patient, asked, shown_days.until, shown_days.until + timedelta(days=365)
        )
        ahead = later[0].at.day if later else None
    context = {
        "place_": where,
        "days": times.by_day(times.once(found)),
        "window": shown_days,
        "ahead": ahead,
        "moves": moves,
        "old": old,
        "wrong": shown.wrong,
        "filled": shown.filled,
    }
    return drawn(request, portal, mine, "mine/booking_times.html", context, shown.status)


async def _others(request: Request, portal: Portal, mine: Mine, filled: Held, shown: Shown) -> Response:
    """Times beside the one that was not given, as far as it is known where it was."""
    try:
        wanted = await at_vis.time(portal, mine.reader, mine.patient, filled.slot)
    except SignedOut:
        raise
    except Problem:
        wanted = None
    if wanted is None or not wanted.book.service:
        return drawn(request, portal, mine, "mine/booking_refused.html", {"wrong": shown.wrong}, shown.status)
    near = window(wanted.at.day.isoformat())
    return await _choose(request, portal, mine, wanted.book.service, near, filled.moves, shown)


async def _confirm(request: Request, portal: Portal, mine: Mine, wanted: Wanted, shown: Shown) -> Response:
    found = await at_vis.time(portal, mine.reader, mine.patient, wanted.slot)
    moves = wanted.moves
    old = await at_vis.one(portal, mine.reader, mine.patient, moves) if moves else None
    until = moment(wanted.till)
    context = {
        "time": found,
        "old": old,
        "moves": moves,
        "until": until if until is not None and until.at > datetime.now(UTC) else None,
        "over": until is not None and until.at <= datetime.now(UTC),
        "wrong": shown.wrong,
        "filled": shown.filled,
    }
    return drawn(request, portal, mine, "mine/booking_time.html", context, shown.status)
