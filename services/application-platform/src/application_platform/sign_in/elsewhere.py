"""Signing in with another issuer (SITHS, BankID, Freja …): out to it, and back as a person of ours with one commission.

Which issuers there are is configuration (FVM_IDENTITY_PROVIDERS); sweden.md IDN-01 to IDN-06.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import sqlalchemy as sa
import structlog
from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity import vouched
from application_platform.identity.model import NoCommission
from application_platform.identity.vouching import NotVouched, Vouched, read
from application_platform.settings import Settings
from application_platform.sign_in import actions, browser, pages
from application_platform.sign_in.openid import Attempt, Elsewhere
from application_platform.sign_in.signed_in import find_session
from application_platform.tokens import guesses, oauth
from kit.db import Database
from kit.problems import Problem, Unavailable

router = APIRouter(prefix="/auth/sign-in", tags=["sign-in"], include_in_schema=False)
log = structlog.get_logger(__name__)

LIFE = timedelta(minutes=10)
_COOKIE = "elsewhere"
_WORDS = {
    "away": "{name} svarar inte just nu. Försök igen om en stund.",
    "not-vouched": "Inloggningen med {name} räcker inte för att släppa in dig. Kontakta HSA-förvaltningen eller supporten.",
    "unknown": "Du finns inte i regionens register. Kontakta din mottagning.",
    "cancelled": "Inloggningen med {name} avbröts. Försök igen.",
    "old": "Inloggningen tog för lång tid, eller började i en annan webbläsare. Börja om.",
    "wait": "För många misslyckade försök. Vänta några minuter.",
}

attempt_table = sa.Table(
    "sign_in_attempt",
    sa.MetaData(),
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("browser_hash", sa.LargeBinary, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("nonce", sa.Text, nullable=False),
    sa.Column("verifier", sa.Text, nullable=False),
    sa.Column("back", sa.Text, nullable=False),
    sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
)


def issuers(settings: Settings) -> dict[str, Elsewhere]:
    """Every configured issuer by its id; put on `app.state.issuers`."""
    return {
        one.id: Elsewhere(one, f"{settings.issuer}/auth/sign-in/from/{one.id}") for one in settings.providers.values()
    }


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _page(request: Request, back: str | None, word: str = "", name: str = "", status: int = 200) -> Response:
    known = [{"id": one.provider.id, "name": one.provider.name} for one in request.app.state.issuers.values()]
    query = urlencode({"next": browser.safe_next(back)})
    context = {"issuers": known, "query": query, "error": _WORDS[word].format(name=name) if word else ""}
    page: Response = request.app.state.render(request, "sign_in_with.html", context, status)
    return page


@router.get("/with")
async def show(request: Request, back: pages.Next = None) -> Response:
    """The issuers to choose from."""
    return _page(request, back)


@router.get("/with/{provider}")
async def go(request: Request, provider: str, back: pages.Next = None) -> Response:
    """Out to an issuer; the way back is kept here and bound to this browser."""
    found: Elsewhere | None = request.app.state.issuers.get(provider)
    if found is None:
        return _page(request, back, "old", status=404)
    attempt, secret = Attempt.new(), secrets.token_urlsafe(32)
    try:
        to = await found.address(attempt)
    except (NotVouched, Unavailable) as error:
        log.warning("another issuer cannot be used", code=error.code)
        return _page(request, back, "away", found.provider.name, 503)
    row = {"hash": _hash(attempt.state), "browser_hash": _hash(secret), "provider": provider}
    row |= {"nonce": attempt.nonce, "verifier": attempt.verifier, "back": browser.safe_next(back)}
    async with _db(request).transaction() as tx:
        await tx.execute(attempt_table.insert().values(**row, expires_at=datetime.now(UTC) + LIFE))
    answer = RedirectResponse(to, 303, headers=oauth.NO_STORE)
    browser.set_cookie(answer, request.app.state.settings, _COOKIE, secret)
    return answer


def _db(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


Short = Annotated[str, Query(max_length=2_000)]


@router.get("/from/{provider}")
async def come_back(
    request: Request,
    provider: str,
    state: Short = "",
    code: Short = "",
    error: Short = "",
    iss: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Back from an issuer: the attempt is used up, and who it vouches for is signed in.

    No connection is held while the issuer is asked, so that a slow one cannot use up the pool.
    """
    found: Elsewhere | None = request.app.state.issuers.get(provider)
    row, wait = await _attempt(request, provider, state)
    if wait:
        return _page(request, None, "wait", status=429)
    if found is None or row is None:
        return _page(request, None, "old", status=403)
    if error or not code:
        return _page(request, row.back, "cancelled", found.provider.name, 403)
    try:
        claims = await found.claims(code, Attempt(state, row.nonce, row.verifier), iss)
        who = read(found.provider, claims)
        patient = await _patient(request, who)
        async with _db(request).transaction() as tx:
            person_id, commission = await vouched.keep(tx, who, patient, datetime.now(UTC))
            return await _sign_in(request, tx, person_id, commission, found, row.back)
    except Problem as refusal:
        log.info("sign-in elsewhere refused", code=refusal.code)
        return _page(request, row.back, _word(refusal), found.provider.name, refusal.kind.status)


async def _patient(request: Request, who: Vouched) -> str | None:
    """The Patient id of a patient whom the region's record may know better than we do."""
    if who.kind != "patient":
        return None
    async with _db(request).transaction() as tx:
        here = await vouched.patient_here(tx, who.person)
    found: str | None = here or await request.app.state.find_patient(who.person)
    if found is None:
        raise vouched.NobodyWeKnow
    return found


def _word(refusal: Problem) -> str:
    if isinstance(refusal, Unavailable):
        return "away"
    return "unknown" if isinstance(refusal, vouched.NobodyWeKnow) else "not-vouched"


async def _attempt(request: Request, provider: str, state: str) -> tuple[Any, int]:
    """The attempt of this browser, used up by this (None: there is none, it is another's, or too old); seconds to wait."""
    at, who = datetime.now(UTC), guesses.guesser(request, "sign-in")
    secret = request.cookies.get(browser.cookie_name(request.app.state.settings, _COOKIE), "")
    column = attempt_table.c
    mine = (column.hash == _hash(state), column.browser_hash == _hash(secret), column.provider == provider)
    used = attempt_table.delete().where(*mine, column.expires_at > at).returning(attempt_table)
    async with _db(request).transaction() as tx:
        if wait := await guesses.wait(tx, who, at):
            return None, wait
        row = (await tx.execute(used)).one_or_none()
        if row is None:
            await guesses.failed(tx, who, at)
        return row, 0


async def _sign_in(
    request: Request, tx: AsyncConnection, person_id: str, commission: str | None, found: Elsewhere, back: str
) -> Response:
    at, limits = datetime.now(UTC), request.app.state.office.limits
    place = pages.place(request, found.provider.issuer)
    before = await find_session(request, tx)
    secret, session = await actions.sign_in(tx, person_id, at, limits, place, commission)
    if not session.complete:
        raise NoCommission
    if before is not None:
        await actions.end(tx, before.id, "superseded", at)
        request.app.state.session_tokens.forget(before.id)
    answer = RedirectResponse(browser.safe_next(back), 303, headers=oauth.NO_STORE)
    browser.set_cookie(answer, request.app.state.settings, "session", secret)
    browser.drop_cookie(answer, request.app.state.settings, _COOKIE)
    return answer
