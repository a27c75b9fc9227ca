"""A unit's messages with a patient, inside the patient's chart: read, answered, ended, and carried into the record."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from application_platform.messages import store
from application_platform.messages.model import LONGEST, Author, NoSuchThread, Thread, tidy, wrong
from application_platform.portal import render
from application_platform.portal.care import NotTaken, Stale
from application_platform.portal.contact import about, sending, threads
from application_platform.portal.contact.deciding import database, look
from application_platform.portal.contact.quoting import TITLE, quoted
from application_platform.portal.contact.replies import REPLIES
from application_platform.portal.contact.sending import UNDECIDED, Shown, Told
from application_platform.portal.contact.threads import Reply
from application_platform.portal.contact.waiting import count
from application_platform.portal.contact.words import words
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.sheet import fragment, sheet, staffs
from application_platform.sign_in import browser
from kit.problems import Problem

router = APIRouter(prefix="/portal/patients/{patient}/messages", route_class=PageRoute, include_in_schema=False)

_ELSEWHERE = "Formuläret hör till en annan patient. Inget är skickat."
_DONE = {"svarat": "Svaret är skickat.", "avslutat": "Konversationen är avslutad."}
_ENDS = ("answer-close", "close")


class Answered(BaseModel):
    """An answer, with what its writer had read; `patient` must be the address's, `id` makes it happen once."""

    patient: str = Field(max_length=64)
    id: UUID
    seen: UUID
    text: str = ""
    act: Literal["answer", "answer-close", "close"] = "answer"


class Carried(BaseModel):
    """That a conversation is to be written about in the record; `id` is the draft's."""

    patient: str = Field(max_length=64)
    id: UUID


@router.get("")
async def listed(request: Request, portal: InPortal, reader: Reads, patient: str) -> Response:
    """The unit's conversations with this patient, also ended ones."""
    asked, unit = staffs(reader, patient), unit_of(reader)
    await look(portal, reader, "messages-read", [asked])
    async with database(request).transaction() as tx:
        found = await store.units_with(tx, unit, asked)
    frame = await sheet(portal, reader, asked, "contact", [])
    return render.page(request, "staff/messages.html", {**frame.context, **words(), "threads": found})


@router.get("/{thread}")
async def opened(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    thread: UUID,
    klar: Annotated[str, Query(max_length=20)] = "",
    mall: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """A conversation; `mall` begins the answer with a usual reply, for who has no script."""
    begins = Shown(text=REPLIES.get(mall, ("", ""))[1], done=_DONE.get(klar, ""))
    return await _page(request, portal, reader, staffs(reader, patient), thread, begins)


@router.get("/{thread}/rows")
async def rows(request: Request, portal: InPortal, reader: Reads, patient: str, thread: UUID) -> Response:
    """The messages alone, for a page that is open when something comes."""
    asked = staffs(reader, patient)
    await look(portal, reader, "messages-read", [asked])
    found = await _held(request, reader, asked, thread)
    return render.page(
        request, "staff/thread_rows.html", {**fragment(portal, reader, asked), **words(), "thread": found}
    )


@router.post("/{thread}")
async def answer(
    request: Request, portal: InPortal, reader: Reads, patient: str, thread: UUID, filled: Annotated[Answered, Form()]
) -> Response:
    """Answers, ends, or both; sent twice it is done once. What is refused is told with the words kept."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    asked = staffs(reader, patient)
    told = _lacking(filled, asked)
    if not told.words:
        try:
            await look(portal, reader, "messages-write", [asked])
            await _done(request, reader, await _held(request, reader, asked, thread), filled)
        except Problem as problem:
            told = sending.refusal(problem)
    if not told.words:
        done = "avslutat" if filled.act in _ENDS else "svarat"
        return sending.done(request, f"/portal/patients/{asked}/messages/{thread}?klar={done}")
    if sending.scripted(request):
        return sending.refused(told)
    begins = Shown(told, filled.text, sending.kept(filled.id, told))
    return await _page(request, portal, reader, asked, thread, begins)


@router.post("/{thread}/note")
async def carry(
    request: Request, portal: InPortal, reader: Reads, patient: str, thread: UUID, filled: Annotated[Carried, Form()]
) -> Response:
    """A draft of a note with the conversation in it, of one's own, opened in the editor; asked for twice it is one draft."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    asked = staffs(reader, patient)
    if filled.patient != asked:
        return await _page(request, portal, reader, asked, thread, Shown(Told(422, _ELSEWHERE)))
    await look(portal, reader, "messages-read", [asked])
    found = await _held(request, reader, asked, thread)
    with suppress(Stale, NotTaken):  # the draft is there already: it was asked for twice
        await portal.care.save(reader.token, asked, str(filled.id), TITLE, quoted(found), 0)
    return RedirectResponse(f"/portal/patients/{asked}/notes/drafts/{filled.id}", 303)


def unit_of(reader: Reader) -> str:
    """The HSA-id of the unit whose messages the reader answers. Raises NotShown."""
    if reader.kind != "staff" or reader.commission is None:
        raise NotShown
    return reader.commission.unit


def _lacking(filled: Answered, patient: str) -> Told:
    if filled.patient != patient:
        return Told(422, _ELSEWHERE)
    lacking = "" if filled.act == "close" and not filled.text.strip() else wrong(tidy(filled.text))
    return Told(422, lacking) if lacking else Told()


async def _held(request: Request, reader: Reader, patient: str, thread: UUID) -> Thread:
    """The unit's own conversation with this patient. Raises NoSuchThread."""
    async with database(request).transaction() as tx:
        found = await store.of_unit(tx, unit_of(reader), thread)
    if found.patient != patient:
        raise NoSuchThread
    return found


async def _done(request: Request, reader: Reader, thread: Thread, filled: Answered) -> None:
    db, body = database(request), tidy(filled.text)
    if filled.act == "close" and not body:
        await threads.close(db, thread, reader.name, filled.seen)
        return
    author = Author("staff", reader.person, reader.name, reader.title)
    await threads.answer(db, thread, Reply(filled.id, author, body, filled.seen), ends=filled.act in _ENDS)


async def _page(
    request: Request, portal: Portal, reader: Reader, patient: str, thread: UUID, begins: Shown
) -> Response:
    shown: Thread | None = None
    what = None
    frame = await sheet(portal, reader, patient, "contact", []) if begins.told.status not in UNDECIDED else None
    if frame is not None:
        await look(portal, reader, "messages-read", [patient])
        shown = await _held(request, reader, patient, thread)
        what = await about.named(portal, reader, patient, shown.about)
    others = await count(request, reader) if begins.done else None
    context: Mapping[str, Any] = {
        **(frame.context if frame else fragment(portal, reader, patient)),
        **words(),
        "thread": shown,
        "about": what,
        "leads_to": about.to_staff,
        "thread_id": str(thread),
        "told": begins.told,
        "text": begins.text,
        "id": begins.id,
        "done": begins.done,
        "others": others,
        "replies": REPLIES,
        "longest": LONGEST,
    }
    template = "staff/message.html" if frame else "staff/message_kept.html"
    return render.page(request, template, context, begins.told.status)
