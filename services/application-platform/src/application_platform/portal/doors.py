"""What opens a record that is closed to the reader: relation, choice, consent, emergency, and blocks (EMG-01: three doors)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.access import NotTaken
from application_platform.portal.mine.frame import ForAnother
from application_platform.portal.person import person
from application_platform.portal.places import names_of
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE
from application_platform.sign_in import browser

router = APIRouter(prefix="/portal", route_class=PageRoute, include_in_schema=False)

_DONE = {
    "emergency": "Öppnat i nöd: uppgifterna visas i tidslinjen. Verksamhetschefen granskar öppningen, patienten informeras.",
    "reveal": "Nu visas vilken vårdgivare som har spärren.",
    "lift": "Spärren är hävd för din enhet en tid.",
    "request": "Begäran är skickad till vårdgivaren som har spärren. Uppgifterna visas när den har svarat ja.",
    "block": "Spärren är registrerad och gäller nu.",
    "end": "Spärren är borttagen.",
    "cancel": "Spärren är makulerad.",
    "later": "Ändringen gäller i regionens journal nu och i vårdsystemet inom kort.",
}
# The refusals of the law, to a nurse at night (access/… of docs/reference/problems.md).
_REFUSED = {
    "access/not-yours": "Ditt uppdrag ger inte rätt till detta. Byt uppdrag eller be en kollega.",
    "access/too-long": "Så länge får det inte gälla. Välj en kortare tid.",
    "access/not-confirmed": "Bekräfta att det är fara för liv eller hälsa.",
    "access/wrong-block": "Spärren saknar något. Kontrollera enheten och tiden.",
    "access/guardians-do-not-block": "Vårdnadshavare får inte spärra ett barns journal.",
    "access/no-such-act": "Uppgiften gäller inte längre. Läs om sidan.",
    "access/id-taken": "Formuläret är redan skickat. Läs om sidan.",
}
_CONSENT_ENDS = "Samtycket kan inte sluta gälla i det förflutna. Välj ett senare datum."
_UNCLEAR = "Skriv varför, med minst tre tecken, och kontrollera det du har fyllt i."
# EMG-03: warnings, medicines, diagnoses, vaccinations, results; not notes and visits.
_ACUTE = ("upp", "lak", "dia", "caa-gvh", "und", "und-kkm-ure", "und-bdi-ure")
_LEAST = 3  # characters of a reason (fhirserver.taking.Reason)


class Filled(BaseModel):
    """A form as it was sent; `patient`, where it says one, must be the address's; `target` is the act that it concerns."""

    id: UUID
    patient: str = Field(default="", max_length=64)
    reason: str = Field(default="", max_length=1000)
    ground: str = Field(default="", max_length=40)
    until: str = Field(default="", max_length=10)
    target: str = Field(default="", max_length=64, pattern=r"^[0-9a-f\-]*$")  # it becomes part of an address
    confirmed: bool = False
    personal: bool = False
    about: str = Field(default="", max_length=10)  # of an emergency: all, or what is usually needed
    csrf: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What the page says of what was just done, or of what was wrong `at` a door."""

    done: str = ""
    wrong: str = ""
    at: str = ""
    filled: Filled | None = None  # what was sent, so that nobody writes it twice


@dataclass(frozen=True, slots=True)
class Door:
    """Where an act is taken (`{target}` is the act that it concerns), and what is sent."""

    address: str
    body: Callable[[Filled, Reader], Mapping[str, Any]]
    to_chart: bool = False  # the journal is what one wants to see next
    asks_why: bool = True


def _relation(filled: Filled, _: Reader) -> Mapping[str, Any]:
    return {"days": int(filled.until or 1), "personal": filled.personal}


def _choice(_filled: Filled, _: Reader) -> Mapping[str, Any]:
    return {"hours": 8}


def _consent(filled: Filled, _: Reader) -> Mapping[str, Any]:
    last = date.fromisoformat(filled.until) if filled.until else None  # the whole of that day, as clocks go in Sweden
    until = datetime.combine(last, time(23, 59, 59), ZONE).isoformat() if last else None
    return {"until": until, "personal": filled.personal, "represented_by": filled.ground or "patient"}


def _emergency(filled: Filled, _: Reader) -> Mapping[str, Any]:
    matters = [] if filled.about == "all" else list(_ACUTE)
    return {"ground": filled.ground, "confirmed": filled.confirmed, "hours": 4, "matters": matters}


def _reveal(filled: Filled, _: Reader) -> Mapping[str, Any]:
    return {"ground": filled.ground, "confirmed": filled.confirmed}


def _lift(filled: Filled, _: Reader) -> Mapping[str, Any]:
    return {"ground": filled.ground or "consent", "confirmed": filled.confirmed, "hours": 24}


def _block(filled: Filled, reader: Reader) -> Mapping[str, Any]:
    held = reader.commission
    assert held is not None
    inner = filled.ground != "outer"
    return {"kind": "inner" if inner else "outer", "provider": held.provider, "unit": held.unit if inner else None}


def _nothing(_filled: Filled, _: Reader) -> Mapping[str, Any]:
    return {}


DOORS = {
    "relation": Door("relations", _relation, to_chart=True),
    "choice": Door("choices", _choice, to_chart=True, asks_why=False),
    "consent": Door("consents", _consent, to_chart=True),
    "emergency": Door("emergencies", _emergency),
    "reveal": Door("reveals", _reveal),
    "lift": Door("blocks/{target}/lift", _lift),
    "block": Door("blocks", _block),
    "end": Door("acts/{target}/end", _nothing),
    "cancel": Door("acts/{target}/cancel", _nothing),
}


@router.get("/patients/{patient}/access")
async def doors(request: Request, portal: InPortal, reader: Reads, patient: str, klart: str = "") -> Response:
    """What stands between the reader and the record, and every door with its conditions."""
    return await _page(request, portal, reader, patient, Told(_DONE.get(klart, "")))


@router.post("/patients/{patient}/access/{door}")
async def open_door(
    request: Request, portal: InPortal, reader: Reads, patient: str, door: str, filled: Annotated[Filled, Form()]
) -> Response:
    """Takes the act, once however often the form is sent; then the journal, or the page again with what was wrong."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    chosen = DOORS.get(door)
    if chosen is None or reader.kind != "staff" or reader.commission is None:
        raise NotShown
    if filled.patient not in ("", patient):
        raise ForAnother
    try:
        body = _body(chosen, filled, reader)
    except ValueError:
        return await _page(request, portal, reader, patient, Told(wrong=_UNCLEAR, at=door, filled=filled))
    try:
        taken = await portal.access.take(reader.token, patient, chosen.address.format(target=filled.target), body)
    except NotTaken as refused:
        told = Told(wrong=_wrong(door, refused.name), at=door, filled=filled)
        return await _page(request, portal, reader, patient, told)
    if chosen.to_chart:
        return RedirectResponse(f"/portal/patients/{patient}", 303)
    return RedirectResponse(f"/portal/patients/{patient}/access?klart={_done(door, taken)}", 303)


