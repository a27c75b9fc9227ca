"""The patient's journal: everything care has written, newest first by month, and one event whole."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from application_platform.portal import chart, news, render, timeline
from application_platform.portal.entry import Resource
from application_platform.portal.mine import answers, note
from application_platform.portal.mine.frame import InMine, Mine, framed
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.record import NotAllowed, NotShown, Unreadable
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE, moment
from application_platform.portal.timeline import Page
from kit.problems import Unavailable

router = APIRouter(prefix="/portal/mine/{patient}/journal", route_class=PageRoute, include_in_schema=False)

_KINDS = {**timeline.KINDS, "svar": "Provsvar"}  # the filters as patients call them
Kind = Annotated[str, Query(alias="visa", max_length=20)]
Type = Annotated[str, Path(pattern=r"^[A-Z][A-Za-z]{1,40}$")]
Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9.\-]{1,64}$")]


@router.get("")
async def journal(
    request: Request,
    portal: InPortal,
    mine: InMine,
    visa: Kind = "allt",
    fore: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The timeline from its top, or from `fore`."""
    kind, now, found = _kind(visa), datetime.now(ZONE), moment(fore)
    position = portal.hub.position  # taken before the record is asked: what comes in between is told again
    before = found.iso if found else ""
    loaded = await chart.load(portal.record, mine.reader.token, mine.patient, kind, now.date(), before, staff=False)
    context = {
        **rows(portal, mine, loaded.page, kind, now.date()),
        "young": mine.young(loaded.person.born, now.date()),
        "position": "" if before else position,
        "since": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "clock": f"{now:%H:%M}",
        "ticket": portal.hub.ticket(mine.reader.session, mine.patient),
        "older": found.date if found else "",
    }
    return render.page(request, "mine/journal.html", context)


@router.get("/rows")
async def more(
    request: Request,
    portal: InPortal,
    mine: InMine,
    visa: Kind = "allt",
    fore: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The next rows, or another filter, as a fragment; without script the page itself."""
    kind, found = _kind(visa), moment(fore)
    before = found.iso if found else ""
    if not request.headers.get("hx-request"):
        return await journal(request, portal, mine, kind, before)
    page = await chart.load_page(portal.record, mine.reader.token, mine.patient, kind, before)
    template = "rows.html" if before else "timeline.html"
    return render.page(request, template, rows(portal, mine, page, kind, datetime.now(ZONE).date()))


@router.post("/news")
async def latest(
    request: Request,
    portal: InPortal,
    mine: InMine,
    what: Annotated[list[str] | None, Form()] = None,
    since: Annotated[str, Form(max_length=40)] = "",
    visa: Annotated[str, Form(max_length=20)] = "allt",
) -> Response:
    """The live line and the rows of what a notice named, or of what came since an instant; 204 when nothing of it is shown."""
    from_then = moment(since)
    if from_then is not None:
        found = await chart.load_since(portal.record, mine.reader.token, mine.patient, from_then.iso)
    else:
        found = await chart.load_named(portal.record, mine.reader.token, mine.patient, chart.keys(what or ()))
    if not found:
        return Response(status_code=204, headers=render.headers())
    now = datetime.now(ZONE)
    fitting = tuple(row for row in found if visa in ("allt", row.kind))
    context = rows(portal, mine, Page(fitting), _kind(visa), now.date())
    line = news.line(found, f"{now:%H:%M}")
    return render.page(request, "news.html", {**context, "line": line, "fresh": True})


@router.get("/{type}/{id}")
async def event(request: Request, portal: InPortal, mine: InMine, type: Type, id: Id) -> Response:
    """One event whole: a note as it was written, by whom, signed or not, and what was corrected in it."""
    source = next((one for one in timeline.SOURCES if one.type == type), None)
    if source is None:
        raise NotShown
    asked = [("_id", id), ("patient", f"Patient/{mine.patient}"), *source.extra]
    bundle = await portal.record.search(mine.reader.token, type, asked)
    found = next((one for one in timeline.matches(bundle) if one.get("id") == id), None)
    shown = next((one for one in timeline.entries_from([bundle]) if f"{type}/{id}" in one.keys), None)
    if found is None or shown is None:
        raise NotShown
    if shown.kind == "svar":
        return RedirectResponse(f"{mine.base}/results/{answers.path(shown)}", 303)
    earlier, known = await _earlier(portal, mine, type, id, found)
    told = note.note(shown, found, earlier)
    context = framed(portal, mine, "journal", entry=shown, note=told, known=known, today=datetime.now(ZONE).date())
    return render.page(request, "mine/note.html", context)


async def _earlier(portal: Portal, mine: Mine, type: str, id: str, found: Resource) -> tuple[list[Resource], bool]:
    """The versions before, newest first, of what has been corrected; and whether they could be fetched."""
    if not note.corrected(found):
        return [], True
    try:
        return (await portal.record.history(mine.reader.token, type, id))[1:], True
    except (Unavailable, Unreadable, NotShown, NotAllowed):
        return [], False


def rows(portal: Portal, mine: Mine, page: Page, kind: str, today: date) -> dict[str, Any]:
    """What timeline.html and rows.html read, for a patient."""
    context = framed(
        portal,
        mine,
        "journal",
        page=page,
        groups=timeline.by_month([*page.entries, *page.undated]),
        kind=kind,
        kinds=_KINDS,
        fewer=timeline.FEWER,
        today=today,
        fresh=False,
        open_at=f"{mine.base}/journal",
        rows_at=f"{mine.base}/journal/rows",
        news_at=f"{mine.base}/journal/news",
    )
    return {**context, "base": f"{mine.base}/journal"}


def _kind(visa: str) -> str:
    return visa if visa in timeline.KINDS else "allt"
