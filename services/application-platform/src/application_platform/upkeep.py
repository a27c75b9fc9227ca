"""What has to be done at the start and now and then: people registered, keys rotated, what is over forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.demo import people
from application_platform.identity import sessions
from application_platform.sealed_words import seal_what_was_before
from application_platform.sign_in import elsewhere
from application_platform.tokens import actions, assertions, grants, guesses, internal, keys, launches
from kit.db import Database
from kit.keyring import Keyring

_EVERY = 60.0  # seconds
_KEPT = timedelta(days=30)  # sessions and grants that are over, for whoever looks into an incident


class Upkeep:
    """The one background duty of this service beside relay and inbox; several at once do no harm."""

    name = "upkeep"

    def __init__(
        self, db: Database, ring: Keyring | None = None, *, demo: bool, key_period: timedelta, secrets: Path | None
    ) -> None:
        self._db, self._ring = db, ring
        self._demo = demo
        self._key_period = key_period
        self._secrets = secrets

    async def begin(self) -> None:
        """At start: keys exist; our own services and, in a demo region, its people and systems are registered."""
        async with self._db.transaction() as tx:
            await keys.ensure(tx, datetime.now(UTC))
            await internal.register(tx, self._secrets)
            if self._demo:
                await people.register(tx)
                if self._secrets is not None:
                    await internal.share_secrets(tx, self._secrets, people.system_ids())

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await self.once(datetime.now(UTC))
            await asyncio.sleep(_EVERY)

    async def once(self, at: datetime) -> None:
        """One round: rotate what is due, forget what is over."""
        async with self._db.transaction() as tx:
            await keys.rotate_if_due(tx, at, self._key_period)
        async with self._db.transaction() as tx:
            await _forget(tx, at)
        while await seal_what_was_before(self._db, self._ring):
            pass


async def _forget(tx: AsyncConnection, at: datetime) -> None:
    await sessions.forget(tx, at - _KEPT)
    await tx.execute(grants.app_grant.delete().where(grants.app_grant.c.expires_at < at - _KEPT))
    for table in (actions.revoked_token, assertions.used_assertion, guesses.failed_guess):
        await tx.execute(table.delete().where(table.c.until < at))
    tried = elsewhere.attempt_table
    await tx.execute(tried.delete().where(tried.c.expires_at < at))
    await tx.execute(launches.launch.delete().where(launches.launch.c.expires_at < at))
