"""A patient's stay on the reader's ward: where they lie, and everything that is done with it, on the patient's own page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.care import NotTaken, Stale
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotAllowed, NotShown, SignedOut
from application_platform.portal.refusals import PageRoute
from application_platform.portal.shell.sheet import sheet, staffs
from application_platform.portal.ward.loading import load
from application_platform.portal.ward.model import Board, Stay
from application_platform.portal.ward.telling import told
from application_platform.sign_in import browser
from kit.problems import Problem

router = APIRouter(prefix="/portal/patients/{patient}/stay", route_class=PageRoute, include_in_schema=False)

WAYS = {
    "home": "Hemmet",
    "alt-home": "Särskilt boende",
    "rehab": "Rehabilitering",
    "other-hcf": "Annan vårdenhet",
    "hosp": "Palliativ vård",
    "aadvice": "Hem mot vårdens råd",
    "exp": "Avliden",
}
AWAITED = "awaited"  # instead of a bed: the patient has none yet
_ID = r"^[A-Za-z0-9.\-]{0,64}$"
_ELSEWHERE = "Formuläret hör till en annan patient. Inget är gjort."
_NOT_YOURS = "Du får inte göra detta här. Kontrollera vårdrelationen under Åtkomst. Inget är gjort."
_CHANGED = "Någon annan har ändrat vårdtillfället sedan du öppnade sidan. Inget är gjort. Kontrollera nedan."
_AWAY = "INTE GJORT: vårdsystemet svarar inte. Försök igen om en stund."
_REFUSED = "Vårdsystemet tar inte emot detta. Inget är gjort."
_DONE = {
    "leave": "Permissionen är införd. Platsen är kvar.",
    "return": "Patienten är tillbaka från permission.",
    "plan": "Planerad hemgång är ändrad.",
    "admit": "Patienten är inskriven.",
    "await": "Patienten väntas in.",
    "move": "Patienten är flyttad.",
    "swap": "Patienterna har bytt plats.",
    "discharge": "Patienten är utskriven.",
    "cancel": "Patienten väntas inte längre.",
}
Act = Literal["admit", "move", "swap", "leave", "return", "plan", "discharge", "cancel"]


class Filled(BaseModel):
    """One act as it is sent. `patient` must be the address's; `stay` is the one that stands, or the id of a new one."""

    act: Act
    patient: str = Field(max_length=64)
    stay: str = Field(default="", pattern=_ID)
    new: UUID = Field(default_factory=uuid4)  # a new stay's id: sent twice it is one stay
    bed: str = Field(default="", pattern=_ID)
    was: str = Field(default="", pattern=_ID)  # the bed that the page showed
    other: str = Field(
        default="", max_length=129, pattern=r"^([A-Za-z0-9.\-]{1,64} [A-Za-z0-9.\-]{1,64})?$"
    )  # stay, patient
    cause: str = Field(default="", max_length=200)
    day: date | Literal[""] = ""
    to: str = Field(default="", pattern=r"^[a-z\-]{0,20}$")
    back: Literal["", "ward"] = ""


@dataclass(frozen=True, slots=True)
class Shown:
    status: int = 200
    wrong: str = ""
    filled: Filled | None = None
    done: str = ""


@router.get("")
async def stay(
    request: Request, portal: InPortal, reader: Reads, patient: str, klar: Annotated[str, Query(max_length=12)] = ""
) -> Response:
    """Where the patient lies on the reader's ward and what can be done with it; or the form that admits."""
    return await _page(request, portal, reader, staffs(reader, patient), Shown(done=_DONE.get(klar, "")))


