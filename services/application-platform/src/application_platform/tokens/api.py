"""The token endpoints over HTTP: token (RFC 6749), introspect (RFC 7662), revoke (RFC 7009) and the public keys."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from application_platform.tokens import actions, assertions, context, guesses, oauth
from application_platform.tokens.actions import Office
from application_platform.tokens.clients import Client
from application_platform.tokens.grants import UsedTwice
from application_platform.tokens.oauth import NO_STORE, Credentials, OAuthRefusal, invalid_client
from kit.auth import Unauthenticated, bearer
from kit.db import Database

router = APIRouter(prefix="/auth", tags=["tokens"])


def _form(required: str, fields: dict[str, str]) -> dict[str, Any]:
    """The OpenAPI of a form body; FastAPI cannot see it, because repeated fields must be refused."""
    properties = {name: {"type": "string", "description": text} for name, text in fields.items()}
    schema = {"type": "object", "required": [required], "properties": properties}
    return {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


def office_of(request: Request) -> Office:
    office: Office = request.app.state.office
    return office


@router.post(
    "/token",
    openapi_extra=_form(
        "grant_type",
        {
            "grant_type": "client_credentials, authorization_code or refresh_token",
            "scope": "space-separated; empty means everything the client may have",
            "client_id": "where the client does not use HTTP Basic",
            "client_secret": "client_secret_post",
            "client_assertion": "private_key_jwt, signed with ES384 or RS384",
            "client_assertion_type": assertions.TYPE,
            "code": "for authorization_code",
            "redirect_uri": "as in the authorization request",
            "code_verifier": "PKCE, S256",
            "refresh_token": "for refresh_token",
        },
    ),
)
async def token(request: Request) -> JSONResponse:
    """Gives an access token to a system or an app. Refuses as RFC 6749 §5.2 says."""
    fields = await oauth.form(request)
    shown = oauth.credentials(fields, request.headers.get("authorization"))
    office, db, at = office_of(request), _db(request), datetime.now(UTC)
    client = await _authenticated(request, shown)
    try:
        async with db.transaction() as tx:
            answer = await actions.token(tx, office, client, fields, at)
    except UsedTwice as misuse:
        async with db.transaction() as tx:
            await actions.end_grant(tx, misuse.grant_id, "reused", at)
        raise
    return oauth.answer(answer)


async def _authenticated(request: Request, shown: Credentials) -> Client:
    """Who is asking; an address that has guessed too often is not answered for a while."""
    db, at = _db(request), datetime.now(UTC)
    named = shown.client_id or (assertions.claimed_client(shown.assertion or "") or "")
    who = guesses.guesser(request, named)
    async with db.transaction() as tx:
        wait = await guesses.wait(tx, who, at)
    if wait:
        raise OAuthRefusal("temporarily_unavailable", "Too many failed attempts; wait", status=429, wait=wait)
    try:
        return await actions.authenticate(db, office_of(request), shown)
    except OAuthRefusal:
        async with db.transaction() as tx:
            await guesses.failed(tx, who, at)
        raise


def _db(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


async def _asking_client(request: Request, fields: dict[str, str]) -> Client:
    return await _authenticated(request, oauth.credentials(fields, request.headers.get("authorization")))


@router.post("/introspect", openapi_extra=_form("token", {"token": "the token to look into"}))
async def introspect(request: Request) -> JSONResponse:
    """Says whether a token is good now and what it carries.

    The asker is a confidential client (its own credentials) or shows a system's access token; a person's app may
    look into a token by showing that same token.
    """
    fields = await oauth.form(request)
    text = fields.get("token", "")
    if request.headers.get("authorization", "").lower().startswith("bearer "):
        await _bearer_may_look(request, text)
    elif (await _asking_client(request, fields)).auth == "none":
        raise invalid_client()
    return oauth.answer(await _look_into(request, text))


async def _look_into(request: Request, text: str) -> dict[str, Any]:
    async with _db(request).transaction() as tx:
        return await actions.introspect(tx, office_of(request), text, datetime.now(UTC))


async def _bearer_may_look(request: Request, text: str) -> None:
    shown = bearer(request.headers.get("authorization"))
    about_asker = await _look_into(request, shown)
    is_system = about_asker["active"] and about_asker["fvm"]["kind"] == "system"
    if not about_asker["active"] or not (is_system or shown == text):
        raise Unauthenticated("The token of the asker is not good for looking into tokens")


@router.post(
    "/revoke",
    response_class=Response,
    openapi_extra=_form("token", {"token": "an access token or a refresh token", "token_type_hint": "not needed"}),
)
async def revoke(request: Request) -> Response:
    """Gives a token back; a token that is unknown or somebody else's changes nothing and is not told apart."""
    fields = await oauth.form(request)
    client = await _asking_client(request, fields)
    if not fields.get("token"):
        raise OAuthRefusal("invalid_request", "token is missing")
    async with _db(request).transaction() as tx:
        await actions.revoke(tx, office_of(request), client, fields["token"], datetime.now(UTC))
    return Response(status_code=200, headers=NO_STORE)


@router.get(context.STYLE_PATH.removeprefix("/auth"))
async def style() -> JSONResponse:
    """The colours and sizes of our pages, for apps that want to look like them (`smart_style_url`)."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Access-Control-Allow-Origin": "*"}
    return JSONResponse(context.STYLE, headers=headers)


@router.get("/jwks")
async def jwks(request: Request) -> JSONResponse:
    """The public keys that tokens are checked with: current, next and previous."""
    ring = office_of(request).issuer.ring
    headers = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
    return JSONResponse(ring.jwks(), headers=headers)
