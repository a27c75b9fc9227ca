"""REC-06, EVT-04, D8: what systems send is sealed as it rests and as it is told, and an order destroys the keys of it."""

import asyncio
import base64
import importlib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import zstandard

from integration_platform.receiving.model import DESTROYED
from integration_platform.testing import PERSONNUMMER, a_message, a_pid, an_oru
from kit.erasing import Order, Proof, note, read_proof
from kit.events import from_headers
from kit.outbox import read_headers
from kit.sealed_events import opened_here
from kit.sealing import SEALED, Master, NotForHere
from kit.testing import fresh_database, truncate

SYSTEM = "http://electronichealth.se/identifier/personnummer"
WORD, OTHER = "Tordmule", "Alfagel"
THEIRS = a_pid("199002222397^^^SE&1.2.752.129.2.1.3.1&ISO^NNSWE", OTHER)


@pytest.fixture(scope="module")
async def region(postgres_url: str, opening: Any) -> AsyncIterator[Any]:
    async with (
        fresh_database(postgres_url, "integration_platform") as url,
        opening(url, "demo", master_key=Master.new()) as exchange,
    ):
        yield exchange


@pytest.fixture
async def sealing(region: Any) -> Any:
    """An empty region that seals."""
    await truncate(region.db)
    await region.parts.register.stop()
    await region.parts.register.start()
    await region.parts.translator.know()
    return region


async def stored(exchange: Any) -> dict[str, Any]:
    rows = await exchange.db.pool.fetch("select control_id, ident, digest, body, sealed_by from message order by id")
    return {row["control_id"]: row for row in rows}


async def says(exchange: Any, row: Any) -> str:
    await exchange.parts.bodies.ready(exchange.db.pool, [row])
    return str(exchange.parts.bodies.opened(row).decode())


async def told(exchange: Any) -> list[dict[str, Any]]:
    """What waits in the outbox, opened with our own keys."""
    found = []
    for row in await exchange.db.pool.fetch(
        "select key, headers, value from outbox where topic = 'exchange.record.v1' order by id"
    ):
        assert row["value"][0] == SEALED
        event = from_headers(read_headers(row["headers"]), row["key"], row["value"])
        await exchange.parts.bodies.ring.ready(exchange.db.pool, [event.data])
        event = opened_here(exchange.parts.bodies.ring, event)
        assert event is not None
        found.append(json.loads(zstandard.ZstdDecompressor().decompress(event.data[1:], 1 << 24)))
    return found


async def carried_out(exchange: Any, *resources: str) -> Proof:
    numbers = [{"system": SYSTEM, "value": PERSONNUMMER}]
    order = Order(str(uuid.uuid4()), datetime.now(UTC), ["tolvan"], list(resources), numbers)
    async with exchange.db.pool.acquire() as con, con.transaction():
        await note(con, order)
    connection = await exchange.db.connect()
    try:
        async with asyncio.timeout(30):
            while True:
                await exchange.parts.eraser.once(connection)
                proof = await connection.fetchval("select proof from erasure_task where id = $1", uuid.UUID(order.id))
                if proof is not None:
                    return read_proof(proof)
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def test_d8_a_message_and_its_event_are_sealed_and_read_where_they_are_needed(sealing: Any) -> None:
    await sealing.send(an_oru("M1", pid=a_pid(family=WORD)))
    await sealing.send(a_message("ZZZ^Z99", f"PID|1||{PERSONNUMMER}||{WORD}", control="M2"))
    rows = await stored(sealing)
    assert {row["body"][0] for row in rows.values()} == {SEALED}
    assert rows["M1"]["sealed_by"] == rows["M2"]["sealed_by"], "what comes together has one key"
    assert WORD in await says(sealing, rows["M1"])
    await sealing.translate()
    assert [WORD in json.dumps(record) for record in await told(sealing)] == [True]
    parked = await sealing.db.pool.fetchval("select id from message_parked")
    async with sealing.client(scope="system/operations") as operator:
        shown = await operator.get(f"/internal/operations/parked/message-{parked}", params={"reason": "felsökning"})
    assert WORD in base64.b64decode(shown.json()["body"]).decode()


async def test_a_message_moved_to_another_row_does_not_open(sealing: Any) -> None:
    await sealing.send(an_oru("M1", pid=a_pid(family=WORD)))
    await sealing.send(an_oru("M2", pid=THEIRS))
    rows = await stored(sealing)
    moved = {**dict(rows["M1"]), "body": rows["M2"]["body"]}
    with pytest.raises(NotForHere):
        await says(sealing, moved)


