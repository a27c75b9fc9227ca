"""What the pages of orders ask: the patient's orders in the region's record and at VIS, and which units can receive."""

import asyncio
from datetime import UTC, datetime

from fastapi import Request

from application_platform.identity.api import Unit, units
from application_platform.portal.care import NotTaken, Stale
from application_platform.portal.contact.sending import Told
from application_platform.portal.reader import Portal, Reader
from application_platform.portal.record import NotAllowed, NotShown, SignedOut
from application_platform.portal.referrals import model
from application_platform.portal.referrals.model import Listed
from application_platform.portal.shell.sheet import Sheet, sheet
from kit.problems import Problem

_WORDS: tuple[tuple[type[Problem], int, str], ...] = (
    (
        Stale,
        409,
        "Remissen har ändrats sedan du öppnade den. Läs det nya nedan och gör om det som fortfarande stämmer.",
    ),
    (
        NotAllowed,
        403,
        "Du får inte göra det här. Kontrollera vårdrelationen under Åtkomst, eller att du har rätt uppdrag.",
    ),
    (NotShown, 404, "Beställningen finns inte hos den här patienten."),
    (SignedOut, 401, "Inloggningen gäller inte längre. Logga in igen i en ny flik."),
)
_REFUSED = "Vårdsystemet tar inte emot det som är skrivet. Kontrollera längd och tecken."
_AWAY = "Vårdsystemet svarar inte. Inget är skickat. Försök igen om en stund."


async def units_of(request: Request) -> tuple[Unit, ...]:
    """Units that can receive a referral, by care provider and name."""
    db = getattr(request.app.state, "db", None)
    if db is None:
        return ()
    async with db.engine.connect() as connection:
        return tuple(await units(connection, datetime.now(UTC)))


async def orders_of(portal: Portal, reader: Reader, patient: str) -> tuple[Sheet, Listed, bool]:
    """The frame of the page, the orders, and whether VIS could be asked."""
    found, vis = await asyncio.gather(
        sheet(portal, reader, patient, "orders", [model.ORDERS]), _at_vis(portal, reader, patient)
    )
    return found, model.listed(found.answers[0].bundle, vis, datetime.now(UTC)), vis is not None


async def _at_vis(portal: Portal, reader: Reader, patient: str) -> list[model.Resource] | None:
    try:
        return list(await portal.care.find(reader.token, patient, "ServiceRequest"))
    except SignedOut:
        raise
    except Problem:
        return None


def refusal(problem: Problem) -> Told:
    """The words of a refusal."""
    if isinstance(problem, NotTaken):
        return Told(422, problem.detail if problem.detail != problem.title else _REFUSED)
    status, words = next(((status, words) for kind, status, words in _WORDS if isinstance(problem, kind)), (503, _AWAY))
    return Told(status, words)
