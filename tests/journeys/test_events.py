"""A system hands in FHIR resources as CloudEvents, by HTTP or straight to Kafka, and can look up what became of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx2
import msgspec
import pytest

from kit.events import CloudEvent, to_headers
from kit.kafka import Producer
from kit.outbox import Message

Look = Callable[..., Awaitable[list[dict[str, Any]]]]
Until = Callable[..., Awaitable[Any]]
encode = msgspec.json.Encoder(decimal_format="number").encode
SYSTEM = "https://example.org/lims"
INBOX = "exchange.inbox.v1"


def facts(name: str, value: str = "7.10") -> dict[str, Any]:
    """A patient of the sender's, and a result about them."""
    patient = {
        "resourceType": "Patient", "id": f"p-{name}", "identifier": [{"system": SYSTEM, "value": name}],
        "name": [{"family": "Händelse", "given": ["Åsa"]}],
    }  # fmt: skip
    result = {
        "resourceType": "Observation", "id": f"o-{name}", "status": "final", "code": {"text": "P-Glukos"},
        "subject": {"reference": f"Patient/p-{name}"}, "effectiveDateTime": "2026-11-01T08:00:00+01:00",
        "valueQuantity": {"value": Decimal(value), "unit": "mmol/L"},
    }  # fmt: skip
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}, {"resource": result}]}


def an_event(name: str, data: Any, **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"e-{name}", "source": "/lims", "type": "org.example.result",
        "datacontenttype": "application/fhir+json", "data": data, **more,
    }  # fmt: skip


@pytest.fixture
def name() -> str:
    return uuid4().hex[:12]