async def test_rec_06_an_order_destroys_the_shared_key_and_leaves_others_their_messages(sealing: Any) -> None:
    await sealing.send(an_oru("M1", pid=a_pid(family=WORD)))
    await sealing.send(an_oru("M2", pid=THEIRS))
    await sealing.translate()
    before = await stored(sealing)
    assert before["M1"]["sealed_by"] == before["M2"]["sealed_by"]
    proof = await carried_out(sealing)
    after = await stored(sealing)
    assert (after["M1"]["body"], after["M1"]["sealed_by"], proof.left) == (DESTROYED, None, 0)
    assert after["M2"]["sealed_by"] not in (None, before["M2"]["sealed_by"])
    assert OTHER in await says(sealing, after["M2"])
    assert {str(before["M1"]["sealed_by"])} < set(proof.keys), "and the key of the person's events"
    with pytest.raises(Exception, match="destroyed by order"):  # a copy of the row, in a backup, says nothing
        await says(sealing, before["M1"])
    assert [OTHER in json.dumps(record) for record in await told(sealing)] == [True]


async def test_rec_06_what_stays_of_the_person_is_told_again_under_the_new_key(sealing: Any) -> None:
    await sealing.send(an_oru("M1", pid=a_pid(family=WORD)))
    await sealing.send(a_message("ADT^A08^ADT_A01", "EVN|A08|20260302120000", a_pid(family=OTHER), control="M2"))
    await sealing.translate()
    entries = [entry for record in await told(sealing) for entry in record["entries"]]
    [name] = {f"Observation/{entry['id']}" for entry in entries if entry.get("type") == "Observation"}
    copied = await sealing.db.pool.fetch("select key, headers, value from outbox order by id")
    proof = await carried_out(sealing, name)
    assert (proof.removed["message"], proof.left) == (1, 0)
    await sealing.translate()
    assert WORD not in json.dumps(await told(sealing))
    assert [
        entry["again"] for record in await told(sealing) for entry in record["entries"] if entry["type"] == "Patient"
    ] == [True]
    for row in copied:  # what Kafka still has says nothing to anybody
        event = from_headers(read_headers(row["headers"]), row["key"], row["value"])
        await sealing.parts.bodies.ring.ready(sealing.db.pool, [event.data])
        assert opened_here(sealing.parts.bodies.ring, event) is None


async def test_only_the_information_platform_is_given_keys(sealing: Any, app_client: Callable[..., Any]) -> None:
    await sealing.send(an_oru("M1", pid=a_pid(family=WORD)))
    id = str((await stored(sealing))["M1"]["sealed_by"])
    for client, expected in (("information", 200), ("vis", 403), ("lab", 403)):
        async with app_client(sealing, client) as caller:
            answer = await caller.post("/internal/keys", json={"keys": [id, "4711", "x"]})
        assert answer.status_code == expected
        if expected == 200:
            assert set(answer.json()["keys"]) == {id}
            assert answer.json()["destroyed"] == []
            assert answer.headers["cache-control"] == "no-store"
        else:
            assert answer.json()["type"] == "/problems/kit/keys-not-for-you"
    async with sealing.client(kind="staff") as person:
        assert (await person.post("/internal/keys", json={"keys": [id]})).status_code == 403


@pytest.fixture
def app_client() -> Callable[..., Any]:
    return lambda exchange, name: exchange.client(client_id=name)


@pytest.mark.parametrize("build", ["integration_platform", "application_platform"])
def test_a_service_without_a_master_key_has_no_loop_that_ends_at_once(build: str) -> None:
    """A loop that returns is taken for one that crashed, and the process for one that is ill."""

    settings = importlib.import_module(f"{build}.settings").Settings
    made = importlib.import_module(f"{build}.main").build
    url = "postgresql://nobody@127.0.0.1/none"
    without = made(settings(database_url=url, mode="demo", master_key=""))
    sealing = made(settings(database_url=url, mode="demo", master_key=Master.new()))
    owners = [type(getattr(loop, "__self__", None)).__name__ for loop in without.loops_everywhere]
    assert "Keyring" not in owners
    assert "Keyring" in [type(getattr(loop, "__self__", None)).__name__ for loop in sealing.loops_everywhere]
    assert len(sealing.loops_everywhere) == len(without.loops_everywhere) + 1
