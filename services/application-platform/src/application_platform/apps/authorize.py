"""The authorization endpoint: an app asks, a signed-in person lets it in (RFC 6749 §4.1, RFC 7636).

Until the client and its redirect_uri are known to fit, a refusal is a page of ours and never a redirect; afterwards the
app is told at its redirect_uri, with `iss` (RFC 9207). SMART: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
"""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.apps import allowing, asking
from application_platform.apps.asking import NAMES, UnknownApp
from application_platform.identity.model import Session
from application_platform.sign_in.signed_in import COMMISSION, SIGN_IN, find_session
from application_platform.tokens import oauth
from application_platform.tokens.actions import Office
from application_platform.tokens.oauth import OAuthRefusal
from kit.web import Tx

router = APIRouter(prefix="/auth", tags=["tokens"])

_AGAIN = ("login", "select_account")  # values of `prompt`: whoever is signed in, sign in anew


def _parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": name not in asking.OPTIONAL, "schema": {"type": "string"}}


@router.get("/authorize", operation_id="authorize", openapi_extra={"parameters": [_parameter(name) for name in NAMES]})
async def authorize(request: Request, tx: Tx) -> Response:
    """Lets an app in: leads the person through sign-in and choices where needed, then back to the app with a code."""
    fields: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in fields:
            raise UnknownApp("A parameter is sent more than once", at=name if name in NAMES else None)
        fields[name] = value
    return await _authorize(request, tx, fields)


@router.post("/authorize", operation_id="authorize_by_form")
async def authorize_by_form(request: Request, tx: Tx) -> Response:
    """The same with a form (`authorize-post`).

    A form from another site comes without the session's cookie (SameSite=Lax), so it goes on as our own navigation.
    """
    fields = await oauth.form(request)
    known = {name: fields[name] for name in NAMES if name in fields}
    return RedirectResponse(f"/auth/authorize?{urlencode(known)}", 303, headers=oauth.NO_STORE)


async def _authorize(request: Request, tx: AsyncConnection, fields: dict[str, str]) -> Response:
    office: Office = request.app.state.office
    client = await asking.app_of(tx, office, fields)
    session = await find_session(request, tx)
    try:
        if session is None or not session.complete or fields.get("prompt") in _AGAIN:
            asking.check(office, client, fields)
            return _to_the_door(session, fields)
        asked = await asking.read(tx, office, client, fields, session)
        page = await allowing.page_for(request, asked, session, fields)
        if page is None:
            return allowing.back(office, asked.redirect_uri, {"code": await asking.let_in(tx, asked, session)}, fields)
    except OAuthRefusal as refusal:
        return allowing.refused(office, refusal, fields)
    if fields.get("prompt") == "none":
        return allowing.refused(office, OAuthRefusal("interaction_required", "The person has to be asked"), fields)
    return page


def _to_the_door(session: Session | None, fields: dict[str, str]) -> Response:
    if fields.get("prompt") == "none":
        raise OAuthRefusal("login_required", "Nobody is signed in")
    again = fields.get("prompt") in _AGAIN
    asked = {name: value for name, value in fields.items() if name in NAMES and not (again and name == "prompt")}
    to = {"next": f"/auth/authorize?{urlencode(asked)}", **({"again": "true"} if again else {})}
    door = SIGN_IN if session is None or again else COMMISSION
    return RedirectResponse(f"{door}?{urlencode(to)}", 303, headers=oauth.NO_STORE)
