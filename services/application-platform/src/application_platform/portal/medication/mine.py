"""The patient's medicines in plain words, and a wish to have one renewed (PAT-04, PAT-11: also for whom one acts)."""

import asyncio
from datetime import date
from typing import Annotated, Any
from uuid import uuid4

import structlog
from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.care import NotTaken
from application_platform.portal.medication import model
from application_platform.portal.medication.listing import TYPE, or_none
from application_platform.portal.medication.model import Medicine
from application_platform.portal.mine.asking import Found, asked
from application_platform.portal.mine.frame import InMine, Mine, framed, sent
from application_platform.portal.mine.words import WORDS
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.record import NotAllowed, NotShown, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.summary import lists
from application_platform.portal.summary.pages import ORDERS, STATEMENTS
from application_platform.portal.swedish import short_day
from kit.problems import Problem

router = APIRouter(prefix="/portal/mine/{patient}/medicines", route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger(__name__)

_AWAY = "Din begäran är inte skickad: vården svarar inte just nu. Det du skrev finns kvar här. Försök igen om en stund."
_NOT_HERE = "Det här läkemedlet går inte att förnya här. Kontakta mottagningen som skrev ut det."


class Wish(BaseModel):
    """A wish as it is sent; `patient` must be the address's. Sent twice it is one: VIS keeps one open for each medicine."""

    id: str = Field(default="", max_length=64)
    patient: str = Field(max_length=64)
    comment: str = Field(default="", max_length=1_000)


@router.get("")
async def medicines(
    request: Request, portal: InPortal, mine: InMine, klar: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """What is taken now, what rests, what has ended, and how far a wish has come."""
    found, rows, known = await _listed(portal, mine)
    context = {
        "now": [one for one in rows if one.current],
        "paused": model.of(rows, "paused"),
        "ended": [one for one in model.of(rows, "ended") if not one.renewed and one.state != "Makulerat"],
        "state": {one.key: state(one, rows, found.today) for one in rows},
        "known": known,
        "plain": {word.casefold(): meaning for word, meaning in WORDS.items()},
        "sent": next((one for one in rows if one.id == klar and one.asked is not None and one.asked.open), None),
    }
    return _render(request, portal, mine, found, "mine/medicines.html", context)


@router.get("/proof")
async def proof(mine: InMine) -> Response:
    """For keep.js: who is signed in now, and what their forms carry."""
    return JSONResponse({"csrf": mine.reader.csrf, "who": mine.reader.person}, headers=render.headers())


@router.get("/{medicine}/renew")
async def ask(request: Request, portal: InPortal, mine: InMine, medicine: str) -> Response:
    """One medicine, a field for words that are not needed, and the button that asks."""
    return await _form(request, portal, mine, medicine)


@router.post("/{medicine}/renew")
async def renew(
    request: Request, portal: InPortal, mine: InMine, medicine: str, filled: Annotated[Wish, Form()]
) -> Response:
    """Asks the unit that prescribed it. What is refused is told with the words kept."""
    await sent(request, mine, filled.patient)
    said = {"comment:valueString": filled.comment.strip()}
    scripted = bool(request.headers.get("hx-request"))
    try:
        await portal.care.act(mine.reader.token, mine.patient, f"{TYPE}/{medicine}", "request-renewal", said)
    except SignedOut:
        raise
    except Problem as problem:
        log.info("renewal not asked for", code=problem.code)
        status, words = _words(problem)
        if scripted:
            return JSONResponse({"words": words, "id": ""}, status, headers=render.headers())
        return await _form(request, portal, mine, medicine, filled.comment, status, words)
    address = f"{mine.base}/medicines?klar={medicine}"
    return JSONResponse({"go": address}, headers=render.headers()) if scripted else RedirectResponse(address, 303)


def state(one: Medicine, rows: list[Medicine], today: date) -> str:
    """How far the wish has come, in words to the patient; "" where there is none (pure)."""
    asked = one.asked
    if asked is not None and asked.open:
        return f"Begärd {_day(asked.at, today)}, väntar på mottagningen".replace("  ", " ")
    if asked is not None and asked.answer and asked.outcome != "renewed":
        return f"Mottagningen har svarat {_day(asked.answered, today)}: {asked.answer}"
    before = next((other for other in rows if one.renews and other.id == one.renews), None)
    if before is not None and before.asked is not None and before.asked.outcome == "renewed":
        return f"Förnyad {_day(one.since, today)}"
    return ""


def _day(at: Any, today: date) -> str:
    return short_day(at.day, today) if at is not None else ""


async def _form(
    request: Request, portal: Portal, mine: Mine, medicine: str, comment: str = "", status: int = 200, wrong: str = ""
) -> Response:
    found, rows, known = await _listed(portal, mine)
    one = next((row for row in rows if row.key == f"{TYPE}/{medicine}"), None)
    if one is None:
        raise NotShown
    context = {"one": one, "state": state(one, rows, found.today), "known": known, "comment": comment, "wrong": wrong,
               "id": str(uuid4())}  # fmt: skip
    return _render(request, portal, mine, found, "mine/medicine_renew.html", context, status)


async def _listed(portal: Portal, mine: Mine) -> tuple[Found, list[Medicine], bool]:
    """What the record answers, the medicines in it, and whether it is known what has been asked for."""
    found, tasks = await asyncio.gather(
        asked(portal, mine, [ORDERS, STATEMENTS]),
        or_none(portal.care.tasks(mine.reader.token, mine.patient, "renewal")),
    )
    held = lists.resources(found.answers, TYPE, "MedicationStatement")
    rows = model.medicines([one for one in held if one.get("status") != "draft"], tasks=tasks)
    return found, rows, tasks is not None


def _words(problem: Problem) -> tuple[int, str]:
    if isinstance(problem, NotTaken) and problem.detail != problem.title:
        return 422, problem.detail.rstrip(".") + ". Inget är skickat."
    return (404, _NOT_HERE) if isinstance(problem, NotShown | NotAllowed) else (503, _AWAY)


def _render(
    request: Request,
    portal: Portal,
    mine: Mine,
    found: Found,
    template: str,
    context: dict[str, Any],
    status: int = 200,
) -> Response:
    shown = framed(portal, mine, "medicines", page=found.page, today=found.today, young=found.young, **context)
    return render.page(request, template, shown, status)
