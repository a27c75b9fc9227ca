"""What people do with sessions: sign in, choose a commission, sign out. Each verb: load, decide, save, tell."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform import events
from application_platform.events import Reason
from application_platform.identity import model, sessions, store
from application_platform.identity.model import Limits, NoCommission, Session
from application_platform.identity.sessions import Place
from application_platform.tokens import grants


async def sign_in(
    tx: AsyncConnection, person_id: str, at: datetime, limits: Limits, place: Place, wanted: str | None = None
) -> tuple[str, Session]:
    """Begins a session and returns the cookie's secret with it. The caller has made sure of who it is.

    Somebody with one valid commission works under it at once; with several the session waits for a choice
    (`Session.complete`), unless one is `wanted`, which whoever vouches for the person named. Raises PersonNotFound, or
    NoCommission for staff without a valid one.
    """
    person = await store.load(tx, person_id)
    active = [held.commission for held in await store.assignments(tx, person.id) if held.active(at)]
    if person.kind == "staff" and not active:
        raise NoCommission
    named = [held.id for held in active if wanted in (None, held.id)]
    return await sessions.begin(tx, person, named[0] if len(named) == 1 else None, at, limits, place)


async def choose_commission(
    tx: AsyncConnection, session: Session, commission_id: str, at: datetime, limits: Limits
) -> tuple[str, Session]:
    """A new session under the chosen commission; the one before ends, and with it what was given under it.

    Raises CommissionNotValid.
    """
    chosen = model.choose(await store.assignments(tx, session.person.id), commission_id, at)
    await end(tx, session.id, "commission-changed", at)
    return await sessions.begin(tx, session.person, chosen.id, at, limits, await sessions.place(tx, session.id))


async def end(tx: AsyncConnection, session_id: str, reason: Reason, at: datetime) -> None:
    """Ends a session and the apps that live with it, and tells the region; once over it stays over."""
    if await sessions.end(tx, session_id, reason, at):
        apps = await grants.end_online(tx, session_id, reason, at)
        await events.tell_revoked(tx, [session_id, *apps], reason, at)


async def end_everywhere(tx: AsyncConnection, person_id: str, at: datetime, limits: Limits) -> list[str]:
    """Ends every session and every app of a person, offline ones too; returns the sessions that ended."""
    over = [one.id for one in await sessions.living(tx, person_id, at, limits)]
    for session_id in over:
        await end(tx, session_id, "signed-out", at)
    apps = await grants.end_all(tx, grants.app_grant.c.person_id == person_id, "signed-out", at)
    await events.tell_revoked(tx, apps, "signed-out", at)
    return over
