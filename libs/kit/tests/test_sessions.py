"""A session that has ended is refused by every process, also one that starts later."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from kit import sessions
from kit.auth import Unauthenticated
from kit.db import Database
from kit.events import CloudEvent
from kit.problems import Problem
from kit.testing import TestIssuer, fresh_database


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[Database]:
    async with fresh_database(postgres_url, "vis") as url:
        database = Database(url)
        await database.start()
        yield database
        await database.stop()


def ended(data: bytes) -> CloudEvent:
    return CloudEvent("e1", "fvm/application", sessions.REVOKED, datetime.now(UTC), data, "session-1")


async def test_a_sign_out_heard_by_one_process_holds_in_another_and_after_a_restart(db: Database) -> None:
    issuer = TestIssuer()
    here, elsewhere = issuer.verifier("/vis/fhir"), issuer.verifier("/vis/fhir")
    token = issuer.token(sid="session-1")
    assert (await elsewhere.caller(token)).session == "session-1"

    later = (datetime.now(UTC) + timedelta(minutes=15)).isoformat()
    async with db.transaction() as tx:
        event = ended(json.dumps({"session": "session-1", "forget_after": later}).encode())
        await sessions.handlers(here)[sessions.REVOKED](tx, [event, event])
    await sessions.Watch(db, elsewhere).look()

    for verifier in (here, elsewhere):
        with pytest.raises(Unauthenticated):
            await verifier.caller(token)
    assert (await elsewhere.caller(issuer.token(sid="session-2"))).session == "session-2"


async def test_what_is_no_end_of_a_session_is_refused(db: Database) -> None:
    verifier = TestIssuer().verifier("/vis/fhir")
    async with db.transaction() as tx:
        with pytest.raises(Problem):
            await sessions.handlers(verifier)[sessions.REVOKED](tx, [ended(b"{}")])
