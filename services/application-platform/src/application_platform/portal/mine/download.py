"""The whole record to its patient: as a FHIR Bundle, streamed page by page, and as a page to read and print (PAT-13)."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import structlog
from fastapi import APIRouter, Form, Request
from starlette.responses import Response, StreamingResponse

from application_platform.apps import wording
from application_platform.portal import render, timeline
from application_platform.portal.contact.deciding import look
from application_platform.portal.mine.frame import InMine, Mine, framed, sent
from application_platform.portal.person import person
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.record import Part, Piece
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE
from application_platform.portal.values import key_of
from kit.problems import Problem

_REGISTERS = {
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "HealthcareService",
    "Medication",
}
_REGISTERS |= {"OperationOutcome", "Schedule", "Slot", "Device", "Substance"}
log = structlog.get_logger(__name__)

router = APIRouter(prefix="/portal/mine/{patient}/download", route_class=PageRoute, include_in_schema=False)


@router.get("")
async def download(request: Request, portal: InPortal, mine: InMine) -> Response:
    """What there is to fetch, what it is for, and the two ways."""
    return render.page(request, "mine/download.html", framed(portal, mine, "more"))


@router.post("/file")
async def file(
    request: Request, portal: InPortal, mine: InMine, patient_: Annotated[str, Form(alias="patient")]
) -> Response:
    """A Bundle (collection) of everything that the reader's token is shown; the law decides and logs it first (LOG-07, LOG-09).

    The first page is fetched before the answer begins, so that a refusal is a page. Where a later one fails the answer
    breaks off: a file that is not whole is no JSON and never looks whole.
    """
    await sent(request, mine, patient_)
    await look(portal, mine.reader, "download", [mine.patient])
    first = await portal.record.everything(mine.reader.token, mine.patient)
    name = f"min-vard-{datetime.now(ZONE):%Y-%m-%d}.json"
    headers = {**render.headers(), "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_bundle(portal, mine, first), media_type="application/fhir+json", headers=headers)


@router.get("/read")
async def read(request: Request, portal: InPortal, mine: InMine) -> Response:
    """The same as words, the newest first, to read and print."""
    await look(portal, mine.reader, "download", [mine.patient])
    pieces = [piece async for piece in _pieces(portal, mine, None)]
    resources = [msgspec.json.decode(piece.resource) for piece in pieces]
    bundle = {"entry": [{"resource": one} for one in resources]}
    entries = timeline.entries_from([bundle])
    who: Mapping[str, Any] = next(
        (one for one in resources if one.get("resourceType") == "Patient" and one.get("id") == mine.patient), {}
    )
    now = datetime.now(ZONE)
    shown = person(who, now.date())
    context = framed(
        portal,
        mine,
        "more",
        young=mine.young(shown.born, now.date()),
        groups=timeline.by_month(entries),
        count=len(entries),
        person=shown,
        at=now,
        today=now.date(),
        others=others(resources, {key for entry in entries for key in entry.keys}),
        withheld=bool(timeline.reasons(bundle)),
    )
    return render.page(request, "mine/record.html", context)


def others(resources: Sequence[Mapping[str, Any]], shown: Collection[str]) -> list[tuple[str, int]]:
    """What the file has beside the events of the page: what it is called and how many, the most first (pure).

    Left out are the person, and the registers of people and places that the events point at.
    """
    counted = Counter(
        str(one.get("resourceType"))
        for one in resources
        if key_of(one) not in shown and one.get("resourceType") not in _REGISTERS
    )
    return [(wording.of_type(name), count) for name, count in counted.most_common()]


async def _pieces(portal: Portal, mine: Mine, first: Part | None) -> AsyncIterator[Piece]:
    """Every resource once: registers come again with each page that points at them."""
    known: set[str] = set()
    part = first or await portal.record.everything(mine.reader.token, mine.patient)
    while True:
        for piece in part.pieces:
            if not piece.fullUrl or piece.fullUrl not in known:
                known.add(piece.fullUrl)
                yield piece
        if not part.cursor:
            return
        part = await portal.record.everything(mine.reader.token, mine.patient, part.cursor)


async def _bundle(portal: Portal, mine: Mine, first: Part) -> AsyncIterator[bytes]:
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    yield b'{"resourceType":"Bundle","type":"collection","timestamp":"%s","entry":[' % at.encode()
    lead = b""
    try:
        async for piece in _pieces(portal, mine, first):
            address = msgspec.json.encode(piece.fullUrl)
            yield lead + b'{"fullUrl":%s,"resource":%s}' % (address, bytes(piece.resource))
            lead = b","
    except Problem as problem:
        log.warning("download broken off", code=problem.code)
        raise
    yield b"]}"
