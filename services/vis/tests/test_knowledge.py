"""VIS's copies of the region's profiles: heard of, read, in force, and gone again (D4, D18)."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from fhirserver.knowledge import MAX_BODY, Knowledge
from fhirserver.profiling import IN_FORCE
from kit.db import Database
from kit.events import CloudEvent, UnreadableEvent
from kit.http import Answer
from kit.problems import Unavailable
from vis.knowledge import TOPIC, Copies
from vis.region_changes import handlers

URL = "http://example.org/fhir/StructureDefinition/named"
CLAIMS = {"resourceType": "Patient", "meta": {"profile": [URL]}, "active": True}


def a_profile(**name: Any) -> bytes:
    element = {"id": "Patient.name", "path": "Patient.name", **name}
    base = {"baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient", "derivation": "constraint"}
    head = {
        "resourceType": "StructureDefinition",
        "url": URL,
        "name": "named",
        "kind": "resource",
        "type": "Patient",
        **base,
    }
    return json.dumps({**head, "differential": {"element": [element]}}).encode()


class Region:
    """The region's record, as far as VIS asks it; and VIS's own token."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.away = False

    def has(self, path: str, body: bytes, status: int = 200) -> None:
        self.answers[path] = Answer(status, {}, body)

    async def send(self, method: str, path: str, *, bearer: str | None = None) -> Answer:
        assert (method, bearer) == ("GET", "our own")
        if self.away:
            raise Unavailable("away")
        return self.answers.get(path, Answer(404, {}, b""))

    async def token(self) -> str:
        return "our own"


def told(*resources: tuple[str, str], data: bytes | None = None) -> CloudEvent:
    named = [{"type": type_name, "id": id} for type_name, id in resources]
    data = json.dumps({"patients": [], "resources": named}).encode() if data is None else data
    return CloudEvent("1", "fvm/information", TOPIC, datetime.now(UTC), data)


@pytest.fixture
async def region(engine: Engine) -> AsyncIterator[Region]:
    yield Region()
    await engine.db.pool.execute("delete from knowledge")
    IN_FORCE.profiles.replace([])


@pytest.fixture
def copies(engine: Engine, region: Region) -> Copies:
    return Copies(engine.db, region, region)  # type: ignore[arg-type]


async def hear(db: Database, *events: CloudEvent) -> None:
    async with db.transaction() as tx:
        await handlers()[TOPIC](tx, events)


async def kept(db: Database) -> list[tuple[str, bool]]:
    rows = await db.pool.fetch("select type || '/' || id as ref, stale from knowledge order by 1")
    return [(row["ref"], row["stale"]) for row in rows]


async def test_a_profile_of_the_region_is_in_force_at_vis_and_follows_it(
    engine: Engine, region: Region, copies: Copies, bench: httpx2.AsyncClient
) -> None:
    knowledge = Knowledge(copies)
    region.has("/fhir/StructureDefinition/named", a_profile(min=1))
    await hear(engine.db, told(("StructureDefinition", "named"), ("Patient", "x")))
    assert await kept(engine.db) == [("StructureDefinition/named", True)]
    assert (await bench.post("/Patient", json=CLAIMS)).status_code == 201

    await copies.fetch()
    await knowledge.look()
    refused = await bench.post("/Patient", json=CLAIMS)
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Patient.name"]

    region.has("/fhir/StructureDefinition/named", a_profile(max="1"))
    await hear(engine.db, told(("StructureDefinition", "named")))
    await copies.fetch()
    await knowledge.look()
    assert (await bench.post("/Patient", json=CLAIMS)).status_code == 201

    region.has("/fhir/StructureDefinition/named", b"", 410)
    await hear(engine.db, told(("StructureDefinition", "named")))
    await copies.fetch()
    await knowledge.look()
    assert await kept(engine.db) == []
    assert not IN_FORCE.profiles.known(URL)


async def test_what_cannot_be_read_now_stays_stale(engine: Engine, region: Region, copies: Copies) -> None:
    await hear(engine.db, told(("ValueSet", "a"), ("CodeSystem", "b")))
    region.away = True
    with pytest.raises(Unavailable):
        await copies.fetch()
    assert await kept(engine.db) == [("CodeSystem/b", True), ("ValueSet/a", True)]


async def test_a_change_that_is_told_while_the_copy_is_read_is_read_again(
    engine: Engine, region: Region, copies: Copies
) -> None:
    region.has("/fhir/ValueSet/a", b'{"resourceType":"ValueSet"}')
    plain, again = region.send, told(("ValueSet", "a"))

    async def slow(*given: Any, **named: Any) -> Answer:
        answer = await plain(*given, **named)
        await hear(engine.db, again)
        return answer

    await hear(engine.db, again)
    region.send = slow  # type: ignore[method-assign]
    await copies.fetch()
    assert await kept(engine.db) == [("ValueSet/a", True)]


async def test_what_is_too_large_or_refused_is_known_of_and_not_used(
    engine: Engine, region: Region, copies: Copies
) -> None:
    region.has("/fhir/ValueSet/large", b" " * (MAX_BODY + 1))
    region.has("/fhir/ValueSet/secret", b"{}", 403)
    await hear(engine.db, told(("ValueSet", "large"), ("ValueSet", "secret")))
    assert await copies.fetch() == 2
    assert await kept(engine.db) == [("ValueSet/large", False), ("ValueSet/secret", False)]
    assert await copies.bodies() == []


async def test_events_about_patients_are_passed_over_and_others_must_be_readable(
    engine: Engine, region: Region
) -> None:
    await hear(engine.db, told(("Patient", "1"), ("Observation", "2")), told(data=b"\xff"))
    assert await kept(engine.db) == []
    with pytest.raises(UnreadableEvent):
        await hear(engine.db, told(data=b'{"resources":"ValueSet","x":"ValueSet"}'))
