"""The patient's page about who has read, what is blocked, which consents are given and who acts for them (PAT-13, LOG-12)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.access import NotTaken
from application_platform.portal.mine import readings
from application_platform.portal.mine.frame import InMine, Mine, framed, sent
from application_platform.portal.places import names_of
from application_platform.portal.reader import InPortal, Portal, Reads
from application_platform.portal.record import NotAllowed, NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import ZONE, moment, short_day

router = APIRouter(prefix="/portal/mine/{patient}/privacy", route_class=PageRoute, include_in_schema=False)
moved = APIRouter(route_class=PageRoute, include_in_schema=False)

_ROWS = "50"
_DONE = {
    "block": "Spärren gäller nu.",
    "end": "Ändringen gäller nu.",
    "later": "Ändringen är registrerad. Den gäller nu i regionens journal, och inom kort i vårdens eget system.",
}
_REFUSED = {
    "access/not-yours": "Det här kan du inte göra själv. Kontakta mottagningen, så hjälper de dig.",
    "access/guardians-do-not-block": "Som vårdnadshavare kan du inte spärra ett barns journal.",
    "access/no-such-act": "Den gäller inte längre.",
}
_UNCLEAR = "Det gick inte att göra. Läs om sidan och försök igen."


class Wish(BaseModel):
    """A form of this page: a block on what one unit (`unit`) or a whole care provider has written, or the end of an act."""

    id: UUID
    csrf: str = ""
    patient: str = Field(default="", max_length=64)
    owner: str = Field(default="", max_length=80, pattern=r"^[A-Z0-9\-| ]*$")  # provider, or provider|unit
    target: str = Field(default="", max_length=64, pattern=r"^[0-9a-f\-]*$")


@dataclass(frozen=True, slots=True)
class Line:
    """A block, a consent or a mandate in force."""

    id: str
    text: str
    since: str
    own: bool  # whether the patient may end it here


@moved.get("/portal/privacy")
async def old(reader: Reads) -> Response:
    """The page's address before patients' pages named whose record they are about."""
    if reader.patient is None:
        raise NotShown
    return RedirectResponse(f"/portal/mine/{reader.patient}/privacy", 308)


@router.get("")
async def privacy(
    request: Request,
    portal: InPortal,
    mine: InMine,
    klart: str = "",
    efter: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """Who has read, page by page; blocks, consents and mandates in force."""
    return await _page(request, portal, mine, done=_DONE.get(klart, ""), after=efter)


@router.post("/block")
async def block(request: Request, portal: InPortal, mine: InMine, wish: Annotated[Wish, Form()]) -> Response:
    """In force when this answers."""
    provider, _, unit = wish.owner.partition("|")
    body = {"id": str(wish.id), "kind": "inner" if unit else "outer", "provider": provider, "unit": unit or None}
    return await _taken(request, portal, mine, wish, "blocks", body)


@router.post("/end")
async def end(request: Request, portal: InPortal, mine: InMine, wish: Annotated[Wish, Form()]) -> Response:
    """A block is taken off, a consent or a mandate ends."""
    return await _taken(request, portal, mine, wish, f"acts/{wish.target}/end", {"id": str(wish.id)})


async def _taken(
    request: Request, portal: Portal, mine: Mine, wish: Wish, door: str, body: Mapping[str, Any]
) -> Response:
    await sent(request, mine, wish.patient)
    try:
        taken = await portal.access.take(mine.reader.token, mine.patient, door, body)
    except NotTaken as refused:
        return await _page(request, portal, mine, wrong=_REFUSED.get(refused.name, _UNCLEAR))
    done = "block" if door == "blocks" else "end"
    return RedirectResponse(f"{mine.base}/privacy?klart={done if taken.get('at_vis') else 'later'}", 303)


async def _page(
    request: Request, portal: Portal, mine: Mine, *, done: str = "", wrong: str = "", after: str = ""
) -> Response:
    token, today = mine.reader.token, datetime.now(ZONE).date()
    known, acts, state, log = await asyncio.gather(
        names_of(request),
        portal.access.acts(token, mine.patient),
        portal.access.state(token, mine.patient),
        _log(portal, token, after),
    )
    context = framed(
        portal,
        mine,
        "privacy",
        done=done,
        wrong=wrong,
        blocks=lines(acts, "block", known, today),
        consents=lines(acts, "consent", known, today),
        mandates=lines(acts, "mandate", known, today),
        owners=_owners(state.get("parts", ()), known) if mine.role == "self" else [],
        days=readings.days([readings.reading(one, known) for one in log.get("accesses", ())], today) if log else (),
        log_shown=log is not None,
        following=(log or {}).get("next") or "",
        after=after,
    )
    return render.page(request, "mine/privacy.html", context, 422 if wrong else 200)


async def _log(portal: Portal, token: str, after: str) -> Mapping[str, Any] | None:
    """The extract; None where the law does not give it to this reader."""
    try:
        return await portal.access.log(token, after, _ROWS)
    except (NotTaken, NotAllowed):
        return None


def lines(acts: Sequence[Mapping[str, Any]], kind: str, known: Mapping[str, str], today: date) -> list[Line]:
    """The acts of a kind that are in force, in words."""
    found = [one["act"] for one in acts if one["in_force"] and one["act"]["kind"] == kind]
    return [Line(act["id"], _words(act, known), _day(act["at"], today), _endable(act)) for act in found]


def _endable(act: Mapping[str, Any]) -> bool:
    if act["kind"] == "mandate":
        return str(act.get("requested_by", "patient")) == "patient"
    return act.get("ground") != "emergency"


def _words(act: Mapping[str, Any], known: Mapping[str, str]) -> str:
    block = act.get("block")
    if block is not None:
        if block["kind"] == "inner":
            return f"Det som {_name(block.get('unit', ''), known)} har skrivit visas bara där."
        return f"Det som {_name(block['provider'], known)} har skrivit visas inte för andra vårdgivare."
    if act["kind"] == "mandate":
        return f"{act.get('reason') or 'Ett ombud'} får läsa och sköta dina vårdärenden."
    where = _name(act.get("unit", ""), known)
    if act.get("ground") == "emergency":
        return f"{where} öppnade uppgifter i en nödsituation."
    return f"{where} får läsa vad andra vårdgivare har skrivit."


def _owners(parts: Sequence[Mapping[str, Any]], known: Mapping[str, str]) -> list[tuple[str, str]]:
    """What can be blocked: (value of the form, words), each unit and each care provider once."""
    found: dict[str, str] = {}
    for part in parts:
        if part.get("unit") and part.get("provider"):
            found[f"{part['provider']}|{part['unit']}"] = f"Det som {_name(part['unit'], known)} har skrivit"
            found[part["provider"]] = f"Allt hos {_name(part['provider'], known)}, för andra vårdgivare"
    return sorted(found.items(), key=lambda one: ("|" not in one[0], one[1]))


def _name(id: str, known: Mapping[str, str]) -> str:
    return known.get(id) or id


def _day(text: str, today: date) -> str:
    found = moment(text)
    return short_day(found.day, today) if found else ""