@pytest.fixture(scope="module")
async def lab(region: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A system that may hand in, and see its own receipts, and nothing else."""
    async with region.client("lab") as client:
        yield client


async def arrived(look: Look, name: str, value: str = "7.10") -> dict[str, Any]:
    [patient] = await look(f"Patient?identifier={SYSTEM}|{name}")
    [result] = await look(f"Observation?patient={patient['id']}")
    assert patient["name"] == [{"family": "Händelse", "given": ["Åsa"]}]
    assert str(result["valueQuantity"]["value"]) == value
    return result


async def settled(region: Any, client: httpx2.AsyncClient, location: str) -> dict[str, Any]:
    answer = await client.get(location.removeprefix(region.settings.public_url))
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] != "received"
    return dict(answer.json())


async def test_a_structured_event_gets_a_receipt_and_is_found_in_the_record(
    region: Any, lab: httpx2.AsyncClient, look: Look, until: Until, name: str
) -> None:
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
    answer = await lab.post("/exchange/events", content=encode(an_event(name, facts(name))), headers=headers)
    assert answer.status_code == 202, answer.text

    receipt = await until(lambda: settled(region, lab, answer.headers["location"]))
    assert (receipt["state"], receipt["resources"]) == ("translated", {"Patient": 1, "Observation": 1})
    await until(lambda: arrived(look, name))


async def test_an_event_in_binary_mode_is_understood_the_same_and_decimals_are_untouched(
    lab: httpx2.AsyncClient, look: Look, until: Until, name: str
) -> None:
    headers = {
        "content-type": "application/fhir+json", "ce-specversion": "1.0", "ce-id": name, "ce-source": "/lims", "ce-type": "t",
    }  # fmt: skip
    answer = await lab.post("/exchange/events", content=encode(facts(name, "7.100")), headers=headers)
    assert answer.status_code == 202, answer.text
    await until(lambda: arrived(look, name, "7.100"))


async def test_each_event_of_a_batch_has_its_own_outcome_and_receipt(
    region: Any, lab: httpx2.AsyncClient, look: Look, until: Until, name: str
) -> None:
    events = [
        an_event(name, facts(name)),
        an_event(f"{name}b", {"resourceType": "Nonsense"}),
        an_event(f"{name}c", facts(f"{name}c")),
    ]
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = await lab.post("/exchange/events", content=encode(events), headers=headers)
    results = answer.json()["results"]

    assert [one["status"] for one in results] == [202, 422, 202]
    assert results[1]["problem"]["type"] == "/problems/exchange/not-fhir"
    kept = await lab.get(f"/exchange/receipts/{results[1]['receipt']}")
    assert (kept.json()["state"], kept.json()["code"]) == ("parked", "exchange/not-fhir")
    for good in (name, f"{name}c"):
        await until(lambda good=good: arrived(look, good))


async def test_an_event_sent_again_has_the_same_receipt_and_no_second_effect(
    lab: httpx2.AsyncClient, look: Look, until: Until, name: str, bench: httpx2.AsyncClient
) -> None:
    headers = {"content-type": "application/cloudevents+json"}
    content = encode(an_event(name, facts(name)))
    first = (await lab.post("/exchange/events", content=content, headers=headers)).json()
    again = (await lab.post("/exchange/events", content=content, headers=headers)).json()
    assert (again["receipt"], again["repeated"]) == (first["receipt"], True)
    result = await until(lambda: arrived(look, name))
    assert result["meta"]["versionId"] == "1"


async def test_events_produced_straight_to_kafka_are_taken_and_what_is_broken_is_shown(
    region: Any, bench: httpx2.AsyncClient, look: Look, until: Until, name: str
) -> None:
    now = datetime.now(UTC)
    good = CloudEvent(f"k-{name}", "/straight", "t", now, encode(facts(name)), datacontenttype="application/fhir+json")
    broken = CloudEvent(f"x-{name}", "/straight", "t", now, b"<xml/>")
    other = CloudEvent(f"y-{name}", "/straight", "t", now, encode({"resourceType": "ValueSet", "status": "active"}))
    producer = Producer(region.kafka)
    try:
        await producer.send_all([
            Message(INBOX, name.encode(), event.data, to_headers(event)) for event in (good, broken, other, good)
        ])  # fmt: skip
    finally:
        await producer.stop()

    result = await until(lambda: arrived(look, name))
    assert result["meta"]["versionId"] == "1"

    async def shown() -> dict[str, dict[str, Any]]:
        answer = await bench.get("/exchange/messages", params={"door": "inbox", "count": 50})
        kept = {one["control_id"]: one for one in answer.json() if one["control_id"].endswith(name)}
        assert len(kept) == 3
        assert {one["state"] for one in kept.values()} == {"translated", "parked"}
        return kept

    kept = await until(shown)
    assert kept[f"k-{name}"]["resources"] == {"Patient": 1, "Observation": 1}
    assert kept[f"x-{name}"]["code"] == "exchange/unreadable-event"
    assert kept[f"y-{name}"]["code"] == "exchange/wrong-door"


async def test_a_message_on_the_topic_that_is_no_event_stops_nobody(
    region: Any, look: Look, until: Until, name: str
) -> None:
    good = CloudEvent(f"k-{name}", "/straight", "t", datetime.now(UTC), encode(facts(name)))
    producer = Producer(region.kafka)
    try:
        await producer.send_all([
            Message(INBOX, name.encode(), b"\x00\xff", []),
            Message(INBOX, name.encode(), good.data, to_headers(good)),
        ])  # fmt: skip
    finally:
        await producer.stop()
    await until(lambda: arrived(look, name))


async def test_a_system_sees_only_its_own_receipts_and_people_send_no_events(
    region: Any, lab: httpx2.AsyncClient, bench: httpx2.AsyncClient, name: str
) -> None:
    headers = {"content-type": "application/cloudevents+json"}
    theirs = await bench.post("/exchange/events", content=encode(an_event(name, facts(name))), headers=headers)
    assert (await lab.get(f"/exchange/receipts/{theirs.json()['receipt']}")).status_code in (200, 404)
    assert (await lab.get("/exchange/messages")).status_code == 403
    async with region.client("anna") as anna:
        refused = await anna.post("/exchange/events", content=b"{}", headers=headers)
    assert refused.status_code in (401, 403)
