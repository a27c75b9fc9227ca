"""The page of one note: its words, who answers for them, and the acts on it: sign, countersign, ask for it, strike out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render, timeline
from application_platform.portal.care import NotTaken, Stale, Stored
from application_platform.portal.notes import marks, model
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotAllowed, NotShown, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.sheet import sheet, staffs
from application_platform.portal.shell.whom import whom
from application_platform.portal.swedish import moment
from application_platform.sign_in import browser
from kit.problems import Problem

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/portal/patients/{patient}/notes", route_class=PageRoute, include_in_schema=False)

_TYPE = "DocumentReference"
_DONE = {
    "sign": "Anteckningen är signerad.",
    "countersign": "Anteckningen är kontrasignerad.",
    "ask": "Kontrasignering är begärd. Den som du valde ser det i sin inkorg.",
    "void": "Anteckningen är makulerad. Texten finns kvar, överstruken.",
}
_OPERATIONS = {"sign": "sign", "countersign": "countersign", "ask": "request-countersign", "void": "void"}
_MAY = ("sign", "write", "countersign", "ask", "correct", "void")
_CHANGED = "Anteckningen har ändrats sedan du öppnade den. Läs den igen nedan. Inget är gjort."
_ELSEWHERE = "Formuläret hör till en annan patient. Inget är gjort."
_NOT_YOURS = "Du får inte göra det här. Kontrollera vårdrelationen under Åtkomst."
_AWAY = "Inget är gjort: vårdsystemet svarar inte. Försök igen om en stund."


class Act(BaseModel):
    """An act as it is sent; `patient` must be the address's, `version` is what was read, `who` an HSA-id or "unit"."""

    patient: str = Field(max_length=64)
    act: str = Field(pattern=r"^(sign|countersign|ask|void)$")
    version: str = Field(max_length=20, pattern=r"^[0-9]+$")
    who: str = Field(default="", max_length=100)
    reason: str = Field(default="", max_length=1_000)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page says beside the note: what was refused and how it was filled, or what is done."""

    status: int = 200
    wrong: str = ""
    filled: Act | None = None
    done: str = ""


@router.get("/{doc}")
async def note(
    request: Request,
    portal: InPortal,
    reader: Reads,
    patient: str,
    doc: str,
    klar: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """One note, word for word, with its signatures and corrections."""
    return await _page(request, portal, reader, staffs(reader, patient), staffs(reader, doc), Shown(done=klar))


@router.post("/{doc}")
async def act(
    request: Request, portal: InPortal, reader: Reads, patient: str, doc: str, filled: Annotated[Act, Form()]
) -> Response:
    """Does one act on the version that was read; sent twice it is done once. What is refused is told with the words kept."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    asked, note = staffs(reader, patient), staffs(reader, doc)
    if filled.patient != asked:
        return await _page(request, portal, reader, asked, note, Shown(422, _ELSEWHERE, filled))
    try:
        values = await _values(request, portal, reader, filled)
        # Asking changes the task, not the note.
        version = "" if filled.act == "ask" else filled.version
        await portal.care.act(reader.token, asked, f"{_TYPE}/{note}", _OPERATIONS[filled.act], values, version)
    except (SignedOut, NotShown):
        raise
    except Problem as problem:
        log.info("note not changed", code=problem.code)
        if isinstance(problem, Stale) and await _was_mine(portal, reader, asked, note, filled.act):
            return _to(asked, note, filled.act)
        status, words = _words(problem)
        return await _page(request, portal, reader, asked, note, Shown(status, words, filled))
    return _to(asked, note, filled.act)


@router.get("/{doc}/versions")
async def versions(request: Request, portal: InPortal, reader: Reads, patient: str, doc: str) -> Response:
    """Every text that the note has had, with what differs from the one before (PDL 3:14)."""
    asked, note = staffs(reader, patient), staffs(reader, doc)
    kept = await _versions(portal, reader, asked, note)
    found = await sheet(portal, reader, asked, "notes", [])
    context = {
        **found.context,
        "doc": note,
        "heading": model.title(kept[0]),
        "texts": marks.versions(kept),
        "more": len(kept) >= 50,
    }
    return render.page(request, "staff/note_versions.html", context)


