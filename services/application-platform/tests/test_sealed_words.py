"""REC-06, D8: what patients and units write rests sealed with the patient's key, is read again, and goes with the key."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from application_platform import sealed_words
from application_platform.erasing import eraser
from application_platform.forms import store as forms
from application_platform.forms.model import Filled
from application_platform.messages import store as messages
from application_platform.messages.model import Author, IdTaken, Message, Thread
from application_platform.own import store as own
from application_platform.own.model import Entry
from fhirserver.testing import holding
from kit.db import Database
from kit.erasing import Order, Proof, note, read_proof
from kit.keyring import Erased, Keyring, keyring
from kit.sealing import Master
from kit.testing import fresh_database

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
STAFF = Author("staff", "SE0000000001-C001", "Anna Lind", "Läkare")


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[Database]:
    async with fresh_database(postgres_url, "application_platform") as url:
        made = Database(url)
        await made.start()
        yield made
        await made.stop()


@pytest.fixture
async def ring(db: Database) -> Keyring:
    return await with_keys(db, Master.new())


async def with_keys(db: Database, master: str) -> Keyring:
    """As a process does at its start."""
    made = keyring(master)
    assert made is not None
    made.pool = db.pool
    await made.look()
    sealed_words.give(db, made)
    return made


class Part:
    """Everything that one patient takes part with, all of it saying the word."""

    def __init__(self, patient: str, word: str, at: datetime = NOON) -> None:
        who = Author("patient", patient, "Stina", "", "self")
        self.thread = Thread(
            uuid.uuid4(), patient, f"{word} Berg", "U", "Norrby", "question", word, word, "patient", at, at, at
        )
        self.who, self.word, self.at = who, word, at
        self.message = Message(uuid.uuid4(), STAFF, f"{word} svar", at + timedelta(seconds=1))
        self.entry = Entry(uuid.uuid4(), patient, "pulse", {"rate": word}, word, at, patient, "Stina", "self", at)
        self.form = Filled(uuid.uuid4(), patient, "health", {"a": word}, 0, patient, "Stina", "self", at)

    async def write(self, db: Database) -> None:
        async with db.transaction() as tx:
            assert await messages.begin(tx, self.thread, self.who, f"{self.word} fråga")
            assert await messages.answer(tx, self.thread.id, self.message)
            await own.add(tx, self.entry)
            saved = await forms.save(tx, self.form, send=False, at=self.at)
            await forms.save(tx, replace(saved, answers={"a": self.word, "b": self.word}), send=False, at=self.at)

    async def read(self, db: Database) -> Any:
        """What the pages are given."""
        patient = self.thread.patient
        async with db.transaction() as tx:
            thread = await messages.of_patient(tx, patient, self.thread.id)
            listed = [one.subject for one in await messages.units(tx, "U") if one.id == thread.id]
            entries, filled = await own.listed(tx, patient), await forms.listed(tx, patient)
        said = [message.body for message in thread.messages]
        return (
            thread.patient_name, thread.subject, thread.about, listed, said,
            [(dict(one.numbers), one.note) for one in entries], [dict(one.answers) for one in filled],
        )  # fmt: skip

    def said(self) -> Any:
        word = self.word
        return (
            f"{word} Berg", word, word, [word], [f"{word} fråga", f"{word} svar"], [({"rate": word}, word)],
            [{"a": word, "b": word}],
        )  # fmt: skip


async def carried_out(db: Database, ring: Keyring, patient: str, at: datetime, *resources: str) -> Proof:
    order = Order(str(uuid.uuid4()), at, [patient], list(resources))
    async with db.pool.acquire() as con, con.transaction():
        await note(con, order)
    connection = await db.connect()
    try:
        async with asyncio.timeout(30):
            while True:
                await eraser(db, ring, lambda: None).once(connection)
                proof = await connection.fetchval("select proof from erasure_task where id = $1", uuid.UUID(order.id))
                if proof is not None:
                    return read_proof(proof)
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def test_d8_no_table_says_what_a_patient_wrote_and_the_pages_do(db: Database, ring: Keyring) -> None:
    part = Part("tolvan", "Tobisgrissla")
    await part.write(db)
    assert await holding(db.pool, "Tobisgrissla") == {}
    assert await part.read(db) == part.said()
    other = Part("tolvan-2", "Sillgrissla")
    await other.write(db)
    assert (await part.read(db), await other.read(db)) == (part.said(), other.said())


async def test_sent_twice_it_is_known_again_though_it_is_sealed(db: Database, ring: Keyring) -> None:
    part = Part("tolvan", "Tobisgrissla")
    await part.write(db)
    async with db.transaction() as tx:
        assert not await messages.begin(tx, part.thread, part.who, f"{part.word} fråga")
        assert not await messages.answer(tx, part.thread.id, part.message)
        await own.add(tx, part.entry)
    for wrong in (replace(part.entry, note="annat"), replace(part.entry, numbers={"rate": "1"})):
        with pytest.raises(IdTaken):
            async with db.transaction() as tx:
                await own.add(tx, wrong)
    with pytest.raises(IdTaken):
        async with db.transaction() as tx:
            await messages.answer(tx, part.thread.id, replace(part.message, body="annat"))


async def test_what_was_written_before_there_were_keys_is_sealed_afterwards(db: Database) -> None:
    part = Part("tolvan", "Tobisgrissla")
    await part.write(db)
    assert len(await holding(db.pool, "Tobisgrissla")) == 4
    ring = await with_keys(db, Master.new())
    assert await part.read(db) == part.said(), "it is read meanwhile"
    assert await sealed_words.seal_what_was_before(db, ring) == 5
    assert await sealed_words.seal_what_was_before(db, ring) == 0
    assert await holding(db.pool, "Tobisgrissla") == {}
    assert await part.read(db) == part.said()


async def test_rec_06_an_order_takes_what_the_patient_wrote_and_its_key(db: Database, ring: Keyring) -> None:
    part, other = Part("tolvan", "Tobisgrissla"), Part("tolvan-2", "Sillgrissla")
    await part.write(db)
    await other.write(db)
    copy = await db.pool.fetchrow("select * from own_entry where patient = 'tolvan'")
    proof = await carried_out(db, ring, "tolvan", datetime.now(UTC))
    assert (proof.left, len(proof.keys)) == (0, 1)
    assert await db.pool.fetchval("select count(*) from message_thread where patient = 'tolvan'") == 0
    async with db.pool.acquire() as con:
        with pytest.raises(Erased):  # a row from a backup says nothing
            await sealed_words.opened(ring, con, "own_entry", [copy])
    assert await other.read(db) == other.said()


async def test_rec_06_what_is_written_after_the_order_stays_under_another_key(db: Database, ring: Keyring) -> None:
    part = Part("tolvan", "Tobisgrissla", datetime.now(UTC))
    await part.write(db)
    before = await db.pool.fetchval("select sealed from own_entry")
    proof = await carried_out(db, ring, "tolvan", datetime.now(UTC) - timedelta(minutes=10))
    assert proof.removed["sealed again"] == 5, "a thread, two messages, a value, a form"
    assert await db.pool.fetchval("select sealed from own_entry") != before
    assert await part.read(db) == part.said()


async def test_rec_06_a_conversation_that_goes_on_keeps_its_place_and_name_only(db: Database, ring: Keyring) -> None:
    begun = Part("tolvan", "Tobisgrissla")
    await begun.write(db)
    later = Message(uuid.uuid4(), STAFF, "Senare", datetime.now(UTC) + timedelta(hours=1))
    async with db.transaction() as tx:
        await messages.answer(tx, begun.thread.id, later)
    await carried_out(db, ring, "tolvan", datetime.now(UTC))
    async with db.transaction() as tx:
        thread = await messages.of_patient(tx, "tolvan", begun.thread.id)
    assert (thread.patient_name, thread.subject, thread.about) == ("Tobisgrissla Berg", "", "")
    assert [message.body for message in thread.messages] == ["Senare"]


async def test_only_what_is_named_goes_and_the_rest_gets_another_key(db: Database, ring: Keyring) -> None:
    part = Part("tolvan", "Tobisgrissla")
    await part.write(db)
    proof = await carried_out(db, ring, "tolvan", datetime.now(UTC), f"Observation/{part.entry.id}")
    assert proof.removed == {"own_entry": 1, "sealed again": 4}
    assert (await part.read(db))[4:] == (part.said()[4], [], part.said()[6])
