"""The patient's messages: the list, a conversation, and a new one (PAT-04, PAT-11: also for whom one acts)."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from application_platform.messages import store
from application_platform.messages.model import LONGEST, LONGEST_SUBJECT, Author, Thread, tidy, wrong
from application_platform.portal import render
from application_platform.portal.contact import about, sending, threads, units
from application_platform.portal.contact.deciding import database, look
from application_platform.portal.contact.sending import UNDECIDED, Shown, Told
from application_platform.portal.contact.units import Unit
from application_platform.portal.contact.words import words
from application_platform.portal.mine.frame import InMine, Mine, framed, sent
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.refusals import PageRoute
from kit.problems import Problem

router = APIRouter(prefix="/portal/mine/{patient}/messages", route_class=PageRoute, include_in_schema=False)


class Written(BaseModel):
    """A message as it is sent; `patient` must be the address's, `id` makes it happen once."""

    patient: str = Field(max_length=64)
    id: UUID
    text: str = ""


class Begun(Written):
    """A new conversation: its first message, to which unit and what about."""

    unit: str = Field(default="", max_length=64)
    subject: str = Field(default="", max_length=2000)
    about: str = Field(default="", max_length=100)


@router.get("")
async def listed(request: Request, portal: InPortal, mine: InMine) -> Response:
    """The conversations, latest first, and ways to begin one."""
    return await _list(request, portal, mine, "mine/messages.html")


@router.get("/rows")
async def listed_rows(request: Request, portal: InPortal, mine: InMine) -> Response:
    """The list alone, for a page that is open when something comes."""
    return await _list(request, portal, mine, "mine/messages_rows.html")


@router.get("/proof")
async def proof(mine: InMine) -> Response:
    """For keep.js."""
    return sending.proof(mine.reader.csrf, mine.reader.person)


