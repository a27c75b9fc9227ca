"""The pages of results: analyses against times, and one analysis through the years."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from application_platform.portal import render, timeline
from application_platform.portal.reader import InPortal, Reads
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.results import series
from application_platform.portal.results.series import Series
from application_platform.portal.shell.sheet import sheet, staffs
from application_platform.portal.swedish import moment
from application_platform.portal.timeline import Answer, Source

router = APIRouter(prefix="/portal/patients/{patient}/results", route_class=PageRoute, include_in_schema=False)

MOST = 500  # values that one page reads: the newest; the page says so when there are more
LABORATORY = Source("Observation", "date", frozenset({"svar"}), "provsvar", MOST, (("category", "laboratory"),))
_CODE = Annotated[str, Query(max_length=200)]


@router.get("")
async def results(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    visa: Annotated[str, Query(max_length=20)] = "alla",
    fore: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Every analysis against the latest times; `visa=avvikande` only those with a value outside its reference."""
    found = await sheet(portal, reader, staffs(reader, patient), "results", [LABORATORY])
    abnormal = visa == "avvikande"
    limit = moment(fore)
    rows = read(found.answers)
    context = {
        **found.context,
        "grid": series.grid(rows, limit.iso if limit else "", abnormal=abnormal),
        "heading": series.heading,
        "abnormal": abnormal,
        "any": bool(rows),
        "newest": limit is None,
        "cut": cut(found.answers),
    }
    return render.page(request, "staff/results.html", context)


@router.get("/trend")
async def trend(
    request: Request, portal: InPortal, reader: Reads, patient: str, analys: _CODE, enhet: _CODE = ""
) -> Response:
    """One analysis in one unit: the graph, and the same values as a table."""
    found = await sheet(portal, reader, staffs(reader, patient), "results", [LABORATORY])
    one = next((row for row in read(found.answers) if row.id == analys and row.unit == enhet), None)
    if one is None and not found.context["page"].unchecked:
        raise NotShown
    return render.page(request, "staff/trend.html", {**found.context, "one": one, "cut": cut(found.answers)})


def read(answers: Sequence[Answer]) -> list[Series]:
    """The series of what was answered."""
    return series.series(
        found
        for answer in answers
        if answer.bundle is not None
        for found in timeline.resources(answer.bundle)
        if found.get("resourceType") == "Observation"
    )


def cut(answers: Sequence[Answer]) -> bool:
    """Whether there is more than was read."""
    return any(
        link.get("relation") == "next"
        for answer in answers
        if answer.bundle is not None
        for link in answer.bundle.get("link", ())
    )
