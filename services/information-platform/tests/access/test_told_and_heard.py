"""What the region tells of the law, to whom it answers, what it adopts, and how it forgets (D9)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from access.acts import Act
from fhirserver.engine import Engine
from information_platform.access.actions import FactsOwner
from information_platform.access.beating import Heart
from information_platform.access.handlers import TOPIC, handlers
from information_platform.access.telling import CHANGED
from information_platform.settings import Settings
from kit.events import CloudEvent, UnreadableEvent
from kit.outbox import Relay
from kit.testing import Told, fresh_topics

Body = Callable[..., dict[str, Any]]


def an_act(patient: str, kind: Any = "relation", hours: int = 4, **more: Any) -> Act:
    at = datetime.now(UTC) - timedelta(hours=1)
    given: dict[str, Any] = {"unit": "SE-U", "provider": "SE-P", "reason": "Platsen var borta", **more}
    return Act(str(uuid4()), kind, patient, at, "SE-P001", until=at + timedelta(hours=hours), **given)


async def hear(engine: Engine, *acts: Act) -> None:
    events = [
        CloudEvent(str(uuid4()), "fvm/vis", TOPIC, datetime.now(UTC), msgspec.json.encode(one), "k") for one in acts
    ]
    async with engine.db.transaction() as tx:
        await handlers(FactsOwner(engine))[TOPIC](tx, events)


async def test_versions_grow_and_each_fact_is_told_whole(ward: Any) -> None:
    patient = await ward.patient()
    for commission in (ward.norrby, ward.sjovik):
        await ward.relate(patient, commission)
    (_, first), (key, second) = (await ward.events())[-2:]

    assert (key, second["patients"]) == (patient, [patient])
    assert second["version"] > first["version"] >= 1 << 40
    assert second["version"] % 256 == 0  # a copy may add of its own in between
    assert [one["unit"] for one in second["facts"]["relations"]] == [ward.norrby.unit, ward.sjovik.unit]


async def test_only_copies_are_told_all_facts(ward: Any) -> None:
    patient, unknown = await ward.patient(), str(uuid4())
    await ward.relate(patient, ward.norrby)
    async with ward.client("system", client_id="vis", subject="vis") as vis, ward.client("system") as other:
        asked = {"patients": [patient, unknown]}
        address = "http://localhost:8080/internal/access/facts"
        answer = await vis.post(address, json=asked)
        assert [one["patients"] for one in answer.json()] == [[patient]]
        assert answer.json()[0]["facts"]["relations"][0]["unit"] == ward.norrby.unit
        assert (await other.post(address, json=asked)).status_code == 403


async def test_rules_for_everybody_are_set_by_who_may_and_told(ward: Any) -> None:
    rules = {"sharing": ["SE-A", "SE-B"], "hidden_types": ["und"]}
    async with ward.staff() as staff, ward.client("system", scope="system/*.cruds") as operator:
        assert (await staff.put("/rules", json=rules)).status_code == 403
        answer = await operator.put("/rules", json=rules)
        assert (answer.status_code, answer.json()["at_vis"]) == (200, True)
        assert (await operator.get("/rules")).json()["hidden_types"] == ["und"]
    key, value = (await ward.events())[-1]
    assert (key, value["rules"]["sharing"]) == ("rules", ["SE-A", "SE-B"])
    assert ward.engine.law.rules.sharing == {"SE-A", "SE-B"}


async def test_emg_05_what_vis_took_is_adopted_once_with_its_own_time_and_reviewed(ward: Any) -> None:
    patient = await ward.patient()
    act = an_act(patient, "consent", ground="emergency")
    await hear(ward.engine, act, act)
    await hear(ward.engine, act)

    facts = await ward.facts(patient)
    assert [(one.since, one.ground) for one in facts.consents] == [(act.at, "emergency")]
    tasks = await ward.engine.db.pool.fetch("select kind from access_task where patient = $1 order by kind", patient)
    assert [row["kind"] for row in tasks] == ["patient-notice", "review"]
    assert (await ward.events())[-1][1]["taken"] == [act.id]


async def test_an_act_about_somebody_whom_only_vis_knows_yet_holds_when_they_arrive(ward: Any) -> None:
    patient = str(uuid4())
    await hear(ward.engine, an_act(patient))
    await ward.patient(id=patient)
    async with ward.staff() as staff:
        assert (await staff.get(f"/patients/{patient}")).json()["relation"] is False
    assert [one.unit for one in (await ward.facts(patient)).relations] == ["SE-U"]


@pytest.mark.parametrize(
    ("kind", "hours", "more"),
    [("block", 4, {}), ("consent", 4, {}), ("relation", 24 * 31, {}), ("consent", 25, {"ground": "emergency"})],
)
async def test_what_vis_may_not_take_is_parked(engine: Engine, kind: str, hours: int, more: dict[str, str]) -> None:
    with pytest.raises(UnreadableEvent):
        await hear(engine, an_act("p", kind, hours, **more))


async def test_an_order_of_destruction_leaves_no_act_and_tells_a_tombstone(ward: Any) -> None:
    patient = await ward.patient()
    await ward.relate(patient, ward.norrby)
    before = (await ward.facts(patient)).version
    async with ward.engine.db.pool.acquire() as con, con.transaction():
        await FactsOwner(ward.engine).forget(con, patient)
    facts = await ward.facts(patient)

    assert (facts.relations, facts.version > before) == ((), True)
    assert (await ward.events())[-1] == (patient, {})
    left = await ward.engine.db.pool.fetchval("select count(*) from access_act where patient = $1", patient)
    assert left == 0


async def test_d9_a_heartbeat_goes_to_every_partition_once_a_second(engine: Engine, kafka_bootstrap: str) -> None:
    async with fresh_topics(kafka_bootstrap, [CHANGED], partitions=3) as region:
        settings = Settings(database_url=engine.db.url, mode="demo", kafka=kafka_bootstrap, region=region)
        relay = Relay(engine.db, Told(), settings)
        await engine.db.pool.execute("truncate outbox")
        await engine.db.pool.execute("update access_beat set at = 'epoch'")
        for _ in range(2):  # two processes: one beats
            await Heart(engine.db, settings, relay).beat()
    rows = await engine.db.pool.fetch("select key, value from outbox order by id")
    beats = [json.loads(row["value"])["beat"] for row in rows]
    assert beats == [{"lane": lane, "lanes": 3} for lane in range(3)]
    assert len({row["key"] for row in rows}) == 3
