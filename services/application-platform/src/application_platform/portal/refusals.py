"""What a person sees when a page cannot be shown: what it means and what to do, without blame."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from application_platform.messages.model import NoSuchThread
from application_platform.portal import render
from application_platform.portal.mine.frame import ForAnother
from application_platform.portal.reader import portal_of
from application_platform.portal.record import NotAllowed, NotShown, SignedOut, Unreadable
from application_platform.sign_in.signed_in import NotSignedIn
from kit.problems import Kind, Malformed, Problem, Unavailable

log = structlog.get_logger(__name__)


class NoSuchPage(Problem):
    """The portal has no page at this address."""

    kind = Kind.NOT_FOUND
    code = "application/no-such-page"
    title = "There is no such page"


@dataclass(frozen=True, slots=True)
class Words:
    """A page instead of the page: status, heading, text, and whether it is that we do not know (hatched)."""

    status: int
    heading: str
    text: str
    unknown: bool = False


_WORDS: tuple[tuple[type[Problem], Words], ...] = (
    (
        NotShown,
        Words(
            404,
            "Patienten kan inte visas",
            "Patienten finns inte i regionens journal, eller så får du inte läsa den i ditt uppdrag. "
            "Sök igen på hela personnumret.",
        ),
    ),
    (
        NotAllowed,
        Words(
            403,
            "Du får inte läsa den här journalen",
            "Du har ingen vårdrelation till patienten i det här uppdraget. "
            "Byt uppdrag om du arbetar på en annan enhet.",
        ),
    ),
    (
        SignedOut,
        Words(
            401,
            "Inloggningen gäller inte längre",
            "Journalen känner inte igen din inloggning. Logga ut och logga in igen.",
        ),
    ),
    (
        Unavailable,
        Words(
            503,
            "Regionens journal svarar inte",
            "Informationsplattformen gick inte att nå. Inget är kontrollerat. Försök igen om en stund.",
            unknown=True,
        ),
    ),
    (
        Unreadable,
        Words(
            502,
            "Journalens svar gick inte att läsa",
            "Informationsplattformen svarade på ett sätt som inte kan visas. Inget är kontrollerat.",
            unknown=True,
        ),
    ),
    (
        ForAnother,
        Words(
            422,
            "Inget är gjort",
            "Formuläret hörde till en annan patient än sidan. Gå till patientens egen sida och gör det där.",
        ),
    ),
    (
        NoSuchThread,
        Words(
            404,
            "Konversationen visas inte här",
            "Den finns inte, eller så hör den till en annan patient eller enhet. Gå till meddelandena och välj där.",
        ),
    ),
    (
        NoSuchPage,
        Words(404, "Sidan finns inte", "Adressen leder ingenstans. Börja om från startsidan."),
    ),
    (
        Malformed,
        Words(400, "Sidan kan inte visas", "Det som skickades gick inte att läsa. Börja om från startsidan."),
    ),
)


_JOURNAL_AWAY = "Vi kan inte hämta din journal just nu. Det betyder inte att den är tom. Försök igen om en stund."
# What a patient reads instead, where the words above speak to staff.
_TO_PATIENTS: tuple[tuple[type[Problem], Words], ...] = (
    (
        NotShown,
        Words(404, "Journalen kan inte visas", "Här visas bara din egen journal. Saknas den, kontakta din mottagning."),
    ),
    (
        NotAllowed,
        Words(403, "Journalen kan inte visas", "Här visas bara din egen journal. Saknas den, kontakta din mottagning."),
    ),
    (
        ForAnother,
        Words(
            422,
            "Inget är gjort",
            "Formuläret hörde till en annan patient än sidan. Öppna rätt persons sidor under Mer och gör det där.",
        ),
    ),
    (Unavailable, Words(503, "Journalen svarar inte", _JOURNAL_AWAY, unknown=True)),
    (Unreadable, Words(502, "Journalen svarar inte", _JOURNAL_AWAY, unknown=True)),
)


def words_for(problem: Problem, *, patient: bool = False) -> Words:
    """The words for a problem, to staff or to a patient; what nobody has words for is not told in detail."""
    for kind, words in (*_TO_PATIENTS, *_WORDS) if patient else _WORDS:
        if isinstance(problem, kind):
            return words
    return Words(problem.kind.status, "Sidan kan inte visas", "Något gick fel hos oss. Försök igen om en stund.")


class PageRoute(APIRoute):
    """A route whose refusals are pages in Swedish; that nobody is signed in stays for sign-in to answer."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answering(request: Request) -> Response:
            try:
                return await handler(request)
            except NotSignedIn:
                raise
            except RequestValidationError:
                return await _refuse(request, Malformed())
            except Problem as problem:
                return await _refuse(request, problem)

        return answering


async def _refuse(request: Request, problem: Problem) -> Response:
    portal = await portal_of(request)
    reader = await portal.reader_of(request)
    words = words_for(problem, patient=reader.kind == "patient")
    log.info("page refused", code=problem.code, status=words.status)
    again = request.url.path if request.method == "GET" else ""
    context = {"reader": reader, "place": portal, "words": words, "again": again}
    return render.page(request, "refusal.html", context, words.status)
