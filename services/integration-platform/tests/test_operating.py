"""Exchange for the operator: parked messages by number, replayed after a count, given up with a trace; and the queues."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient

from integration_platform.testing import a_message, a_pid, an_oru

UNKNOWN = a_message("ZZZ^Z99", "PID|1||191212121212", control="Z1")


@pytest.fixture
async def operator(exchange: Any) -> AsyncIterator[AsyncClient]:
    """Somebody at the machine."""
    transport = ASGITransport(exchange.app, client=("127.0.0.1", 1))
    async with AsyncClient(
        transport=transport, base_url="http://127.0.0.1/internal/operations", headers={"fvm-operator": "jonatan"}
    ) as client:
        yield client


async def messages(operator: AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await operator.get("/parked")).json()["messages"]
    return found


async def test_a_message_that_is_not_translated_is_listed_without_what_it_says(
    exchange: Any, operator: AsyncClient
) -> None:
    await exchange.send(UNKNOWN)

    [held] = await messages(operator)
    shown = (await operator.get(f"/parked/{held['id']}")).json()

    assert held["id"].startswith("message-")
    assert held["code"] == "exchange/unsupported-message"
    assert shown["attributes"]["control id"] == "Z1"
    assert shown["body"] is None
    assert "191212121212" not in str(held) + str(shown)


async def test_a_replay_is_counted_first_and_tries_the_message_again(exchange: Any, operator: AsyncClient) -> None:
    await exchange.send(UNKNOWN)
    wanted = {"code": "exchange/unsupported-message"}

    counted = (await operator.post("/parked/replay", json=wanted)).json()
    done = (await operator.post("/parked/replay", json={**wanted, "dry_run": False})).json()
    waiting = await messages(operator)
    await exchange.translate()

    assert (counted, done) == ({"count": 1, "replayed": 0}, {"count": 1, "replayed": 1})
    assert waiting == []
    assert [held["code"] for held in await messages(operator)] == ["exchange/unsupported-message"]


async def test_a_message_that_is_given_up_is_nobodys_work_and_stays(exchange: Any, operator: AsyncClient) -> None:
    await exchange.send(UNKNOWN)
    [held] = await messages(operator)

    await operator.post(f"/parked/{held['id']}/give-up", json={"reason": "a test of the sender"})
    lag = (await operator.get("/lag")).json()
    written = await exchange.db.pool.fetchrow("select operator, act, what, reason from operation")

    assert await messages(operator) == []
    assert (await operator.get(f"/parked/{held['id']}")).json()["held"]["state"] == "given up"
    assert [step["parked"] for step in lag["steps"] if step["name"] == "translator"] == [0]
    assert tuple(written) == ("jonatan", "give up", held["id"], "a test of the sender")


async def test_the_queue_and_the_doors_are_measured(exchange: Any, operator: AsyncClient) -> None:
    await exchange.send(an_oru())
    before = {step["name"]: step for step in (await operator.get("/lag")).json()["steps"]}
    await exchange.translate()
    after = {step["name"]: step for step in (await operator.get("/lag")).json()["steps"]}

    assert (before["translator"]["waiting"], after["translator"]["waiting"]) == (1, 0)
    assert after["translator"]["per_minute"] == 1
    assert after["door mllp"]["per_minute"] == 1


async def test_messages_taken_with_a_warning_are_counted_by_door(exchange: Any, operator: AsyncClient) -> None:
    wrong = a_pid("191212121213^^^SE&1.2.752.129.2.1.3.1&ISO^NNSWE")
    await exchange.send(an_oru("W1"))
    await exchange.send(an_oru("W2", pid=wrong))
    steps = {step["name"]: step["warned"] for step in (await operator.get("/lag")).json()["steps"]}

    assert steps == {"translator": 0, "door mllp": 1, "door events": 0, "door inbox": 0}


async def test_what_is_told_again_is_marked_and_keeps_its_number(exchange: Any, operator: AsyncClient) -> None:
    await exchange.send(an_oru())
    await exchange.translate()
    number = await exchange.db.pool.fetchval("select max(id) from message")

    told = (await operator.post("/resend", json={"of": [number]})).json()
    await exchange.translate()
    (_, first), (_, second) = await exchange.told()

    assert told == {"told": 1}
    assert {entry.get("again", False) for entry in first["entries"]} == {False}
    assert {entry["again"] for entry in second["entries"]} == {True}
    assert {entry["version"] for entry in (*first["entries"], *second["entries"])} == {number}
