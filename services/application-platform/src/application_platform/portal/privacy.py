"""The patient's own page about who has read, what is blocked, and which consents are given (PAT-13, LOG-12)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from application_platform.identity.places import names
from application_platform.portal import render
from application_platform.portal.access import NotTaken
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import moment
from application_platform.sign_in import browser

router = APIRouter(prefix="/portal/privacy", route_class=PageRoute, include_in_schema=False)

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
    owner: str = Field(default="", max_length=80, pattern=r"^[A-Z0-9\-| ]*$")  # provider, or provider|unit
    target: str = Field(default="", max_length=64, pattern=r"^[0-9a-f\-]*$")


@dataclass(frozen=True, slots=True)
class Line:
    """A block or a consent in force."""

    id: str
    text: str
    since: str
    own: bool  # whether the patient may end it here


@router.get("")
async def privacy(
    request: Request,
    portal: InPortal,
    reader: Reads,
    klart: str = "",
    efter: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """Who has read, page by page; blocks and consents in force."""
    return await _page(request, portal, reader, done=_DONE.get(klart, ""), after=efter)


@router.post("/block")
async def block(request: Request, portal: InPortal, reader: Reads, wish: Annotated[Wish, Form()]) -> Response:
    """In force when this answers."""
    provider, _, unit = wish.owner.partition("|")
    body = {"id": str(wish.id), "kind": "inner" if unit else "outer", "provider": provider, "unit": unit or None}
    return await _taken(request, portal, reader, "blocks", body, "block")


@router.post("/end")
async def end(request: Request, portal: InPortal, reader: Reads, wish: Annotated[Wish, Form()]) -> Response:
    """A block is taken off, or a consent ends."""
    return await _taken(request, portal, reader, f"acts/{wish.target}/end", {"id": str(wish.id)}, "end")


async def _taken(
    request: Request, portal: Portal, reader: Reader, door: str, body: Mapping[str, Any], done: str
) -> Response:
    await browser.check(request, request.app.state.settings, reader.csrf)
    if reader.patient is None:
        raise NotShown
    try:
        taken = await portal.access.take(reader.token, reader.patient, door, body)
    except NotTaken as refused:
        return await _page(request, portal, reader, wrong=_REFUSED.get(refused.name, _UNCLEAR))
    return RedirectResponse(f"/portal/privacy?klart={done if taken.get('at_vis') else 'later'}", 303)


async def _page(
    request: Request, portal: Portal, reader: Reader, *, done: str = "", wrong: str = "", after: str = ""
) -> Response:
    if reader.patient is None:
        raise NotShown
    known = await names_of(request)
    acts = await portal.access.acts(reader.token, reader.patient)
    state = await portal.access.state(reader.token, reader.patient)
    log = await portal.access.log(reader.token, after, _ROWS)
    context = {
        "reader": reader,
        "place": portal,
        "done": done,
        "wrong": wrong,
        "new_id": lambda: str(uuid4()),
        "blocks": lines(acts, "block", known),
        "consents": lines(acts, "consent", known),
        "owners": _owners(state.get("parts", ()), known),
        "accesses": together(_access(one, known) for one in log.get("accesses", ())),
        "following": log.get("next") or "",
        "after": after,
    }
    return render.page(request, "privacy.html", context, 422 if wrong else 200)


def lines(acts: Sequence[Mapping[str, Any]], kind: str, known: Mapping[str, str]) -> list[Line]:
    """The acts of a kind that are in force, in words."""
    found = [one["act"] for one in acts if one["in_force"] and one["act"]["kind"] == kind]
    return [Line(act["id"], _words(act, known), _when(act["at"]), act.get("ground") != "emergency") for act in found]


def _words(act: Mapping[str, Any], known: Mapping[str, str]) -> str:
    block = act.get("block")
    if block is not None:
        if block["kind"] == "inner":
            return f"Det som {_name(block.get('unit', ''), known)} har skrivit visas bara där."
        return f"Det som {_name(block['provider'], known)} har skrivit visas inte för andra vårdgivare."
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


def _access(one: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    unit, provider = one["careUnit"], one["careProvider"]
    return {
        "at": _when(one["accessDate"]),
        "who": "Du själv" if one.get("self") else one.get("userName") or one.get("userTitle") or "Ett system i vården",
        "title": one.get("userTitle", ""),
        "where": ", ".join(
            word
            for word in (_name(unit["id"], known, unit["name"]), _name(provider["id"], known, provider["name"]))
            if word
        ),
        "what": one.get("activity", ""),
        "purpose": one.get("purpose", ""),
        "shown": one.get("shown", True),
        "emergency": one.get("activityType") == "Nödöppning",
    }


def together(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What one reader did at one place in the same minute is one line; an emergency opening always stands alone."""
    found: list[dict[str, Any]] = []
    for row in rows:
        last = found[-1] if found else None
        same = last is not None and all(
            last[name] == row[name] for name in ("at", "who", "where", "purpose", "emergency")
        )
        if last is not None and same:
            if row["what"] not in last["what"].split(", "):
                last["what"] += f", {row['what'][:1].lower()}{row['what'][1:]}"
            last["shown"] = last["shown"] or row["shown"]
        else:
            found.append(row)
    return found


def _name(id: str, known: Mapping[str, str], told: str = "") -> str:
    return told or known.get(id) or id


def _when(text: str) -> str:
    found = moment(text)
    return f"{found.date} {found.clock}".strip() if found else ""


async def names_of(request: Request) -> dict[str, str]:
    """HSA-id → name, of the units and care providers that are known here."""
    db = getattr(request.app.state, "db", None)
    if db is None:
        return {}
    async with db.engine.connect() as connection:
        return await names(connection)
