"""REC-06: an order of destruction takes what the patient took part with, until the moment of the order and nothing else's."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from application_platform.erasing import destroy
from fhirserver.testing import holding
from kit.db import Database
from kit.erasing import Order
from kit.testing import fresh_database

NOW = datetime.now(UTC)
BEFORE, AFTER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
WORD, LATER = "Stormsvala", "Havssula"


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[Database]:
    async with fresh_database(postgres_url, "application_platform") as url:
        made = Database(url)
        await made.start()
        yield made
        await made.stop()


async def a_part(db: Database, patient: str, word: str, at: datetime, *, begun: datetime | None = None) -> str:
    """A conversation, a value and a form of this patient, all with the word; the id of the value."""
    thread, entry = uuid.uuid4(), uuid.uuid4()
    await db.pool.execute(
        "insert into message_thread values ($1, $2, 'Namn', 'U', 'Enhet', 'question', $3, '', 'patient', $4, $4)",
        thread, patient, word, begun or at,
    )  # fmt: skip
    await db.pool.execute(
        "insert into message values ($1, $2, 'patient', 'x', 'Namn', '', '', $3, $4)", uuid.uuid4(), thread, word, at
    )
    await db.pool.execute(
        "insert into own_entry values ($1, $2, 'pulse', '{}', $3, $4, 'x', 'Namn', '', $4)", entry, patient, word, at
    )
    await db.pool.execute(
        "insert into health_form values ($1, $2, 'health', jsonb_build_object('a', $3::text), 1, 'x', 'Namn', '', $4, $4)",
        uuid.uuid4(), patient, word, at,
    )  # fmt: skip
    return str(entry)


async def destroyed(db: Database, *resources: str) -> Any:
    order = Order(str(uuid.uuid4()), NOW, ["tolvan", "tolvan-2"], list(resources))
    async with db.pool.acquire() as con, con.transaction():
        return await destroy(None, con, order, [])


async def test_rec_06_what_the_patient_took_part_with_goes_until_the_order(db: Database) -> None:
    for patient in ("tolvan", "tolvan-2"):
        await a_part(db, patient, WORD, BEFORE)
    await a_part(db, "tolvan", LATER, AFTER)
    await a_part(db, "another", "Annan", BEFORE)
    removed, left = await destroyed(db)
    assert (removed, left) == ({"message": 2, "message_thread": 2, "own_entry": 2, "health_form": 2}, 0)
    assert await holding(db.pool, WORD) == {}
    assert set(await holding(db.pool, LATER)) == set(await holding(db.pool, "Annan")) == {
        "public.message", "public.message_thread", "public.own_entry", "public.health_form",
    }  # fmt: skip
    assert await destroyed(db) == ({}, 0)


async def test_a_conversation_that_went_on_keeps_its_place_without_what_it_was_about(db: Database) -> None:
    await a_part(db, "tolvan", WORD, AFTER, begun=BEFORE)
    await destroyed(db)
    assert (await holding(db.pool, WORD)).keys().isdisjoint({"public.message_thread"})
    assert await db.pool.fetchval("select count(*) from message") == 1


async def test_of_named_things_only_those_go(db: Database) -> None:
    entry = await a_part(db, "tolvan", WORD, BEFORE)
    assert await destroyed(db, f"Observation/{entry}") == ({"own_entry": 1}, 0)
    assert set(await holding(db.pool, WORD)) == {"public.message", "public.message_thread", "public.health_form"}
