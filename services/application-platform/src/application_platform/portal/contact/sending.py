"""How a form with somebody's words is answered: to a script (JSON) or to a plain form, and never with the words lost."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import structlog
from fastapi import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from application_platform.messages.model import IdTaken, Newer, NoSuchThread, ThreadClosed
from application_platform.portal import render
from application_platform.portal.record import NotAllowed, NotShown, SignedOut
from kit.problems import Problem

log = structlog.get_logger(__name__)


UNDECIDED = (401, 403, 404, 503)  # the law said no, or nothing: then only the writer's own words are shown


@dataclass(frozen=True, slots=True)
class Told:
    """What the page begins with after a refusal: the status, the words, and the id that the form has from now on."""

    status: int = 200
    words: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """How a conversation's page begins: what was refused, the words that are kept with the form's id, what was just done."""

    told: Told = field(default_factory=Told)
    text: str = ""
    id: str = ""
    done: str = ""


_WORDS: tuple[tuple[type[Problem], int, str], ...] = (
    (
        ThreadClosed,
        409,
        "Konversationen är avslutad och tar inte emot fler meddelanden. Kopiera din text och börja en ny.",
    ),
    (
        Newer,
        409,
        "Något nytt har skrivits sedan du öppnade sidan. Läs det nya, och skicka igen om texten fortfarande stämmer.",
    ),
    (
        IdTaken,
        409,
        "Formuläret har redan skickats med en annan text. Kontrollera vad som är skickat, och skicka igen om det behövs.",
    ),
    (NoSuchThread, 404, "Konversationen finns inte här. Inget är skickat."),
    (NotAllowed, 403, "Det här får du inte göra här. Inget är skickat."),
    (NotShown, 404, "Det här kan inte skickas för den här patienten. Inget är skickat."),
    (SignedOut, 401, "Inloggningen gäller inte längre. Logga in igen i en ny flik."),
)
_AWAY = "Journalen svarar inte, och utan den kan vi inte kontrollera vem som får skriva. Försök igen om en stund."


def refusal(problem: Problem) -> Told:
    """The words of a refusal. An id that was used gives way to a new one, so that the next try can go through."""
    log.info("form not taken", code=problem.code)
    for kind, status, words in _WORDS:
        if isinstance(problem, kind):
            return Told(status, words, str(uuid4()) if isinstance(problem, IdTaken) else "")
    return Told(503, _AWAY)


def scripted(request: Request) -> bool:
    """Whether keep.js sent it."""
    return bool(request.headers.get("hx-request"))


def done(request: Request, address: str) -> Response:
    """It is stored; the browser goes on to `address`."""
    if scripted(request):
        return JSONResponse({"go": address}, headers=render.headers())
    return RedirectResponse(address, 303)


def refused(told: Told) -> Response:
    """To the script: the page that holds the words stays, and says why."""
    return JSONResponse({"words": told.words, "id": told.id}, told.status, headers=render.headers())


def proof(csrf: str, who: str) -> Response:
    """Who is signed in now and what their forms carry, for a page whose sign-in ended while somebody wrote."""
    return JSONResponse({"csrf": csrf, "who": who}, headers=render.headers())


def kept(id: UUID, told: Told) -> str:
    """The id that the form carries when it is shown again."""
    return told.id or str(id)
