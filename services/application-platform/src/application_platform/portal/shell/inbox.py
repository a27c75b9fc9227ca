"""The inbox: everything that waits, one of them beside the list, and the acts on a task: take it, hand it over, say no."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.care import NotTaken, Stale
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotAllowed, NotShown, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell import day
from application_platform.portal.shell.sheet import staffs
from application_platform.portal.shell.waits import count, waits
from application_platform.portal.shell.whom import whom
from application_platform.sign_in import browser
from kit.problems import Problem

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/portal", route_class=PageRoute, include_in_schema=False)

_SCOPES = ("", "mina", "kollegor")
_DONE = {
    "claim": "Uppgiften är din.",
    "hand-over": "Uppgiften är erbjuden. Den är kvar hos dig tills den andra har tagit emot den.",
    "decline": "Erbjudandet gäller inte längre. Uppgiften är kvar där den var.",
}
_ELSEWHERE = "Formuläret hör till en annan patient. Inget är gjort."
_CHANGED = "Uppgiften har ändrats sedan du öppnade den. Läs den igen nedan."
_NOT_YOURS = "Du får inte göra det här. Kontrollera vårdrelationen under Åtkomst."
_AWAY = "Inget är gjort: vårdsystemet svarar inte. Försök igen om en stund."


class Asked(BaseModel):
    """What the address asks for: a kind, whose, the task beside the list, what was just done, and the position of that."""

    slag: str = Field(default="", max_length=200)
    vem: str = Field(default="", max_length=20)
    val: str = Field(default="", max_length=64)
    klar: str = Field(default="", max_length=20)
    efter: str = Field(default="", max_length=20)


class Act(BaseModel):
    """An act on a task as it is sent; `patient` must be the address's, `to` an HSA-id or "unit"."""

    patient: str = Field(max_length=64)
    act: str = Field(pattern=r"^(claim|hand-over|decline)$")
    to: str = Field(default="", max_length=100)
    comment: str = Field(default="", max_length=2_000)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the page shows of all that waits: one kind, whose, the one beside the list, and what was said of it."""

    kind: str = ""
    whose: str = ""
    task: str = ""
    position: str = ""
    act: str = ""  # what was just done
    status: int = 200
    wrong: str = ""
    filled: Act | None = None

    @property
    def done(self) -> str:
        return _DONE.get(self.act, "")


@router.get("/inbox")
async def inbox(request: Request, portal: InPortal, reader: Reads, asked: Annotated[Asked, Query()]) -> Response:
    """Everything that waits, or what waits of one kind, with one of them beside the list."""
    _staff(reader)
    whose = asked.vem if asked.vem in _SCOPES else ""
    return await _page(request, portal, reader, Chosen(asked.slag, whose, asked.val, asked.efter, asked.klar))


@router.get("/inbox/count")
async def number(request: Request, portal: InPortal, reader: Reads) -> Response:
    """How many wait, for counters that change in place; null where something was not checked."""
    _staff(reader)
    return JSONResponse({"count": await count(request, portal, reader)}, headers=render.headers())


@router.post("/patients/{patient}/tasks/{task}")
async def act(
    request: Request, portal: InPortal, reader: Reads, patient: str, task: str, filled: Annotated[Act, Form()]
) -> Response:
    """Does one act; sent twice it is done once. What VIS refuses is told at the task, with the words kept."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    asked, id = staffs(reader, patient), staffs(reader, task)
    if filled.patient != asked:
        return await _page(request, portal, reader, Chosen(task=id, status=422, wrong=_ELSEWHERE, filled=filled))
    try:
        values = await _values(request, portal, reader, filled)
        stored = await portal.care.act(reader.token, asked, f"Task/{id}", filled.act, values)
    except SignedOut:
        raise
    except Problem as problem:
        log.info("task not changed", code=problem.code)
        status, words = _words(problem)
        return await _page(request, portal, reader, Chosen(task=id, status=status, wrong=words, filled=filled))
    query = urlencode({"val": id, "klar": filled.act, "efter": stored.position})
    return RedirectResponse(f"/portal/inbox?{query}", 303)


async def _values(request: Request, portal: Portal, reader: Reader, filled: Act) -> dict[str, Any]:
    if filled.act == "claim":
        return {}
    said = {"comment:valueString": filled.comment.strip()}
    if filled.act == "decline":
        return said
    to = await whom(request, portal, reader, filled.to, "Välj vem som ska ta emot uppgiften.")
    return {"to:valueReference": to, **said}


def _words(problem: Problem) -> tuple[int, str]:
    if isinstance(problem, NotTaken) and problem.detail != problem.title:
        return 422, problem.detail
    if isinstance(problem, Stale):
        return 409, _CHANGED
    return (403, _NOT_YOURS) if isinstance(problem, NotAllowed | NotShown) else (503, _AWAY)


async def _page(request: Request, portal: Portal, reader: Reader, chosen: Chosen) -> Response:
    now = datetime.now(UTC)
    found = await waits(request, portal, reader, now, chosen.position)
    unit = reader.commission.unit if reader.commission else ""
    scopes = {"": found.mine, "mina": [row for row in found.mine if row.whose == "mine"], "kollegor": found.others}
    rows = scopes[chosen.whose]
    context = {
        "reader": reader,
        "place": portal,
        "here": "inbox",
        "csrf": reader.csrf,
        "rows": [row for row in rows if chosen.kind in ("", row.kind)],
        "piles": day.piles(rows, now),
        "count": len(rows),
        "scopes": {name: len(listed) for name, listed in scopes.items()},
        "normal": sum(row.code == "result" and not row.urgent for row in found.mine),
        "more": found.more,
        "chosen": chosen,
        "one": next((row for row in found.rows if row.key == f"Task/{chosen.task}"), None),
        "colleagues": [one for one in await portal.colleagues(request, unit) if one.id != reader.person],
        "unchecked": found.unchecked,
        "ago": lambda at: day.ago(at.at, now),
        "address": lambda **more: _address(chosen, **more),
    }
    return render.page(request, "staff/inbox.html", context, chosen.status)


def _address(chosen: Chosen, **more: str) -> str:
    """The inbox with another choice than this page's."""
    asked = {"slag": chosen.kind, "vem": chosen.whose, **more}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/portal/inbox?{query}" if query else "/portal/inbox"


def _staff(reader: Reader) -> None:
    if reader.kind != "staff":
        raise NotShown