async def _versions(portal: Portal, reader: Reader, patient: str, doc: str) -> list[Mapping[str, Any]]:
    """Of VIS's own note, or of one that only the region holds. Raises NotShown where it is another patient's."""
    try:
        return await portal.care.versions(reader.token, patient, _TYPE, doc)
    except NotShown:
        kept = await portal.record.history(reader.token, _TYPE, doc)
        if not kept or any(one.get("subject", {}).get("reference") != f"Patient/{patient}" for one in kept):
            raise
        return kept


async def _held(portal: Portal, reader: Reader, patient: str, doc: str) -> tuple[Stored, bool]:
    """The note, and whether it lies at VIS, where it can be acted on: what another system wrote, only the region holds."""
    try:
        return await portal.care.read(reader.token, patient, _TYPE, doc), True
    except NotShown:
        found = await portal.record.search(reader.token, _TYPE, [("_id", doc), ("patient", f"Patient/{patient}")])
        listed = timeline.matches(found)
        if not listed or listed[0].get("subject", {}).get("reference") != f"Patient/{patient}":
            raise
        return Stored(listed[0], str(listed[0].get("meta", {}).get("versionId", ""))), False


async def _values(request: Request, portal: Portal, reader: Reader, filled: Act) -> dict[str, Any]:
    if filled.act == "void":
        if len(filled.reason.strip()) < 3:
            raise NotTaken("Skriv varför anteckningen makuleras, med minst tre tecken.")
        return {"reason:valueString": filled.reason.strip()}
    if filled.act != "ask":
        return {}
    to = await whom(request, portal, reader, filled.who, "Välj vem som ska kontrasignera.")
    return {"who:valueReference": to}


async def _was_mine(portal: Portal, reader: Reader, patient: str, doc: str, act: str) -> bool:
    """Whether the same act by the same person is what changed the note: the form was sent twice."""
    held = (await portal.care.read(reader.token, patient, _TYPE, doc)).resource
    if act == "countersign":
        return marks.countersigned_by(held, reader.person)
    return act == "sign" and held.get("docStatus") == "final" and marks.signed_by(held, reader.person)


def _to(patient: str, doc: str, act: str) -> Response:
    return RedirectResponse(f"/portal/patients/{patient}/notes/{doc}?klar={act}", 303)


def _words(problem: Problem) -> tuple[int, str]:
    if isinstance(problem, NotTaken) and problem.detail != problem.title:
        return 422, problem.detail
    if isinstance(problem, Stale):
        return 409, _CHANGED
    return (403, _NOT_YOURS) if isinstance(problem, NotAllowed) else (503, _AWAY)


async def _page(request: Request, portal: Portal, reader: Reader, patient: str, doc: str, shown: Shown) -> Response:
    held, ours = await _held(portal, reader, patient, doc)
    found = await sheet(portal, reader, patient, "notes", [])
    unit = reader.commission.unit if reader.commission else ""
    context = {
        **found.context,
        "doc": doc,
        "version": held.version,
        "heading": model.title(held.resource),
        "at": moment(held.resource.get("date")),
        "text": model.text(held.resource),
        "marks": marks.marks(held.resource),
        "may": _may(held.resource, reader) if ours else dict.fromkeys(_MAY, False),
        "ours": ours,
        "unsigned": model.unsigned(held.resource),
        "colleagues": [one for one in await portal.colleagues(request, unit) if not marks.wrote(held.resource, one.id)],
        "wrong": shown.wrong,
        "filled": shown.filled,
        "done": _DONE.get(shown.done, ""),
    }
    return render.page(request, "staff/note.html", context, shown.status)


def _may(note: Mapping[str, Any], reader: Reader) -> dict[str, bool]:
    """Which acts the page offers; VIS decides."""
    signed, unsigned = model.signed(note), model.unsigned(note)
    wrote = marks.wrote(note, reader.person)
    return {
        "sign": unsigned and (wrote or not marks.known_author(note)),
        "write": unsigned,
        "countersign": signed and not wrote and not marks.countersigned_by(note, reader.person),
        "ask": signed,
        "correct": signed,
        "void": signed or (unsigned and wrote),
    }
