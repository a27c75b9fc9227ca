"""A patient asks for correction or destruction of something in the record, and follows what became of it (PAT-13)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.access import NotTaken
from application_platform.portal.mine.frame import InMine, Mine, framed, sent
from application_platform.portal.places import names_of
from application_platform.portal.reader import InPortal, Portal
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE, moment, short_day
from kit.problems import Unavailable

router = APIRouter(prefix="/portal/mine/{patient}/corrections", route_class=PageRoute, include_in_schema=False)

_DOOR = "/information/requests"
_DONE = {"sent": "Din begäran är skickad.", "taken-back": "Din begäran är tillbakadragen."}
_KINDS = {"correction": "Begäran om rättelse", "destruction": "Begäran om att förstöra uppgifter"}
_OUTCOMES = {
    "corrected": "Rättat",
    "noted": "Din synpunkt är antecknad i journalen",
    "to-ivo": "Mottagningen har svarat IVO",
    "refused": "Ingen ändring",
}
_REFUSED = {
    "access/not-yours": "Du kan inte begära det här i den här journalen. Skriv till mottagningen i stället.",
    "requests/settled": "Begäran är redan besvarad eller tillbakadragen.",
    "requests/no-such-request": "Begäran finns inte längre.",
}
_UNCLEAR = "Begäran är inte skickad. Försök igen om en stund. Det du skrev finns kvar här."


class Wish(BaseModel):
    """The form; `owner` is provider|unit."""

    id: UUID
    patient: str = Field(default="", max_length=64)
    kind: Literal["correction", "destruction"] = "correction"
    owner: str = Field(default="", max_length=80, pattern=r"^[A-Z0-9\-| ]*$")
    text: str = Field(default="", max_length=8_000)


class Back(BaseModel):
    """The form that takes a request back."""

    patient: str = Field(default="", max_length=64)


@router.get("")
async def corrections(
    request: Request, portal: InPortal, mine: InMine, klart: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    """What was asked, newest first, and the form."""
    return await _page(request, portal, mine, done=_DONE.get(klart, ""))


@router.post("")
async def ask(request: Request, portal: InPortal, mine: InMine, wish: Annotated[Wish, Form()]) -> Response:
    """Sent twice, asked once. What was written is kept when it could not be sent."""
    await sent(request, mine, wish.patient)
    wrong = wrongs(wish)
    provider, _, unit = wish.owner.partition("|")
    body = {"id": str(wish.id), "kind": wish.kind, "provider": provider, "unit": unit, "text": wish.text.strip()}
    if not wrong:
        try:
            await portal.access.post(mine.reader.token, _DOOR, body)
        except NotTaken as refused:
            wrong = {"form": _REFUSED.get(refused.name, _UNCLEAR)}
        except Unavailable:
            wrong = {"form": _UNCLEAR}
        else:
            return RedirectResponse(f"{mine.base}/corrections?klart=sent", 303)
    return await _page(request, portal, mine, wish=wish, wrong=wrong)


@router.post("/{id}/withdraw")
async def withdraw(
    request: Request, portal: InPortal, mine: InMine, id: UUID, back: Annotated[Back, Form()]
) -> Response:
    """Before it is answered."""
    await sent(request, mine, back.patient)
    try:
        await portal.access.post(mine.reader.token, f"{_DOOR}/{id}/withdraw", {})
    except NotTaken as refused:
        return await _page(request, portal, mine, wrong={"form": _REFUSED.get(refused.name, _UNCLEAR)})
    return RedirectResponse(f"{mine.base}/corrections?klart=taken-back", 303)


def wrongs(wish: Wish) -> dict[str, str]:
    """What must be written anew, by field."""
    found = {}
    if "|" not in wish.owner:
        found["owner"] = "Välj vilken mottagning som har skrivit det."
    if len(wish.text.strip()) < 3:
        found["text"] = "Skriv vad som är fel."
    elif len(wish.text.strip()) > 4_000:
        found["text"] = f"Texten har {len(wish.text.strip())} tecken. Skriv högst 4 000."
    return found


async def _page(
    request: Request,
    portal: Portal,
    mine: Mine,
    *,
    done: str = "",
    wish: Wish | None = None,
    wrong: Mapping[str, str] | None = None,
) -> Response:
    known = await names_of(request)
    asked, units, unchecked = await _read(portal, mine, known)
    context = framed(portal, mine, "more", done=done, wrong=wrong or {}, wish=wish, asked=asked, units=units,
                     unchecked=unchecked, kinds=_KINDS)  # fmt: skip
    return render.page(request, "mine/corrections.html", context, 422 if wrong else 200)


async def _read(
    portal: Portal, mine: Mine, known: Mapping[str, str]
) -> tuple[Sequence[Mapping[str, Any]] | None, list[tuple[str, str]], bool]:
    """Requests (None: who reads may not ask), the units that have written, and whether something did not answer."""
    try:
        state = await portal.access.state(mine.reader.token, mine.patient)
        rows = await portal.access.listed(mine.reader.token, _DOOR)
    except NotTaken:
        return None, [], False
    except Unavailable:
        return (), [], True
    parts = [one for one in state.get("parts", ()) if one.get("unit") and one.get("provider")]
    units = {f"{one['provider']}|{one['unit']}": known.get(one["unit"], one["unit"]) for one in parts}
    return [_row(one, known) for one in rows], sorted(units.items(), key=lambda one: one[1]), False


def _row(one: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    answered = _OUTCOMES.get(str(one.get("outcome", "")), "")
    states = {"open": "Väntar på svar", "withdrawn": "Tillbakadragen"}
    return {
        "id": one["id"], "kind": _KINDS[one["kind"]], "unit": known.get(one["unit"], one["unit"]), "text": one["text"],
        "open": one["state"] == "open", "state": states.get(one["state"], answered), "answer": one.get("answer", ""),
        "at": day(str(one["at"])),
    }  # fmt: skip


def day(text: str) -> str:
    """As patients read a date: 23 november."""
    found = moment(text)
    return short_day(found.day, datetime.now(ZONE).date()) if found else ""
