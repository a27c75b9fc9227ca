"""The page of a patient's orders: what is under way and what was received, and a basket that one signature orders."""

from dataclasses import dataclass, field
from typing import Annotated
from uuid import uuid4

import structlog
from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from application_platform.portal import render
from application_platform.portal.contact import sending
from application_platform.portal.contact.sending import Told
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.referrals import asking, basket, catalogue, model
from application_platform.portal.referrals.basket import Basket, Filled
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.sheet import staffs
from application_platform.sign_in import browser
from kit.problems import Problem

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/portal/patients/{patient}/orders", route_class=PageRoute, include_in_schema=False)

_ELSEWHERE = Told(422, "Formuläret hör till en annan patient. Inget är beställt.")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page begins with: the basket as it was filled, why it was refused, how many were just ordered."""

    basket: Basket
    told: Told = field(default_factory=Told)
    wrong: dict[str, str] = field(default_factory=dict)
    done: int = 0


@router.get("")
async def orders(
    request: Request, portal: InPortal, reader: Reads, patient: str, klar: Annotated[int, Query(ge=0, le=100)] = 0
) -> Response:
    """The list, and an empty basket."""
    asked = staffs(reader, patient)
    return await _page(request, portal, reader, asked, Shown(basket.read(Filled(id=uuid4(), patient=asked)), done=klar))


@router.post("")
async def order(
    request: Request, portal: InPortal, reader: Reads, patient: str, filled: Annotated[Filled, Form()]
) -> Response:
    """Signs and orders all of the basket or nothing; sent twice it is ordered once. What is lacking is said at its line, and all
    that was written stays."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    asked, found = staffs(reader, patient), basket.read(filled)
    told, wrong = _ELSEWHERE, dict[str, str]()
    if filled.patient == asked:
        wrong = found.lacks()
        told = Told(422, next(iter(wrong.values()), ""))
        if not wrong:
            try:
                await portal.care.ask(reader.token, asked, "ServiceRequest/$order", basket.body(found.drafts()))
                return sending.done(request, f"/portal/patients/{asked}/orders?klar={found.size}")
            except Problem as problem:
                log.info("orders not taken", code=problem.code)
                told = asking.refusal(problem)
                told = Told(told.status, found.told(told.words))
    if sending.scripted(request):
        return sending.refused(told)
    return await _page(request, portal, reader, asked, Shown(found, told, wrong))


async def _page(request: Request, portal: Portal, reader: Reader, patient: str, shown: Shown) -> Response:
    found, rows, known = await asking.orders_of(portal, reader, patient)
    context = {
        **found.context,
        "orders": rows,
        "known": known,
        "shown": shown,
        "groups": catalogue.groups(),
        "priorities": model.PRIORITIES,
        "units": await asking.units_of(request),
        "longest": basket.LONGEST,
    }
    return render.page(request, "staff/orders.html", context, shown.told.status)
