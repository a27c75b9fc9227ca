"""Who reads chooses light or dark, and sees which apps and browsers are let in."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from application_platform.identity import sessions
from application_platform.portal import render
from application_platform.portal.mine.frame import InMine, framed
from application_platform.portal.reader import InPortal, Reads
from application_platform.portal.refusals import PageRoute
from application_platform.tokens import grants

router = APIRouter(prefix="/portal/mine/{patient}/settings", route_class=PageRoute, include_in_schema=False)


@router.get("")
async def settings(request: Request, portal: InPortal, reader: Reads, mine: InMine) -> Response:
    """The reader's own: who acts for another is led to their own settings, for apps and sessions are theirs."""
    if mine.role != "self":
        return RedirectResponse(f"/portal/mine/{reader.patient}/settings", 303)
    apps, living = await _let_in(request, mine.patient)
    context = framed(portal, mine, "more", apps=apps, sessions=living)
    return render.page(request, "mine/settings.html", context)


async def _let_in(request: Request, person: str) -> tuple[list[str], int]:
    """The names of the apps that may read, and how many browsers are signed in."""
    db = getattr(request.app.state, "db", None)
    if db is None:
        return [], 0
    now = datetime.now(UTC)
    async with db.transaction() as tx:
        held = await grants.living(tx, person, now)
        living = await sessions.living(tx, person, now, request.app.state.office.limits)
    return [one.app for one in held], len(living)
