"""The patient's page: every referral, where it is, and what happens next."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from application_platform.portal import render, timeline
from application_platform.portal.mine.asking import asked
from application_platform.portal.mine.frame import InMine, framed
from application_platform.portal.reader import InPortal
from application_platform.portal.referrals import steps
from application_platform.portal.refusals import PageRoute
from application_platform.portal.timeline import Source

router = APIRouter(prefix="/portal/mine/{patient}/referrals", route_class=PageRoute, include_in_schema=False)

REFERRALS = Source("ServiceRequest", "", frozenset(), "remisser", 200)
TIMES = Source("Appointment", "", frozenset(), "bokade tider", 200)


@router.get("")
async def referrals(request: Request, portal: InPortal, mine: InMine) -> Response:
    """Those under way, then those that are done. Without the bookings it is not known whether a time is booked, which is said."""
    found = await asked(portal, mine, [REFERRALS, TIMES])
    orders, times = (timeline.matches(bundle) if (bundle := found.bundle(nth)) is not None else [] for nth in (0, 1))
    rows = steps.steps(orders, times, found.today)
    context = framed(
        portal,
        mine,
        "more",
        page=found.page,
        young=found.young,
        under_way=[row for row in rows if not row.ended],
        over=[row for row in rows if row.ended],
    )
    return render.page(request, "mine/referrals.html", context)
