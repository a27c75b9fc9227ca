"""The patient's own measurements and notes: added with who wrote them and when, struck but never changed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from application_platform.messages.model import tidy
from application_platform.own import store
from application_platform.own.model import LONGEST, MEASURES, NOTE, Entry, read, said
from application_platform.portal import render
from application_platform.portal.contact import sending
from application_platform.portal.contact.deciding import Role, database, look
from application_platform.portal.contact.sending import UNDECIDED, Told
from application_platform.portal.contact.words import words
from application_platform.portal.hearing import News, tell
from application_platform.portal.mine.frame import InMine, Mine, framed, sent
from application_platform.portal.own_values import series
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE
from kit.db import Database, driver
from kit.problems import Problem

router = APIRouter(prefix="/portal/mine/{patient}/own", route_class=PageRoute, include_in_schema=False)

CHANGED = "Basic/own"  # how open pages are told that a patient's own entries are other than they were
_DONE = {"sparat": "Sparat.", "struket": "Struket. Det står kvar, överstruket."}


class Typed(BaseModel):
    """A measurement or a note as it was typed; `patient` must be the address's, `id` makes it happen once."""

    patient: str = Field(max_length=64)
    id: UUID
    day: str = ""
    clock: str = ""
    text: str = ""
    systolic: str = ""
    diastolic: str = ""
    pulse: str = ""
    weight: str = ""
    temperature: str = ""
    glucose: str = ""


class Struck(BaseModel):
    """Which patient's entry is struck."""

    patient: str = Field(max_length=64)


@router.get("")
async def overview(request: Request, portal: InPortal, mine: InMine) -> Response:
    """Each kind with its latest value, and the notes."""
    entries = await _entries(request, portal, mine)
    context = {"kinds": series.kinds(entries), "notes": series.notes(entries), "said": said}
    return _render(request, portal, mine, "mine/own.html", context)


@router.get("/proof")
async def proof(mine: InMine) -> Response:
    """For keep.js."""
    return sending.proof(mine.reader.csrf, mine.reader.person)


@router.get("/{kind}")
async def one_kind(
    request: Request, portal: InPortal, mine: InMine, kind: str, klar: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """One kind: a form, the graph and the same values in a list."""
    return await _page(request, portal, mine, _known(kind), None, Told(words=_DONE.get(klar, "")), {})


@router.post("/{kind}")
async def add(request: Request, portal: InPortal, mine: InMine, kind: str, typed: Annotated[Typed, Form()]) -> Response:
    """Keeps an entry; sent twice it is kept once. What is wrong is said at its field, and what was typed stays."""
    await sent(request, mine, typed.patient)
    now = datetime.now(UTC)
    found, wrong = _read(mine, _known(kind), typed, now)
    told = Told(422, next(iter(wrong.values()), ""))
    if not wrong:
        try:
            role = await look(portal, mine.reader, "own-write", [mine.patient])
            await _keep(database(request), found, role)
            return sending.done(request, f"{mine.base}/own/{kind}?klar=sparat")
        except Problem as problem:
            told = sending.refusal(problem)
    if sending.scripted(request):
        return sending.refused(told)
    return await _page(request, portal, mine, kind, typed, told, wrong)


@router.post("/{kind}/{entry}/strike")
async def strike(
    request: Request, portal: InPortal, mine: InMine, kind: str, entry: UUID, struck: Annotated[Struck, Form()]
) -> Response:
    """An entry is struck: it stays, crossed over. Struck twice, it keeps its first time."""
    await sent(request, mine, struck.patient)
    known = _known(kind)
    await look(portal, mine.reader, "own-write", [mine.patient])
    async with database(request).transaction() as tx:
        if not await store.withdraw(tx, mine.patient, entry, datetime.now(UTC)):
            raise NotShown
        await tell(await driver(tx), [News((mine.patient,), (CHANGED,))])
    return sending.done(request, f"{mine.base}/own/{known}?klar=struket")


def _known(kind: str) -> str:
    if kind != NOTE and kind not in MEASURES:
        raise NotShown
    return kind


def _read(mine: Mine, kind: str, typed: Typed, now: datetime) -> tuple[Entry, dict[str, str]]:
    """The entry, and what is wrong with it by field."""
    text = tidy(typed.text)
    numbers: dict[str, str] = {}
    wrong: dict[str, str] = {}
    if kind == NOTE:
        at: datetime | str = now
        if not text:
            wrong["text"] = "Skriv något innan du sparar."
        elif len(text) > LONGEST:
            wrong["text"] = f"Texten är {len(text)} tecken. Korta den till högst {LONGEST}."
    else:
        numbers, wrong = read(MEASURES[kind], typed.model_dump(include={part.name for part in MEASURES[kind].parts}))
        at, text = series.measured(typed.day, typed.clock, now), ""
        if isinstance(at, str):
            wrong["day"] = at
    reader, when = mine.reader, now if isinstance(at, str) else at
    return Entry(typed.id, mine.patient, kind, numbers, text, when, reader.person, reader.name, mine.role, now), wrong


async def _keep(db: Database, entry: Entry, role: Role) -> None:
    """Raises IdTaken."""
    async with db.transaction() as tx:
        await store.add(tx, replace(entry, by_role=role))
        await tell(await driver(tx), [News((entry.patient,), (CHANGED,))])


async def _entries(request: Request, portal: Portal, mine: Mine) -> list[Entry]:
    await look(portal, mine.reader, "own-read", [mine.patient])
    async with database(request).transaction() as tx:
        return await store.listed(tx, mine.patient)


async def _page(
    request: Request, portal: Portal, mine: Mine, kind: str, typed: Typed | None, told: Told, wrong: dict[str, str]
) -> Response:
    refused = told.status in UNDECIDED
    entries = [] if refused else await _entries(request, portal, mine)
    now = datetime.now(ZONE)
    context = {
        "kind": next((one for one in series.kinds(entries) if one.measure.id == kind), None),
        "notes": series.notes(entries),
        "refused": refused,
        "typed": typed,
        "told": told,
        "wrong": wrong,
        "id": sending.kept(typed.id, told) if typed else "",
        "day": typed.day if typed else f"{now:%Y-%m-%d}",
        "clock": typed.clock if typed else f"{now:%H:%M}",
        "said": said,
        "longest": LONGEST,
    }
    template = "mine/own_note.html" if kind == NOTE else "mine/own_kind.html"
    return _render(request, portal, mine, template, context, told.status)


def _render(
    request: Request, portal: Portal, mine: Mine, template: str, context: dict[str, Any], status: int = 200
) -> Response:
    return render.page(request, template, framed(portal, mine, "contact", **words(), **context), status)
