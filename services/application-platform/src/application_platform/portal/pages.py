"""The pages: start, finding a patient, and the chart."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from application_platform.portal import chart, finding, news, render, timeline
from application_platform.portal.person import Person, person
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import NoSuchPage, PageRoute
from application_platform.portal.shell.myday import my_day
from application_platform.portal.swedish import ZONE, moment
from application_platform.sign_in import browser

router = APIRouter(prefix="/portal", route_class=PageRoute, include_in_schema=False)

lost = APIRouter(prefix="/portal", route_class=PageRoute, include_in_schema=False)

_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_HITS = 25

Kind = Annotated[str, Query(alias="visa", max_length=20)]
Before = Annotated[str, Query(alias="fore", max_length=40)]


def _now() -> datetime:
    return datetime.now(UTC).astimezone(ZONE)


def _frame(reader: Reader, portal: Portal, **more: Any) -> dict[str, Any]:
    """What the layout around every page needs."""
    return {"reader": reader, "place": portal, **more}


def _own(reader: Reader, patient: str) -> str:
    """The patient's id, if this reader may ask for it at all; what they may see is the record's to decide."""
    if not _ID.fullmatch(patient) or (reader.kind == "patient" and patient != reader.patient):
        raise NotShown
    return patient


@router.get("")
async def to_start() -> Response:
    """/portal is /portal/."""
    return RedirectResponse("/portal/", 308)


@router.get("/")
async def start(request: Request, portal: InPortal, reader: Reads) -> Response:
    """Staff: where the day begins. Patients: their own start."""
    if reader.kind == "patient":
        return RedirectResponse(f"/portal/mine/{reader.patient}", 303)
    return await my_day(request, portal, reader)


@router.get("/search")
async def search_page(request: Request, portal: InPortal, reader: Reads) -> Response:
    """An empty search; patients have none."""
    if reader.kind == "patient":
        raise NotShown
    return _found(request, portal, reader, "", "", None)


@router.post("/search")
async def search(
    request: Request, portal: InPortal, reader: Reads, q: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Finds patients by name or personnummer. By POST, so that no name stands in an address or a log (D15)."""
    if reader.kind == "patient":
        raise NotShown
    today = _now().date()
    wanted = finding.wanted(q, today)
    if wanted.problem:
        return _found(request, portal, reader, q, wanted.problem, None)
    bundle = await portal.record.search(reader.token, "Patient", [*wanted.pairs, ("_count", str(_HITS))])
    hits = [person(found, today) for found in timeline.matches(bundle)]
    if wanted.by_number and len(hits) == 1:
        return RedirectResponse(f"/portal/patients/{hits[0].id}", 303)
    if wanted.doubt and not hits:
        return _found(request, portal, reader, q, wanted.doubt, None)
    return _found(request, portal, reader, q, "", sorted(hits, key=lambda hit: (hit.family, hit.given, hit.born)))


def _found(
    request: Request, portal: Portal, reader: Reader, typed: str, problem: str, hits: list[Person] | None
) -> Response:
    context = _frame(reader, portal, typed=typed, problem=problem, hits=hits, most=_HITS)
    return render.page(request, "search.html", context)


@router.get("/patients/{patient}")
async def patient_chart(
    request: Request, portal: InPortal, reader: Reads, patient: str, visa: Kind = "allt"
) -> Response:
    """The chart of a patient: banner, live line, timeline; to the patient, their journal."""
    if reader.kind == "patient":
        return _theirs(reader, patient, visa)
    return await _chart_page(request, portal, reader, _own(reader, patient), visa)


async def _chart_page(request: Request, portal: Portal, reader: Reader, patient: str, visa: str) -> Response:
    kind = visa if visa in timeline.KINDS else "allt"
    now = _now()
    # Taken before the record is asked: what comes in between is told again, never lost.
    position, since = portal.hub.position, now
    loaded = await chart.load(portal.record, reader.token, patient, kind, now.date())
    context = {
        **_frame(reader, portal, patient=patient, person=loaded.person, notices=loaded.notices),
        **_rows(reader, loaded.page, kind, now.date(), patient),
        "position": position,
        "since": since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "clock": f"{now:%H:%M}",
        "ticket": portal.hub.ticket(reader.session, patient),
        "older": "",
    }
    return render.page(request, "chart.html", context)