@router.get("/new")
async def new(
    request: Request, portal: InPortal, mine: InMine, om: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """An empty message; `om` is what in the record it is about ("Type/id")."""
    return await _new(request, portal, mine, om, Told(), {})


@router.post("/new")
async def begin(request: Request, portal: InPortal, mine: InMine, filled: Annotated[Begun, Form()]) -> Response:
    """Begins a conversation; sent twice it is begun once. What is refused is told with the words kept."""
    await sent(request, mine, filled.patient)
    body, subject = tidy(filled.text), tidy(filled.subject).replace("\n", " ")
    async with database(request).transaction() as tx:
        found = {one.id: one for one in await units.open_units(tx, datetime.now(UTC))}
    lacking = _lacking(filled, found.keys(), subject, body)
    if lacking:
        return await _refused(request, portal, mine, filled, Told(422, next(iter(lacking.values()))), lacking)
    now, unit = datetime.now(UTC), found[filled.unit]
    what = await about.named(portal, mine.reader, mine.patient, filled.about)
    thread = Thread(
        filled.id, mine.patient, mine.name or mine.reader.name, unit.id, unit.name, "question", subject,
        what.key if what else "", "patient",
        now, now, now,
    )  # fmt: skip
    try:
        await threads.begin(database(request), thread, await _author(portal, mine), body)
    except Problem as problem:
        return await _refused(request, portal, mine, filled, sending.refusal(problem), {})
    return sending.done(request, f"{mine.base}/messages/{filled.id}?klar=skickat")


@router.get("/{thread}")
async def opened(
    request: Request, portal: InPortal, mine: InMine, thread: UUID, klar: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """A conversation; what was new in it is read from now on."""
    return await _thread(request, portal, mine, thread, Shown(done=klar))


@router.get("/{thread}/rows")
async def rows(request: Request, portal: InPortal, mine: InMine, thread: UUID) -> Response:
    """The conversation's messages alone, for a page that is open when something comes."""
    await look(portal, mine.reader, "messages-read", [mine.patient])
    found = await threads.opened(database(request), mine.patient, thread)
    return _render(request, portal, mine, "mine/thread_rows.html", {"thread": found})


@router.post("/{thread}")
async def answer(
    request: Request, portal: InPortal, mine: InMine, thread: UUID, filled: Annotated[Written, Form()]
) -> Response:
    """Writes in it; sent twice it is written once."""
    await sent(request, mine, filled.patient)
    body = tidy(filled.text)
    told = Told(422, wrong(body)) if wrong(body) else Told()
    if not told.words:
        try:
            author = await _author(portal, mine)
            async with database(request).transaction() as tx:
                found = await store.of_patient(tx, mine.patient, thread)
            await threads.answer(database(request), found, threads.Reply(filled.id, author, body))
        except Problem as problem:
            told = sending.refusal(problem)
    if not told.words:
        return sending.done(request, f"{mine.base}/messages/{thread}?klar=skickat")
    if sending.scripted(request):
        return sending.refused(told)
    return await _thread(request, portal, mine, thread, Shown(told, filled.text, sending.kept(filled.id, told)))


async def _list(request: Request, portal: Portal, mine: Mine, template: str) -> Response:
    position = portal.hub.position  # before the table is read: what comes in between is told again
    await look(portal, mine.reader, "messages-read", [mine.patient])
    async with database(request).transaction() as tx:
        found = await store.patients(tx, mine.patient)
    ticket = portal.hub.ticket(mine.reader.session, mine.patient)
    return _render(request, portal, mine, template, {"threads": found, "position": position, "ticket": ticket})


async def _author(portal: Portal, mine: Mine) -> Author:
    role = await look(portal, mine.reader, "messages-write", [mine.patient])
    return Author("patient", mine.reader.person, mine.reader.name, "", role)


def _lacking(filled: Begun, known: Collection[str], subject: str, body: str) -> dict[str, str]:
    found = {}
    if filled.unit not in known:
        found["unit"] = "Välj vilken mottagning du skriver till."
    if not subject:
        found["subject"] = "Skriv med några ord vad det gäller."
    elif len(subject) > LONGEST_SUBJECT:
        found["subject"] = f"Rubriken är {len(subject)} tecken. Korta den till högst {LONGEST_SUBJECT}."
    if wrong(body):
        found["text"] = wrong(body)
    return found


async def _refused(
    request: Request, portal: Portal, mine: Mine, filled: Begun, told: Told, lacking: dict[str, str]
) -> Response:
    if sending.scripted(request):
        return sending.refused(told)
    return await _new(request, portal, mine, filled, told, lacking)


async def _new(
    request: Request, portal: Portal, mine: Mine, begins: Begun | str, told: Told, lacking: dict[str, str]
) -> Response:
    filled = begins if isinstance(begins, Begun) else None
    key = filled.about if filled else str(begins)
    what = None if told.status in UNDECIDED else await about.named(portal, mine.reader, mine.patient, key)
    known = await units.known_units(portal, mine.reader.token, mine.patient)
    async with database(request).transaction() as tx:
        every: list[Unit] = units.marked(await units.open_units(tx, datetime.now(UTC)), known or frozenset())
    context = {
        "units": every,
        "filled": filled,
        "about": what,
        "key": key,
        "told": told,
        "lacking": lacking,
        "id": sending.kept(filled.id, told) if filled else "",
        "longest": LONGEST,
        "longest_subject": LONGEST_SUBJECT,
    }
    return _render(request, portal, mine, "mine/message_new.html", context, told.status)


async def _thread(request: Request, portal: Portal, mine: Mine, thread: UUID, begins: Shown) -> Response:
    position = portal.hub.position  # before the table is read: what comes in between is told again
    shown = what = None
    if begins.told.status not in UNDECIDED:
        await look(portal, mine.reader, "messages-read", [mine.patient])
        shown = await threads.opened(database(request), mine.patient, thread)
        what = await about.named(portal, mine.reader, mine.patient, shown.about)
        mine = replace(mine, unread=mine.unread - shown.unread)
    context = {
        "thread": shown,
        "about": what,
        "leads_to": about.to_patients,
        "thread_id": str(thread),
        "told": begins.told,
        "text": begins.text,
        "id": begins.id,
        "done": begins.done == "skickat",
        "longest": LONGEST,
        "position": position,
        "ticket": portal.hub.ticket(mine.reader.session, mine.patient),
    }
    return _render(request, portal, mine, "mine/message.html", context, begins.told.status)


def _render(
    request: Request, portal: Portal, mine: Mine, template: str, context: dict[str, Any], status: int = 200
) -> Response:
    return render.page(request, template, framed(portal, mine, "contact", **words(), **context), status)
