"""The cards of the overview, and the whole lists behind them: problems with UMI, medicines, notes."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from application_platform.portal import render, timeline
from application_platform.portal.reader import InPortal, Reads
from application_platform.portal.refusals import PageRoute
from application_platform.portal.results import series
from application_platform.portal.results.pages import LABORATORY, read
from application_platform.portal.shell.sheet import ask, fragment, sheet, staffs, told
from application_platform.portal.summary import lists
from application_platform.portal.timeline import Source

router = APIRouter(prefix="/portal/patients/{patient}", route_class=PageRoute, include_in_schema=False)

_NONE: frozenset[str] = frozenset()
PROBLEMS = Source("Condition", "", _NONE, "problem och diagnoser", 500)
ALLERGIES = Source("AllergyIntolerance", "", _NONE, "överkänslighet", 200)
FLAGS = Source("Flag", "", _NONE, "annan uppmärksamhetsinformation", 200)
ORDERS = Source("MedicationRequest", "authoredon", _NONE, "ordinationer", 300)
STATEMENTS = Source("MedicationStatement", "", _NONE, "läkemedelslista", 300)
VITALS = Source("Observation", "date", _NONE, "mätvärden", 120, (("category", "vital-signs"),))
_RECENT = Source("Observation", "date", _NONE, "provsvar", 120, LABORATORY.extra)
_CARDS = (PROBLEMS, ORDERS, STATEMENTS, VITALS, _RECENT)
_FEW = 6  # rows of a card


@router.get("/summary")
async def cards(request: Request, portal: InPortal, reader: Reads, patient: str) -> Response:
    """The overview's cards as a fragment: five searches at once, each bounded, each unchecked by itself when it fails."""
    asked = staffs(reader, patient)
    answers = await ask(portal, reader, asked, _CARDS)
    context = {
        **fragment(portal, reader, asked),
        "page": told(answers),
        "problems": lists.problems(lists.resources(answers, "Condition")),
        "medicines": lists.medicines(lists.resources(answers, "MedicationRequest", "MedicationStatement")),
        "vitals": _latest(series.series(lists.resources(answers[3:4], "Observation"))),
        "labs": _latest(read(answers[4:])),
        "few": _FEW,
    }
    return render.page(request, "staff/summary.html", context)


@router.get("/problems")
async def problems(request: Request, portal: InPortal, reader: Reads, patient: str) -> Response:
    """Problems, and what must be known first (UMI)."""
    found = await sheet(portal, reader, staffs(reader, patient), "problems", [PROBLEMS, ALLERGIES, FLAGS])
    known = lists.resources(found.answers, "AllergyIntolerance")
    context = {
        **found.context,
        "problems": lists.problems(lists.resources(found.answers, "Condition")),
        "allergies": timeline.entries_from([{"entry": [{"resource": one} for one in known]}]),
        "flags": [flag for one in lists.resources(found.answers, "Flag") if (flag := lists.flag(one))],
    }
    return render.page(request, "staff/problems.html", context)


def _latest(rows: list[series.Series]) -> list[series.Series]:
    """Those measured last come first; of one time, by name."""
    return sorted(rows, key=lambda one: (-one.last.at.at.timestamp(), one.name.casefold()))
