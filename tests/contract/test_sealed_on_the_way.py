"""EVT-04, D8: what VIS tells of a patient is sealed in its outbox and on Kafka, the region opens it with a key that VIS gives, and
nobody does when VIS has destroyed the key."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx2
import msgspec
import pytest

import information_platform.settings
import vis.settings
from access import Label, all_seeing
from fhirserver.engine import Engine
from fhirserver.testing import holding
from fhirserver.wishes import Delete, Put
from information_platform import record as region
from information_platform.ingestion.handlers import handlers
from kit import key_door
from kit.db import Database
from kit.erasing import Order, note
from kit.events import CloudEvent, UnreadableEvent, from_headers
from kit.http import Declined
from kit.keyring import keyring
from kit.outbox import read_headers
from kit.problems import Unavailable
from kit.sealed_events import Opener, UnknownKey
from kit.sealing import SEALED, Master
from kit.testing import TestIssuer, fresh_database
from kit.web import new_app
from vis import record as ward
from vis.erasing import eraser

TOPIC = "vis.record.v1"
ISSUER = TestIssuer()


@dataclass
class Door:
    """VIS's door for keys, as a Client meets it; `away` as when the process is down."""

    app: Any
    client: str = "information"
    away: bool = False
    asked: list[list[str]] = field(default_factory=list)

    async def post(self, path: str, body: Any = None, *, bearer: str | None = None) -> Any:
        if self.away:
            raise Unavailable("down")
        self.asked.append(body["keys"])
        headers = ISSUER.headers("system", client_id=self.client, audience=[ward.PATH])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url="http://vis") as http:
            answer = await http.post(path, json=body, headers=headers)
        if answer.status_code >= 400:
            raise Declined(answer.text, status=answer.status_code)
        return answer.json()

    async def token(self) -> str:
        """Stands in for the service's own token too."""
        return ""


@dataclass
class House:
    """Two services with databases and master keys of their own, and nothing between them but the outbox's rows."""

    vis: Engine
    region: Engine
    door: Door
    opener: Opener

    async def written(self, *resources: dict[str, Any], gone: str = "") -> None:
        """At VIS, in one transaction."""
        async with self.vis.db.pool.acquire() as con, con.transaction():
            lab = await self.vis.labels.number(self.vis.db.pool, Label("SE0000000001-N", "SE0000000001-N1", "und", ""))
            wishes: list[Put | Delete] = [
                Put(one["resourceType"], one["id"], msgspec.json.encode(one), one, lab) for one in resources
            ]
            wishes += [Delete("Observation", gone)] if gone else []
            await self.vis.writer.apply(con, wishes, all_seeing())

    async def relayed(self) -> list[asyncpg.Record]:
        """What has been told, as it would lie in Kafka."""
        rows: list[asyncpg.Record] = await self.vis.db.pool.fetch(
            "delete from outbox where topic = $1 returning *", TOPIC
        )
        return sorted(rows, key=lambda row: row["id"])

    async def hears(self, *rows: asyncpg.Record) -> None:
        events = [from_headers(read_headers(row["headers"]), row["key"], row["value"]) for row in rows]
        async with self.region.db.transaction() as tx:
            await self.opener.handlers(handlers(self.region))[TOPIC](tx, events)

    async def knows(self, name: str) -> bool:
        return bool(
            await self.region.db.pool.fetchval(
                "select exists (select from res where key = $1)", self.region.keys.of(name)
            )
        )

    async def destroyed(self, patient: str, *resources: str) -> None:
        """By order, at VIS alone."""
        order = Order(str(uuid.uuid4()), datetime.now(UTC), [patient], list(resources))
        async with self.vis.db.pool.acquire() as con, con.transaction():
            await note(con, order)
        connection = await self.vis.db.connect()
        async with asyncio.timeout(30):
            while not await connection.fetchval("select done_at from erasure_task where id = $1", uuid.UUID(order.id)):
                await eraser(self.vis).once(connection)
                await asyncio.sleep(0.1)
        await connection.close()


async def _engine(stack: AsyncExitStack, postgres_url: str, package: str, mount: Any) -> Engine:
    url = await stack.enter_async_context(fresh_database(postgres_url, package))
    db = Database(url)
    await db.start()
    made = Engine(db, mount(url), lambda: None, ring=keyring(Master.new()))
    await made.start()
    stack.push_async_callback(db.stop)
    stack.push_async_callback(made.stop)
    return made


@pytest.fixture(scope="module")
async def house(postgres_url: str) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        at_vis = await _engine(
            stack, postgres_url, "vis", lambda url: ward.mount(vis.settings.Settings(database_url=url, mode="demo"))
        )
        settings = information_platform.settings.Settings
        there = await _engine(
            stack,
            postgres_url,
            "information_platform",
            lambda url: region.mount(settings(database_url=url, mode="demo")),
        )
        routers = [key_door.router(lambda: at_vis.codec.ring, {"information"})]
        app = new_app("VIS", db=at_vis.db, verifier=ISSUER.verifier(ward.PATH), routers=routers)
        door = Door(app)
        yield House(at_vis, there, door, Opener({"vis": door}, door))  # type: ignore[dict-item, arg-type]


@pytest.fixture
async def sealing(house: House) -> House:
    """With nothing in memory of the reader, and nothing on its way."""
    house.opener = Opener({"vis": house.door}, house.door)  # type: ignore[dict-item, arg-type]
    house.door.away, house.door.client = False, "information"
    house.door.asked.clear()
    await house.relayed()
    return house


