"""The app registry: who may ask people for access, reviewed and switched off by those who run the region.

Let in are tokens of our own with the right `apps.manage` (a commission) or the scope `system/apps`. A registration and every
change of it wait for review; a suspended app's tokens are void in every service within two seconds.
"""

import re
import secrets
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform import events
from application_platform.tokens import actions, clients, grants, model
from application_platform.tokens.actions import Office
from application_platform.tokens.client_keys import is_safe_address
from kit.auth import Unauthenticated, bearer
from kit.problems import Kind, Problem
from kit.web import Tx

RIGHT, SCOPE = "apps.manage", "system/apps"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PRIVATE = re.compile(r"[a-z][a-z0-9+\-]*(\.[a-z0-9+\-]+)+")  # RFC 8252 §7.1: a reversed domain name


class NotAnAppManager(Problem):
    """Only those whose commission is to manage apps may do this."""

    kind = Kind.FORBIDDEN
    code = "application/not-an-app-manager"
    title = "Only those who manage the region's apps may do this"


class NoSuchApp(Problem):
    """No client is registered under this id."""

    kind = Kind.NOT_FOUND
    code = "application/no-such-app"
    title = "There is no such app"


class WrongRegistration(Problem):
    """A registration that cannot stand: an address that is not safe, a scope that is none, keys that are missing."""

    kind = Kind.INVALID
    code = "application/wrong-registration"
    title = "The app cannot be registered like this"


async def app_manager(request: Request, tx: Tx) -> str:
    """The subject of a token that may manage apps. Raises Unauthenticated, NotAnAppManager."""
    office: Office = request.app.state.office
    claims = await actions.introspect(tx, office, bearer(request.headers.get("authorization")), datetime.now(UTC))
    if not claims["active"] or model.audience(office.issuer.url, ["application"])[0] not in claims["aud"]:
        raise Unauthenticated("The token is not good at this door")
    rights = claims["fvm"].get("commission", {}).get("rights", [])
    is_system = claims["fvm"]["kind"] == "system" and SCOPE in claims["scope"].split()
    if RIGHT not in rights and not is_system:
        raise NotAnAppManager
    return str(claims["sub"])


Manager = Annotated[str, Depends(app_manager)]
router = APIRouter(prefix="/auth/apps", tags=["apps"])


