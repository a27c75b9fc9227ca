"""The bookings of one patient, to staff: what is booked, the steps of a visit, and a new time in few clicks."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.bookings import at_vis, times, upcoming
from application_platform.portal.bookings.days import Window, window
from application_platform.portal.bookings.forms import REASONS, Act, AnId, Shown, Waits
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.sheet import sheet, staffs
from application_platform.sign_in import browser
from kit.problems import Problem

router = APIRouter(prefix="/portal/patients/{patient}/bookings", route_class=PageRoute, include_in_schema=False)

ELSEWHERE = "Formuläret hör till en annan patient. Inget är gjort."
_DONE = {
    "book": "Tiden är bokad.",
    "rebook": "Bokningen är flyttad. Den gamla tiden är ledig igen.",
    "cancel": "Bokningen är avbokad. Tiden är ledig igen.",
    "arrive": "Patienten har kommit.",
    "noshow": "Uteblivet besök är noterat.",
    "fulfil": "Besöket är avslutat.",
    "wait": "Patienten står i kö.",
    "leave": "Patienten står inte längre i kö.",
}
_EARLIER = 20


@router.get("")
async def listed(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    fran: Annotated[str, Query(max_length=10)] = "",
    moves: AnId = "",
    klar: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The patient's bookings, and the unit's free times from a day on (`fran`); `moves` is a booking to be moved."""
    shown = Shown(done=_DONE.get(klar, ""))
    return await page(request, portal, reader, staffs(reader, patient), window(fran), moves, shown)


@router.post("/wait")
async def wait(
    request: Request, portal: InPortal, reader: Reads, patient: str, filled: Annotated[Waits, Form()]
) -> Response:
    """A place in the queue of a clinic of the unit; sent twice it is one place."""
    asked = await checked(request, reader, patient)
    status, words = 422, ELSEWHERE if filled.patient != asked else "Skriv vad patienten väntar på."
    if filled.patient == asked and filled.reason.strip():
        try:
            await at_vis.wait(portal, reader, asked, filled.service, filled.id, filled.reason)
        except SignedOut:
            raise
        except Problem as problem:
            status, words = at_vis.refusal(problem)
        else:
            return RedirectResponse(f"/portal/patients/{asked}/bookings?klar=wait", 303)
    return await page(request, portal, reader, asked, window(""), "", Shown(status, words, filled, about="wait"))


@router.post("/{id}")
async def act(
    request: Request, portal: InPortal, reader: Reads, patient: str, id: str, filled: Annotated[Act, Form()]
) -> Response:
    """A step of the visit, or calling it off; sent twice it is done once."""
    asked, booking = await checked(request, reader, patient), staffs(reader, id)
    if filled.patient != asked:
        return await page(request, portal, reader, asked, window(""), "", Shown(422, ELSEWHERE, filled, booking))
    if filled.act == "cancel" and filled.reason not in REASONS:
        shown = Shown(422, "Välj varför bokningen avbokas.", filled, booking)
        return await page(request, portal, reader, asked, window(""), "", shown)
    cancels = filled.act == "cancel"
    said = {"reason:valueCode": filled.reason, "comment:valueString": filled.comment.strip()} if cancels else {}
    try:
        await portal.care.act(reader.token, asked, f"Appointment/{booking}", filled.act, said, filled.version)
    except SignedOut:
        raise
    except Problem as problem:
        status, words = at_vis.refusal(problem)
        if status != 409 or not await _done(portal, reader, asked, booking, filled.act):
            shown = Shown(status, words, filled, booking)
            return await page(request, portal, reader, asked, window(""), "", shown)
    if filled.day:
        return RedirectResponse(f"/portal/bookings?dag={filled.day}&klar={filled.act}", 303)
    word = "leave" if filled.waits else filled.act
    return RedirectResponse(f"/portal/patients/{asked}/bookings?klar={word}", 303)


async def checked(request: Request, reader: Reader, patient: str) -> str:
    """The patient of the address, of a form that came from our page. Raises sign-in's FromElsewhere, NotShown."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    return staffs(reader, patient)


async def _done(portal: Portal, reader: Reader, patient: str, id: str, act: str) -> bool:
    """Whether it is as this press wanted it: the press before was heard, and its answer was not."""
    wanted = {"cancel": "cancelled", "arrive": "arrived", "noshow": "noshow", "fulfil": "fulfilled"}
    try:
        return (await at_vis.one(portal, reader, patient, id)).status == wanted[act]
    except SignedOut:
        raise
    except Problem:
        return False


async def page(
    request: Request, portal: Portal, reader: Reader, patient: str, days: Window, moves: str, shown: Shown
) -> Response:
    """The patient's bookings, the unit's free times of these days, and what is said first."""
    found = await sheet(portal, reader, patient, "bookings", [at_vis.BOOKINGS])
    here = await at_vis.at_vis(portal, reader, patient)
    appointments, now = at_vis.merged(here, found.answers[0].bundle), datetime.now(UTC)
    coming, past = upcoming.next_bookings(appointments, now), upcoming.earlier(appointments, now)
    waits = upcoming.waiting(appointments)
    free, ahead = await _free(portal, reader, patient, days)
    context: dict[str, Any] = {
        **found.context,
        "coming": coming,
        "waits": waits,
        "clinics": await _clinics(portal, reader, patient),
        "past": past[:_EARLIER],
        "more": len(past) > _EARLIER,
        "known": here is not None,
        "days": None if free is None else times.by_day(free),
        "ahead": ahead,
        "window": days,
        "moves": next((one for one in (*coming, *waits) if one.id == moves), None),
        "now": now,
        "reasons": REASONS,
        "wrong": shown.wrong,
        "filled": shown.filled,
        "about": shown.about,
        "done": shown.done,
    }
    return render.page(request, "staff/patient_bookings.html", context, shown.status)


async def _clinics(portal: Portal, reader: Reader, patient: str) -> list[times.Place]:
    """Where the unit's patients may wait; none where VIS did not answer, which the free times say."""
    unit = reader.commission.unit if reader.commission else ""
    try:
        return await at_vis.places(portal, reader, patient, [("organization", f"Organization/{unit}")])
    except SignedOut:
        raise
    except Problem:
        return []


async def _free(
    portal: Portal, reader: Reader, patient: str, days: Window
) -> tuple[list[times.Time] | None, times.Time | None]:
    """The unit's free times of these days, None where VIS did not answer; where there are none, the first after them."""
    where = {"unit": reader.commission.unit if reader.commission else ""}
    try:
        found = await at_vis.free(portal, reader, patient, where, days.since, days.until)
        later = []
        if not found:
            later = await at_vis.free(portal, reader, patient, where, days.until, days.until + timedelta(days=365))
    except SignedOut:
        raise
    except Problem:
        return None, None
    return found, later[0] if later else None
