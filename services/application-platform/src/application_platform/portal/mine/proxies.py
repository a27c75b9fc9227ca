"""A patient gives somebody the right to act for them, and sees who has it (PAT-11)."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from application_platform.identity import vouched
from application_platform.portal import render
from application_platform.portal.access import NotTaken
from application_platform.portal.finding import checks
from application_platform.portal.mine.frame import InMine, Mine, framed, sent
from application_platform.portal.mine.privacy import lines
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE

router = APIRouter(prefix="/portal/mine/{patient}/proxies", route_class=PageRoute, include_in_schema=False)

_DONE = "Ombudet kan nu se och sköta dina vårdärenden."
_LONGEST = timedelta(days=5 * 365)
# One sentence for nobody, for somebody who has never signed in and for oneself: who is known here is not told.
_NOT_GIVEN = "Det gick inte. Kontrollera personnumret. Ombudet behöver ha loggat in i Min vård minst en gång."
_REFUSED = {
    "access/not-yours": "Det här kan du inte göra själv. Kontakta mottagningen, så hjälper de dig.",
    "access/wrong-age": "Du behöver ha fyllt 16 år, och ombudet får inte vara du själv.",
}


class Given(BaseModel):
    """A mandate as it is asked for; `patient` must be the address's, `id` makes it happen once."""

    patient: str = Field(default="", max_length=64)
    id: UUID
    number: str = Field(default="", max_length=20)
    name: str = Field(default="", max_length=60)
    until: str = Field(default="", max_length=10)


@router.get("")
async def proxies(
    request: Request, portal: InPortal, mine: InMine, klart: Annotated[str, Query(max_length=3)] = ""
) -> Response:
    """Who acts for the patient, and the form."""
    return await _page(request, portal, mine, done=_DONE if klart == "ja" else "")


@router.post("")
async def give(request: Request, portal: InPortal, mine: InMine, given: Annotated[Given, Form()]) -> Response:
    """In force when this answers; sent twice it is given once."""
    await sent(request, mine, given.patient)
    today = datetime.now(ZONE).date()
    wrong = wrongs(given, today)
    who = None if wrong else await _known(request, given.number)
    if who is None:
        return await _page(request, portal, mine, given, wrong or {"number": _NOT_GIVEN})
    ends = datetime.combine(date.fromisoformat(given.until) + timedelta(days=1), time(), ZONE) if given.until else None
    body = {"id": str(given.id), "who": who, "reason": given.name.strip(), "until": ends.isoformat() if ends else None}
    try:
        await portal.access.take(mine.reader.token, mine.patient, "mandates", body)
    except NotTaken as refused:
        return await _page(request, portal, mine, given, {"number": _REFUSED.get(refused.name, _NOT_GIVEN)})
    return RedirectResponse(f"{mine.base}/proxies?klart=ja", 303)


def wrongs(given: Given, today: date) -> dict[str, str]:
    """What must be written anew, by field."""
    found = {}
    number = digits(given.number)
    if len(number) != len("ååååmmddnnnn") or not checks(number):
        found["number"] = "Skriv personnumret med tolv siffror: ååååmmdd-nnnn."
    if not given.name.strip():
        found["name"] = "Skriv vad du kallar ombudet, till exempel Mamma."
    if given.until:
        try:
            last = date.fromisoformat(given.until)
        except ValueError:
            found["until"] = "Skriv år, månad och dag: 2027-12-31."
        else:
            if not today <= last <= today + _LONGEST:
                found["until"] = "Välj en dag från i dag och högst fem år framåt."
    return found


def digits(number: str) -> str:
    """The digits of a personnummer however it is written."""
    return "".join(sign for sign in number if sign.isdigit())


async def _known(request: Request, number: str) -> str | None:
    """The Patient id of somebody who has signed in here."""
    db = getattr(request.app.state, "db", None)
    if db is None:
        return None
    async with db.transaction() as tx:
        return await vouched.patient_here(tx, digits(number))


async def _page(
    request: Request,
    portal: Portal,
    mine: Mine,
    given: Given | None = None,
    wrong: dict[str, str] | None = None,
    *,
    done: str = "",
) -> Response:
    if mine.role != "self":
        raise NotShown
    today = datetime.now(ZONE).date()
    acts: Any = await portal.access.acts(mine.reader.token, mine.patient)
    context = framed(
        portal,
        mine,
        "more",
        mandates=lines(acts, "mandate", {}, today),
        given=given,
        wrong=wrong or {},
        done=done,
    )
    return render.page(request, "mine/proxies.html", context, 422 if wrong else 200)
