"""Where I am signed in and which apps I have let in, with a way out of each and of all: /auth/sessions."""

from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.apps import wording
from application_platform.identity import sessions, store
from application_platform.sign_in import actions as sign_in
from application_platform.sign_in import browser
from application_platform.sign_in.signed_in import SIGN_IN, CurrentSession, WritingSession
from application_platform.tokens import actions as tokens
from application_platform.tokens import grants, oauth
from kit.web import Tx

router = APIRouter(prefix="/auth/sessions", tags=["sign-in"], include_in_schema=False)

HERE = "/auth/sessions"
_SWEDEN = ZoneInfo("Europe/Stockholm")
_DONE = {"app": "Appen är borttagen och kommer inte åt något mer.", "session": "Inloggningen är avslutad."}


@router.get("")
async def show(
    request: Request, tx: Tx, session: CurrentSession, done: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    """The page; only what is the reader's own stands in it."""
    at, limits = datetime.now(UTC), request.app.state.office.limits
    mine = await sessions.living(tx, session.person.id, at, limits)
    context = {
        "person": session.person,
        "csrf": session.csrf,
        "here": session.id,
        "sessions": [await _session(tx, one, at) for one in mine],
        "apps": [_app(one) for one in await grants.living(tx, session.person.id, at)],
        "done": _DONE.get(done, ""),
    }
    page: Response = request.app.state.render(request, "sessions.html", context)
    return page


def _when(at: datetime) -> str:
    return f"{at.astimezone(_SWEDEN):%Y-%m-%d %H:%M}"


async def _session(tx: AsyncConnection, one: sessions.Seen, at: datetime) -> dict[str, Any]:
    held = await store.valid_commission(tx, one.commission_id, at) if one.commission_id else None
    unit = held.unit_name if held else ""
    times = {"since": _when(one.created_at), "seen": _when(one.seen_at)}
    return {"id": one.id, "agent": one.agent, "unit": unit, **times}


def _app(one: grants.Held) -> dict[str, Any]:
    may = [f"{wish.what}: {wish.more}".removesuffix(": ") for wish in wording.wishes(one.scope.split())]
    times = {"since": _when(one.since), "until": _when(one.until)}
    return {"id": one.id, "name": one.app, "offline": one.offline, "may": may, **times}


@router.post("/end")
async def end(
    request: Request,
    tx: Tx,
    session: WritingSession,
    app: Annotated[str, Form(max_length=64)] = "",
    which: Annotated[str, Form(alias="session", max_length=64)] = "",
) -> Response:
    """Ends one app or one session of the reader's own; what is somebody else's or unknown changes nothing."""
    at = datetime.now(UTC)
    if app in {one.id for one in await grants.living(tx, session.person.id, at)}:
        await tokens.end_grant(tx, app, "revoked", at)
        return _led(f"{HERE}?done=app")
    mine = {one.id for one in await sessions.living(tx, session.person.id, at, request.app.state.office.limits)}
    if which not in mine:
        return _led(HERE)
    await sign_in.end(tx, which, "signed-out", at)
    request.app.state.session_tokens.forget(which)
    return _out(request) if which == session.id else _led(f"{HERE}?done=session")


@router.post("/end-all")
async def end_all(request: Request, tx: Tx, session: WritingSession) -> Response:
    """Signs the person out everywhere and ends every app, also those that work without the person."""
    over = await sign_in.end_everywhere(tx, session.person.id, datetime.now(UTC), request.app.state.office.limits)
    for one in over:
        request.app.state.session_tokens.forget(one)
    return _out(request)


def _led(to: str) -> RedirectResponse:
    return RedirectResponse(to, 303, headers=oauth.NO_STORE)


def _out(request: Request) -> Response:
    answer = _led(SIGN_IN)
    browser.drop_cookie(answer, request.app.state.settings, "session")
    return answer
