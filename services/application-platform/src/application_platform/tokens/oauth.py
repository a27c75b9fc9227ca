"""OAuth's own way of saying no (RFC 6749 §5.2) and of reading its forms."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from fastapi import Request
from fastapi.responses import JSONResponse, Response

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthRefusal(Exception):
    """A refusal in the words of RFC 6749: `error` is one of its codes, `description` is for the app's developer."""

    def __init__(self, error: str, description: str, *, status: int = 400, basic: bool = False, wait: int = 0) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status
        self.basic = basic  # the client tried HTTP Basic, so RFC 6749 wants WWW-Authenticate
        self.wait = wait  # seconds after which it is worth asking again


def invalid_client(basic: bool = False) -> OAuthRefusal:
    """One answer for every way in which a client can fail to be who it says, so that nothing can be guessed."""
    return OAuthRefusal("invalid_client", "The client could not be authenticated", status=401, basic=basic)


async def refuse(_: Request, refusal: Exception) -> Response:
    """The exception handler for OAuthRefusal."""
    assert isinstance(refusal, OAuthRefusal)
    headers = dict(NO_STORE)
    if refusal.basic:
        headers["WWW-Authenticate"] = 'Basic realm="token", charset="UTF-8"'
    if refusal.wait:
        headers["Retry-After"] = str(refusal.wait)
    body = {"error": refusal.error, "error_description": refusal.description}
    return JSONResponse(body, refusal.status, headers=headers)


def answer(body: dict[str, Any]) -> JSONResponse:
    """A success that no cache may keep."""
    return JSONResponse(body, headers=NO_STORE)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client showed to say who it is; empty fields were not sent."""

    client_id: str | None = None
    secret: str | None = None
    assertion: str | None = None
    assertion_type: str | None = None
    basic: bool = False


async def form(request: Request) -> dict[str, str]:
    """The fields of a form; refuses other media types, files and repeated parameters (RFC 6749 §3.2)."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise OAuthRefusal("invalid_request", "Send the parameters as application/x-www-form-urlencoded")
    fields: dict[str, str] = {}
    for name, value in (await request.form(max_fields=40)).multi_items():
        if name in fields or not isinstance(value, str):
            raise OAuthRefusal("invalid_request", "A parameter is sent more than once")
        fields[name] = value
    return fields


def credentials(fields: dict[str, str], authorization: str | None) -> Credentials:
    """Reads the client's credentials from the form or from HTTP Basic; more than one way at once is refused."""
    basic = _basic(authorization) if authorization and authorization.lower().startswith("basic ") else None
    sent = Credentials(
        client_id=fields.get("client_id"),
        secret=fields.get("client_secret"),
        assertion=fields.get("client_assertion"),
        assertion_type=fields.get("client_assertion_type"),
    )
    ways = (basic is not None, sent.secret is not None, sent.assertion is not None)
    if sum(ways) > 1:
        raise OAuthRefusal("invalid_request", "The client is authenticated in more than one way")
    if basic is None:
        return sent
    if sent.client_id not in (None, basic.client_id):
        raise OAuthRefusal("invalid_request", "client_id differs from the one in the Authorization header")
    return basic


def _basic(authorization: str) -> Credentials:
    """RFC 6749 §2.3.1: both parts are form-encoded before they are joined."""
    try:
        text = base64.b64decode(authorization[6:].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_client(basic=True) from None
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise invalid_client(basic=True)
    return Credentials(unquote_plus(client_id), unquote_plus(secret), basic=True)
