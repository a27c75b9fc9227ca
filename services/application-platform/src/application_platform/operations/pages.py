"""The operator's pages under /portal/region: the picture, what was set aside, one message, replay and giving up."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from application_platform.operations import words
from application_platform.operations.actions import PAGE, NotThere, Region
from application_platform.operations.away import RegionRoute
from application_platform.operations.content import readable
from application_platform.operations.troubles import PARTS
from application_platform.portal import render
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.refusals import Words
from application_platform.portal.swedish import ZONE, moment
from application_platform.sign_in import browser
from kit.problems import Unavailable

router = APIRouter(prefix="/portal/region", route_class=RegionRoute, include_in_schema=False)

RIGHT = "exchange.operate"
_ID = re.compile(r"[a-z]+(?:-waiting)?-\d{1,18}")
_LARGEST = 2**63 - 1  # of the numbers that messages have
_CODE = re.compile(r"[a-z0-9/\-]{1,80}")

_NOT_AN_OPERATOR = Words(
    403,
    "Sidan är för driften",
    "Ditt uppdrag omfattar inte driften av regionen. Byt uppdrag om du har ett sådant.",
)
_NOT_FOR_PATIENTS = Words(403, "Sidan är inte för patienter", "Gå tillbaka till din egen journal.")
_GONE = Words(
    404, "Meddelandet ligger inte här längre", "Det har spelats om, eller skrivits av. Gå tillbaka till listan."
)
_NO_REASON = Words(400, "Skriv varför", "Skälet skrivs i driftloggen. Gå tillbaka och fyll i det.")


def operates(reader: Reader) -> bool:
    """Whether this person's commission is to run the region."""
    return reader.commission is not None and RIGHT in reader.commission.rights


