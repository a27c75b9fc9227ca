"""REC-06, D8: an order of destruction takes the kept messages about the person, and what of them has not been told yet."""

import asyncio
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from integration_platform.receiving.model import DESTROYED, opened
from integration_platform.testing import PERSONNUMMER, a_message, a_pid, an_oru
from kit.erasing import Order, note, read_proof

SYSTEM = "http://electronichealth.se/identifier/personnummer"
WORD, OTHER = "Tordmule", "Alfagel"
OTHERS_NUMBER = "199002222397"


def the_order(*resources: str) -> Order:
    numbers = [{"system": SYSTEM, "value": PERSONNUMMER}]
    return Order(str(uuid.uuid4()), datetime.now(UTC), ["tolvan"], list(resources), numbers)


async def carried_out(exchange: Any, order: Order) -> Any:
    async with exchange.db.pool.acquire() as con, con.transaction():
        await note(con, order)
    connection = await exchange.db.connect()
    try:
        async with asyncio.timeout(30):
            while True:
                await exchange.parts.eraser.once(connection)
                proof = await connection.fetchval(
                    "select proof from erasure_task where id = $1", uuid.UUID(order.id)
                )  # fmt: skip
                if proof is not None:
                    await connection.execute("delete from outbox where topic <> 'exchange.record.v1'")
                    return read_proof(proof)
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def holding(exchange: Any, word: str) -> list[str]:
    """Tables in which the word can still be read."""
    found = []
    for row in await exchange.db.pool.fetch("select id, body from message where body <> $1", DESTROYED):
        if word.encode() in opened(row["body"]):
            found.append(f"message {row['id']}")
    for _, record in await exchange.told():
        if word in json.dumps(record, ensure_ascii=False):
            found.append("outbox")
    return found


async def test_messages_about_the_person_go_whatever_became_of_them(exchange: Any) -> None:
    await exchange.parts.translator.know()
    await exchange.send(an_oru("M1", pid=a_pid(family=WORD)))
    await exchange.translate()
    await exchange.send(a_message("ZZZ^Z99", f"PID|1||{PERSONNUMMER[:8]}-{PERSONNUMMER[8:]}||{WORD}", control="M2"))
    await exchange.translate()  # parked: nobody can be listed for it
    await exchange.send(an_oru("M3", value="7.10", pid=a_pid(family=WORD)))  # waits to be translated
    theirs = a_pid(OTHERS_NUMBER + "^^^SE&1.2.752.129.2.1.3.1&ISO^NNSWE", OTHER)
    await exchange.send(an_oru("M4", pid=theirs))
    proof = await carried_out(exchange, the_order())
    assert (proof.copy, proof.left, proof.removed["message"]) == ("exchange", 0, 3)
    assert await holding(exchange, WORD) == []
    await exchange.translate()
    assert set(await holding(exchange, OTHER)) == {"message 4", "outbox"}
    async with exchange.client() as operator:
        kept = (await operator.get("/exchange/messages/1")).json()
    assert kept["control_id"] == "M1", "who sent what and when stays"
    assert (await carried_out(exchange, the_order())).removed.get("message", 0) == 0, (
        "done again, nothing is left to do"
    )


async def test_a_message_that_was_destroyed_says_so_to_an_operator(exchange: Any) -> None:
    await exchange.send(a_message("ZZZ^Z99", f"PID|1||{PERSONNUMMER}||{WORD}", control="M2"))
    await exchange.translate()
    await carried_out(exchange, the_order())
    body = await exchange.db.pool.fetchval("select body from message")
    with pytest.raises(Exception, match="destroyed by order"):
        opened(body)


async def test_of_named_resources_only_the_messages_that_say_them_go(exchange: Any) -> None:
    await exchange.parts.translator.know()
    await exchange.send(an_oru("M1", pid=a_pid(family=WORD)))
    await exchange.send(a_message("ADT^A08^ADT_A01", "EVN|A08|20260302120000", a_pid(family=OTHER), control="M2"))
    await exchange.translate()
    [name] = {
        f"Observation/{entry['id']}"
        for _, record in await exchange.told()
        for entry in record["entries"]
        if entry.get("type") == "Observation"
    }
    proof = await carried_out(exchange, the_order(name))
    assert proof.removed["message"] == 1
    kept = await exchange.db.pool.fetch("select control_id from message where body <> $1", DESTROYED)
    assert [row["control_id"] for row in kept] == ["M2"]