def _theirs(reader: Reader, patient: str, visa: str, fore: str = "") -> Response:
    """A patient is led to their own journal. Raises NotShown for anybody else's."""
    asked = urlencode({name: value for name, value in (("visa", visa), ("fore", fore)) if value and value != "allt"})
    journal = f"/portal/mine/{_own(reader, patient)}/journal"
    return RedirectResponse(f"{journal}?{asked}" if asked else journal, 303)


def _rows(reader: Reader, page: timeline.Page, kind: str, today: date, patient: str) -> dict[str, Any]:
    return {
        "page": page,
        "groups": timeline.by_day([*page.entries, *page.undated], today),
        "kind": kind,
        "kinds": timeline.KINDS,
        "fewer": timeline.FEWER,
        "today": today,
        "fresh": False,
        "patient": patient,
        "own": False,
        "csrf": reader.csrf,
        "new_id": lambda: str(uuid4()),
        "base": f"/portal/patients/{patient}",
        "rows_at": f"/portal/patients/{patient}/timeline",
    }


@router.get("/patients/{patient}/timeline")
async def more(
    request: Request, portal: InPortal, reader: Reads, patient: str, visa: Kind = "allt", fore: Before = ""
) -> Response:
    """A page of the timeline: the next rows or another filter as a fragment; without script a page of its own."""
    if reader.kind == "patient":
        return _theirs(reader, patient, visa, fore)
    kind = visa if visa in timeline.KINDS else "allt"
    found = moment(fore)
    before = found.iso if found else ""
    today = _now().date()
    asked = _own(reader, patient)
    if request.headers.get("hx-request"):
        rows = await chart.load_page(portal.record, reader.token, asked, kind, before)
        template = "rows.html" if before else "timeline.html"
        return render.page(request, template, _rows(reader, rows, kind, today, patient))
    loaded = await chart.load(portal.record, reader.token, asked, kind, today, before)
    context = {
        **_frame(reader, portal, person=loaded.person, notices=loaded.notices),
        **_rows(reader, loaded.page, kind, today, patient),
        "position": "",
        "since": "",
        "clock": f"{_now():%H:%M}",
        "ticket": "",
        "older": found.date if found else "",
    }
    return render.page(request, "chart.html", context)


@router.post("/patients/{patient}/news")
async def latest(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    what: Annotated[list[str] | None, Form()] = None,
    since: Annotated[str, Form(max_length=40)] = "",
    visa: Annotated[str, Form(max_length=20)] = "allt",
) -> Response:
    """The live line and the rows for resources that a notice named, as far as this reader may see them.

    204 when nothing of it is shown to this reader. `since` asks by time instead, after notices were missed.
    """
    if reader.kind == "patient":
        raise NotShown
    asked = _own(reader, patient)
    from_then = moment(since)
    keys = chart.keys(what or ())
    if from_then is not None:
        rows = await chart.load_since(portal.record, reader.token, asked, from_then.iso)
    else:
        rows = await chart.load_named(portal.record, reader.token, asked, keys)
    if not rows:
        return Response(status_code=204, headers=render.headers())
    now = _now()
    fitting = tuple(row for row in rows if visa in ("allt", row.kind))
    context = {
        **_rows(reader, timeline.Page(fitting), visa, now.date(), patient),
        "line": news.line(rows, f"{now:%H:%M}"),
        "fresh": True,
    }
    return render.page(request, "news.html", context)


@router.post("/theme")
async def choose_theme(
    request: Request,
    _: Reads,
    theme: Annotated[Literal["light", "dark", "system"], Form()] = "system",
    to: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Light, dark or as the computer says; kept in this browser. `to` is the page that it was chosen on."""
    answer = RedirectResponse(browser.safe_next(to), 303)
    if theme == "system":
        answer.delete_cookie(render.THEME_COOKIE, path="/portal")
    else:
        secure = request.url.scheme == "https"
        year = 365 * 24 * 3600
        answer.set_cookie(
            render.THEME_COOKIE, theme, max_age=year, path="/portal", samesite="lax", httponly=True, secure=secure
        )
    return answer


@lost.get("/{address:path}")
async def no_such_page(_: Reads, address: str) -> Response:
    """Every other address of the portal; comes after all other routes."""
    raise NoSuchPage
