"""The authorization endpoint: an app asks, a signed-in person lets it in (RFC 6749 §4.1, RFC 7636).

Until the client and its redirect_uri are known to fit, a refusal is a page of ours and never a redirect; afterwards the
app is told at its redirect_uri, with `iss` (RFC 9207). SMART: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity.model import Session
from application_platform.sign_in.signed_in import COMMISSION, SIGN_IN, find_session
from application_platform.tokens import clients, grants, model, oauth, people
from application_platform.tokens.actions import Office
from application_platform.tokens.clients import Client
from application_platform.tokens.oauth import OAuthRefusal
from kit.problems import Kind, Problem
from kit.web import Tx

router = APIRouter(prefix="/auth", tags=["tokens"])

_SHORTEST_STATE = 8
_AGAIN = ("login", "select_account")  # values of `prompt`: whoever is signed in, sign in anew
_NAMES = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "aud",
    "launch",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "prompt",
)


class UnknownApp(Problem):
    """No registered app has this client_id and this redirect_uri; sending the person there would be a trap."""

    kind = Kind.INVALID
    code = "application/unknown-app"
    title = "The app is not registered here, or not with this redirect_uri"


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request in order: what the app may be given, at which doors, for which kind of person."""

    client: Client
    redirect_uri: str
    state: str
    challenge: str
    nonce: str | None
    scopes: list[str]
    doors: tuple[str, ...]


def _parameter(name: str) -> dict[str, Any]:
    required = name not in ("scope", "launch", "nonce", "prompt")
    return {"name": name, "in": "query", "required": required, "schema": {"type": "string"}}


@router.get("/authorize", operation_id="authorize", openapi_extra={"parameters": [_parameter(name) for name in _NAMES]})
async def authorize(request: Request, tx: Tx) -> Response:
    """Lets an app in: leads the person through sign-in where needed, then back to the app with a code."""
    fields: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in fields:
            raise UnknownApp("A parameter is sent more than once", at=name if name in _NAMES else None)
        fields[name] = value
    return await _authorize(request, tx, fields)


@router.post("/authorize", operation_id="authorize_by_form")
async def authorize_by_form(request: Request, tx: Tx) -> Response:
    """The same with a form (`authorize-post`).

    A form from another site comes without the session's cookie (SameSite=Lax), so it goes on as our own navigation.
    """
    fields = await oauth.form(request)
    known = {name: fields[name] for name in _NAMES if name in fields}
    return RedirectResponse(f"/auth/authorize?{urlencode(known)}", 303, headers=oauth.NO_STORE)


async def _authorize(request: Request, tx: AsyncConnection, fields: dict[str, str]) -> Response:
    office: Office = request.app.state.office
    client = await clients.find(tx, fields.get("client_id", ""), demo=office.demo)
    redirect_uri = fields.get("redirect_uri", "")
    if client is None or redirect_uri not in client.redirect_uris:
        raise UnknownApp
    session = await find_session(request, tx)
    try:
        if session is None or not session.complete or fields.get("prompt") in _AGAIN:
            _check(office, client, fields)
            return _to_the_door(session, fields)
        asked = _read(office, client, fields, session)
    except OAuthRefusal as refusal:
        told = {"error": refusal.error, "error_description": refusal.description}
        return _back(office, redirect_uri, told, fields.get("state"))
    code = await _let_in(tx, asked, session)
    return _back(office, redirect_uri, {"code": code}, asked.state)


def _to_the_door(session: Session | None, fields: dict[str, str]) -> Response:
    if fields.get("prompt") == "none":
        raise OAuthRefusal("login_required", "Nobody is signed in")
    again = fields.get("prompt") in _AGAIN
    asked = {name: value for name, value in fields.items() if name in _NAMES and not (again and name == "prompt")}
    to = {"next": f"/auth/authorize?{urlencode(asked)}", **({"again": "true"} if again else {})}
    door = SIGN_IN if session is None or again else COMMISSION
    return RedirectResponse(f"{door}?{urlencode(to)}", 303, headers=oauth.NO_STORE)


def _back(office: Office, redirect_uri: str, told: dict[str, str], state: str | None) -> Response:
    told = {**told, "iss": office.issuer.url, **({"state": state} if state is not None else {})}
    joint = "&" if "?" in redirect_uri else "?"
    return RedirectResponse(f"{redirect_uri}{joint}{urlencode(told)}", 303, headers=oauth.NO_STORE)


def _check(office: Office, client: Client, fields: dict[str, str]) -> str:
    """What can be refused before anyone signs in; returns the door that `aud` names."""
    if fields.get("response_type") != "code":
        raise OAuthRefusal("unsupported_response_type", "response_type must be code")
    if "authorization_code" not in client.grants:
        raise OAuthRefusal("unauthorized_client", "The client may not ask people")
    if fields.get("code_challenge_method") != "S256" or not grants.CHALLENGE.fullmatch(
        fields.get("code_challenge", "")
    ):
        raise OAuthRefusal("invalid_request", "PKCE with S256 is required: code_challenge and code_challenge_method")
    if len(fields.get("state", "")) < _SHORTEST_STATE:
        raise OAuthRefusal("invalid_request", "state is required and must be hard to guess")
    if "launch" in fields:
        raise OAuthRefusal("invalid_request", "The launch is not known")
    door = model.door_of(office.issuer.url, fields.get("aud", ""))
    if door is None or door not in client.doors:
        raise OAuthRefusal("invalid_request", "aud must be the FHIR address that the app will use")
    if not client.approved:
        raise OAuthRefusal("access_denied", "The app is not approved by the region")
    return door


def _read(office: Office, client: Client, fields: dict[str, str], session: Session) -> Asked:
    door = _check(office, client, fields)
    if door not in people.doors(session.person):
        raise OAuthRefusal("access_denied", "The person may not use this FHIR address")
    scopes = model.granted(fields.get("scope", ""), client.scopes, people.CONTEXTS[session.person.kind])
    if session.person.kind == "staff" and "launch/patient" in scopes:
        scopes.remove("launch/patient")  # no patient picker for staff yet: not granted, so the app can see it
    scopes = people.limited(session.person, scopes)
    if not scopes:
        raise OAuthRefusal("invalid_scope", "None of the scopes may be given to this app for this person")
    return Asked(
        client=client,
        redirect_uri=fields["redirect_uri"],
        state=fields["state"],
        challenge=fields["code_challenge"],
        nonce=fields.get("nonce"),
        scopes=scopes,
        doors=(door,),
    )


async def _let_in(tx: AsyncConnection, asked: Asked, session: Session) -> str:
    at = datetime.now(UTC)
    offline = "offline_access" in asked.scopes
    grant = grants.Grant(
        id=grants.new_id(),
        session_id=session.id,
        client_id=asked.client.id,
        person_id=session.person.id,
        commission_id=session.commission.id if session.commission else None,
        scope=" ".join(asked.scopes),
        doors=asked.doors,
        nonce=asked.nonce,
        offline=offline,
        signed_in_at=session.created_at,
        expires_at=at + grants.OFFLINE_LIFE if offline else session.expires_at,
    )
    return await grants.begin(tx, grant, redirect_uri=asked.redirect_uri, challenge=asked.challenge, at=at)