class Registration(BaseModel):
    """What is said about an app. `auth`: none (public), secret (client_secret), key (private_key_jwt)."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=2, max_length=100)
    about: str = Field(default="", max_length=500, description="what it does, in Swedish, for the people who let it in")
    contact: str = Field(default="", max_length=200)
    auth: Literal["none", "secret", "key"] = "none"
    redirect_uris: list[str] = Field(min_length=1, max_length=20)
    launch_url: str | None = None
    jwks: dict[str, Any] | None = None
    jwks_url: str | None = None
    scopes: list[str] = Field(min_length=1, max_length=100)
    doors: list[Literal["vis", "information"]] = Field(min_length=1)


class App(BaseModel):
    """An app as the registry has it. A client_secret is told once, at registration."""

    client_id: str
    name: str
    about: str
    contact: str
    auth: str
    redirect_uris: list[str]
    launch_url: str | None
    jwks_url: str | None
    scopes: list[str]
    doors: list[str]
    version: int
    state: Literal["in-review", "live", "rejected", "suspended"]
    reason: str
    client_secret: str | None = None


class Verdict(BaseModel):
    """The outcome of a review, or the switch: live, rejected, suspended."""

    state: Literal["live", "rejected", "suspended"]
    reason: str = Field(default="", max_length=500)


def _checked(body: Registration, office: Office) -> None:
    """Raises WrongRegistration, naming what is wrong."""
    for uri in body.redirect_uris:
        if not _may_be_led_to(uri):
            raise WrongRegistration("https, this machine by http, or a reversed domain name; no #", at="redirect_uris")
    if body.launch_url is not None and not _is_web(body.launch_url):
        raise WrongRegistration("An https address is needed", at="launch_url")
    for scope in body.scopes:
        plain = scope in model.PLAIN_SCOPES and scope != "fvm/everything"
        read = model.data_scope(scope)
        if not plain and (read is None or read.context == "system"):
            raise WrongRegistration("A scope of SMART App Launch for people is needed", at="scopes")
    if (body.auth == "key") != ((body.jwks is None) != (body.jwks_url is None)):
        raise WrongRegistration("auth key needs exactly one of jwks and jwks_url, others have none", at="jwks")
    if body.jwks_url is not None and not is_safe_address(body.jwks_url, demo=office.demo):
        raise WrongRegistration("An https address is needed", at="jwks_url")


def _is_web(uri: str) -> bool:
    parts = urlsplit(uri)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return safe and bool(parts.hostname) and not parts.fragment and "@" not in parts.netloc and "*" not in uri


def _may_be_led_to(uri: str) -> bool:
    if "#" in uri or any(sign.isspace() for sign in uri):
        return False
    return _is_web(uri) or bool(_PRIVATE.fullmatch(urlsplit(uri).scheme))


def _columns(body: Registration) -> dict[str, Any]:
    granted = ["authorization_code", "refresh_token"]
    return {**body.model_dump(), "kind": "app", "grants": granted, "approved": False, "reason": ""}


def _shown(row: Any, secret: str | None = None) -> App:
    state = "suspended" if row.disabled_at else "live" if row.approved else "rejected" if row.reason else "in-review"
    same = ("name", "about", "contact", "auth", "redirect_uris", "launch_url", "jwks_url", "scopes", "doors", "version")
    values = {name: getattr(row, name) for name in same}
    return App(client_id=row.id, state=state, reason=row.reason, client_secret=secret, **values)


async def _row(tx: AsyncConnection, app: str) -> Any:
    table = clients.client
    row = (await tx.execute(sa.select(table).where(table.c.id == app, table.c.kind == "app"))).one_or_none()
    if row is None:
        raise NoSuchApp
    return row


@router.get("")
async def list_apps(tx: Tx, _: Manager) -> list[App]:
    """Every registered app, by name."""
    table = clients.client
    query = sa.select(table).where(table.c.kind == "app").order_by(table.c.name, table.c.id)
    return [_shown(row) for row in (await tx.execute(query)).all()]


@router.get("/{app}")
async def read_app(app: str, tx: Tx, _: Manager) -> App:
    """One app."""
    return _shown(await _row(tx, app))


@router.post("", status_code=201)
async def register(body: Registration, request: Request, tx: Tx, _: Manager) -> App:
    """Registers an app, which waits for review; the answer carries its client_id and, where it has one, its secret."""
    _checked(body, request.app.state.office)
    secret = secrets.token_urlsafe(32) if body.auth == "secret" else None
    row = {**_columns(body), "id": f"app-{secrets.token_hex(8)}", "demo": False}
    row["secret_hash"] = clients.hash_secret(secret) if secret else None
    await clients.save(tx, [row])
    return _shown(await _row(tx, row["id"]), secret)


@router.put("/{app}")
async def change(app: str, body: Registration, request: Request, tx: Tx, _: Manager) -> App:
    """A new version of an app, which waits for review again; what was let in under the one before goes on as it was."""
    _checked(body, request.app.state.office)
    before = await _row(tx, app)
    if before.auth != body.auth:
        raise WrongRegistration("How an app proves who it is does not change: register a new one", at="auth")
    table = clients.client
    await tx.execute(table.update().where(table.c.id == app).values({**_columns(body), "version": before.version + 1}))
    return _shown(await _row(tx, app))


@router.post("/{app}/verdict")
async def decide(app: str, body: Verdict, tx: Tx, _: Manager) -> App:
    """Lets an app go live, rejects it, or switches it off: then its grants end and every service refuses its tokens."""
    at = datetime.now(UTC)
    await _row(tx, app)
    values: dict[str, Any] = {
        "approved": body.state == "live",
        "reason": body.reason or body.state,
        "disabled_at": None,
    }
    if body.state == "live":
        values["reason"] = body.reason
    if body.state == "suspended":
        values["disabled_at"] = at
        over = await grants.end_all(tx, grants.app_grant.c.client_id == app, "revoked", at)
        await events.tell_revoked(tx, over, "revoked", at)
    await tx.execute(clients.client.update().where(clients.client.c.id == app).values(values))
    return _shown(await _row(tx, app))
