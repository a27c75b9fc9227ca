"""Every reader can read every example: the real handlers are handed what the contract promises."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

import information_platform.settings
from application_platform.portal import handlers as portal
from application_platform.portal.live import Hub, Notice
from fhircore.identifiers import LMA, PERSONNUMMER, SLL_RESERVNUMMER
from fhirserver.engine import Engine
from fhirserver.telling import opened, sealed
from information_platform import record as region
from information_platform.ingestion import handlers as ingestion
from information_platform.ingestion.handlers import TOPICS
from information_platform.log import collecting
from information_platform.testing import Region
from integration_platform.receiving import cloudevents
from integration_platform.testing import an_origin
from integration_platform.translate import fhir
from integration_platform.translate.model import Delete
from kit import sessions
from kit.auth import Unauthenticated
from kit.db import Database
from kit.events import CloudEvent, from_headers, to_headers
from kit.outbox import read_headers
from kit.testing import TestIssuer, fresh_database
from vis.persons import handlers as joined_in_vis

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def an_event(type: str, data: bytes, key: str = "tolvan") -> CloudEvent:
    """An event as it comes out of Kafka."""
    sent = CloudEvent(id="e-1", source="fvm/test", type=type, time=NOON, data=data, key=key, subject=key)
    return from_headers(to_headers(sent), key, data)


@pytest.fixture(scope="module")
async def engine(postgres_url: str) -> AsyncIterator[Engine]:
    async with fresh_database(postgres_url, "information_platform") as url:
        db = Database(url)
        await db.start()
        mount = region.mount(information_platform.settings.Settings(database_url=url, mode="demo"))
        found = Engine(db, mount, lambda: None)
        await found.start()
        yield found
        await found.stop()
        await db.stop()


@pytest.mark.parametrize("topic", TOPICS)
async def test_the_regions_record_takes_every_record_example(
    topic: str, engine: Engine, example: Callable[[str], bytes]
) -> None:
    event = an_event(topic, sealed(example(topic)), key=topic)
    puts = [entry for entry in opened(event).entries if entry.op == "put"]

    await Region(engine).hears(topic, event)

    facts, people = ([one.id for one in puts if (one.type == "Patient") == is_person] for is_person in (False, True))
    assert await known(engine, "select id from res where id = any($1::text[])", facts) == set(facts)
    assert await known(engine, "select id from person_link where id = any($1::text[])", people) == set(people)


async def test_the_region_collects_the_batch_of_a_log(engine: Engine, example: Callable[[str], bytes]) -> None:
    """LOG-08: the example is the first of its chain, so it follows; the hash is over what is told to the letter."""
    topic = "audit.access.v1"
    to_the_letter = msgspec.json.format(example(topic), indent=-1)

    async with engine.db.transaction() as tx:
        await collecting.handlers(engine)[topic](tx, [an_event(topic, sealed(to_the_letter), key="fvm/vis/4711")])

    pat = engine.keys.of("Patient/tolvan")
    assert await engine.db.pool.fetchval("select count(*) from log_entry where pat = $1", pat) == 1
    assert await engine.db.pool.fetchval("select count(*) from log_alarm") == 0


async def known(engine: Engine, query: str, ids: list[str]) -> set[str]:
    return {row["id"] for row in await engine.db.pool.fetch(query, ids)}


async def test_the_regions_record_joins_the_persons_of_the_merge_example(
    engine: Engine, example: Callable[[str], bytes]
) -> None:
    topic = "exchange.record.v1"
    merge = json.loads(example(f"{topic}-merge"))
    for nth, (one, identifiers) in enumerate(joining(merge)):
        await Region(engine).hears(topic, an_event(topic, sealed(a_patient(one, identifiers)), key=f"k{nth}"))

    await Region(engine).hears(topic, an_event(topic, sealed(example(f"{topic}-merge"))))

    [entry] = [entry for entry in merge["entries"] if entry["op"] == "merge"]
    ids = [entry["survivorId"], entry["retiredId"]]
    persons = await engine.db.pool.fetch("select distinct person from person_link where id = any($1::text[])", ids)
    assert len(persons) == 1


def joining(merge: Any) -> list[tuple[str, Any]]:
    [entry] = [entry for entry in merge["entries"] if entry["op"] == "merge"]
    return [(entry["survivorId"], entry["survivor"]), (entry["retiredId"], entry["retired"])]


def a_patient(id: str, identifiers: Any) -> bytes:
    """What the source said of each of them before."""
    resource = {"resourceType": "Patient", "id": id, "identifier": identifiers}
    label = {"provider": "", "unit": "", "type": "register", "security": []}
    entry = {"op": "put", "type": "Patient", "id": id, "version": 1, "updated": NOON.isoformat(), "label": label}
    return msgspec.json.encode({"transaction": f"t-{id}", "entries": [{**entry, "resource": resource}]})


def test_open_pages_are_told_what_changed(example: Callable[[str], bytes]) -> None:
    hub = Hub()
    topic = "information.record-changed.v1"
    [patient] = json.loads(example(topic))["patients"]

    with hub.listen(frozenset({patient})) as listener:
        told = portal.news(an_event(topic, example(topic)))
        hub.publish(told.patients, told.what)

        [notice] = [listener.queue.get_nowait()]
    assert isinstance(notice, Notice)
    assert notice.what == tuple(f"{one['type']}/{one['id']}" for one in json.loads(example(topic))["resources"])


def test_exchange_translates_what_a_system_publishes(example: Callable[[str], bytes]) -> None:
    given = cloudevents.Given(
        id="e-1", source="lab", type="se.lab.answer", specversion="1.0", data=msgspec.Raw(example("exchange.inbox.v1"))
    )

    [about_tolvan, about_nobody_here] = fhir.translate(
        cloudevents.payload(cloudevents.read(cloudevents.enveloped(given))), an_origin()
    )

    assert len(about_tolvan.entries) == 2
    assert [type(entry) for entry in about_nobody_here.entries] == [Delete]


async def test_two_facts_of_one_person_are_two_events(engine: Engine) -> None:
    known = {
        "pnr": (PERSONNUMMER, "196101182803"),
        "sll": (SLL_RESERVNUMMER, "991981000010"),
        "lma": (LMA, "52-000001"),
    }
    patients = [(id, [{"system": system, "value": value}]) for id, (system, value) in known.items()]
    patients.append(("all", [one for _, identifiers in patients for one in identifiers]))
    topic = "exchange.record.v1"
    events = [an_event(topic, sealed(a_patient(*patient)), key=patient[0]) for patient in patients]

    async with engine.db.transaction() as tx:
        await ingestion.handlers(engine)[topic](tx, events)

    rows = await engine.db.pool.fetch("select headers from outbox where topic = 'information.person-changed.v1'")
    ids = [dict(read_headers(row["headers"]))["ce_id"] for row in rows]
    assert len(ids) >= 2
    assert len(set(ids)) == len(ids)


async def test_vis_makes_one_of_the_patients_who_were_joined(engine: Engine, example: Callable[[str], bytes]) -> None:
    topic = "information.person-changed.v1"
    fact = json.loads(example(topic))

    async with engine.db.transaction() as tx:
        await joined_in_vis.handlers(engine)[topic](tx, [an_event(topic, example(topic))])

    [replaced] = fact["replaces"]
    assert set(engine.patient_keys(fact["person"])) == set(engine.patient_keys(replaced))


async def test_every_service_refuses_the_tokens_of_a_session_that_has_ended(
    engine: Engine, example: Callable[[str], bytes]
) -> None:
    issuer = TestIssuer()
    verifier = issuer.verifier("/fhir")
    topic = "application.session-revoked.v1"
    token = issuer.token("staff", sid=json.loads(example(topic))["session"])
    await verifier.caller(token)

    async with engine.db.transaction() as tx:
        await sessions.handlers(verifier)[topic](tx, [an_event(topic, example(topic))])

    with pytest.raises(Unauthenticated, match="ended"):
        await verifier.caller(token)


@pytest.mark.parametrize("topic", ["vis.record.v1", "exchange.record.v1", "application.record.v1"])
def test_a_reader_tolerates_members_it_does_not_know(topic: str, example: Callable[[str], bytes]) -> None:
    later = json.loads(example(topic))
    later["mood"] = "good"
    for entry in later["entries"]:
        entry["colour"] = "blue"

    assert len(opened(an_event(topic, sealed(json.dumps(later).encode()))).entries) == len(later["entries"])
