"""What the patient has measured, noted and answered, as care sees it in the chart: marked as the patient's own."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from application_platform.forms import store as forms
from application_platform.forms.model import Filled
from application_platform.own import store
from application_platform.own.model import said
from application_platform.portal import render
from application_platform.portal.contact.deciding import database, look
from application_platform.portal.contact.words import words
from application_platform.portal.health_form.steps import answered
from application_platform.portal.own_values import series
from application_platform.portal.own_values.mine import CHANGED
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.sheet import fragment, sheet, staffs

router = APIRouter(prefix="/portal/patients/{patient}/own", route_class=PageRoute, include_in_schema=False)


@router.get("")
async def own(request: Request, portal: InPortal, reader: Reads, patient: str) -> Response:
    """The patient's own values, notes and sent forms. Needs a relation, which the law decides."""
    asked = staffs(reader, patient)
    held = await _held(request, portal, reader, asked)
    frame = await sheet(portal, reader, asked, "contact", [])
    return render.page(request, "staff/own.html", {**frame.context, **held, "changed": CHANGED})


@router.get("/rows")
async def rows(request: Request, portal: InPortal, reader: Reads, patient: str) -> Response:
    """The same without its frame, for a page that is open when something comes."""
    asked = staffs(reader, patient)
    held = await _held(request, portal, reader, asked)
    return render.page(request, "staff/own_rows.html", {**fragment(portal, reader, asked), **held})


async def _held(request: Request, portal: Portal, reader: Reader, patient: str) -> Mapping[str, Any]:
    await look(portal, reader, "own-read", [patient])
    async with database(request).transaction() as tx:
        entries, filled = await store.listed(tx, patient), await forms.listed(tx, patient)
    sent: list[Filled] = [one for one in filled if one.submitted_at is not None]
    moments = [one.withdrawn_at or one.made_at for one in entries] + [one.changed_at for one in sent]
    return {
        **words(),
        "kinds": [one for one in series.kinds(entries) if one.entries],
        "own_notes": series.notes(entries),
        "sent": sent,
        "answered": answered,
        "said": said,
        "count": len(entries) + len(sent),
        "newest": str(max(moments, default="")),
    }
