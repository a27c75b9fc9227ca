"""EVT-04, REC-06: an order is done when Kafka has been read through and holds nothing of it that anybody could read."""

import base64
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from fhirserver.engine import Engine
from fhirserver.telling import sealed
from information_platform.erasure import past, store
from information_platform.erasure.actions import Orders
from information_platform.erasure.model import OrderIn
from information_platform.erasure.streams import TOPICS, Streams
from kit import erasing
from kit.caller import Caller
from kit.erasing import Order, Proof
from kit.events import CloudEvent, to_headers
from kit.kafka import Producer
from kit.outbox import Message
from kit.reading import all_of
from kit.sealed_events import Opener, under
from kit.sealing import DataKey, new_key
from kit.testing import fresh_topics

ONE, TWO = Caller("one", "staff", "x"), Caller("two", "staff", "x")
SERVICES = ("vis", "information", "exchange", "application")


class Makers:
    """Gives the keys it has, and says of the others that they are destroyed."""

    def __init__(self) -> None:
        self.keys: dict[int, DataKey] = {}

    def key(self) -> DataKey:
        made = DataKey(*new_key())
        self.keys[made.id] = made
        return made

    async def post(self, _path: str, body: Any = None, *, bearer: str | None = None) -> Any:
        there = {id: base64.b64encode(self.keys[int(id)].raw).decode() for id in body["keys"] if int(id) in self.keys}
        return {"keys": there, "destroyed": [id for id in body["keys"] if id not in there]}

    async def token(self) -> str:
        return ""


class Stream:
    """Kafka's three topics of records."""

    def __init__(self, where: str, region: str, engine: Engine) -> None:
        self.where, self.region, self.engine, self.makers = where, region, engine, Makers()
        opener = Opener({"vis": self.makers, "exchange": self.makers}, self.makers)  # type: ignore[dict-item, arg-type]
        self.looking = Streams(
            engine.db, partial(all_of, where), opener, Orders(engine).answered, lambda topic: f"{region}.{topic}"
        )

    async def tells(
        self, topic: str, about: str, key: DataKey | None, *, under_key: str = "", minutes: int = 0
    ) -> None:
        """A message about this patient, written so many minutes from now."""
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        resource = {"resourceType": "Observation", "id": f"o-{about}", "subject": {"reference": f"Patient/{about}"}}
        entry = {
            "op": "put",
            "type": "Observation",
            "id": f"o-{about}",
            "version": 1,
            "updated": at.isoformat(),
            "resource": resource,
        }
        value = {"transaction": str(uuid.uuid4()), "entries": [entry]}
        event = CloudEvent(
            str(uuid.uuid4()), "fvm/x", topic, at, sealed(json.dumps(value).encode()), under_key or about
        )
        event = under(event, key) if key else event
        producer = Producer(self.where)
        await producer.send_all(
            [Message(f"{self.region}.{topic}", (event.key or "").encode(), event.data, to_headers(event))]
        )
        await producer.stop()

    async def ordered(self, patient: str, *keys: DataKey, answered: tuple[str, ...] = SERVICES) -> uuid.UUID:
        """Confirmed, and carried out by these services."""
        id, at = uuid.uuid4(), datetime.now(UTC)
        order = Order(str(id), at, [patient])
        async with self.engine.db.pool.acquire() as con, con.transaction():
            asked = OrderIn(id=id, patient=patient, reason="Beslut av IVO", decision="IVO 1")
            await store.add(con, asked, ONE, "P")
            await store.confirmed(con, id, TWO, [patient], at)
            await past.remember(con, order)
            await erasing.note(con, order)
            for copy in answered:
                told = [str(key.id) for key in keys] if copy == "vis" else []
                await Orders(self.engine).answered(con, Proof(str(id), copy, at, {"res": 1}, 0, told))
        return id

    async def looks(self) -> int:
        connection = await self.engine.db.connect()
        try:
            return await self.looking.once(connection)
        finally:
            await connection.close()

    async def done(self, id: uuid.UUID) -> bool:
        return bool(
            await self.engine.db.pool.fetchval("select done_at is not null from erasure_order where id = $1", id)
        )


@pytest.fixture
async def stream(kafka_bootstrap: str, engine: Engine) -> AsyncIterator[Stream]:
    async with fresh_topics(kafka_bootstrap, list(TOPICS)) as region:
        yield Stream(kafka_bootstrap, region, engine)


async def test_evt_04_an_order_is_done_when_nothing_in_kafka_can_be_read(stream: Stream) -> None:
    patient, key, theirs = str(uuid.uuid4()), DataKey(*new_key()), stream.makers.key()
    for nth in range(3):
        await stream.tells("vis.record.v1", patient, key)
        await stream.tells("vis.record.v1", f"other-{nth}", theirs)
    id = await stream.ordered(patient, key)
    assert not await stream.done(id), "the services have answered, Kafka has not been looked at"
    assert await stream.looks() == 1
    assert await stream.done(id)
    acts = [one async for one in _acts(stream.engine, id)]
    assert acts[-2:] == ["done:kafka", "complete"]
    shown = [copy for copy in await _copies(stream.engine, id) if copy["copy_of"] == "kafka"]
    assert [(one["state"], one["left"], one["removed"]) for one in shown] == [("done", 0, {"vis.record.v1": 3})]
    assert "6 meddelanden genomsökta" in shown[0]["text"]
    assert await stream.looks() == 0


async def test_evt_04_it_waits_while_somebody_could_read_a_message_of_the_person(stream: Stream) -> None:
    """Told before events were sealed, by either way; or sealed with a key that is not destroyed."""
    cases: list[tuple[str, DataKey | None, str]] = [
        ("vis.record.v1", None, ""), ("exchange.record.v1", None, "a-hash"), ("vis.record.v1", stream.makers.key(), ""),
    ]  # fmt: skip
    for topic, key, under_key in cases:
        patient = str(uuid.uuid4())
        await stream.tells(topic, patient, key, under_key=under_key)
        id = await stream.ordered(patient)
        assert await stream.looks() == 1
        assert not await stream.done(id), (topic, key)
        assert stream.looking.seen[id].readable == 1
        assert await stream.looks() == 0, "not again at once"
        if key is not None:
            del stream.makers.keys[key.id]
            stream.looking._next.clear()
            stream.looking._opener.forget([key.id])
            await stream.looks()
            assert await stream.done(id), "the key is destroyed now"
        else:
            await stream.engine.db.pool.execute("update erasure_order set done_at = now() where id = $1", id)


async def test_a_new_life_after_the_order_does_not_hold_it_up(stream: Stream) -> None:
    patient, old, new = str(uuid.uuid4()), DataKey(*new_key()), stream.makers.key()
    await stream.tells("vis.record.v1", patient, old)
    id = await stream.ordered(patient, old)
    await stream.tells("vis.record.v1", patient, new, minutes=5)
    await stream.looks()
    assert await stream.done(id)


async def test_it_is_not_looked_before_every_service_has_answered(stream: Stream) -> None:
    id = await stream.ordered(str(uuid.uuid4()), answered=("vis", "information", "exchange"))
    assert await stream.looks() == 0
    assert not await stream.done(id)


async def _acts(engine: Engine, id: uuid.UUID) -> AsyncIterator[str]:
    for one in await store.acts(engine.db.pool, id):
        yield one["what"]


async def _copies(engine: Engine, id: uuid.UUID) -> list[dict[str, Any]]:
    [found] = [one for one in await Orders(engine).for_operators() if one["id"] == str(id)]
    return list(found["copies"])
