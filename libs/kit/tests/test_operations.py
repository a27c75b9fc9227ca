"""What operators see of a service: how far behind it is, what was set aside, and who may ask."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from kit.broker import answering
from kit.caller import Commission
from kit.db import Database, driver
from kit.events import CloudEvent, to_headers
from kit.inbox import Inbox
from kit.kafka import Producer
from kit.lag import Meter
from kit.operations import Operations
from kit.outbox import Message, Outgoing, emit
from kit.problems import Malformed, Unavailable
from kit.settings import Settings
from kit.testing import A_COMMISSION, TestIssuer, fresh_topics
from kit.web import new_app

TOPIC, PATIENT = "sample.note.v1", "191212121212"
HERE = {"fvm-operator": "jonatan"}


@pytest.fixture
def frozen() -> Iterator[str]:
    """host:port of a broker that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def operator() -> Commission:
    held = A_COMMISSION
    return Commission(
        held.id, held.unit, held.unit_name, held.provider, held.provider_name, "Driftansvarig",
        rights=frozenset({"exchange.operate"}),
    )  # fmt: skip


class Bench:
    """A service with one reader on a topic of its own; `broken` says how it fails, by event id."""

    def __init__(self, db: Database, settings: Settings, producer: Producer, issuer: TestIssuer) -> None:
        self.db, self.settings, self.producer, self.issuer = db, settings, producer, issuer
        self.broken: dict[str, Exception] = {}
        self.operations = Operations("sample", db, settings)
        self.app: FastAPI = new_app(
            "Sample", db=db, verifier=issuer.verifier("/vis/fhir"), routers=[self.operations.router]
        )

    async def tell(self, *ids: str, key: str = PATIENT) -> None:
        await self.producer.send_all([self._message(id, key) for id in ids])

    def _message(self, id: str, key: str) -> Message:
        event = CloudEvent(id, "sample", TOPIC, datetime.now(UTC), b'{"name":"Tolvan"}', key, subject=key)
        return Message(self.settings.topic(TOPIC), key.encode(), event.data, to_headers(event))

    async def listen(self, seen: int) -> None:
        """Reads until so many messages are settled."""
        inbox = Inbox(self.db, self.settings, "sample", {TOPIC: self._take}, retry_pause=0.05)
        task = asyncio.create_task(inbox.run())
        try:
            async with asyncio.timeout(20):
                while await self.db.pool.fetchval("select count(*) from inbox") < seen:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                while await self._replayed():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _replayed(self) -> int:
        return int(await self.db.pool.fetchval("select count(*) from inbox_waiting where error = 'replayed'"))

    async def _take(self, tx: Any, events: Any) -> None:
        con = await driver(tx)
        for event in events:
            await con.execute("insert into note (event, key) values ($1, $2)", event.id, event.key)
            if event.id in self.broken:
                raise self.broken[event.id]

    def client(self, comes_from: str = "127.0.0.1", **headers: str) -> AsyncClient:
        transport = ASGITransport(self.app, client=(comes_from, 1))
        return AsyncClient(transport=transport, base_url="http://127.0.0.1:81", headers=headers)

    async def get(self, path: str) -> Any:
        async with self.client(**HERE) as client:
            answer = await client.get(f"/internal/operations{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, **body: Any) -> Any:
        async with self.client(**HERE) as client:
            answer = await client.post(f"/internal/operations{path}", json=body)
        return answer.json()


@pytest.fixture
async def bench(db: Database, kafka_bootstrap: str, issuer: TestIssuer) -> AsyncIterator[Bench]:
    producer = Producer(kafka_bootstrap)
    async with fresh_topics(kafka_bootstrap, [TOPIC]) as region:
        settings = Settings(database_url=db.url, kafka=kafka_bootstrap, region=region)
        bench = Bench(db, settings, producer, issuer)
        yield bench
        await bench.operations._lag.stop()
        await producer.stop()


async def test_what_is_not_told_and_not_read_is_behind(bench: Bench) -> None:
    await bench.tell("a")
    await bench.listen(1)
    await bench.tell("b", "c")
    async with bench.db.transaction() as tx:
        event = CloudEvent("x", "sample", TOPIC, datetime.now(UTC), b"{}")
        await emit(tx, [Outgoing(TOPIC, None, event)])

    lag = await bench.get("/lag")

    assert [(row["topic"], row["messages"]) for row in lag["outbox"]] == [(TOPIC, 1)]
    assert lag["outbox"][0]["oldest_seconds"] < 10
    [arrow] = lag["arrows"]
    assert (arrow["reader"], arrow["topic"], arrow["behind"]) == ("sample", TOPIC, 2)
    assert lag["kafka"] is True
    assert lag["epoch"] == 1
    async with bench.client() as client:
        metrics = (await client.get("/metrics")).text
    assert f'inbox_behind_messages{{reader="sample",topic="{TOPIC}"}} 2.0' in metrics
    assert f'outbox_waiting_messages{{topic="{TOPIC}"}} 1.0' in metrics


async def test_a_broker_that_is_away_is_said_and_the_rest_is_measured(bench: Bench) -> None:
    await bench.tell("a")
    await bench.listen(1)
    away = Operations("sample", bench.db, bench.settings.model_copy(update={"kafka": "127.0.0.1:1"}))

    lag = await away._lag.measure()

    assert lag.kafka is False
    assert {reading.end for reading in lag.readings} == {None}
    assert lag.arrows[0].behind is None


async def test_a_parked_message_is_listed_and_shown_without_its_patient(bench: Bench) -> None:
    bench.broken["bad"] = Malformed("It has no type")
    await bench.tell("bad", "good")
    await bench.listen(2)

    found = await bench.get("/parked")
    [held] = found["messages"]
    shown = await bench.get(f"/parked/{held['id']}")

    assert found["count"] == 1
    assert held["id"].startswith("sample-")
    assert (held["code"], held["reason"]) == ("kit/malformed", "It has no type")
    assert shown["attributes"]["ce_id"] == "bad"
    assert shown["body"] is None
    assert PATIENT not in str(found) + str(shown)
    assert "Tolvan" not in str(shown)


async def test_content_is_shown_to_a_known_operator_with_a_reason_that_is_written_down(bench: Bench) -> None:
    bench.broken["bad"] = Malformed("It has no type")
    await bench.tell("bad")
    await bench.listen(1)
    id = (await bench.get("/parked"))["messages"][0]["id"]
    path = f"/internal/operations/parked/{id}?reason=felsöker"
    token = bench.issuer.headers("staff", commission=operator())

    async with bench.client(**HERE) as unknown:
        refused = await unknown.get(path)
    async with bench.client("10.0.0.7", **token) as known:
        shown = await known.get(path)

    assert refused.status_code == 403
    assert shown.json()["body"] == "eyJuYW1lIjoiVG9sdmFuIn0="
    row = await bench.db.pool.fetchrow("select operator, act, what, reason from operation")
    assert tuple(row) == ("SE2321000016-person-1", "show content", id, "felsöker")


async def test_a_replay_says_first_how_many_it_would_be(bench: Bench) -> None:
    bench.broken |= {"one": Malformed("Bad"), "two": Malformed("Bad")}
    await bench.tell("one", "two")
    await bench.listen(2)
    bench.broken.clear()

    dry = await bench.post("/parked/replay", code="kit/malformed")
    other = await bench.post("/parked/replay", code="kit/other", dry_run=False)
    done = await bench.post("/parked/replay", code="kit/malformed", dry_run=False, reason="mended")
    await bench.listen(2)

    assert (dry, other) == ({"count": 2, "replayed": 0}, {"count": 0, "replayed": 0})
    assert done == {"count": 2, "replayed": 2}
    assert await bench.db.pool.fetch("select event from note order by id") == [("one",), ("two",)]
    assert (
        await bench.db.pool.fetchval("select count(*) from operation where act = 'replay' and reason = 'mended'") == 1
    )


async def test_what_is_given_up_stays_and_can_be_brought_back(bench: Bench) -> None:
    bench.broken["bad"] = Malformed("Bad")
    await bench.tell("bad")
    await bench.listen(1)
    id = (await bench.get("/parked"))["messages"][0]["id"]

    silent = await bench.post(f"/parked/{id}/give-up")
    given = await bench.post(f"/parked/{id}/give-up", reason="the source has sent it anew")

    assert silent["status"] == 400
    assert given == {"given_up": id}
    assert (await bench.get("/parked"))["count"] == 0
    assert (await bench.get(f"/parked/{id}"))["held"]["state"] == "given up"
    assert await bench.post("/parked/replay", ids=[id], dry_run=False) == {"count": 1, "replayed": 1}


async def test_what_waits_is_told_why_and_its_key_can_go_on_without_it(bench: Bench) -> None:
    bench.broken["first"] = Unavailable("The other side is away")
    await bench.tell("first", "second")
    await bench.listen(2)

    [waits] = (await bench.get("/lag"))["waiting"]
    first, second = (await bench.get("/parked"))["messages"]
    shown = await bench.get(f"/parked/{first['id']}")
    await bench.post(f"/parked/{first['id']}/give-up", reason="never")
    await bench.post("/parked/replay", code="waits", dry_run=False)

    assert (waits["messages"], waits["keys"]) == (2, 1)
    assert waits["errors"] == ["kit.problems.Unavailable(kit/unavailable)"]
    assert first["person"] == second["person"] != ""
    assert shown["behind"] == 1
    assert [held["id"] for held in (await bench.get("/parked"))["messages"]] == [second["id"]]


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("10.0.0.7", HERE),  # another machine
        ("127.0.0.1", {}),  # nobody says who; a page of another site cannot
        ("127.0.0.1", {**HERE, "host": "evil.example"}),  # a name that was made to lead here
    ],
)
async def test_only_who_is_at_the_machine_is_let_in_without_a_token(
    bench: Bench, host: str, headers: dict[str, str]
) -> None:
    async with bench.client(host, **headers) as client:
        assert (await client.get("/internal/operations/lag")).status_code == 403


