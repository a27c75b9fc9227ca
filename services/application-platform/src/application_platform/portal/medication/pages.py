"""The staff's page of medicines: the list, and beside it a basket that is written, checked and signed (spec look §5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import structlog
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.medication import checks, drafts, model
from application_platform.portal.medication.checks import Answered, Told
from application_platform.portal.medication.commons import OFFERED
from application_platform.portal.medication.dosing import ROUTES, UNITS
from application_platform.portal.medication.drafts import Fields
from application_platform.portal.medication.keeping import AGAIN, MayRead, kept, signed_in_again
from application_platform.portal.medication.listing import TYPE, Listed, listed
from application_platform.portal.medication.refusals import ELSEWHERE, words
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.sheet import staffs
from application_platform.portal.swedish import ZONE
from application_platform.sign_in import browser
from kit.problems import Problem

router = APIRouter(prefix="/portal/patients/{patient}/medicines", route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger(__name__)

PRESCRIBERS = frozenset(("Läkare",))  # as VIS judges (vis.care.medicines), who has the last word
_AWAY = "INGET ÄR SIGNERAT: vårdsystemet svarar inte. Utkasten finns kvar här. Försök igen om en stund."
_NOT_HELD = "Läkemedlet finns inte i vårdsystemet och kan inte förnyas. Ordinera det på nytt."
_DONE = {
    "stop": "Läkemedlet är utsatt.",
    "hold": "Läkemedlet är pausat.",
    "release": "Läkemedlet är återinsatt.",
    "decline": "Patienten har fått svar på sin begäran.",
}


@dataclass(frozen=True, slots=True)
class Basket:
    """What the page carries from one press to the next, and what it begins with."""

    drafts: list[dict[str, Any]] = field(default_factory=list)
    fields: Fields = field(default_factory=Fields)
    answered: Mapping[str, Answered] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)  # by field
    wrong: str = ""
    status: int = 200
    open: bool = False  # whether the form of one draft is open


@router.get("")
async def medicines(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    fornya: Annotated[str, Query(max_length=64)] = "",
    klar: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The medicines in their groups; with `fornya` that one lies in the basket, to be renewed."""
    asked = staffs(reader, patient)
    found, basket = await listed(portal, reader, asked), Basket()
    if fornya and _may(reader):
        basket = await _renewing(portal, reader, asked, found, basket, fornya)
    return await _page(request, portal, reader, asked, found, basket, done=klar)


@router.post("")
async def press(request: Request, portal: InPortal, reader: MayRead, patient: str) -> Response:
    """One press in the basket: `do` is add, check or sign, or renew, edit or drop with an id. Only sign stores anything; sent
    twice it is done once, by the ids that the drafts have from the beginning. An ended sign-in takes no word away."""
    browser.check_origin(request, request.app.state.settings)
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    if reader is None:
        return kept(request, patient, form)
    again = await signed_in_again(request, reader, form)
    asked, found = staffs(reader, patient), await listed(portal, reader, staffs(reader, patient))
    held = drafts.unpacked(form.get("basket", ""), asked)
    basket = Basket(held, drafts.filled(form), checks.answers(form))
    if form.get("patient") != asked:
        return await _page(request, portal, reader, asked, found, replace(basket, wrong=ELSEWHERE, status=422))
    if again:
        back = replace(basket, wrong=AGAIN, open=not basket.fields.empty)
        return await _page(request, portal, reader, asked, found, back)
    act, _, id = form.get("do", "check").partition(":")
    if act == "sign":
        return await _sign(request, portal, reader, asked, found, basket, form)
    if act == "renew":
        basket = await _renewing(portal, reader, asked, found, basket, id)
    elif act in ("edit", "drop"):
        others, one = drafts.without(held, id)
        if one is not None and act == "edit":
            basket = replace(basket, fields=drafts.fields_of(one, found.causes), open=True)
        basket = replace(basket, drafts=others)
    elif act == "add" and not basket.fields.empty:
        basket = _added(asked, found, basket)
    return await _page(request, portal, reader, asked, found, basket)


def _added(patient: str, found: Listed, basket: Basket) -> Basket:
    """The form's draft in the basket, and the form empty; or what is to be written otherwise."""
    lacking = drafts.wrong(basket.fields, found.causes)
    if len(basket.drafts) >= drafts.MOST:
        lacking["medicine"] = f"Signera först de {drafts.MOST} som finns i korgen."
    if lacking:
        return replace(basket, lacking=lacking, status=422, open=True)
    fields = drafts.fresh(basket.fields, str(uuid4()))
    made = drafts.put(basket.drafts, drafts.draft(fields, patient, found.causes))
    return replace(basket, drafts=made, fields=Fields())