def a_record(word: str) -> tuple[dict[str, Any], dict[str, Any]]:
    patient = {"resourceType": "Patient", "id": str(uuid.uuid4()), "name": [{"family": word}]}
    observation = {
        "resourceType": "Observation", "id": str(uuid.uuid4()), "status": "final", "code": {"text": word},
        "subject": {"reference": f"Patient/{patient['id']}"}, "valueString": word,
    }  # fmt: skip
    return patient, observation


async def test_evt_04_what_is_told_of_a_patient_is_sealed_and_opened_with_a_key_of_the_maker(sealing: House) -> None:
    patient, observation = a_record("Havssula")
    await sealing.written(patient, observation)
    assert "public.outbox" not in await holding(sealing.vis.db.pool, "Havssula")
    rows = await sealing.relayed()
    assert {row["value"][0] for row in rows} == {SEALED}
    await sealing.hears(*rows)
    assert await sealing.knows(f"Patient/{patient['id']}")
    assert await sealing.knows(f"Observation/{observation['id']}")
    assert len(sealing.door.asked) == 1
    held = await holding(sealing.region.db.pool, "Havssula")
    assert set(held) <= {"public.str", "public.term"}, "only index rows say it; what the source said is sealed too"
    await sealing.written(observation | {"valueString": "Havssula igen"})
    await sealing.hears(*await sealing.relayed())
    assert len(sealing.door.asked) == 1, "a key is fetched once a minute"


async def test_what_concerns_nobody_stays_open(sealing: House) -> None:
    await sealing.written({"resourceType": "Organization", "id": "norrby", "name": "Norrby"})
    assert [row["value"][0] for row in await sealing.relayed()] == [1]


async def test_evt_04_nobody_opens_what_lies_in_kafka_when_the_key_is_destroyed(sealing: House) -> None:
    patient, observation = a_record("Stormfagel")
    await sealing.written(patient, observation)
    rows = await sealing.relayed()
    await sealing.destroyed(patient["id"])
    await sealing.hears(*rows)
    assert not await sealing.knows(f"Patient/{patient['id']}")
    assert await holding(sealing.region.db.pool, "Stormfagel") == {}
    assert await holding(sealing.vis.db.pool, "Stormfagel") == {}


async def test_rec_06_what_stays_is_told_again_to_who_has_not_heard_it(sealing: House) -> None:
    patient, wrong = a_record("Islom")
    _, deleted = a_record("Islom")
    deleted["subject"] = wrong["subject"]
    await sealing.written(patient, deleted)
    await sealing.hears(*await sealing.relayed())
    await sealing.written(wrong | {"valueString": "fel"}, gone=deleted["id"])
    right = wrong | {"id": str(uuid.uuid4()), "valueString": "rätt"}
    await sealing.written(right)
    unheard = await sealing.relayed()
    await sealing.destroyed(patient["id"], f"Observation/{wrong['id']}")
    sealing.opener._keys.clear()  # a minute later
    await sealing.hears(*unheard)
    assert not await sealing.knows(f"Observation/{right['id']}"), "told under the key that is gone"
    await sealing.hears(*await sealing.relayed())
    assert await sealing.knows(f"Observation/{right['id']}")
    assert not await sealing.knows(f"Observation/{wrong['id']}")
    assert not await sealing.knows(f"Observation/{deleted['id']}")


async def test_while_the_maker_is_away_events_wait_and_it_is_not_asked_for_each(sealing: House) -> None:
    patient, observation = a_record("Dvargmas")
    await sealing.written(patient, observation)
    rows = await sealing.relayed()
    sealing.door.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await sealing.hears(*rows)
    assert sealing.door.asked == []
    sealing.door.away = False
    sealing.opener._away.clear()
    await sealing.hears(*rows)
    assert await sealing.knows(f"Observation/{observation['id']}")


async def test_another_service_is_given_no_keys(sealing: House) -> None:
    patient, _ = a_record("Tretamas")
    await sealing.written(patient)
    sealing.door.client = "exchange"
    with pytest.raises(Declined, match="keys-not-for-you"):
        await sealing.hears(*await sealing.relayed())


async def test_a_key_that_the_maker_never_had_and_a_changed_value_are_set_aside_loudly(sealing: House) -> None:
    patient, _ = a_record("Ringtrut")
    await sealing.written(patient)
    [row] = await sealing.relayed()
    event = from_headers(read_headers(row["headers"]), row["key"], row["value"])
    strange = bytes([SEALED]) + (4711).to_bytes(8, "big") + event.data[9:]
    with pytest.raises(UnknownKey):
        await sealing.opener.opened(TOPIC, [_with(event, strange)])
    with pytest.raises(UnreadableEvent):
        await sealing.opener.opened(TOPIC, [_with(event, event.data[:-1] + bytes([event.data[-1] ^ 1]))])
    with pytest.raises(UnreadableEvent):
        await sealing.opener.opened(TOPIC, [_with(event, event.data[:20])])
    with pytest.raises(UnreadableEvent):
        await sealing.opener.opened(TOPIC, [_with(event, event.data, "another-id")])
    sealing.opener._keys.clear()
    with pytest.raises(UnknownKey, match="Nobody here"):
        await sealing.opener.opened("strange.record.v1", [event])


def _with(event: CloudEvent, data: bytes, id: str = "") -> CloudEvent:
    return CloudEvent(id or event.id, event.source, event.type, event.time, data, event.key)