async def test_a_token_needs_the_right(bench: Bench) -> None:
    cases = {
        403: bench.issuer.headers("staff"),
        200: bench.issuer.headers("system", scope="system/operations"),
        401: {"Authorization": "Bearer nonsense"},
    }
    for status, headers in cases.items():
        async with bench.client("10.0.0.7", **headers) as client:
            assert (await client.get("/internal/operations/lag")).status_code == status


def test_a_rate_looks_back_a_minute_and_begins_anew_when_the_number_falls() -> None:
    looks = ((0.0, 0), (30.0, 10), (60.0, 20), (120.0, 20), (180.0, 20), (181.0, 5))
    clock = iter([at for at, _ in looks])
    meter = Meter(lambda: next(clock))
    seen = [meter.per_minute("x", number) for _, number in looks]

    assert seen == [None, 20, 20, 0, 0, None]


async def test_a_service_is_not_silent_because_its_broker_is(bench: Bench, frozen: str) -> None:
    await bench.tell("a")
    await bench.listen(1)
    settings = bench.settings.model_copy(update={"kafka": frozen})
    operations = Operations("sample", bench.db, settings)
    checks = {"kafka": answering(settings.broker)}
    app = new_app(
        "Sample", db=bench.db, verifier=bench.issuer.verifier("/vis/fhir"), routers=[operations.router], checks=checks
    )
    at_first = await asyncio.wait_for(now(app), 2.5)
    async with asyncio.timeout(20):
        await operations.lag()  # as the loop of the service does, however long it takes
    later = await asyncio.wait_for(now(app), 2.5)
    await operations.stop()

    assert at_first["checks"] == {"database": True, "kafka": False}
    assert later["lag"]["kafka_why"] == "silent"


async def now(app: FastAPI) -> dict[str, Any]:
    async with AsyncClient(
        transport=ASGITransport(app, client=("127.0.0.1", 1)), base_url="http://127.0.0.1"
    ) as client:
        found: dict[str, Any] = (await client.get("/internal/operations/now", headers=HERE)).json()
        return found
