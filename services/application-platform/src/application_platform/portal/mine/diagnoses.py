"""A patient's diagnoses with hypersensitivity first, and their vaccinations."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from application_platform.portal import render, timeline
from application_platform.portal.mine import health
from application_platform.portal.mine.asking import Found, asked
from application_platform.portal.mine.frame import InMine, framed
from application_platform.portal.reader import InPortal
from application_platform.portal.refusals import PageRoute
from application_platform.portal.summary import lists
from application_platform.portal.timeline import Source

router = APIRouter(prefix="/portal/mine/{patient}", route_class=PageRoute, include_in_schema=False)

_NONE: frozenset[str] = frozenset()
_ALLERGIES = Source("AllergyIntolerance", "", _NONE, "överkänslighet", 200)
_CONDITIONS = Source("Condition", "", _NONE, "diagnoser", 500)
_FLAGS = Source("Flag", "", _NONE, "viktigt att veta", 100)
_VACCINATIONS = Source("Immunization", "", _NONE, "vaccinationer", 500)


@router.get("/diagnoses")
async def diagnoses(request: Request, portal: InPortal, mine: InMine) -> Response:
    """What must be known first, then what is current, then what is over."""
    found = await asked(portal, mine, [_ALLERGIES, _CONDITIONS, _FLAGS])
    known = found.bundle(0)
    flags = [lists.flag(one) for one in lists.resources(found.answers, "Flag")]
    context = framed(
        portal,
        mine,
        "more",
        **_told(found),
        allergies=None if known is None else health.allergies(timeline.matches(known), found.today),
        flags=[one for one in flags if one is not None],
        problems=lists.problems(lists.resources(found.answers, "Condition")),
    )
    return render.page(request, "mine/diagnoses.html", context)


@router.get("/vaccinations")
async def vaccinations(request: Request, portal: InPortal, mine: InMine) -> Response:
    """Every dose, the latest first."""
    found = await asked(portal, mine, [_VACCINATIONS])
    rows = health.vaccinations(lists.resources(found.answers, "Immunization"))
    return render.page(request, "mine/vaccinations.html", framed(portal, mine, "more", **_told(found), rows=rows))


def _told(found: Found) -> dict[str, object]:
    return {"page": found.page, "today": found.today, "young": found.young}
