"""News as server-sent events: one stream for all of a browser's tabs, told ids only (D12).

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from application_platform.portal.live import Gap, Listener, Notice
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from kit.problems import Problem, Unavailable

router = APIRouter(prefix="/portal", include_in_schema=False)

_HEARTBEAT = 15.0  # seconds of silence before a comment, so that a dead connection shows
_LOOK = 4  # heartbeats between two looks at whether the session still lives
_MOST = 120  # patients that one browser may wait for: a ward's board, and the charts beside it

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}


@router.get("/events")
async def events(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: Annotated[list[str] | None, Query(max_length=_MOST)] = None,
    after: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The stream. `patient` is `id` or `id~ticket` (the ticket of the patient's page), `after` a position of the hub.

    Without a valid ticket the record is asked, as the reader, whether this patient may be watched, and the law for whom a
    patient acts. Staff may wait for their own unit, by its HSA-id.
    """
    watched = await _admitted(portal, reader, patient or [])
    where = request.headers.get("last-event-id") or after
    return StreamingResponse(
        _told(request, portal, watched, where), media_type="text/event-stream", headers=dict(_HEADERS)
    )


async def _admitted(portal: Portal, reader: Reader, asked: list[str]) -> frozenset[str]:
    found = set()
    own = {reader.patient, reader.commission.unit if reader.commission else None}
    for entry in asked[:_MOST]:
        id, _, ticket = entry.partition("~")
        known = id in own or portal.hub.admits(ticket, reader.session, id)
        if known or await (_acts_for if reader.kind == "patient" else _readable)(portal, reader, id):
            found.add(id)
    return frozenset(found)


async def _readable(portal: Portal, reader: Reader, id: str) -> bool:
    try:
        await portal.record.patient(reader.token, id)
    except Unavailable:
        raise
    except Problem:
        return False
    return True


async def _acts_for(portal: Portal, reader: Reader, id: str) -> bool:
    return any(one["patient"] == id for one in await portal.access.acting(reader.token))


async def _told(request: Request, portal: Portal, watched: frozenset[str], after: str) -> AsyncIterator[bytes]:
    with portal.hub.listen(watched, after) as listener:
        yield b"retry: 1000\n\n"
        yield _event("ready", portal.hub.position, {"patients": sorted(watched)})
        async for chunk in _notices(request, portal, listener):
            yield chunk


async def _notices(request: Request, portal: Portal, listener: Listener) -> AsyncIterator[bytes]:
    silent = 0
    async for notice in listener.told(_HEARTBEAT):
        if isinstance(notice, Notice):
            for id in sorted(notice.patients & listener.patients):
                yield _event("changed", portal.hub.position_of(notice.number), {"patient": id, "what": notice.what})
        elif isinstance(notice, Gap):
            yield _event("missed", portal.hub.position, {})
        else:
            silent += 1
            yield b": still here\n\n"
        # A busy stream never falls silent, so notices count as looks too.
        looks = notice is not None or silent % _LOOK == 0
        if looks and not await portal.still_there(request):
            yield _event("signed-out", portal.hub.position, {})
            return


def _event(name: str, id: str, data: dict[str, Any]) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (id.encode(), name.encode(), msgspec.json.encode(data))
