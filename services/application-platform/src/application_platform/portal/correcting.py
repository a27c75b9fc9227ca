"""A manager reads what patients ask to have corrected or destroyed, and answers (PAT-13)."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from application_platform.portal import render
from application_platform.portal.access import NotTaken
from application_platform.portal.places import names_of
from application_platform.portal.reader import InPortal, Portal, Reader, Reads
from application_platform.portal.record import NotShown
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import moment
from application_platform.sign_in import browser
from kit.problems import Unavailable

router = APIRouter(prefix="/portal/review/requests", route_class=PageRoute, include_in_schema=False)

_DOOR, _RIGHT = "/information/requests", "access.manage"
_KINDS = {"correction": "Patienten begär rättelse", "destruction": "Patienten vill att uppgifter förstörs"}


class Answer(BaseModel):
    """What was done, and the words that the patient reads."""

    csrf: str = ""
    outcome: str = Field(max_length=20)
    text: str = Field(default="", max_length=8_000)


@router.get("")
async def requests(request: Request, portal: InPortal, reader: Reads, klart: str = "") -> Response:
    """What waits, longest first."""
    return await _page(request, portal, reader, done="Svaret är skickat till patienten." if klart else "")


@router.post("/{id}")
async def answer(
    request: Request, portal: InPortal, reader: Reads, id: UUID, answer: Annotated[Answer, Form()]
) -> Response:
    """Once; what was written is kept when it was refused."""
    await browser.check(request, request.app.state.settings, reader.csrf)
    _manages(reader)
    body = {"outcome": answer.outcome, "text": answer.text.strip()}
    try:
        await portal.access.post(reader.token, f"{_DOOR}/{id}/answer", body)
    except NotTaken as refused:
        words = {"requests/settled": "Någon annan har redan svarat. Läs om sidan."}
        wrong = words.get(refused.name, "Svaret är inte skickat. Skriv minst tre tecken och försök igen.")
        return await _page(request, portal, reader, wrong=wrong, kept={"id": str(id), "text": answer.text})
    except Unavailable:
        wrong = "Svaret är inte skickat. Försök igen om en stund."
        return await _page(request, portal, reader, wrong=wrong, kept={"id": str(id), "text": answer.text})
    return RedirectResponse("/portal/review/requests?klart=1", 303)


def _manages(reader: Reader) -> None:
    if reader.commission is None or _RIGHT not in reader.commission.rights:
        raise NotShown


async def _page(
    request: Request,
    portal: Portal,
    reader: Reader,
    *,
    done: str = "",
    wrong: str = "",
    kept: Mapping[str, str] | None = None,
) -> Response:
    _manages(reader)
    known = await names_of(request)
    try:
        rows = [_row(one, known) for one in await portal.access.listed(reader.token, _DOOR)]
    except Unavailable:
        rows = None
    context = {"reader": reader, "place": portal, "here": "review", "done": done, "wrong": wrong,
               "kept": kept or {"id": "", "text": ""}, "rows": rows}  # fmt: skip
    return render.page(request, "requests.html", context, 422 if wrong else 200)


def _row(one: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    at = moment(str(one["at"]))
    return {
        "id": one["id"], "words": _KINDS[one["kind"]], "patient": one["patient"], "by": one["by"], "text": one["text"],
        "unit": known.get(one["unit"], one["unit"]), "destruction": one["kind"] == "destruction",
        "at": f"{at.date} {at.clock}".strip() if at else "",
    }  # fmt: skip
