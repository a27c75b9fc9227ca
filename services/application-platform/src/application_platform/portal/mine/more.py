"""Every room of the patient's house as big rows, and whose house one may step into (PAT-04, PAT-11)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from application_platform.portal import render
from application_platform.portal.mine.frame import InMine, framed
from application_platform.portal.mine.places import ROOMS
from application_platform.portal.person import person
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE
from kit.problems import Problem

router = APIRouter(prefix="/portal/mine/{patient}/more", route_class=PageRoute, include_in_schema=False)

_ROLES = {"guardian": "Du är vårdnadshavare", "mandate": "Du är ombud"}


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody for whom the reader acts; `name` is "" where it could not be fetched."""

    patient: str
    name: str
    line: str


@router.get("")
async def more(request: Request, portal: InPortal, reader: Reads, mine: InMine) -> Response:
    """The rooms, and the persons; where those could not be fetched, it is said."""
    try:
        others: list[Other] | None = await _others(request, portal, reader)
    except SignedOut:
        raise
    except Problem:
        others = None
    context = framed(portal, mine, "more", rooms=ROOMS, others=others, own_name=reader.name, own_id=reader.patient)
    return render.page(request, "mine/more.html", context)


async def _others(request: Request, portal: Portal, reader: Reader) -> list[Other]:
    acting = await portal.access.acting(reader.token)
    return list(await asyncio.gather(*(_other(request, portal, reader, one) for one in acting)))


async def _other(request: Request, portal: Portal, reader: Reader, one: Mapping[str, Any]) -> Other:
    patient, role = str(one["patient"]), _ROLES.get(str(one["role"]), "")
    try:
        found = await portal.record.patient(portal.token_as(request, reader, patient), patient)
    except SignedOut:
        raise
    except Problem:
        return Other(patient, "", role)
    who = person(found, datetime.now(ZONE).date())
    return Other(patient, who.plain_name, ", ".join(part for part in (who.age, role.lower()) if part))