async def _renewing(portal: Portal, reader: Reader, patient: str, found: Listed, basket: Basket, id: str) -> Basket:
    """The basket with a renewal of this prescription in it."""
    row = found.one(id)
    if not row.renewable:
        return replace(
            basket,
            wrong=f"{row.name} kan inte förnyas: {(row.why or row.state or 'den hålls inte här').lower()}.",
            status=409,
        )
    try:
        old = await portal.care.read(reader.token, patient, TYPE, id)
    except SignedOut:
        raise
    except Problem as problem:
        log.info("prescription not read", code=problem.code)
        status, said = (404, _NOT_HELD) if isinstance(problem, NotShown) else words(problem, away=_AWAY)
        return replace(basket, wrong=said, status=status)
    return replace(basket, drafts=drafts.put(basket.drafts, drafts.renewal(old.resource, str(uuid4()), patient)))


async def _sign(
    request: Request,
    portal: Portal,
    reader: Reader,
    patient: str,
    found: Listed,
    basket: Basket,
    form: Mapping[str, str],
) -> Response:
    if not basket.fields.empty:
        said = "Ett läkemedel är inte tillagt än. Lägg till det eller töm fälten, och signera sedan."
        return await _page(request, portal, reader, patient, found, replace(basket, wrong=said, status=422, open=True))
    by_hand = form.get("unchecked", "").split() if form.get("by_hand") == "1" else []
    body = checks.parameters(basket.drafts, basket.answered, by_hand)
    try:
        await portal.care.ask(reader.token, patient, f"{TYPE}/$prescribe", body)
    except SignedOut:
        raise
    except Problem as problem:
        log.info("prescriptions not signed", code=problem.code)
        status, said = words(problem, away=_AWAY)
        return await _page(request, portal, reader, patient, found, replace(basket, wrong=said, status=status))
    return RedirectResponse(f"/portal/patients/{patient}/medicines?klar={len(basket.drafts)}#main", 303)


async def _page(
    request: Request, portal: Portal, reader: Reader, patient: str, found: Listed, basket: Basket, done: str = ""
) -> Response:
    told = await _told(portal, reader, patient, basket)
    lines = [
        (one, model.medicines([one])[0], told.get(str(one["id"]), Told()) if told is not None else None)
        for one in basket.drafts
    ]
    shown = list(told.values()) if told is not None else []
    context = {
        **found.context,
        "groups": [(title, id, model.of(found.rows, group)) for title, id, group in _GROUPS],  # type: ignore[arg-type]
        "ended": model.of(found.rows, "ended"),
        "may": _may(reader),
        "basket": basket,
        "packed": drafts.packed(basket.drafts),
        "lines": lines,
        "checked": told is not None,
        "clock": f"{datetime.now(UTC).astimezone(ZONE):%H:%M}",
        "left": checks.left(shown, basket.answered),
        "unchecked": [check.field for one in shown for check in one.of("unchecked")],
        "offered": OFFERED,
        "units": UNITS,
        "routes": ROUTES,
        "causes": found.causes,
        "reasons": checks.REASONS,
        "done": _said(done),
    }
    return render.page(request, "staff/medicines.html", context, basket.status)


async def _told(portal: Portal, reader: Reader, patient: str, basket: Basket) -> dict[str, Told] | None:
    """What VIS says of the drafts; None where it could not be asked, which is not the same as nothing to say."""
    if not basket.drafts:
        return {}
    try:
        return checks.told(
            await portal.care.ask(reader.token, patient, f"{TYPE}/$check", checks.parameters(basket.drafts))
        )
    except SignedOut:
        raise
    except Problem as problem:
        log.info("prescriptions not checked", code=problem.code)
        return None


def _may(reader: Reader) -> bool:
    """Whether the page offers to prescribe."""
    return reader.commission is not None and reader.commission.role in PRESCRIBERS


def _said(done: str) -> str:
    if done.isdecimal():
        return "1 läkemedel är ordinerat." if done == "1" else f"{int(done)} läkemedel är ordinerade."
    return _DONE.get(done, "")


_GROUPS = (
    ("Stående", "regular", "regular"),
    ("Vid behov", "needed", "needed"),
    ("Pausade", "paused", "paused"),
    ("Utkast", "draft", "draft"),
)
