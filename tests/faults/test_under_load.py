"""Stores go away, a message cannot be taken, a reader is slow, all while traffic runs: nothing is lost, and it is said in words.

The traffic begins before the first fault and is looked through after the last: every test breaks one thing and mends it.
FVM_FAULT_KAFKA_AWAY=600 keeps Kafka away for ten minutes instead of 45 seconds.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fvm.asking import Services
from fvm.commands.parked import service_of
from integration_platform.testing import a_message, a_step
from kit.kafka import Producer
from kit.outbox import Message

KAFKA_AWAY = float(os.environ.get("FVM_FAULT_KAFKA_AWAY", "45"))  # seconds
SILENCE = 15.0  # seconds that VIS may leave everybody without an answer while Kafka is away, on a busy machine
BURST = 1_200  # messages for the slow reader
SLOW = "0.01"  # seconds it then needs for one message

Until = Callable[..., Awaitable[Any]]
Ready = Callable[[Any], Awaitable[None]]


@pytest.fixture(scope="module")
async def browser(house: Any, traffic: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """The operator at the page."""
    browser = await house.operator()
    yield browser
    await browser.aclose()


async def test_kafka_is_away_for_a_while_and_care_goes_on(
    house: Any, traffic: Any, browser: httpx2.AsyncClient, until: Until, ready: Ready
) -> None:
    began = time.monotonic()
    house.kill("kafka", stay_dead=True)

    async def said() -> None:
        page = await house.page(browser)
        assert "Kafka nås inte av någon del." in page
        assert "Vården fortsätter i VIS." in page
        assert "Exchange har" in page
        assert "meddelanden som inte nått Kafka (översatta meddelanden)" in page

    await until(said, max(KAFKA_AWAY, 60))
    lag, doctor = await house.lag(), await house.doctor()
    assert "Kafka does not answer" in lag
    assert "exchange.record.v1" in lag.partition("At Kafka")[0]
    assert "kafka: does not run" in doctor
    assert "vis: not ready (kafka) → look at `fvm logs kafka`; what is told waits in the outboxes" in doctor
    await traffic.goes_on()
    await asyncio.sleep(max(0.0, KAFKA_AWAY - (time.monotonic() - began)))
    assert traffic.longest_silence(began) < SILENCE
    house.revive("kafka")
    await ready(house)
    await until(lambda: _well(house, browser), max(60, KAFKA_AWAY))


async def _well(house: Any, browser: httpx2.AsyncClient) -> None:
    page = await house.page(browser)
    assert "Att titta på" not in page, page


async def test_postgresql_is_restarted_in_good_order_and_by_force(
    house: Any, traffic: Any, browser: httpx2.AsyncClient, until: Until, ready: Ready
) -> None:
    house.tell("postgres", signal.SIGINT, stay_dead=True)  # "fast": what is open is rolled back
    await until(lambda: _found(house, "postgres: does not run → the runner starts it again"), 30)
    doctor = await house.doctor()
    assert "not ready (database" in doctor
    page = await browser.get("/portal/region")
    assert page.status_code == 503
    house.revive("postgres")
    await ready(house)
    await traffic.goes_on()

    house.tell("postgres", signal.SIGQUIT)  # "immediate": as if the power went
    await until(lambda: _told(house, "postgres ended with status"), 30)
    await ready(house)
    await traffic.goes_on()
    assert traffic.again, "nobody had to send anything again: nothing was under way"
    await until(lambda: _well(house, browser), 60)


async def _found(house: Any, words: str) -> None:
    doctor = await house.doctor()
    assert words in doctor, doctor


async def _told(house: Any, words: str) -> None:
    assert sum(words in line for line in house.said) >= 2, house.said[-5:]


async def test_messages_that_nobody_can_read_are_parked_and_everybody_else_goes_on(
    house: Any, traffic: Any, browser: httpx2.AsyncClient, until: Until
) -> None:
    [patient, *_] = traffic.made
    producer = Producer(house.kafka)
    try:  # under the key of a patient whose messages must go on
        await producer.send_all([Message("vis.record.v1", patient.encode(), b"\x01 poison", [("ce_id", b"p")])])
    finally:
        await producer.stop()
    nobodys = a_message("ORU^R01^ORU_R01", "OBX|1|ZZ|?", control=f"P{traffic.mark}")
    assert "MSA|AE|" in await house.say(nobodys)  # kept, and told that it cannot be understood

    async def set_aside() -> list[dict[str, Any]]:
        found = [one for one in await _parked(house) if one["state"] == "parked"]
        assert {one["code"] for one in found} >= {"kit/unreadable-event", "exchange/missing-segment"}, found
        return found

    await until(set_aside)
    await traffic.goes_on()
    whole = (await browser.get("/portal/region")).text
    assert "händelsen går inte att läsa" in whole
    assert "ett segment saknas som måste finnas" in whole

    async def counted() -> None:  # the last ones may come while the page is made
        parked = [one for one in await _parked(house) if one["state"] == "parked"]
        assert f"{len(parked)} väntar på dig" in await house.page(browser)

    await until(counted)
    found = await set_aside()
    assert "parked information: 1 (kit/unreadable-event" in await house.doctor()
    assert "kit/unreadable-event" in (await house.lag()).partition("Parked")[2]
    for one in found:
        await asyncio.to_thread(_give_up, house, one["id"])
    await until(lambda: _well(house, browser))


async def _parked(house: Any) -> list[dict[str, Any]]:
    services = await asyncio.to_thread(_services, house)
    return [one for name in services.names for one in services.get(name, "/parked")["messages"]]


def _services(house: Any) -> Any:
    return Services(house.settings)


def _give_up(house: Any, id: str) -> None:
    _services(house).post(service_of(id), f"/parked/{id}/give-up", {"reason": "made by a test"})


async def test_a_slow_reader_is_seen_from_outside_and_loses_nothing(
    house: Any, traffic: Any, browser: httpx2.AsyncClient, until: Until
) -> None:
    record = await house.database("information")
    await record.execute(
        "create function slow() returns trigger language plpgsql as"
        f" $$ begin perform pg_sleep({SLOW}); return new; end $$"
    )
    await record.execute("create trigger slow before insert on inbox for each row execute function slow()")
    try:
        burst = [f"S{uuid4().hex[:8]}" for _ in range(BURST)]
        await asyncio.gather(*(_tells(house, burst[start::4]) for start in range(4)))

        async def behind() -> None:
            assert "Regionens journal är " in await house.page(browser)
            assert "efter (översatta meddelanden)" in await house.page(browser)

        await until(behind, 40)
        [line] = [line for line in (await house.lag()).splitlines() if line.startswith("  information ") and
                  "exchange.record.v1" in line and "oldest" not in line]  # fmt: skip
        assert int(line.split()[2]) > 0, line
    finally:
        await record.execute("drop trigger slow on inbox")
        await record.execute("drop function slow()")

        await record.close()

    async def all_there() -> None:
        async with house.client() as client:
            found = await client.get("/fhir/Patient?family=Steg00000&_summary=count")
        assert found.json()["total"] == BURST

    await until(all_there, 60)
    await until(lambda: _well(house, browser), 60)


async def _tells(house: Any, patients: list[str]) -> None:
    async with await house.wire() as wire:
        for patient in patients:
            assert "MSA|AA|" in await wire.say(a_step(patient, 0))


async def test_all_that_was_acknowledged_meanwhile_is_there_once_and_in_order(
    house: Any, traffic: Any, until: Until
) -> None:
    await traffic.end()
    print(f"traffic: {sum(traffic.acknowledged.values())} messages, {len(traffic.answered)} answers, {traffic.again}")
    assert min(traffic.acknowledged.values()) > 10
    await traffic.arrived(until)

    async def empty() -> None:
        for service in ("vis", "information", "exchange", "application"):
            database = await house.database(service)
            try:
                for table in ("outbox", "inbox_waiting"):
                    assert await database.fetchval(f"select count(*) from {table}") == 0, (service, table)
            finally:
                await database.close()

    await until(empty, 60)
