"""The pages of notes: the list, the editor, and the one address that takes what was written."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Form, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from application_platform.portal import chart, render
from application_platform.portal.care import NotTaken, Stale
from application_platform.portal.notes import marks, model, writing
from application_platform.portal.notes.filled import Filled, Shown, Told, after_template, blank, wrong
from application_platform.portal.notes.model import Section
from application_platform.portal.notes.writing import AlreadySigned, Writer
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotAllowed, NotShown, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.sheet import sheet, staffs
from application_platform.portal.shell.whom import whom
from application_platform.portal.swedish import ZONE, moment
from application_platform.sign_in import browser
from kit.problems import Problem

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/portal/patients/{patient}/notes", route_class=PageRoute, include_in_schema=False)

_WORDS: tuple[tuple[type[Problem], int, str], ...] = (
    (AlreadySigned, 409, "Anteckningen är redan signerad. En signerad anteckning ändras inte, den rättas."),
    (Stale, 409, "Någon annan har ändrat anteckningen sedan du öppnade den. Jämför texterna nedan."),
    (
        NotAllowed,
        403,
        "Du får inte skriva här. Kontrollera vårdrelationen under Åtkomst, eller att det är din anteckning.",
    ),
    (NotShown, 404, "Anteckningen finns inte hos den här patienten."),
    (SignedOut, 401, "Inloggningen gäller inte längre. Logga in igen i en ny flik."),
)
_DONE = {
    "signerad": "Anteckningen är signerad. Den syns i listan inom några sekunder.",
    "begard": "Anteckningen är signerad, och kontrasignering är begärd. Den syns i listan inom några sekunder.",
    "inte-begard": "Anteckningen är signerad. Kontrasignering är INTE begärd: begär den på anteckningens egen sida.",
    "osignerad": "Anteckningen är sparad i journalen, osignerad. Den syns i listan inom några sekunder.",
    "utkast": "Utkastet är sparat. Bara du ser det.",
}
_REFUSED = "Vårdsystemet tar inte emot texten. Kontrollera längd och tecken."
_AWAY = (503, "Vårdsystemet svarar inte.")


@router.get("")
async def notes(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    fore: Annotated[str, Query(max_length=40)] = "",
    klar: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The notes of the record, newest first, each word for word."""
    asked, before = staffs(reader, patient), moment(fore)
    found = await sheet(portal, reader, asked, "notes", [])
    begun, rows = await asyncio.gather(
        _drafts(portal, reader, asked),
        chart.load_page(portal.record, reader.token, asked, "anteckningar", before.iso if before else ""),
    )
    context = {
        **found.context,
        "page": rows,
        "notices": (*found.context["notices"], *chart.of_law(rows.withheld)),
        "newest": before is None,
        "templates": model.TEMPLATES,
        "drafts": begun,
        "moment": moment,
        "done": _DONE.get(klar, ""),
    }
    return render.page(request, "staff/notes.html", context)


