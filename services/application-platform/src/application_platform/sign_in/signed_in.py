"""For portal pages: who is signed in, under which commission, and the token with which pages call other services."""

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity import sessions
from application_platform.identity.model import Person, Session
from application_platform.sign_in import browser
from application_platform.tokens import people
from application_platform.tokens.issue import Issued, Issuer
from kit.caller import Commission
from kit.db import Database
from kit.problems import Kind, Problem
from kit.refusals import problem_response

_RENEW = 60  # seconds before its end a token is replaced
SIGN_IN, COMMISSION = "/auth/sign-in", "/auth/commission"


class NotSignedIn(Problem):
    """No living session, or none with a commission; `door` is where that is put right."""

    kind = Kind.UNAUTHENTICATED
    code = "application/not-signed-in"
    title = "Sign in to see this page"

    def __init__(self, door: str = SIGN_IN) -> None:
        super().__init__()
        self.door = door


class SessionTokens:
    """Tokens for pages' own calls: one per session and record, kept in memory until a minute before it ends."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._known: dict[tuple[str, str], Issued] = {}

    def of(self, session: Session, patient: str = "") -> str:
        """`patient`: in whose record somebody who acts for another patient is; what they may there, the law decides."""
        now, key = time.time(), (session.id, patient)
        found = self._known.get(key)
        if found is None or found.expires - _RENEW <= now:
            self._known = {known: issued for known, issued in self._known.items() if issued.expires > now}
            found = self._known[key] = self._sign(session, now, patient)
        return found.token

    def forget(self, session_id: str) -> None:
        self._known = {known: issued for known, issued in self._known.items() if known[0] != session_id}

    def _sign(self, session: Session, now: float, patient: str) -> Issued:
        left = max(1, int(session.expires_at.timestamp() - now))  # no token outlives its session
        caller = people.caller(session.person, session.commission, client=people.PORTAL, session=session.id)
        if patient and session.person.kind == "patient":
            caller = replace(caller, patient=patient)
        return self._issuer.access_token(
            caller, people.doors_of_pages(session.person), seconds=min(self._issuer.seconds, left)
        )


@dataclass(frozen=True, slots=True)
class PortalSession:
    """What a page knows about whoever looks at it."""

    id: str
    person: Person
    commission: Commission | None  # staff always have one here; patients never
    csrf: str
    expires_at: datetime
    session: Session = field(repr=False)
    tokens: SessionTokens = field(repr=False)


def token_for_session(session: PortalSession) -> str:
    """The person's own access token for calls to other services; never older than a minute before its end."""
    return session.tokens.of(session.session)


async def find_session(request: Request, tx: AsyncConnection) -> Session | None:
    """The living session of the request's cookie, complete or not; counts as a use."""
    state = request.app.state
    secret = request.cookies.get(browser.cookie_name(state.settings, "session"))
    if not secret:
        return None
    return await sessions.find(tx, secret, datetime.now(UTC), state.office.limits)


async def current_session(request: Request) -> PortalSession:
    """The dependency of every page: raises NotSignedIn, which becomes the way to the sign-in page."""
    db: Database = request.app.state.db
    async with db.transaction() as tx:
        found = await find_session(request, tx)
    if found is None:
        raise NotSignedIn
    if not found.complete:
        raise NotSignedIn(COMMISSION)
    tokens: SessionTokens = request.app.state.session_tokens
    return PortalSession(
        id=found.id,
        person=found.person,
        commission=found.commission,
        csrf=found.csrf,
        expires_at=found.expires_at,
        session=found,
        tokens=tokens,
    )


CurrentSession = Annotated[PortalSession, Depends(current_session)]


async def writing_session(request: Request, session: CurrentSession) -> PortalSession:
    """The dependency of every form: besides a session it wants our own Origin and the page's CSRF token."""
    await browser.check(request, request.app.state.settings, session.csrf)
    return session


WritingSession = Annotated[PortalSession, Depends(writing_session)]


async def still_signed_in(request: Request, session: PortalSession) -> bool:
    """Whether the session still lives; for streams that stay open longer than one request. Does not prolong it."""
    db: Database = request.app.state.db
    async with db.transaction() as tx:
        return await sessions.alive(tx, session.id, datetime.now(UTC), request.app.state.office.limits)


async def show_the_door(request: Request, refusal: Exception) -> Response:
    """The exception handler for NotSignedIn: navigations are led to the door, scripts are told."""
    door = refusal.door if isinstance(refusal, NotSignedIn) else SIGN_IN
    if request.headers.get("hx-request"):
        answer = await problem_response(request, refusal)
        answer.headers["HX-Redirect"] = _with_next(door, request.headers.get("hx-current-url", ""))
        return answer
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(_with_next(door, str(request.url) if request.method == "GET" else ""), 303)
    return await problem_response(request, refusal)


def _with_next(door: str, url: str) -> str:
    parts = urlsplit(url)
    back = browser.safe_next(parts.path + (f"?{parts.query}" if parts.query else ""))
    return door if back == browser.HOME else f"{door}?{urlencode({'next': back})}"
