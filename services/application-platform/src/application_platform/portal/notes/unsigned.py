"""What the reader has begun and not signed, whichever patient it is about: drafts, and notes that wait in the record (REC-02)."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from application_platform.portal import render
from application_platform.portal.contact.waiting import people
from application_platform.portal.person import Person
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell import day
from application_platform.portal.shell.waits import waits
from application_platform.portal.swedish import ZONE, Moment, moment
from kit.problems import Problem

router = APIRouter(prefix="/portal", route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft of the reader's: of which patient, under what title, and when it was saved last."""

    id: str
    person: Person
    title: str
    at: Moment | None

    @property
    def address(self) -> str:
        return f"/portal/patients/{self.person.id}/notes/drafts/{self.id}"


@router.get("/unsigned")
async def unsigned(request: Request, portal: InPortal, reader: Reads) -> Response:
    """The oldest first; what could not be asked is said."""
    if reader.kind != "staff":
        raise NotShown
    now = datetime.now(UTC)
    found, drafts = await asyncio.gather(waits(request, portal, reader, now), _drafts(portal, reader, now))
    context = {
        "reader": reader,
        "place": portal,
        "here": "inbox",
        "notes": [row for row in found.rows if row.code == "unsigned" and row.whose == "mine"],
        "drafts": drafts or (),
        "unchecked": [
            *(word for word in found.unchecked if word == day.WAITING.word),
            *(["dina utkast"] if drafts is None else []),
        ],
        "more": found.more,
        "ago": lambda at: day.ago(at.at, now),
    }
    return render.page(request, "staff/unsigned.html", context)


async def _drafts(portal: Portal, reader: Reader, now: datetime) -> list[Draft] | None:
    """The reader's own, the oldest first; None where they could not be asked."""
    try:
        held = await portal.care.every_draft(reader.token)
        known = await people(portal, reader, [one["patient"] for one in held], now.astimezone(ZONE).date())
    except SignedOut:
        raise
    except Problem:
        return None
    rows = [Draft(str(one["id"]), known[one["patient"]], str(one["title"]), moment(one["at"])) for one in held]
    return rows[::-1]
