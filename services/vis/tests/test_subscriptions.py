"""Subscriptions at VIS's door: from a change to a notification, whatever the endpoint does meanwhile."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from fhircore.xml import from_xml
from fhirserver.engine import Engine
from fhirserver.subscribing.tapping import Tap
from kit.outbox import Relay
from vis.settings import Settings

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-"
TOPIC = "http://localhost:8080/vis/fhir/SubscriptionTopic/resource-changed"


def plain(
    hook: Any, criteria: str = "Observation?code=718-7", payload: str = "application/fhir+json"
) -> dict[str, Any]:
    channel = {
        "type": "rest-hook",
        "endpoint": hook.url,
        "payload": payload,
        "header": ["Authorization: Bearer hemligt"],
    }
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "prov",
        "criteria": criteria,
        "channel": {name: value for name, value in channel.items() if value},
    }


def topical(hook: Any, content: str, criteria: str = "Observation?code=718-7", **channel: int) -> dict[str, Any]:
    kinds = {"heartbeat-period": "valueUnsignedInt", "timeout": "valueUnsignedInt", "max-count": "valuePositiveInt"}
    more = [
        {"url": BACKPORT + name.replace("_", "-"), kinds[name.replace("_", "-")]: value}
        for name, value in channel.items()
    ]
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "prov",
        "criteria": TOPIC,
        "_criteria": {"extension": [{"url": BACKPORT + "filter-criteria", "valueString": criteria}]},
        "channel": {
            "type": "rest-hook",
            "endpoint": hook.url,
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": BACKPORT + "payload-content", "valueCode": content}]},
            **({"extension": more} if more else {}),
        },
    }


def said(parameters: dict[str, Any], name: str) -> list[Any]:
    found = [one for one in parameters["parameter"] if one["name"] == name]
    return [next((v for k, v in one.items() if k.startswith("value")), one.get("part")) for one in found]


async def test_a_matching_change_is_sent_as_r4_says_and_no_other(ward: Any, hook: Any, walk: Any) -> None:
    sub = await ward.add(plain(hook))
    await walk.on()
    assert (await ward.bench.get(f"/Subscription/{sub}")).json()["status"] == "active"
    patient = await ward.patient()
    other = await ward.observation(patient, "29463-7")
    observation = await ward.observation(patient)
    await walk.on()
    ((method, path, headers, body),) = hook.calls
    assert (method, path) == ("PUT", f"/hook/Observation/{observation}")
    assert headers["Authorization"] == "Bearer hemligt"
    assert json.loads(body)["id"] == observation
    assert other not in body.decode()
    changed = json.loads(body)
    changed["status"] = "amended"
    await ward.bench.put(f"/Observation/{observation}", json=changed)
    await walk.on()
    assert json.loads(hook.calls[1][3])["meta"]["versionId"] == "2"
    assert await walk.states(sub) == ["delivered", "delivered"]


async def test_without_a_payload_the_notification_is_empty(ward: Any, hook: Any, walk: Any) -> None:
    await ward.add(plain(hook, payload=""))
    await walk.on()
    await ward.observation(await ward.patient())
    await walk.on()
    assert [(method, path, body) for method, path, _, body in hook.calls] == [("POST", "/hook", b"")]


async def test_a_payload_may_be_xml(ward: Any, hook: Any, walk: Any) -> None:
    await ward.add(plain(hook, payload="application/fhir+xml"))
    await walk.on()
    observation = await ward.observation(await ward.patient())
    await walk.on()
    assert from_xml(hook.calls[0][3])["id"] == observation
    assert hook.calls[0][2]["Content-Type"].startswith("application/fhir+xml")


async def test_criteria_may_chain_and_are_asked_of_what_is_there_now(ward: Any, hook: Any, walk: Any) -> None:
    await ward.add(plain(hook, "Observation?subject:Patient.family=Kedjesson"))
    await walk.on()
    chained = await ward.observation(await ward.patient(name=[{"family": "Kedjesson"}]))
    await ward.observation(await ward.patient(name=[{"family": "Annan"}]))
    gone = await ward.observation(await ward.patient(name=[{"family": "Kedjesson"}]))
    await ward.bench.delete(f"/Observation/{gone}")
    await walk.on()
    assert [path for _, path, _, _ in hook.calls] == [f"/hook/Observation/{chained}"]


async def test_the_secret_of_a_channel_is_nowhere_but_in_the_call(
    ward: Any,
    hook: Any,
    walk: Any,
    engine: Engine,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sub = await ward.add(plain(hook))
    hook.answers = 500
    await walk.on()
    await ward.observation(await ward.patient())
    await walk.on()
    answer = await ward.bench.get(f"/Subscription/{sub}")
    assert answer.json()["channel"]["header"] == ["Authorization: ***"]
    history = await ward.bench.get(f"/Subscription/{sub}/_history")
    assert "hemligt" not in answer.text + history.text + caplog.text + capsys.readouterr().out
    again = {**answer.json(), "status": "requested"}
    assert (await ward.bench.put(f"/Subscription/{sub}", json=again)).status_code == 200
    hook.answers = 200
    await walk.later()
    assert hook.calls[-1][2]["Authorization"] == "Bearer hemligt"


async def test_a_batch_with_a_bad_entry_keeps_the_secret_of_the_good_one(ward: Any, hook: Any, walk: Any) -> None:
    entries = [
        {"resource": plain(hook), "request": {"method": "POST", "url": "Subscription"}},
        {
            "resource": {"resourceType": "Observation", "id": "x1", "status": "final", "code": {"text": "x"}},
            "request": {"method": "PUT", "url": "Observation/x1", "ifMatch": 'W/"9"'},
        },
    ]
    answer = await ward.bench.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [one["response"]["status"][:3] for one in answer.json()["entry"]] == ["201", "412"]
    await walk.on()
    await ward.observation(await ward.patient())
    await walk.on()
    assert hook.calls[0][2]["Authorization"] == "Bearer hemligt"


async def test_a_silent_endpoint_loses_nothing_and_gets_everything_in_order(ward: Any, hook: Any, walk: Any) -> None:
    sub = await ward.add(plain(hook))
    await walk.on()
    hook.answers = 503
    patient = await ward.patient()
    made = [await ward.observation(patient) for _ in range(4)]
    await walk.on()
    assert len(hook.calls) == 1  # the rest wait behind the first
    for _ in range(3):
        await walk.later()
    failing = (await ward.bench.get(f"/Subscription/{sub}")).json()
    assert failing["status"] == "error"
    assert failing["error"] == "The endpoint answered 503"
    hook.calls.clear()
    hook.answers = 200
    await walk.later()
    assert [path.split("/")[-1] for _, path, _, _ in hook.calls] == made
    well = (await ward.bench.get(f"/Subscription/{sub}")).json()
    assert well["status"] == "active"
    assert "error" not in well


async def test_pauses_grow(ward: Any, hook: Any, walk: Any, engine: Engine) -> None:
    sub = await ward.add(plain(hook))
    await walk.on()
    hook.answers = 500
    await ward.observation(await ward.patient())
    pauses = []
    for _ in range(6):
        await walk.later()
        pauses.append(
            await engine.db.pool.fetchval(
                "select extract(epoch from next_at - now())::float8 from subscription where id = $1", sub
            )
        )
    assert pauses[-1] > 10 * pauses[0]


async def test_after_days_events_are_set_aside_shown_and_can_be_sent_again(
    ward: Any, hook: Any, walk: Any, engine: Engine
) -> None:
    sub = await ward.add(topical(hook, "id-only"))
    await walk.on()
    hook.answers = 500
    observation = await ward.observation(await ward.patient())
    await walk.on()
    await engine.db.pool.execute("update subscription set failing_since = now() - interval '6 days'")
    await walk.later()
    assert (await ward.bench.get(f"/Subscription/{sub}")).json()["status"] == "off"
    assert await walk.states(sub) == ["dead"]
    events = (await ward.bench.get(f"/Subscription/{sub}/$events?content=full-resource")).json()
    assert events["entry"][1]["resource"]["id"] == observation
    hook.answers = 200
    current = (await ward.bench.get(f"/Subscription/{sub}")).json()
    await ward.bench.put(f"/Subscription/{sub}", json={**current, "status": "requested"})
    await engine.db.pool.execute("update subscription_event set state = 'waiting' where sub = $1", sub)
    hook.calls.clear()
    await walk.on()
    kinds = [said(one["entry"][0]["resource"], "type")[0] for one in hook.bundles()]
    assert kinds == ["handshake", "event-notification"]


async def test_a_topic_shakes_hands_numbers_its_events_and_beats(
    ward: Any, hook: Any, walk: Any, engine: Engine
) -> None:
    sub = await ward.add(topical(hook, "full-resource", **{"heartbeat-period": 60, "max-count": 2}))
    hook.answers = 404
    await walk.on()
    assert (await ward.bench.get(f"/Subscription/{sub}")).json()["status"] == "requested"
    hook.answers = 200
    await walk.later()
    assert (await ward.bench.get(f"/Subscription/{sub}")).json()["status"] == "active"
    handshake = hook.bundles()[-1]
    assert handshake["type"] == "history"
    assert said(handshake["entry"][0]["resource"], "type") == ["handshake"]
    hook.calls.clear()
    patient = await ward.patient()
    made = [await ward.observation(patient) for _ in range(3)]
    await walk.on()
    first, second = hook.bundles()
    numbers = [said({"parameter": p}, "event-number")[0] for b in (first, second)
               for p in said(b["entry"][0]["resource"], "notification-event")]  # fmt: skip
    assert numbers == ["1", "2", "3"]
    assert [e["resource"]["id"] for b in (first, second) for e in b["entry"][1:]] == made
    hook.calls.clear()
    await engine.db.pool.execute("update subscription set last_at = now() - interval '2 minutes'")
    await walk.on()
    assert [said(b["entry"][0]["resource"], "type") for b in hook.bundles()] == [["heartbeat"]]
    assert said(hook.bundles()[0]["entry"][0]["resource"], "events-since-subscription-start") == ["3"]


@pytest.mark.parametrize(("content", "focus", "entries"), [("empty", 0, 1), ("id-only", 1, 2)])
async def test_a_topic_tells_as_much_as_was_asked_for(
    ward: Any, hook: Any, walk: Any, content: str, focus: int, entries: int
) -> None:
    await ward.add(topical(hook, content))
    await walk.on()
    await ward.observation(await ward.patient())
    await walk.on()
    bundle = hook.bundles()[-1]
    (event,) = said(bundle["entry"][0]["resource"], "notification-event")
    assert len(said({"parameter": event}, "focus")) == focus
    assert len(bundle["entry"]) == entries
    assert all("resource" not in entry for entry in bundle["entry"][1:])


async def test_status_and_events_are_asked_for(ward: Any, hook: Any, walk: Any) -> None:
    sub = await ward.add(topical(hook, "id-only"))
    await walk.on()
    patient = await ward.patient()
    made = [await ward.observation(patient) for _ in range(3)]
    await walk.on()
    status = (await ward.bench.get(f"/Subscription/{sub}/$status")).json()
    assert status["type"] == "searchset"
    assert said(status["entry"][0]["resource"], "status") == ["active"]
    listed = (await ward.bench.get(f"/Subscription/$status?id={sub}&status=active")).json()
    assert listed["total"] == 1
    assert (await ward.bench.get("/Subscription/$status?status=off")).json()["total"] == 0
    again = (await ward.bench.get(f"/Subscription/{sub}/$events?eventsSinceNumber=2&eventsUntilNumber=3")).json()
    assert [entry["fullUrl"].split("/")[-1] for entry in again["entry"][1:]] == made[1:]
    posted = {"resourceType": "Parameters", "parameter": [{"name": "content", "valueCode": "empty"}]}
    assert len((await ward.bench.post(f"/Subscription/{sub}/$events", json=posted)).json()["entry"]) == 1
    for query in ("content=all", "eventsSinceNumber=x", "shoe=1"):
        assert (await ward.bench.get(f"/Subscription/{sub}/$events?{query}")).status_code == 400


async def test_what_the_owner_may_not_see_is_never_sent_nor_counted(
    ward: Any, doctor: httpx2.AsyncClient, doctor_elsewhere: httpx2.AsyncClient, hook: Any, walk: Any, engine: Engine
) -> None:
    answer = await doctor.post("/Subscription", json=topical(hook, "full-resource"))
    assert answer.status_code == 201, answer.text
    sub = answer.json()["id"]
    await walk.on()
    hook.calls.clear()
    patient = await ward.patient()
    mine = await ward.observation(patient, by=doctor)
    await ward.observation(patient, by=doctor_elsewhere)
    before = await engine.db.pool.fetchval("select coalesce(max(id), 0) from access_log")
    await walk.on()
    (bundle,) = hook.bundles()
    assert [entry["resource"]["id"] for entry in bundle["entry"][1:]] == [mine]
    logged = await engine.db.pool.fetch("select activity, actor, returned from access_log where id > $1", before)
    assert [(row["activity"], row["returned"]) for row in logged] == [("notify", 1)]
    assert (await doctor_elsewhere.get(f"/Subscription/{sub}/$status")).status_code == 404
    assert (await doctor.get(f"/Subscription/{sub}/$status")).status_code == 200


async def test_sight_is_decided_when_it_is_sent_and_a_purged_event_has_no_focus(
    ward: Any, hook: Any, walk: Any, engine: Engine
) -> None:
    await ward.add(topical(hook, "full-resource"))
    await walk.on()
    hook.answers = 500
    patient = await ward.patient()
    observation = await ward.observation(patient)
    kept = await ward.observation(patient)
    await walk.on()
    await engine.db.pool.execute(  # the law now withholds it: another owner
        "update res set lab = 0 where key = $1", engine.keys.of(f"Observation/{observation}")
    )
    owner = '"scopes":["system/*.cruds"]'
    await engine.db.pool.execute(
        "update subscription set owner = regexp_replace(owner, '\"scopes\":\\[[^]]*\\]', $1)", owner
    )
    hook.answers = 200
    hook.calls.clear()
    await walk.later()
    bundle = hook.bundles()[-1]
    assert [entry["resource"]["id"] for entry in bundle["entry"][1:]] == [kept]
    events = said(bundle["entry"][0]["resource"], "notification-event")
    assert [len(said({"parameter": event}, "focus")) for event in events] == [0, 1]


async def test_two_quick_changes_and_a_relay_that_repeats_itself_give_each_version_once(
    ward: Any, hook: Any, walk: Any, engine: Engine
) -> None:
    sub = await ward.add(plain(hook))
    await walk.on()
    observation = await ward.observation(await ward.patient())
    rows = await engine.db.pool.fetch("select topic, key, headers, value from outbox where topic = 'vis.record.v1'")
    for row in rows:
        await engine.db.pool.execute("insert into outbox(topic, key, headers, value) values ($1, $2, $3, $4)", *row)
    await walk.on()
    assert [path for _, path, _, _ in hook.calls] == [f"/hook/Observation/{observation}"]
    assert await walk.states(sub) == ["delivered"]


async def test_changes_noted_by_a_relay_that_could_not_send_are_noted_again(
    ward: Any, hook: Any, walk: Any, engine: Engine
) -> None:
    await ward.add(plain(hook))
    await walk.on()
    await ward.observation(await ward.patient())

    class Away:
        async def send_all(self, _messages: Any) -> None:
            raise ConnectionError

    broken = Relay(engine.db, Away(), Settings(database_url=engine.db.url, mode="demo"))
    broken.tap = Tap(engine)
    async with engine.db.pool.acquire() as connection:
        with pytest.raises(ConnectionError):
            await broken.once(connection)
    await walk.on()
    assert len(hook.calls) == 1


async def test_a_subscription_ends_is_turned_off_and_is_forgotten_when_deleted(
    ward: Any, hook: Any, walk: Any, engine: Engine
) -> None:
    sub = await ward.add({**plain(hook), "end": "2020-01-01T00:00:00Z"})
    await walk.on()
    ended = (await ward.bench.get(f"/Subscription/{sub}")).json()
    assert (ended["status"], ended["error"]) == ("off", "It has come to its end")
    off = await ward.add({**plain(hook), "status": "off"})
    await ward.observation(await ward.patient())
    await walk.on()
    assert hook.calls == []
    for id in (sub, off):
        assert (await ward.bench.delete(f"/Subscription/{id}")).status_code == 204
    assert await engine.db.pool.fetchval("select count(*) from subscription") == 0


async def test_a_token_subscribes_to_what_it_may_read_and_search(ward: Any, hook: Any, walk: Any) -> None:
    async with ward.client("system", scope="system/Subscription.cruds system/Observation.r fvm/everything") as narrow:
        refused = await narrow.post("/Subscription", json=plain(hook))
        assert refused.status_code == 403
    async with ward.client("system", scope="system/*.cruds") as nobody:
        assert (await nobody.post("/Subscription", json=plain(hook))).status_code == 403


async def test_the_loop_runs_by_itself(ward: Any, hook: Any, walk: Any, engine: Engine) -> None:
    running = asyncio.create_task(walk.notifier.run())
    try:
        await ward.add(plain(hook))
        await ward.observation(await ward.patient())
        async with engine.db.pool.acquire() as connection:
            while await walk.relay.once(connection):
                pass
        for _ in range(100):
            if hook.calls:
                break
            await asyncio.sleep(0.05)
        assert len(hook.calls) == 1
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
