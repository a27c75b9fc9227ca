"""Kontroller: one set of vital signs is typed and stored whole; the sets before it as a table and as graphs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.care import NotTaken, Stale
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotAllowed, NotShown, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.results.pages import cut
from application_platform.portal.shell.sheet import sheet, staffs
from application_platform.portal.summary.lists import resources
from application_platform.portal.swedish import ZONE
from application_platform.portal.timeline import Answer, Source
from application_platform.portal.vitals.filled import Filled, faults, levels, sent
from application_platform.portal.vitals.panels import COLUMNS, Panel, merged, panels
from application_platform.portal.vitals.trends import trends
from application_platform.sign_in import browser
from fhircore.vitals import NEWS2, QUANTITIES, SNOMED
from kit.problems import Problem

router = APIRouter(prefix="/portal/patients/{patient}/vitals", route_class=PageRoute, include_in_schema=False)

_NONE: frozenset[str] = frozenset()
VITALS = Source("Observation", "date", _NONE, "mätvärden", 400, (("category", "vital-signs"),))
SCORES = Source("Observation", "date", _NONE, "NEWS2", 100, (("code", f"{SNOMED}|{NEWS2}"),))
_SHOWN = 40  # sets in the table
_ELSEWHERE = "Formuläret hör till en annan patient. Inget är sparat."
_NOT_YOURS = "Du får inte skriva här. Kontrollera vårdrelationen under Åtkomst. Inget är sparat."
_CHANGED = "Någon annan har ändrat kontrollen sedan du öppnade den. Inget är sparat. Läs om sidan."
_AWAY = "Kontrollen är INTE SPARAD: vårdsystemet svarar inte. Värdena finns kvar nedan. Försök igen om en stund."
_REFUSED = "Vårdsystemet tar inte emot värdena. Inget är sparat."


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page begins with: what was refused, how it was filled, the set that is corrected, the one that is stored."""

    status: int = 200
    wrong: str = ""
    filled: Filled | None = None
    faults: dict[str, str] = field(default_factory=dict)
    correcting: str = ""
    done: str = ""


@router.get("")
async def vitals(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    ratta: Annotated[str, Query(max_length=36)] = "",
    klar: Annotated[str, Query(max_length=36)] = "",
) -> Response:
    """An empty form, or with `ratta` the set that is to be corrected; `klar` names the set that was stored just now."""
    return await _page(request, portal, reader, staffs(reader, patient), Shown(correcting=ratta, done=klar))


@router.post("")
async def record(
    request: Request, portal: InPortal, reader: Reads, patient: str, filled: Annotated[Filled, Form()]
) -> Response:
    """Stores the set; sent twice it is stored once. What cannot be stored is told, with every value kept."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    asked = staffs(reader, patient)
    if filled.patient != asked:
        return await _page(request, portal, reader, asked, Shown(422, _ELSEWHERE))
    found = faults(filled, datetime.now(UTC))
    if found:
        shown = Shown(422, "Kontrollera de markerade fälten. Inget är sparat.", filled, found)
        return await _page(request, portal, reader, asked, shown)
    try:
        await portal.care.act(reader.token, asked, f"Patient/{asked}", "record-vitals", sent(filled))
    except SignedOut:
        raise
    except Problem as problem:
        status, words = told(problem)
        return await _page(request, portal, reader, asked, Shown(status, words, filled))
    return RedirectResponse(f"/portal/patients/{asked}/vitals?klar={filled.panel}", 303)


@router.post("/{panel}/withdraw")
async def withdraw(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    panel: str,
    whose: Annotated[str, Form(alias="patient", max_length=64)] = "",
) -> Response:
    """A set that should not be here, another patient's perhaps, is marked as entered in error; it stays in the history."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    asked = staffs(reader, patient)
    if whose != asked:
        return await _page(request, portal, reader, asked, Shown(422, _ELSEWHERE))
    try:
        gone = {"replaces:valueId": staffs(reader, panel)}
        await portal.care.act(reader.token, asked, f"Patient/{asked}", "record-vitals", gone)
    except SignedOut:
        raise
    except Problem as problem:
        status, words = told(problem)
        return await _page(request, portal, reader, asked, Shown(status, words))
    return RedirectResponse(f"/portal/patients/{asked}/vitals?klar={panel}", 303)


def told(problem: Problem) -> tuple[int, str]:
    """A refusal of VIS, as a status and what the page says."""
    if isinstance(problem, NotTaken):
        return 422, problem.detail if problem.detail != problem.title else _REFUSED
    if isinstance(problem, Stale):
        return 409, _CHANGED
    return (403, _NOT_YOURS) if isinstance(problem, NotAllowed | NotShown) else (503, _AWAY)


async def _page(request: Request, portal: Portal, reader: Reader, patient: str, shown: Shown) -> Response:
    """From the region's record, and from VIS what the region may not have heard yet: what was stored just now is there."""
    now = datetime.now(UTC)
    found, fresh = await asyncio.gather(
        sheet(portal, reader, patient, "vitals", [VITALS, SCORES]), _fresh(portal, reader, patient)
    )
    rows = panels(merged(resources(found.answers, "Observation"), resources([*fresh], "Observation")), now)
    standing = [row for row in rows if not row.withdrawn]
    corrected = next((row for row in standing if row.id and row.id == shown.correcting), None)
    context = {
        **found.context,
        "rows": rows[:_SHOWN],
        "more": len(rows) > _SHOWN or cut(found.answers),
        "columns": COLUMNS,
        "kinds": QUANTITIES,
        "levels": levels(),
        "latest": next((row for row in standing if row.score is not None), None),
        "trends": trends(standing, 320, 84),
        "filled": shown.filled or _typed(patient, corrected, standing),
        "corrected": corrected,
        "faults": shown.faults,
        "wrong": shown.wrong,
        "done": next((row for row in rows if row.id and row.id == shown.done), None) if shown.done else None,
        "withdrawn": shown.done in {row.id for row in rows if row.withdrawn and row.id},
        "fresh": all(answer.bundle is not None for answer in fresh),
        "today": f"{now:%Y-%m-%d}",
    }
    return render.page(request, "staff/vitals.html", context, shown.status)


async def _fresh(portal: Portal, reader: Reader, patient: str) -> Sequence[Answer]:
    pairs = [("patient", f"Patient/{patient}"), ("_count", "60"), ("_sort", "-date")]
    return await portal.care.record.ask_all(reader.token, [(one, pairs) for one in (VITALS, SCORES)])


def _typed(patient: str, corrected: Panel | None, rows: Sequence[Panel]) -> Filled:
    """The form before anything is typed: empty, or what is to be corrected. The scale is the patient's last one."""
    scale = next((row.score.scale for row in rows if row.score is not None), 1)
    if corrected is None:
        return Filled(patient=patient, scale=scale)
    values: dict[str, Any] = {name: corrected.raw[name] for name in corrected.raw if name in Filled.model_fields}
    clock = f"{corrected.at.at.astimezone(ZONE):%Y-%m-%dT%H:%M}"
    held = corrected.score.scale if corrected.score else scale
    return Filled(patient=patient, replaces=corrected.id, clock=clock, scale=held, **values)
