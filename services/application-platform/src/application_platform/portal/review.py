"""The manager's page: what somebody should look at, and what the answer was (LOG-02, LOG-16, EMG-02, EMG-04)."""

from collections.abc import Mapping
from typing import Annotated, Any

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

router = APIRouter(prefix="/portal/review", route_class=PageRoute, include_in_schema=False)

RIGHTS = frozenset(("log.review", "access.manage"))
_KINDS = {
    "review": ("siren", "Nödöppning att granska"),
    "patient-notice": ("user", "Patienten ska informeras om nödöppningen"),
    "lift-request": ("lock", "Begäran om att häva en spärr"),
}
_PATTERNS = {
    "mass": "Ovanligt många patienter på en dag",
    "self": "Har läst sin egen journal",
    "surname": "Har samma efternamn som patienten",
    "deceased": "Har läst en avliden persons journal",
    "protected": "Har läst om en person med skyddade personuppgifter",
    "random": "Slumpmässig kontroll av en åtkomst",
    "denied": "Har nekats åtkomst många gånger",
}


class Answer(BaseModel):
    """What was found: `outcome` is done, granted or refused of a task; justified or not-justified of a pattern."""

    csrf: str = ""
    outcome: str = Field(max_length=20)
    note: str = Field(default="", max_length=2000)


def manages(reader: Reader) -> bool:
    return reader.commission is not None and bool(RIGHTS & reader.commission.rights)


@router.get("")
async def review(request: Request, portal: InPortal, reader: Reads, klart: str = "") -> Response:
    """What waits, soonest first."""
    return await _page(request, portal, reader, done="Svaret är registrerat." if klart else "")


@router.post("/tasks/{id}")
async def answer_task(
    request: Request, portal: InPortal, reader: Reads, id: int, answer: Annotated[Answer, Form()]
) -> Response:
    """A request is granted or refused; a review or a notice to the patient is done."""
    body = {"outcome": answer.outcome, "note": answer.note.strip()}
    return await _answered(request, portal, reader, f"/information/access/tasks/{id}/answer", body)


@router.post("/patterns/{id}")
async def close_pattern(
    request: Request, portal: InPortal, reader: Reads, id: int, answer: Annotated[Answer, Form()]
) -> Response:
    """A pattern in the log is closed with what was found."""
    body = {"justified": answer.outcome == "justified", "note": answer.note.strip()}
    return await _answered(request, portal, reader, f"/information/log/reviews/{id}", body)


async def _answered(
    request: Request, portal: Portal, reader: Reader, address: str, body: Mapping[str, Any]
) -> Response:
    await browser.check(request, request.app.state.settings, reader.csrf)
    if not manages(reader):
        raise NotShown
    try:
        await portal.access.post(reader.token, address, body)
    except NotTaken:
        kept = {"at": request.url.path, "note": str(body["note"])}
        words = "Svaret kunde inte registreras. Skriv vad du kom fram till, och läs om sidan om någon annan hann före."
        return await _page(request, portal, reader, wrong=words, kept=kept)
    return RedirectResponse("/portal/review?klart=1", 303)


async def _page(
    request: Request,
    portal: Portal,
    reader: Reader,
    *,
    done: str = "",
    wrong: str = "",
    kept: Mapping[str, str] | None = None,
) -> Response:
    """`kept`: the form that was refused (its address) and what was written in it, so that nobody writes it twice."""
    if not manages(reader):
        raise NotShown
    known = await names_of(request)
    tasks = await portal.access.listed(reader.token, "/information/access/tasks")
    patterns = (await portal.access.get(reader.token, "/information/log/reviews")).get("reviews", ())
    context = {
        "reader": reader,
        "place": portal,
        "here": "review",
        "done": done,
        "wrong": wrong,
        "kept": kept or {"at": "", "note": ""},
        "tasks": [_task(one, known) for one in tasks],
        "patterns": [_pattern(one, known) for one in patterns],
    }
    return render.page(request, "review.html", context, 422 if wrong else 200)


def _task(one: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    icon, words = _KINDS.get(one["kind"], ("clipboard-list", one["kind"]))
    unit = known.get(one["unit"], one["unit"])
    return {"id": one["id"], "icon": icon, "words": words, "patient": one["patient"], "unit": unit,
            "request": one["kind"] == "lift-request", "at": _when(one["made_at"]), "due": _when(one["due"])}  # fmt: skip


def _pattern(one: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    words = _PATTERNS.get(one["pattern"], one["pattern"])
    unit = known.get(one.get("unit") or "", one.get("unit") or "")
    return {
        "id": one["id"],
        "words": words,
        "who": known.get(one["actor"], one["actor"]),
        "unit": unit,
        "times": "1 gång" if one["count"] == 1 else f"{one['count']} gånger",
        "day": one["day"],
    }


def _when(text: str) -> str:
    found = moment(text)
    return f"{found.date} {found.clock}".strip() if found else ""