@router.post("")
async def act(
    request: Request, portal: InPortal, reader: Reads, patient: str, filled: Annotated[Filled, Form()]
) -> Response:
    """Does it, once; what VIS refuses is told in its words, with what was chosen kept."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    asked = staffs(reader, patient)
    if reader.commission is None:
        raise NotShown
    if filled.patient != asked:
        return await _page(request, portal, reader, asked, Shown(422, _ELSEWHERE))
    key, name, values = request_of(filled, asked)
    lacking = wanting(filled)
    if lacking:
        return await _page(request, portal, reader, asked, Shown(422, lacking, filled))
    try:
        await portal.care.act(reader.token, asked, key, name, values)
    except SignedOut:
        raise
    except Problem as problem:
        status, words = _words(problem)
        return await _page(request, portal, reader, asked, Shown(status, words, filled))
    made = filled.stay or str(filled.new)
    await told(request, reader.commission.unit, made)
    if filled.back == "ward" or filled.act in ("discharge", "cancel"):
        return RedirectResponse(f"/portal/ward?klar={made}&akt={filled.act}", 303)
    done = "await" if filled.act == "admit" and filled.bed == AWAITED else filled.act
    return RedirectResponse(f"/portal/patients/{asked}/stay?klar={done}", 303)


def request_of(filled: Filled, patient: str) -> tuple[str, str, Mapping[str, Any]]:
    """What VIS is asked: on which resource, the operation, its parameters (vis.care.admitting)."""
    key, day = f"Encounter/{filled.stay}", filled.day.isoformat() if filled.day else ""
    if filled.act == "admit" and not filled.stay:
        bed = "" if filled.bed == AWAITED else filled.bed
        values = {"id:valueId": str(filled.new), "bed:valueId": bed, "cause:valueString": filled.cause.strip()}
        return f"Patient/{patient}", "admit", values | {"planned-end:valueDate": day}
    other, _, whose = filled.other.partition(" ")
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "admit": ("admit", {"bed:valueId": filled.bed}),
        "move": ("move", {"bed:valueId": filled.bed, "from:valueId": filled.was}),
        "swap": ("swap", {"with:valueId": other, "patient:valueId": whose}),
        "leave": ("leave-of-absence", {}),
        "return": ("return", {}),
        "plan": ("plan-discharge", {"planned-end:valueDate": day}),
        "discharge": ("discharge", {"to:valueCode": filled.to}),
        "cancel": ("cancel-admission", {}),
    }
    return key, *asked[filled.act]


def wanting(filled: Filled) -> str:
    """What is not chosen yet, in words; "" where nothing is missing."""
    if filled.act in ("admit", "move") and not filled.bed:
        return "Välj en plats." if filled.stay else "Välj en plats, eller att patienten väntas in."
    if filled.act == "swap":
        return "" if filled.other else "Välj vem patienten byter plats med."
    if filled.act == "discharge":
        return "" if filled.to in WAYS else "Välj vart patienten skrivs ut."
    return ""


def _words(problem: Problem) -> tuple[int, str]:
    if isinstance(problem, NotTaken):
        return 422, problem.detail if problem.detail != problem.title else _REFUSED
    if isinstance(problem, Stale):
        return 409, _CHANGED
    return (403, _NOT_YOURS) if isinstance(problem, NotAllowed | NotShown) else (503, _AWAY)


async def _page(request: Request, portal: Portal, reader: Reader, patient: str, shown: Shown) -> Response:
    if reader.commission is None:
        raise NotShown
    found = await sheet(portal, reader, patient, "stay", [])
    ward = await load(portal, reader, datetime.now(UTC))
    context = {
        **found.context,
        "ward": ward,
        "stay": standing(ward, patient),
        "known": not {"vårdplatser", "inskrivna patienter"} & set(ward.unchecked),
        "others": [one for one in ward.stays if one.bed and one.person.id != patient],
        "ways": WAYS,
        "awaited": AWAITED,
        "filled": shown.filled,
        "wrong": shown.wrong,
        "done": shown.done,
        "new": str(shown.filled.new if shown.filled else uuid4()),
    }
    return render.page(request, "staff/stay.html", context, shown.status)


def standing(ward: Board, patient: str) -> Stay | None:
    """The patient's stay here: the one in bed before one that is waited for."""
    return next((one for one in (*ward.stays, *ward.awaited) if one.person.id == patient), None)
