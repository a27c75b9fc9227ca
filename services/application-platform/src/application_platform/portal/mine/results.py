"""A patient's test results: the list, one answer, and one analysis through time."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from application_platform.portal import render, timeline
from application_platform.portal.mine import answers
from application_platform.portal.mine.asking import Found, asked
from application_platform.portal.mine.frame import InMine, Mine, framed
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.results import series
from application_platform.portal.results.pages import LABORATORY, cut
from application_platform.portal.results.series import Series
from application_platform.portal.timeline import Answer, Source
from application_platform.portal.values import key_of

router = APIRouter(prefix="/portal/mine/{patient}/results", route_class=PageRoute, include_in_schema=False)

REPORTS = Source(
    "DiagnosticReport", "date", frozenset({"svar"}), "provsvar", 60, (("_include", "DiagnosticReport:result"),)
)
TASKS = Source("Task", "", frozenset(), "vårdens kommentar", 500, (("code", "urn:fvm:task|result"),))
Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9.\-]{1,64}$")]
_Code = Annotated[str, Query(max_length=200)]


@router.get("")
async def results(request: Request, portal: InPortal, mine: InMine) -> Response:
    """Every answer, newest first."""
    found = await asked(portal, mine, [REPORTS, LABORATORY])
    entries = timeline.entries_from(found.bundles, "svar")
    followed = [one for one in _known(found.answers) if len(one.points) > 1]
    context = _framed(portal, mine, found, rows=answers.rows(entries, found.today), analyses=followed)
    return render.page(request, "mine/results.html", {**context, "cut": cut(found.answers)})


@router.get("/trend")
async def trend(request: Request, portal: InPortal, mine: InMine, analys: _Code, enhet: _Code = "") -> Response:
    """One analysis in one unit: the graph, and the same values as a list."""
    found = await asked(portal, mine, [LABORATORY])
    one = next((row for row in _known(found.answers) if row.id == analys and row.unit == enhet), None)
    if one is None and not found.page.unchecked:
        raise NotShown
    return render.page(request, "mine/trend.html", {**_framed(portal, mine, found, one=one), "cut": cut(found.answers)})


@router.get("/value/{id}")
async def value(request: Request, portal: InPortal, mine: InMine, id: Id) -> Response:
    """A value that came without a report."""
    return await _answer(request, portal, mine, "Observation", id)


@router.get("/{id}")
async def report(request: Request, portal: InPortal, mine: InMine, id: Id) -> Response:
    """One answer: each analysis with what its figures say, the words of the laboratory, and what care has said of it."""
    return await _answer(request, portal, mine, "DiagnosticReport", id)


async def _answer(request: Request, portal: Portal, mine: Mine, type: str, id: str) -> Response:
    more = REPORTS.extra if type == "DiagnosticReport" else ()
    only = Source(type, "", REPORTS.kinds, REPORTS.word, 1, (*more, ("_id", id)))
    found = await asked(portal, mine, [only, LABORATORY, TASKS])
    first = found.answers[0].bundle
    resource = next((one for one in timeline.matches(first or {}) if one.get("id") == id), None)
    entry = next((one for one in timeline.entries_from([first] if first else []) if f"{type}/{id}" in one.keys), None)
    if first is not None and (resource is None or entry is None):
        raise NotShown
    version = str((resource or {}).get("meta", {}).get("versionId", "1"))
    tasks = found.answers[2].bundle
    context = _framed(
        portal,
        mine,
        found,
        entry=entry,
        analyses=answers.analyses(entry, _known(found.answers[:2]), found.today) if entry else (),
        said=answers.said(timeline.matches(tasks), f"{type}/{id}", version) if tasks is not None else None,
    )
    return render.page(request, "mine/answer.html", context)


def _known(found: Sequence[Answer]) -> list[Series]:
    """The series of what was answered; a value that came in two answers is one."""
    given = (one.bundle for one in found if one.bundle is not None)
    held = {key_of(one): one for bundle in given for one in timeline.resources(bundle)}
    return series.series(one for one in held.values() if one.get("resourceType") == "Observation")


def _framed(portal: Portal, mine: Mine, found: Found, **more: Any) -> dict[str, Any]:
    return framed(portal, mine, "more", page=found.page, today=found.today, young=found.young, **more)
