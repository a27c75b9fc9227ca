"""The ward's board: one look at every bed, alive, and without names on the wall."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from application_platform.portal import render
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE
from application_platform.portal.ward.loading import load, whose
from application_platform.portal.ward.model import FLAGS, Board, Stay
from application_platform.portal.ward.telling import key_of

router = APIRouter(prefix="/portal/ward", route_class=PageRoute, include_in_schema=False)

_DONE = {
    "admit": "är inskriven",
    "move": "är flyttad",
    "swap": "har bytt plats",
    "discharge": "är utskriven",
    "cancel": "väntas inte längre",
}
_KINDS = {"alla": "Alla", "mina": "Mina", "news2": "NEWS2 från 5", "hem": "Hem i dag"}


@router.get("")
async def ward(
    request: Request,
    portal: InPortal,
    reader: Reads,
    visa: Annotated[str, Query(max_length=10)] = "alla",
    vagg: Annotated[str, Query(max_length=1)] = "",
    klar: Annotated[str, Query(max_length=64)] = "",
    akt: Annotated[str, Query(max_length=12)] = "",
) -> Response:
    """The board of the reader's unit; for a script that asks again only its cards. `vagg=1`: for a wall, without names."""
    if reader.kind != "staff" or reader.commission is None:
        raise NotShown
    now = datetime.now(UTC)
    position = portal.hub.position  # taken before VIS is asked: what comes in between is told again
    found = await load(portal, reader, now)
    kind = visa if visa in _KINDS else "alla"
    context = {
        "reader": reader,
        "place": portal,
        "here": "ward",
        "board": found,
        "most": FLAGS,
        "fits": lambda stay: fits(stay, kind),
        "kind": kind,
        "kinds": [(name, word, sum(fits(stay, name) for stay in found.stays)) for name, word in _KINDS.items()],
        "wall": bool(vagg),
        "clock": f"{now.astimezone(ZONE):%H:%M}",
        "done": await _done(portal, reader, found, klar, akt) if akt in _DONE and klar else None,
        "csrf": reader.csrf,
        "watch": watched(portal, reader, found),
        "position": position,
    }
    template = "staff/ward_board.html" if request.headers.get("hx-request") else "staff/ward.html"
    return render.page(request, template, context)


def fits(stay: Stay, kind: str) -> bool:
    """Whether the stay is shown under this choice."""
    return {"mina": stay.mine, "news2": stay.raised, "hem": stay.today}.get(kind, True)


def watched(portal: Portal, reader: Reader, found: Board) -> str:
    """What the page listens for: the ward itself, and each of its patients; "key~ticket" with blanks between."""
    assert reader.commission is not None
    keys = [key_of(reader.commission.unit), *(stay.person.id for stay in (*found.stays, *found.awaited))]
    return " ".join(f"{key}~{portal.hub.ticket(reader.session, key)}" for key in dict.fromkeys(keys) if key)


async def _done(portal: Portal, reader: Reader, found: Board, stay: str, act: str) -> dict[str, str]:
    """What was done just now, of whom; the name comes from VIS, never from the address."""
    named = next((one for one in (*found.stays, *found.awaited) if one.id == stay), None)
    if named is not None:
        return {"name": named.name, "words": _DONE[act], "place": named.place}
    person = await whose(portal, reader, stay, datetime.now(UTC))
    name = "Patienten" if person is None else "Skyddade personuppgifter" if person.protected else person.name
    return {"name": name, "words": _DONE[act], "place": ""}