def _body(chosen: Door, filled: Filled, reader: Reader) -> Mapping[str, Any]:
    """Raises ValueError where a reason, a number of days or a date is none: a reason is the user's own, never ours (EMG-04)."""
    reason = filled.reason.strip()
    if not chosen.asks_why:
        return {"id": str(filled.id), **chosen.body(filled, reader)}
    if len(reason) < _LEAST:
        raise ValueError
    return {"id": str(filled.id), "reason": reason, **chosen.body(filled, reader)}


def _wrong(door: str, name: str) -> str:
    if (door, name) == ("consent", "access/wrong-block"):
        return _CONSENT_ENDS
    return _REFUSED.get(name, _UNCLEAR)


def _done(door: str, taken: Mapping[str, Any]) -> str:
    """A request is not a lift, and what VIS has not heard does not hold everywhere yet."""
    if taken.get("kind") == "request":
        return "request"
    return door if taken.get("at_vis") else "later"


async def _page(request: Request, portal: Portal, reader: Reader, patient: str, told: Told) -> Response:
    if reader.kind != "staff":
        raise NotShown
    found = await portal.record.patient(reader.token, patient)
    context = {
        "reader": reader,
        "place": portal,
        "patient": patient,
        "person": person(found, datetime.now(ZONE).date()),
        "state": await portal.access.state(reader.token, patient),
        "done": told.done,
        "wrong": told.wrong,
        "at": told.at,
        "filled": told.filled,
        "names": await names_of(request),
        "new_id": lambda: str(uuid4()),
        "base": f"/portal/patients/{patient}",
    }
    return render.page(request, "access.html", context, 422 if told.wrong else 200)
