"""What a person is asked before an app is let in: patients what the app may have, staff which patient and visit it is about.

The request stands in the form as it came and is checked anew each time, so the pages keep nothing between them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.apps import asking, choosing, wording
from application_platform.apps.asking import NAMES, Asked, UnknownApp
from application_platform.identity.model import Session
from application_platform.portal.person import Person
from application_platform.portal.reader import Portal
from application_platform.portal.record import NotShown
from application_platform.sign_in import browser
from application_platform.sign_in.signed_in import NotSignedIn, find_session
from application_platform.tokens import model, oauth
from application_platform.tokens.actions import Office
from application_platform.tokens.oauth import OAuthRefusal
from kit.web import Tx

router = APIRouter(prefix="/auth/allow", tags=["sign-in"], include_in_schema=False)

_NO_VISIT = "/"  # what the form says for: about the patient, but about no visit
AskedField = Annotated[str, Form(max_length=6_000)]


def back(office: Office, redirect_uri: str, told: dict[str, str], fields: Mapping[str, str]) -> Response:
    """To the app, with its state and with who we are (RFC 9207)."""
    state = {"state": fields["state"]} if "state" in fields else {}
    said = urlencode({**told, "iss": office.issuer.url, **state})
    return RedirectResponse(f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{said}", 303, headers=oauth.NO_STORE)


def refused(office: Office, refusal: OAuthRefusal, fields: Mapping[str, str]) -> Response:
    told = {"error": refusal.error, "error_description": refusal.description}
    return back(office, fields["redirect_uri"], told, fields)


async def page_for(request: Request, asked: Asked, session: Session, fields: Mapping[str, str]) -> Response | None:
    """The page that has to be answered before the app is let in; None when nothing has to be asked."""
    if session.person.kind == "patient":
        return await _consent(request, asked, session, fields)
    if asked.lacks_patient:
        return _patients(request, asked, session, fields)
    return await _visit_page(request, asked, session, fields)


async def _visit_page(request: Request, asked: Asked, session: Session, fields: Mapping[str, str]) -> Response | None:
    """The choice of a visit of the patient in context, where the app wants to know one and does not yet."""
    patient = asked.context.patient
    if session.person.kind == "patient" or patient is None or not asked.lacks_encounter:
        return None
    visits = await choosing.visits(_portal(request), request.app.state.session_tokens.of(session), patient)
    return _page(request, "allow_visit.html", asked, session, fields, visits=visits, patient=patient)


def _portal(request: Request) -> Portal:
    portal: Portal = request.app.state.portal
    return portal


def _page(
    request: Request, template: str, asked: Asked, session: Session, fields: Mapping[str, str], **more: Any
) -> Response:
    query = urlencode({name: fields[name] for name in NAMES if name in fields})
    context = {"app": asked.client, "asked": query, "csrf": session.csrf, "person": session.person, **more}
    leads_to = browser.form_targets(f"/auth/authorize?{query}")
    page: Response = request.app.state.render(request, template, context, form_action=leads_to)
    return page


async def _consent(request: Request, asked: Asked, session: Session, fields: Mapping[str, str]) -> Response:
    others = await _others(request, asked, session)
    return _page(request, "allow.html", asked, session, fields, wishes=wording.wishes(asked.scopes), others=others)


async def _others(request: Request, asked: Asked, session: Session) -> list[Person]:
    """Whose record it may be about instead of one's own, where the app begins by itself."""
    if asked.launch is not None or not model.wants_patient(asked.scopes):
        return []
    return await choosing.charges(_portal(request), session, request.app.state.session_tokens)


def _patients(
    request: Request,
    asked: Asked,
    session: Session,
    fields: Mapping[str, str],
    typed: str = "",
    problem: str = "",
    hits: Sequence[Any] | None = None,
) -> Response:
    found = {"typed": typed, "problem": problem, "hits": hits, "most": choosing.MOST}
    return _page(request, "allow_patient.html", asked, session, fields, **found)


async def _again(request: Request, tx: AsyncConnection, query: str) -> tuple[dict[str, str], Session, Asked]:
    """The request of the form, checked as when it came. Raises NotSignedIn, FromElsewhere, UnknownApp, OAuthRefusal."""
    session = await find_session(request, tx)
    if session is None or not session.complete:
        raise NotSignedIn
    await browser.check(request, request.app.state.settings, session.csrf)
    pairs = parse_qsl(query, keep_blank_values=True)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UnknownApp("A parameter is sent more than once")
    office: Office = request.app.state.office
    client = await asking.app_of(tx, office, fields)
    try:
        return fields, session, await asking.read(tx, office, client, fields, session)
    except OAuthRefusal as refusal:
        raise _Told(fields, refusal) from None


class _Told(Exception):
    """A refusal that the app is told at its redirect_uri."""

    def __init__(self, fields: dict[str, str], refusal: OAuthRefusal) -> None:
        super().__init__(refusal.error)
        self.fields, self.refusal = fields, refusal


@router.post("/patients")
async def find_patients(
    request: Request, tx: Tx, asked: AskedField, q: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Staff look for the patient that the app shall be about; by POST, so that no name stands in an address."""
    office: Office = request.app.state.office
    try:
        fields, session, wish = await _again(request, tx, asked)
    except _Told as told:
        return refused(office, told.refusal, told.fields)
    token = request.app.state.session_tokens.of(session)
    problem, hits = await choosing.patients(_portal(request), token, q, datetime.now(UTC))
    return _patients(request, wish, session, fields, q, problem, hits)


@router.post("")
async def allow(
    request: Request,
    tx: Tx,
    asked: AskedField,
    decision: Annotated[str, Form(max_length=10)] = "",
    scope: Annotated[list[str] | None, Form(max_length=200)] = None,
    patient: Annotated[str, Form(max_length=64)] = "",
    encounter: Annotated[str | None, Form(max_length=64)] = None,
) -> Response:
    """The answer: the app gets a code, or is told that it was refused. `encounter` is `/` (no id) for: about no visit."""
    office: Office = request.app.state.office
    try:
        fields, session, wish = await _again(request, tx, asked)
        if decision != "allow":
            raise _Told(fields, OAuthRefusal("access_denied", "The person said no"))
        wish = await _answered(request, wish, session, scope or [], patient, encounter)
        if encounter is None and (page := await _visit_page(request, wish, session, fields)):
            return page
        return back(office, wish.redirect_uri, {"code": await asking.let_in(tx, wish, session)}, fields)
    except NotShown:
        return _patients(request, wish, session, fields, problem=choosing.NOT_SHOWN)
    except _Told as told:
        return refused(office, told.refusal, told.fields)
    except OAuthRefusal as refusal:
        return refused(office, refusal, fields)


async def _answered(
    request: Request,
    wish: Asked,
    session: Session,
    ticked: Sequence[str],
    patient: str,
    encounter: str | None,
) -> Asked:
    """The request narrowed to what was ticked, or about whom was chosen; what a launch says is never replaced.

    Raises NotShown where this person may not see that patient, or the visit is not the patient's.
    """
    if session.person.kind == "patient":
        wish = wording.narrowed(wish, ticked)
        if patient in ("", session.person.id):
            return wish
        if patient not in {one.id for one in await _others(request, wish, session)}:
            raise OAuthRefusal("access_denied", "The person does not act for that patient")
        return wish.about(patient)
    about = wish.context.patient or patient
    token = request.app.state.session_tokens.of(session)
    visit = None if encounter == _NO_VISIT else encounter
    await choosing.must_be_shown(_portal(request), token, about, visit)
    wish = wish.about(about)
    return wish if encounter is None else wish.visiting(wish.context.encounter or visit)
