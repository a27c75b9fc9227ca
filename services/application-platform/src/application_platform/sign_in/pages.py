"""The door's pages: development sign-in, the choice of commission, signing out.

Templates are the portal's: `sign_in.html` with choices (choosing.py), typed, error, next, csrf, production;
`commission.html` with person, commissions (id, unit_name, provider_name, role, valid_to, active), error, next, csrf.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.demo.people import OnlyInDemo
from application_platform.events import Reason
from application_platform.identity import store
from application_platform.identity.model import Assignment, CommissionNotValid, NoCommission, Session
from application_platform.identity.sessions import Place
from application_platform.identity.store import PersonNotFound
from application_platform.settings import Settings
from application_platform.sign_in import actions, browser, choosing
from application_platform.sign_in.agents import browser_of
from application_platform.sign_in.browser import FromElsewhere
from application_platform.sign_in.choosing import Choices
from application_platform.sign_in.signed_in import COMMISSION, SIGN_IN, NotSignedIn, find_session
from kit.web import Tx

router = APIRouter(prefix="/auth", tags=["sign-in"], include_in_schema=False)

_SWEDEN = ZoneInfo("Europe/Stockholm")
_NO_COMMISSION = "{name} har inget uppdrag som gäller nu. Kontakta HSA-förvaltningen."
_NOBODY = "Personen finns inte. Välj någon i listan."
_NOT_ONE = "Det är inte en person. Välj någon i listan."
_ENDED = "Uppdraget gäller inte längre. Välj ett annat."
_ELSEWHERE = "Sidan var för gammal eller öppnad på en annan adress än {place}. Välj igen där."
_PRODUCTION = "Utvecklingsinloggning finns bara i en testregion. Den här regionen är i drift."

Next = Annotated[str | None, Query(alias="next", max_length=4_000)]
NextField = Annotated[str | None, Form(alias="next", max_length=4_000)]
IdField = Annotated[str, Form(max_length=200)]


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _page(request: Request, template: str, context: dict[str, Any], status: int = 200) -> Response:
    """`app.state.render` is the portal's; the forms of this page may end in the app that sent the person here."""
    leads_to = browser.form_targets(context["next"])
    page: Response = request.app.state.render(request, template, context, status=status, form_action=leads_to)
    return page


def _led(to: str) -> RedirectResponse:
    return RedirectResponse(to, 303, headers={"Cache-Control": "no-store"})


@router.get("/sign-in")
async def show_sign_in(request: Request, tx: Tx, back: Next = None, again: bool = False) -> Response:
    """Development sign-in: the demo people to choose from. Who is signed in goes straight on, unless asked `again`."""
    found = await find_session(request, tx)
    if found is not None and found.complete and not again:
        return _led(browser.safe_next(back))
    return await _sign_in_page(request, tx, back)


async def _sign_in_page(
    request: Request,
    tx: AsyncConnection,
    back: str | None,
    error: str | None = None,
    status: int = 200,
    typed: str = "",
) -> Response:
    settings = _settings(request)
    if not settings.demo and settings.providers:
        return _led(f"{SIGN_IN}/with?{urlencode({'next': browser.safe_next(back)})}")
    if not settings.demo:
        refused: dict[str, Any] = {"choices": None, "error": _PRODUCTION, "next": None, "csrf": "", "production": True}
        return _page(request, "sign_in.html", refused, 403)
    # Nobody is signed in yet, so the token that the form must show lives in a cookie of its own.
    token = request.cookies.get(browser.cookie_name(settings, "door")) or secrets.token_urlsafe(24)
    context = {
        "choices": await _choices(tx, typed),
        "typed": typed,
        "error": error,
        "next": browser.safe_next(back) if back else None,
        "csrf": token,
        "production": False,
    }
    page = _page(request, "sign_in.html", context, status)
    browser.set_cookie(page, settings, "door", token)
    return page


async def _choices(tx: AsyncConnection, typed: str = "") -> Choices:
    people = [person for person, _ in await store.list_demo(tx)]
    return choosing.choices(people, await store.demo_assignments(tx), datetime.now(UTC), typed)