@router.get("")
async def region_page(
    request: Request, portal: InPortal, reader: Reads, orsak: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """The whole page."""
    if not operates(reader):
        return _refused(request, portal, reader, _NOT_AN_OPERATOR)
    code = orsak if _CODE.fullmatch(orsak) else ""
    return await _page(request, portal, reader, code, done=request.query_params.get("klart", "")[:6])


async def _page(
    request: Request, portal: Portal, reader: Reader, code: str, *, would: int | None = None, done: str = ""
) -> Response:
    """`code` narrows the list to one reason, `would` is what a trial run counted, `done` what was replayed."""
    region = _region(request)
    messages, silent = await region.parked(reader.token)
    context = {
        **_frame(reader, portal),
        "picture": await region.picture(reader.token),
        "number": words.number,
        "rows": [_row(one) for one in messages if code in ("", one["code"])],
        "reasons": _reasons(messages),
        "chosen": code,
        "silent": [PARTS[name] for name in silent],
        "would": would,
        "done": done,
    }
    return render.page(request, "region.html", context)


@router.get("/picture")
async def live_picture(request: Request, portal: InPortal, reader: Reads) -> Response:
    """The part that renews itself every two seconds."""
    if not operates(reader):
        return _refused(request, portal, reader, _NOT_AN_OPERATOR)
    picture = await _region(request).picture(reader.token)
    return render.page(request, "region_picture.html", {"picture": picture, "number": words.number})


@router.get("/warned")
async def warned_page(
    request: Request, portal: InPortal, reader: Reads, fore: Annotated[int, Query(ge=0, le=_LARGEST)] = 0
) -> Response:
    """Messages that were taken with a warning; `fore` is the last number of the page before."""
    if not operates(reader):
        return _refused(request, portal, reader, _NOT_AN_OPERATOR)
    try:
        found = await _region(request).warned(reader.token, fore or None)
    except Unavailable:
        found = None
    rows = None if found is None else [_warned(one) for one in found]
    further = found[-1]["id"] if found is not None and len(found) == PAGE else 0
    return render.page(request, "region_warned.html", {**_frame(reader, portal), "rows": rows, "further": further})


@router.get("/messages/{id}")
async def message_page(request: Request, portal: InPortal, reader: Reads, id: str) -> Response:
    """One message without its content."""
    return await _message(request, portal, reader, id, "")


@router.post("/messages/{id}/content")
async def content_page(
    request: Request, portal: InPortal, reader: Reads, id: str, reason: Annotated[str, Form(max_length=300)] = ""
) -> Response:
    """The same with its content; the reason is written down."""
    await _ours(request, reader)
    if operates(reader) and not reason.strip():
        return _refused(request, portal, reader, _NO_REASON)
    return await _message(request, portal, reader, id, reason.strip())


async def _message(request: Request, portal: Portal, reader: Reader, id: str, reason: str) -> Response:
    if not operates(reader):
        return _refused(request, portal, reader, _NOT_AN_OPERATOR)
    try:
        found = await _region(request).message(reader.token, _checked(id), reason)
    except NotThere:
        return _refused(request, portal, reader, _GONE)
    context = {
        **_frame(reader, portal),
        "row": _row(found["held"]),
        "attributes": [(words.attribute(name), value) for name, value in found["attributes"].items()],
        "behind": found["behind"],
        "size": found["size"],
        "content": readable(found["body"]) if found["body"] else "",
    }
    return render.page(request, "region_message.html", context)


@router.post("/replay")
async def replay(
    request: Request,
    portal: InPortal,
    reader: Reads,
    code: Annotated[str, Form(max_length=80)] = "",
    id: Annotated[str, Form(max_length=60)] = "",
    step: Annotated[str, Form(max_length=10)] = "dry",
) -> Response:
    """By reason: first how many it would be, then the replay. One message by its id: at once."""
    await _ours(request, reader)
    if not operates(reader):
        return _refused(request, portal, reader, _NOT_AN_OPERATOR)
    if not id and not _CODE.fullmatch(code):
        return _refused(request, portal, reader, _GONE)
    wanted: dict[str, Any] = {"ids": [_checked(id)]} if id else {"code": code}
    region = _region(request)
    if id or step == "do":
        done = await region.replay(reader.token, wanted, dry=False)
        return RedirectResponse(f"/portal/region?klart={done}#parked", 303)
    return await _page(request, portal, reader, code, would=await region.replay(reader.token, wanted, dry=True))


@router.post("/messages/{id}/give-up")
async def give_up(
    request: Request, portal: InPortal, reader: Reads, id: str, reason: Annotated[str, Form(max_length=300)] = ""
) -> Response:
    """Nobody's work any more; with a reason."""
    await _ours(request, reader)
    if not operates(reader):
        return _refused(request, portal, reader, _NOT_AN_OPERATOR)
    if not reason.strip():
        return _refused(request, portal, reader, _NO_REASON)
    try:
        await _region(request).give_up(reader.token, _checked(id), reason.strip())
    except NotThere:
        return _refused(request, portal, reader, _GONE)
    return RedirectResponse("/portal/region?klart=0#parked", 303)


async def _ours(request: Request, reader: Reader) -> None:
    """Raises FromElsewhere unless the form is our own page's."""
    await browser.check(request, request.app.state.settings, reader.csrf)


def _region(request: Request) -> Region:
    region: Region = request.app.state.region
    return region


def _frame(reader: Reader, portal: Portal) -> dict[str, Any]:
    return {"reader": reader, "place": portal, "here": "region"}


def _refused(request: Request, portal: Portal, reader: Reader, refusal: Words) -> Response:
    if reader.kind == "patient":
        refusal = _NOT_FOR_PATIENTS
    context = {"reader": reader, "place": portal, "words": refusal, "again": ""}
    return render.page(request, "refusal.html", context, refusal.status)


def _checked(id: str) -> str:
    if not _ID.fullmatch(id):
        raise NotThere
    return id


def _row(one: dict[str, Any]) -> dict[str, Any]:
    """A message as a row: when, what, why in words."""
    waiting = one["state"] == "waiting"
    return {
        **one,
        "clock": _clock(one["at"]),
        "about": words.topic(one["topic"]),
        "words": words.error(one["reason"]) if waiting else words.reason(one["code"]),
        "said": "" if waiting else one["reason"],
    }


def _warned(one: dict[str, Any]) -> dict[str, Any]:
    """A message that was taken with a warning, as a row."""
    at, text = words.warning(str(one["warning"]))
    return {
        "number": one["id"],
        "clock": _clock(one["received_at"]),
        "sender": one["sender"] or one["source"],
        "door": words.door(one["door"]),
        "control_id": one["control_id"],
        "at": at,
        "words": text,
    }


def _clock(instant: str) -> str:
    at = moment(instant)
    return f"{at.at.astimezone(ZONE):%Y-%m-%d %H:%M}" if at is not None else ""


def _reasons(messages: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """(code, in words, how many) of what is set aside, most first."""
    counts: dict[str, int] = {}
    for one in messages:
        counts[one["code"]] = counts.get(one["code"], 0) + 1
    named = [(code, words.reason(code) or code, count) for code, count in counts.items()]
    return sorted(named, key=lambda one: (-one[2], one[0]))
