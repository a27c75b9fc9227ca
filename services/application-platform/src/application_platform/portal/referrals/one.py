"""One order: what was asked for and where it is; the receiver assesses it here, the sender completes it or takes it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Form, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from application_platform.portal import render, timeline
from application_platform.portal.bookings import at_vis, upcoming
from application_platform.portal.contact import sending
from application_platform.portal.contact.sending import Told
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown, SignedOut
from application_platform.portal.referrals import asking, basket, model, steps
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.sheet import sheet, staffs
from application_platform.sign_in import browser
from kit.problems import Problem

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/portal/patients/{patient}/orders/{id}", route_class=PageRoute, include_in_schema=False)

Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9.\-]{1,64}$")]
_ELSEWHERE = Told(422, "Formuläret hör till en annan patient. Inget är gjort.")
# What each act carries: field of the form → parameter of VIS.
ACTS: dict[str, dict[str, str]] = {
    "receive": {},
    "accept": {"latest": "latest:valueDate", "priority": "priority:valueCode", "comment": "comment:valueString"},
    "schedule": {"appointment": "appointment:valueString"},
    "return": {"text": "question:valueString"},
    "forward": {"unit": "unit:valueString", "comment": "comment:valueString"},
    "answer": {"text": "text:valueString"},
    "send": {"text": "text:valueString"},
    "cancel": {"text": "reason:valueString"},
}
DONE = {
    "receive": "Remissen är mottagen.",
    "accept": "Remissen är accepterad. Den som skickade den och patienten ser det nu.",
    "schedule": "Tiden hör nu till remissen. Patienten ser den.",
    "return": "Remissen är returnerad med din fråga.",
    "answer": "Svaret är skickat. Den som skickade remissen vidimerar det.",
    "send": "Remissen är skickad igen.",
    "cancel": "Beställningen är makulerad.",
}


class Filled(BaseModel):
    """One act. `patient` must be the address's; `version` is what was read."""

    patient: str = Field(max_length=64)
    version: str = Field(default="", max_length=20, pattern=r"^[0-9]*$")
    act: str = Field(pattern=r"^(receive|accept|schedule|return|forward|answer|send|cancel)$")
    text: str = Field(default="", max_length=basket.LONGEST)
    comment: str = Field(default="", max_length=2000)
    latest: str = Field(default="", max_length=10, pattern=r"^(\d{4}-\d\d-\d\d)?$")
    priority: str = Field(default="", max_length=10, pattern=r"^(routine|urgent|stat)?$")
    unit: str = Field(default="", max_length=64)
    appointment: str = Field(default="", max_length=64)

    def values(self) -> dict[str, str]:
        """The parameters of the act."""
        return {parameter: str(getattr(self, name)).strip() for name, parameter in ACTS[self.act].items()}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page begins with: why an act was refused and how it was filled, or what was just done."""

    told: Told = field(default_factory=Told)
    filled: Filled | None = None
    done: str = ""


@router.get("")
async def one(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    id: Id,
    klar: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The order as VIS has it."""
    return await _page(request, portal, reader, staffs(reader, patient), id, Shown(done=DONE.get(klar, "")))


@router.post("")
async def act(
    request: Request, portal: InPortal, reader: Reads, patient: str, id: Id, filled: Annotated[Filled, Form()]
) -> Response:
    """Does one act; done again by the same person it is done once. What is refused is said, and what was written stays."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    asked, told = staffs(reader, patient), _ELSEWHERE
    if filled.patient == asked:
        try:
            await portal.care.act(
                reader.token, asked, f"ServiceRequest/{id}", filled.act, filled.values(), filled.version
            )
            there = (
                "/portal/inbox"
                if filled.act == "forward"
                else f"/portal/patients/{asked}/orders/{id}?klar={filled.act}"
            )
            return sending.done(request, there)  # a unit that forwards a referral reads it no more
        except Problem as problem:
            log.info("act on an order not taken", code=problem.code)
            told = asking.refusal(problem)
    if sending.scripted(request):
        return sending.refused(told)
    return await _page(request, portal, reader, asked, id, Shown(told, filled))


async def _page(request: Request, portal: Portal, reader: Reader, patient: str, id: str, shown: Shown) -> Response:
    found = await sheet(portal, reader, patient, "orders", [])
    held = await _held(portal, reader, patient, id, gently=shown.told.status != 200)
    now = datetime.now(UTC)
    order = None if held is None else model.order(held, now)
    times = await _times(portal, reader, patient, order)
    context: dict[str, Any] = {
        **found.context,
        "id": id,
        "order": order,
        "time": upcoming.read(time) if held and times and (time := steps.booked(held, times)) else None,
        "times": None if times is None else upcoming.next_bookings(times, now),
        "shown": shown,
        "priorities": model.PRIORITIES,
        "units": await asking.units_of(request) if order is not None and "forward" in order.acts else (),
        "longest": basket.LONGEST,
        "today": now.date().isoformat(),
    }
    return render.page(request, "staff/order.html", context, shown.told.status)


async def _times(
    portal: Portal, reader: Reader, patient: str, order: model.Order | None
) -> Sequence[Mapping[str, Any]] | None:
    """The patient's bookings, where a referral waits for a time; None where VIS could not be asked."""
    if order is None or order.state != "accepted":
        return []
    bundle = await at_vis.at_vis(portal, reader, patient)
    return None if bundle is None else timeline.matches(bundle)


async def _held(portal: Portal, reader: Reader, patient: str, id: str, *, gently: bool) -> Mapping[str, Any] | None:
    """None where VIS could not be asked, or, `gently`, where it shows nothing: then only what was written is shown."""
    try:
        return (await portal.care.read(reader.token, patient, "ServiceRequest", id)).resource
    except (SignedOut, NotShown):
        if gently:
            return None
        raise
    except Problem:
        return None
