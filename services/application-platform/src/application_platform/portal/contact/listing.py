"""The unit's messages: what waits for an answer, the longest wait first, and what is answered and still open."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from application_platform.messages import store
from application_platform.portal import render
from application_platform.portal.contact.deciding import database, look
from application_platform.portal.contact.staff import unit_of
from application_platform.portal.contact.waiting import people
from application_platform.portal.contact.words import words
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.day import ago
from application_platform.portal.swedish import ZONE

router = APIRouter(prefix="/portal/contact", route_class=PageRoute, include_in_schema=False)


@router.get("")
async def contact(request: Request, portal: InPortal, reader: Reads) -> Response:
    """The page of the unit's messages."""
    return render.page(request, "staff/contact.html", await _context(request, portal, reader))


@router.get("/rows")
async def rows(request: Request, portal: InPortal, reader: Reads) -> Response:
    """The list alone, for a page that is open when something comes."""
    return render.page(request, "staff/contact_rows.html", await _context(request, portal, reader))


async def _context(request: Request, portal: Portal, reader: Reader) -> Mapping[str, Any]:
    unit, now = unit_of(reader), datetime.now(UTC)
    position = portal.hub.position
    async with database(request).transaction() as tx:
        found = await store.units(tx, unit)
    ids = [one.patient for one in found]
    if ids:
        await look(portal, reader, "messages-read", ids)
    return {
        "reader": reader,
        "place": portal,
        "here": "contact",
        "waits": [one for one in found if one.waiting],
        "answered": [one for one in found if not one.waiting],
        "people": await people(portal, reader, ids, now.astimezone(ZONE).date()),
        "ago": lambda at: ago(at, now),
        "late": lambda one: one.due is not None and one.due < now,
        "more": len(found) >= store.MOST,
        "unit": unit,
        "position": position,
        "ticket": portal.hub.ticket(reader.session, unit),
        **words(),
    }