@router.post("/sign-in")
async def sign_in(
    request: Request, tx: Tx, person: IdField = "", named: IdField = "", back: NextField = None
) -> Response:
    """Signs in as a demo person, chosen or typed; staff with several commissions go on to choose one."""
    settings = _settings(request)
    if not settings.demo:
        raise OnlyInDemo
    at, before = datetime.now(UTC), await find_session(request, tx)
    try:
        await browser.check(request, settings, request.cookies.get(browser.cookie_name(settings, "door"), ""))
        limits = request.app.state.office.limits
        person = person or choosing.meant(named, await _choices(tx), await _choices(tx, named)) or ""
        if not person and named.strip():
            return await _sign_in_page(request, tx, back, _NOT_ONE, 404, named)
        secret, session = await actions.sign_in(tx, person, at, limits, place(request))
    except FromElsewhere:
        return await _sign_in_page(request, tx, back, _ELSEWHERE.format(place=settings.public_url), 403)
    except PersonNotFound:
        return await _sign_in_page(request, tx, back, _NOBODY, 404)
    except NoCommission:
        name = (await store.load(tx, person)).name
        return await _sign_in_page(request, tx, back, _NO_COMMISSION.format(name=name), 403)
    if before is not None:
        await _end(request, tx, before, "superseded")
    return _let_in(request, secret, session, back)


def place(request: Request, issuer: str = "") -> Place:
    """Where the person signs in from, and who said who it is (empty: this region itself)."""
    return Place(browser_of(request.headers.get("user-agent", "")), issuer)


def _let_in(request: Request, secret: str, session: Session, back: str | None) -> Response:
    to = browser.safe_next(back)
    answer = _led(to if session.complete else _commission_address(to))
    browser.set_cookie(answer, _settings(request), "session", secret)
    browser.drop_cookie(answer, _settings(request), "door")
    return answer


def _commission_address(back: str) -> str:
    return COMMISSION if back == browser.HOME else f"{COMMISSION}?{urlencode({'next': back})}"


async def _end(request: Request, tx: AsyncConnection, session: Session, reason: Reason) -> None:
    await actions.end(tx, session.id, reason, datetime.now(UTC))
    request.app.state.session_tokens.forget(session.id)


async def _staff_session(request: Request, tx: AsyncConnection) -> Session:
    found = await find_session(request, tx)
    if found is None or found.person.kind != "staff":
        raise NotSignedIn
    return found


@router.get("/commission")
async def show_commissions(request: Request, tx: Tx, back: Next = None) -> Response:
    """The commissions of whoever is signed in; also the way to change to another one."""
    return await _commission_page(request, tx, await _staff_session(request, tx), back)


async def _commission_page(
    request: Request,
    tx: AsyncConnection,
    session: Session,
    back: str | None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    at = datetime.now(UTC)
    held = sorted(await store.assignments(tx, session.person.id), key=lambda found: not found.active(at))
    context = {
        "person": session.person,
        "commissions": [_choice(found, at) for found in held],
        "error": error,
        "next": browser.safe_next(back) if back else None,
        "csrf": session.csrf,
    }
    return _page(request, "commission.html", context, status)


def _choice(found: Assignment, at: datetime) -> dict[str, Any]:
    """`valid_to` is shown as the last day on which the commission is valid, in Swedish time."""
    last = found.valid_to - timedelta(microseconds=1) if found.valid_to else None
    return {
        "id": found.commission.id,
        "unit_name": found.commission.unit_name,
        "provider_name": found.commission.provider_name,
        "role": found.commission.role,
        "valid_to": last.astimezone(_SWEDEN).date().isoformat() if last else None,
        "active": found.active(at),
    }


@router.post("/commission")
async def choose_commission(request: Request, tx: Tx, commission: IdField, back: NextField = None) -> Response:
    """Goes on under the chosen commission, in a new session."""
    session, settings = await _staff_session(request, tx), _settings(request)
    limits = request.app.state.office.limits
    try:
        await browser.check(request, settings, session.csrf)
        secret, chosen = await actions.choose_commission(tx, session, commission, datetime.now(UTC), limits)
    except FromElsewhere:
        return await _commission_page(request, tx, session, back, _ELSEWHERE.format(place=settings.public_url), 403)
    except CommissionNotValid:
        return await _commission_page(request, tx, session, back, _ENDED, 403)
    request.app.state.session_tokens.forget(session.id)
    return _let_in(request, secret, chosen, back)


@router.post("/sign-out")
async def sign_out(request: Request, tx: Tx) -> Response:
    """Ends the session everywhere: here, in the apps that live with it, and in every service.

    Our own Origin is enough here: a page that has grown old must still let its reader out.
    """
    browser.check_origin(request, _settings(request))
    session = await find_session(request, tx)
    if session is not None:
        await _end(request, tx, session, "signed-out")
    answer = _led(SIGN_IN)
    browser.drop_cookie(answer, _settings(request), "session")
    return answer
