"""What clients do with tokens: ask for them, refresh them, look into them, give them back."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform import events
from application_platform.events import Reason
from application_platform.identity import sessions, store
from application_platform.identity.model import Limits
from application_platform.tokens import assertions, clients, context, grants, model, people
from application_platform.tokens.client_keys import ClientKeys
from application_platform.tokens.clients import Client
from application_platform.tokens.grants import Grant, invalid_grant
from application_platform.tokens.issue import Issuer
from application_platform.tokens.oauth import Credentials, OAuthRefusal, invalid_client
from kit.caller import Caller
from kit.db import Database

revoked_token = sa.Table(
    "revoked_token",
    sa.MetaData(),
    sa.Column("jti", sa.Text, primary_key=True),
    sa.Column("until", sa.TIMESTAMP(timezone=True), nullable=False),
)

OPERATOR = "fvm"  # whose demo tokens carry a session of their own that nobody signed in to


@dataclass(frozen=True, slots=True)
class Office:
    """What every token action needs: who signs, whether this is a demo region, and how long sessions live."""

    issuer: Issuer
    demo: bool
    limits: Limits
    client_keys: ClientKeys

    @property
    def token_url(self) -> str:
        return f"{self.issuer.url}/auth/token"


async def authenticate(db: Database, office: Office, shown: Credentials) -> Client:
    """Who is asking; raises invalid_client in the same words for every reason.

    No connection is held while a secret is checked, so that guesses cannot use up the pool; and an assertion counts
    as used whatever becomes of the request.
    """
    if shown.assertion is not None:
        return await _signed(db, office, shown, shown.assertion)
    async with db.transaction() as tx:
        found = await clients.find(tx, shown.client_id or "", demo=office.demo)
    if shown.secret is None and found is not None and found.auth == "none":
        return found
    return await clients.check_secret(found, shown)


async def _signed(db: Database, office: Office, shown: Credentials, assertion: str) -> Client:
    client_id = assertions.claimed_client(assertion)
    if shown.assertion_type != assertions.TYPE or client_id is None or shown.client_id not in (None, client_id):
        raise invalid_client()
    async with db.transaction() as tx:
        found = await clients.find(tx, client_id, demo=office.demo)
    if found is None or found.auth != "key":
        raise invalid_client()
    said = assertions.header(assertion)
    known = await office.client_keys.of(found, str(said.get("kid")), said.get("jku"))
    async with db.transaction() as tx:
        return await assertions.check(tx, found, known, assertion, frozenset({office.token_url, office.issuer.url}))


def _must_be_allowed(client: Client, grant_type: str) -> None:
    if grant_type not in client.grants:
        raise OAuthRefusal("unauthorized_client", f"The client may not use grant_type {grant_type}")


async def token(
    tx: AsyncConnection, office: Office, client: Client, fields: dict[str, str], at: datetime
) -> dict[str, Any]:
    """The answer of the token endpoint (RFC 6749 §5.1). Raises OAuthRefusal; UsedTwice when a grant is to be ended."""
    grant_type = fields.get("grant_type", "")
    if grant_type == "client_credentials":
        _must_be_allowed(client, grant_type)
        return _system_token(office, client, fields.get("scope", ""))
    if grant_type == "authorization_code":
        _must_be_allowed(client, grant_type)
        grant = await grants.redeem_code(
            tx,
            fields.get("code", ""),
            client_id=client.id,
            redirect_uri=fields.get("redirect_uri", ""),
            verifier=fields.get("code_verifier", ""),
            at=at,
        )
        return await _user_token(tx, office, grant, grant.scope, at, first=True)
    if grant_type == "refresh_token":
        _must_be_allowed(client, grant_type)
        grant = await grants.redeem_refresh_token(tx, fields.get("refresh_token", ""), client_id=client.id, at=at)
        return await _user_token(tx, office, grant, _narrowed(grant.scope, fields.get("scope", "")), at, first=False)
    if not grant_type:
        raise OAuthRefusal("invalid_request", "grant_type is missing")
    raise OAuthRefusal("unsupported_grant_type", "This grant_type is not served here")


def system_caller(client: Client, scopes: list[str]) -> Caller:
    return Caller(
        subject=client.id,
        kind="system",
        client=client.id,
        name=client.name,
        scopes=frozenset(scopes),
        commission=client.commission,
    )


def _system_token(office: Office, client: Client, asked: str) -> dict[str, Any]:
    scopes = model.granted(asked, client.scopes, frozenset({"system"}))
    if not scopes:
        raise OAuthRefusal("invalid_scope", "None of the scopes may be given to this client")
    issued = office.issuer.access_token(system_caller(client, scopes), client.doors)
    return _answer(office, issued.token, scopes)


def _answer(office: Office, access_token: str, scopes: list[str]) -> dict[str, Any]:
    return {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": office.issuer.seconds,
        "scope": " ".join(scopes),
    }


def _narrowed(scope: str, asked: str) -> str:
    """RFC 6749 §6: a refresh may ask for less, never for more."""
    had, wanted = scope.split(), asked.split() or scope.split()
    if not all(any(model.covers(one, word) for one in had) for word in wanted):
        raise OAuthRefusal("invalid_scope", "A refresh may only ask for scopes that were granted")
    return " ".join(wanted)


async def grant_holder(tx: AsyncConnection, office: Office, grant: Grant, scope: str, at: datetime) -> Caller:
    """The person of a grant, if everything it rests on still holds: the grant, the session, the commission."""
    if await grants.ended(tx, grant.id, at):
        raise invalid_grant("The grant has ended")
    if not grant.offline and not await sessions.alive(tx, grant.session_id, at, office.limits):
        raise invalid_grant("The person has signed out")
    person = await store.load(tx, grant.person_id)
    works_for = None
    if grant.commission_id is not None:
        works_for = await store.valid_commission(tx, grant.commission_id, at)
        if works_for is None:
            raise invalid_grant("The commission is no longer valid")
    scopes = frozenset(scope.split())
    return people.caller(
        person, works_for, client=grant.client_id, session=grant.id, scopes=scopes, patient=grant.patient
    )


async def _user_token(
    tx: AsyncConnection, office: Office, grant: Grant, scope: str, at: datetime, *, first: bool
) -> dict[str, Any]:
    holder = await grant_holder(tx, office, grant, scope, at)
    issued = office.issuer.access_token(holder, grant.doors)
    answer = _answer(office, issued.token, scope.split())
    answer |= context.told(grant, holder.patient, office.issuer.url)
    if "openid" in holder.scopes:
        answer["id_token"] = office.issuer.id_token(
            holder,
            nonce=grant.nonce if first else None,
            auth_time=int(grant.signed_in_at.timestamp()),
            fhir_user=_fhir_user(office, grant, holder),
        )
    if model.REFRESH_SCOPES & set(grant.scope.split()):  # of the grant: who asks for less once has not given it up
        answer["refresh_token"] = await grants.new_refresh_token(tx, grant.id, at)
    return answer


def _fhir_user(office: Office, grant: Grant, holder: Caller) -> str | None:
    if "fhirUser" not in grant.scope.split():
        return None
    return model.fhir_user(office.issuer.url, grant.doors[0], holder.kind, holder.subject)


async def introspect(tx: AsyncConnection, office: Office, text: str, at: datetime) -> dict[str, Any]:
    """RFC 7662: what a token says if it is good now, else only that it is not."""
    claims = office.issuer.read(text)
    if claims is None or not await _still_good(tx, office, claims, at):
        return {"active": False}
    about = await _about(tx, office, claims)
    return {"active": True, "token_type": "Bearer", **claims, **about}


async def _about(tx: AsyncConnection, office: Office, claims: dict[str, Any]) -> dict[str, Any]:
    """What SMART wants introspection to say besides: the launch context and who the person is."""
    grant = await grants.load(tx, claims["sid"]) if "sid" in claims else None
    if grant is None:
        return {}
    about = context.told(grant, claims.get("patient"), office.issuer.url)
    if "fhirUser" in grant.scope.split():
        kind = claims["fvm"]["kind"]
        about["fhirUser"] = model.fhir_user(office.issuer.url, grant.doors[0], kind, claims["sub"])
    return about


async def _still_good(tx: AsyncConnection, office: Office, claims: dict[str, Any], at: datetime) -> bool:
    revoked = sa.select(sa.exists().where(revoked_token.c.jti == claims.get("jti")))
    if await tx.scalar(revoked):
        return False
    sid = claims.get("sid")
    if sid is None or claims.get("client_id") == OPERATOR:
        return await _holder_still_there(tx, office, claims)
    grant = await grants.load(tx, sid)
    if grant is None:
        return await sessions.alive(tx, sid, at, office.limits)
    if await grants.ended(tx, sid, at):
        return False
    return grant.offline or await sessions.alive(tx, grant.session_id, at, office.limits)


async def _holder_still_there(tx: AsyncConnection, office: Office, claims: dict[str, Any]) -> bool:
    """A token without a session of the platform's is a system's, good while the client is, or a demo token."""
    if claims["fvm"]["kind"] == "system":
        return await clients.find(tx, claims["client_id"], demo=office.demo) is not None
    return office.demo


async def revoke(tx: AsyncConnection, office: Office, client: Client, text: str, at: datetime) -> None:
    """RFC 7009: ends the grant of a refresh token or of an app's access token, or this one token; unknown is fine."""
    grant = await grants.of_refresh_token(tx, text)
    claims = office.issuer.read(text) if grant is None else None
    if claims is not None and claims.get("client_id") == client.id:
        grant = await grants.load(tx, claims["sid"]) if "sid" in claims else None
        if grant is None:
            until = datetime.fromtimestamp(claims["exp"], UTC) + timedelta(minutes=1)
            insert = pg.insert(revoked_token).values(jti=claims["jti"], until=until)
            await tx.execute(insert.on_conflict_do_nothing())
    if grant is not None and grant.client_id == client.id:
        await end_grant(tx, grant.id, "revoked", at)


async def end_grant(tx: AsyncConnection, grant_id: str, reason: Reason, at: datetime) -> None:
    """Ends a grant and tells the region that its tokens are void."""
    if await grants.end(tx, grant_id, reason, at):
        await events.tell_revoked(tx, [grant_id], reason, at)
