"""Vidimering: one answer at a time with its values, one press to acknowledge it and go on to the next of the same patient."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.care import NotTaken, Stale
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotAllowed, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.results import answers
from application_platform.portal.results.pages import cut
from application_platform.portal.shell.sheet import sheet, staffs
from application_platform.portal.timeline import Source
from application_platform.sign_in import browser
from kit.problems import Problem

router = APIRouter(prefix="/portal/patients/{patient}/answers", route_class=PageRoute, include_in_schema=False)

REPORTS = Source(
    "DiagnosticReport", "date", frozenset({"svar"}), "svar att vidimera", 40, (("_include", "DiagnosticReport:result"),)
)
_ELSEWHERE = "Formuläret hör till en annan patient. Inget är vidimerat."
_NOT_YOURS = "Du får inte vidimera här. Kontrollera vårdrelationen under Åtkomst."
_CHANGED = "Svaret har ändrats sedan du öppnade det. Läs det igen nedan."
_AWAY = "Svaret är INTE vidimerat: vårdsystemet svarar inte. Försök igen om en stund."


class Filled(BaseModel):
    """An acknowledgement as it is sent; `patient` must be the address's, `version` is what was read."""

    patient: str = Field(max_length=64)
    report: str = Field(pattern=r"^[A-Za-z0-9.\-]{1,64}$")
    version: str = Field(max_length=20, pattern=r"^[0-9]+$")
    outcome: str = Field(default="none", pattern=r"^(none|action|informed)$")
    comment: str = Field(default="", max_length=2000)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page begins with: what was refused and how it was filled, the answer that is wanted, the one that is done."""

    status: int = 200
    wrong: str = ""
    filled: Filled | None = None
    wanted: str = ""
    done: str = ""


@router.get("")
async def next_answer(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    svar: Annotated[str, Query(max_length=64)] = "",
    klar: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """The next answer that nobody has acknowledged, or the one that `svar` names."""
    return await _page(request, portal, reader, staffs(reader, patient), Shown(wanted=svar, done=klar))


@router.post("")
async def acknowledge(
    request: Request, portal: InPortal, reader: Reads, patient: str, filled: Annotated[Filled, Form()]
) -> Response:
    """Acknowledges; sent twice it is done once. What VIS refuses is told at the answer, with the words kept."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    asked = staffs(reader, patient)
    if filled.patient != asked:
        return await _page(request, portal, reader, asked, Shown(422, _ELSEWHERE, filled))
    said = {
        "version:valueString": filled.version,
        "outcome:valueCode": filled.outcome,
        "comment:valueString": filled.comment.strip(),
    }
    try:
        await portal.care.act(reader.token, asked, f"DiagnosticReport/{filled.report}", "acknowledge", said)
    except SignedOut:
        raise
    except Problem as problem:
        status, words = _words(problem)
        return await _page(request, portal, reader, asked, Shown(status, words, filled))
    return RedirectResponse(f"/portal/patients/{asked}/answers?klar={filled.report}", 303)


def _words(problem: Problem) -> tuple[int, str]:
    if isinstance(problem, NotTaken) and problem.detail != problem.title:
        return 422, problem.detail
    if isinstance(problem, Stale):
        return 409, _CHANGED
    return (403, _NOT_YOURS) if isinstance(problem, NotAllowed) else (503, _AWAY)


async def _page(
    request: Request,
    portal: Portal,
    reader: Reader,
    patient: str,
    shown: Shown,
) -> Response:
    found, tasks = await asyncio.gather(
        sheet(portal, reader, patient, "results", [REPORTS]), _tasks(portal, reader, patient)
    )
    rows = answers.results(found.answers, tasks or (), datetime.now(UTC))
    waiting = [row for row in rows if row.done is None]
    named = f"DiagnosticReport/{shown.filled.report if shown.filled else shown.wanted}"
    done = f"DiagnosticReport/{shown.done}" if shown.done else ""
    context = {
        **found.context,
        "waiting": waiting,
        "one": next((row for row in rows if row.entry.key == named), waiting[0] if waiting else None),
        "read": [row for row in rows if row.done is not None],
        "known": tasks is not None,
        "done": next((row for row in rows if row.entry.key == done), None),
        "outcomes": answers.OUTCOMES,
        "wrong": shown.wrong,
        "filled": shown.filled,
        "more": cut(found.answers),
    }
    return render.page(request, "staff/answers.html", context, shown.status)


async def _tasks(portal: Portal, reader: Reader, patient: str) -> Sequence[Mapping[str, Any]] | None:
    """What is acknowledged of this patient; None where VIS could not be asked."""
    try:
        return await portal.care.tasks(reader.token, patient, "result")
    except SignedOut:
        raise
    except Problem:
        return None