@router.get("/new")
async def new(
    request: Request, portal: InPortal, reader: Reads, patient: str, mall: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """The editor, empty, after a template."""
    chosen = model.template(mall)
    empty = [Section(heading) for heading in chosen.headings]
    return await _editor(request, portal, reader, patient, Shown(blank(patient, chosen.title, empty)))


@router.get("/proof")
async def proof(reader: Reads, patient: str) -> Response:
    """Who is signed in now, and the proof that their forms carry: for a page whose sign-in ended while it was written on."""
    staffs(reader, patient)
    return JSONResponse({"csrf": reader.csrf, "who": reader.person}, headers=render.headers())


@router.get("/drafts/{draft}")
async def resume(request: Request, portal: InPortal, reader: Reads, patient: str, draft: UUID) -> Response:
    """The editor with a draft of one's own, as it was saved last."""
    writer = _writer(portal, reader, staffs(reader, patient))
    held = await writer.care.draft(writer.token, patient, str(draft))
    if held["state"] != "open":
        return RedirectResponse(f"/portal/patients/{patient}/notes", 303)
    form = after_template(patient, held["title"], held["text"]).model_copy(
        update={"id": draft, "version": str(held["version"])}
    )
    resumed = moment(held["at"])
    return await _editor(request, portal, reader, patient, Shown(form, resumed=resumed))


@router.get("/{doc}/edit")
async def edit(request: Request, portal: InPortal, reader: Reads, patient: str, doc: str) -> Response:
    """The editor with an unsigned note, or with a signed note to correct."""
    writer = _writer(portal, reader, staffs(reader, patient))
    held = await writer.care.read(writer.token, patient, "DocumentReference", staffs(reader, doc))
    signed = model.signed(held.resource)
    if not signed and not model.unsigned(held.resource):
        raise NotShown
    text = model.text(held.resource)
    kept = {"doc": doc, "version": held.version, "corrects": signed}
    form = after_template(patient, model.title(held.resource), text).model_copy(update=kept)
    return await _editor(request, portal, reader, patient, Shown(form, before=text))


@router.post("/save")
async def save(
    request: Request, portal: InPortal, reader: Reads, patient: str, filled: Annotated[Filled, Form()]
) -> Response:
    """Takes a note, for a script (JSON) or a plain form (a page). What cannot be stored is answered with the words kept."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    writer = _writer(portal, reader, staffs(reader, patient))
    lacking = wrong(filled, patient)
    if lacking:
        return await _refused(request, portal, reader, patient, filled, Told(422, lacking))
    if filled.act == "compare":
        return await _editor(request, portal, reader, patient, await _compared(writer, Shown(filled)))
    try:
        version = await _kept(writer, filled)
    except Problem as problem:
        log.info("note not stored", code=problem.code)
        return await _refused(request, portal, reader, patient, filled, await _told(writer, filled, problem))
    done = {"keep": "osignerad", "save": "utkast"}.get(filled.act) or await _asked(
        request, portal, reader, writer, filled
    )
    if not request.headers.get("hx-request"):
        return RedirectResponse(f"/portal/patients/{patient}/notes?klar={done}", 303)
    clock = f"{datetime.now(UTC).astimezone(ZONE):%H:%M}"
    told = {"clock": clock, "act": filled.act, "version": version, "done": done}
    return JSONResponse(told, headers=render.headers())


async def _asked(request: Request, portal: Portal, reader: Reader, writer: Writer, filled: Filled) -> str:
    """After a signature: asks whom the form names to countersign. The word for what became of it."""
    if not filled.counter:
        return "signerad"
    try:
        who = await whom(request, portal, reader, filled.counter, "")
        await writing.ask_to_countersign(writer, filled.doc or str(filled.id), who)
    except Problem as problem:
        log.info("countersigning not asked for", code=problem.code)
        return "inte-begard"
    return "begard"


async def _compared(writer: Writer, shown: Shown) -> Shown:
    """A correction with the text that it corrects, and what differs; without them where the note cannot be read now."""
    if not shown.form.corrects:
        return shown
    try:
        held = await writer.care.read(writer.token, writer.patient, "DocumentReference", shown.form.doc)
    except SignedOut:
        raise
    except Problem:
        return shown
    before = model.text(held.resource)
    return replace(shown, before=before, pieces=marks.difference(before, shown.form.words.text))


async def _kept(writer: Writer, filled: Filled) -> str:
    """Does what the form asks for; the version that the next save is written from."""
    id, words = str(filled.id), filled.words
    if filled.corrects:
        await writing.correct(writer, filled.doc, words.text, filled.why.strip(), filled.version)
        return filled.version
    if filled.doc:
        version = await writing.rewrite(writer, filled.doc, words.text, filled.version)
        if filled.act == "sign":
            await writing.sign(writer, filled.doc)
        return version
    if filled.act == "save":
        return str(await writing.draft(writer, id, words, int(filled.version)))
    await writing.file(writer, id, words, int(filled.version), sign=filled.act == "sign")
    return filled.version


async def _drafts(portal: Portal, reader: Reader, patient: str) -> list[Mapping[str, Any]] | None:
    """The reader's own drafts of this patient; None where VIS could not be asked."""
    try:
        return await portal.care.drafts(reader.token, patient)
    except SignedOut:
        raise
    except Problem:
        return None


def _writer(portal: Portal, reader: Reader, patient: str) -> Writer:
    return Writer(portal.care, reader.token, patient)


async def _told(writer: Writer, filled: Filled, problem: Problem) -> Told:
    """The refusal in words; where it was changed meanwhile, with the text as it lies now."""
    if isinstance(problem, NotTaken):
        return Told(422, problem.detail if problem.detail != problem.title else _REFUSED)
    status, words = next(((status, words) for kind, status, words in _WORDS if isinstance(problem, kind)), _AWAY)
    if status != 409:
        return Told(status, words)
    try:
        if not filled.doc:
            draft = await writer.care.draft(writer.token, writer.patient, str(filled.id))
            return Told(status, words, str(draft["text"]), str(draft["version"]))
        held = await writer.care.read(writer.token, writer.patient, "DocumentReference", filled.doc)
        return Told(status, words, model.text(held.resource), held.version)
    except Problem:
        return Told(status, words)


async def _refused(
    request: Request, portal: Portal, reader: Reader, patient: str, filled: Filled, told: Told
) -> Response:
    if request.headers.get("hx-request"):
        return JSONResponse(
            {"words": told.words, "theirs": told.theirs, "version": told.version}, told.status, headers=render.headers()
        )
    shown = await _compared(_writer(portal, reader, patient), Shown(filled, told))
    return await _editor(request, portal, reader, patient, shown)


async def _editor(request: Request, portal: Portal, reader: Reader, patient: str, shown: Shown) -> Response:
    found = await sheet(portal, reader, staffs(reader, patient), "notes", [])
    unit = reader.commission.unit if reader.commission else ""
    others = [one for one in await portal.colleagues(request, unit) if one.id != reader.person]
    context = {**found.context, "shown": shown, "colleagues": others}
    return render.page(request, "staff/editor.html", context, shown.told.status)
