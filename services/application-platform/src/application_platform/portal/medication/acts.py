"""The page of one medicine: how it was prescribed, what the patient asks, and the acts on it: pause, take up, stop, say no."""

from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.care import NotTaken
from application_platform.portal.medication.listing import TYPE, listed
from application_platform.portal.medication.model import Medicine
from application_platform.portal.medication.pages import PRESCRIBERS
from application_platform.portal.medication.refusals import ELSEWHERE, words
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.sheet import staffs
from application_platform.sign_in import browser
from kit.problems import Problem

router = APIRouter(prefix="/portal/patients/{patient}/medicines", route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger(__name__)

# As VIS knows them (vis.care.medicines); it has the last word.
STOPS = {
    "finished": "Behandlingen är klar",
    "side-effect": "Biverkning",
    "no-effect": "Utebliven effekt",
    "replaced": "Ersatt av annat läkemedel",
    "wish": "Patientens önskan",
    "wrong": "Felaktig ordination",
    "other": "Annan orsak, skriv vilken",
}
_AWAY = "INGET ÄR GJORT: vårdsystemet svarar inte. Försök igen om en stund."


class Act(BaseModel):
    """An act as it is sent; `patient` must be the address's, `version` is what was read."""

    patient: str = Field(max_length=64)
    act: str = Field(pattern=r"^(stop|hold|release|decline)$")
    version: str = Field(default="", max_length=20, pattern=r"^[0-9]*$")
    reason: str = Field(default="", max_length=20)
    comment: str = Field(default="", max_length=1_000)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page says beside the medicine: what was refused, and how it was filled."""

    status: int = 200
    wrong: str = ""
    filled: Act | None = None


@router.get("/{medicine}")
async def one(request: Request, portal: InPortal, reader: Reads, patient: str, medicine: str) -> Response:
    """One prescription with its history in words, and what can be done with it."""
    return await _page(request, portal, reader, staffs(reader, patient), staffs(reader, medicine), Shown())


@router.post("/{medicine}")
async def act(
    request: Request, portal: InPortal, reader: Reads, patient: str, medicine: str, filled: Annotated[Act, Form()]
) -> Response:
    """Does one act on the version that was read; sent twice it is done once. What is refused is told with the words kept."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    asked, id = staffs(reader, patient), staffs(reader, medicine)
    if filled.patient != asked:
        return await _page(request, portal, reader, asked, id, Shown(422, ELSEWHERE, filled))
    lacking = _lacking(filled)
    if lacking:
        return await _page(request, portal, reader, asked, id, Shown(422, lacking, filled))
    try:
        await _done(portal, reader, asked, id, filled)
    except SignedOut:
        raise
    except Problem as problem:
        log.info("prescription not changed", code=problem.code)
        status, said = words(problem, away=_AWAY)
        return await _page(request, portal, reader, asked, id, Shown(status, said, filled))
    return RedirectResponse(f"/portal/patients/{asked}/medicines?klar={filled.act}", 303)


def _lacking(filled: Act) -> str:
    said = filled.comment.strip()
    if filled.act == "stop" and filled.reason not in STOPS:
        return "Välj varför läkemedlet sätts ut."
    if filled.act == "stop" and filled.reason == "other" and not said:
        return "Skriv orsaken när du väljer annan orsak."
    if filled.act == "hold" and not said:
        return "Skriv varför läkemedlet pausas."
    return "Skriv ett svar till patienten." if filled.act == "decline" and not said else ""


async def _done(portal: Portal, reader: Reader, patient: str, id: str, filled: Act) -> None:
    said: dict[str, Any] = {"comment:valueString": filled.comment.strip()}
    if filled.act == "decline":
        # The task's id is VIS's to know; it is read again, so that it is this patient's and this medicine's.
        asked = (await listed(portal, reader, patient)).one(id).asked
        if asked is None or not (asked.open or asked.answer == filled.comment.strip()):
            raise NotTaken("Det finns ingen begäran att svara på. Läs om sidan")
        if asked.open:
            values = said | {"outcome:valueCode": "declined"}
            await portal.care.act(reader.token, patient, f"Task/{asked.task}", "complete", values)
        return
    if filled.act == "stop":
        said["reason:valueCode"] = filled.reason
    await portal.care.act(reader.token, patient, f"{TYPE}/{id}", filled.act, said, filled.version)


async def _page(request: Request, portal: Portal, reader: Reader, patient: str, id: str, shown: Shown) -> Response:
    found = await listed(portal, reader, patient)
    row = found.one(id)
    context = {
        **found.context,
        "one": row,
        "before": next((other for other in found.rows if row.renews and other.id == row.renews), None),
        "after": next((other for other in found.rows if other.renews == row.id), None),
        "may": _may(row, reader),
        "stops": STOPS,
        "filled": shown.filled,
        "wrong": shown.wrong,
    }
    return render.page(request, "staff/medicine.html", context, shown.status)


def _may(row: Medicine, reader: Reader) -> dict[str, bool]:
    """Which acts the page offers; VIS decides."""
    prescribes = row.ours and reader.commission is not None and reader.commission.role in PRESCRIBERS
    return {
        "renew": prescribes and row.renewable,
        "hold": prescribes and row.current,
        "release": prescribes and row.group == "paused",
        "stop": prescribes and row.group in ("regular", "needed", "paused"),
        "decline": row.asked is not None and row.asked.open,
    }
