"""Referential integrity: what is written points at what is there, what is pointed at stays (architecture D18)."""

import asyncio
from collections.abc import Collection, Iterator
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from fhirserver.integrity import Integrity
from fhirserver.promises import Promises


class Region:
    """Stands in for the information platform."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.away = False
        self.asked: list[list[str]] = []

    async def which(self, references: Collection[str]) -> set[str] | None:
        self.asked.append(sorted(references))
        return None if self.away else self.held & set(references)


@pytest.fixture
def region(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Region]:
    """Referential integrity is on, and this is whom VIS asks."""
    made = Region()
    integrity = Integrity(engine.keys, engine.mount.base, made.which)
    monkeypatch.setattr(engine, "integrity", integrity)
    monkeypatch.setattr(engine.creator, "_integrity", integrity)
    object.__setattr__(engine.mount, "held_elsewhere", made.which)
    yield made
    object.__setattr__(engine.mount, "held_elsewhere", None)


def bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def post(resource: dict[str, Any], url: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
    return made if url is None else {"fullUrl": url, **made}


async def test_a_reference_to_nothing_is_refused_and_named(
    ward: Any, bench: httpx2.AsyncClient, region: Region, an_observation_of: Any
) -> None:
    patient = await ward.patient()
    assert (await bench.post("/Observation", json=an_observation_of(patient))).status_code == 201
    base = str(bench.base_url).rstrip("/")
    for wrong in (
        an_observation_of("never"), an_observation_of(patient, performer=[{"reference": "Practitioner/never"}]),
        an_observation_of(patient, performer=[{"reference": f"{base}/Practitioner/never"}]),
        an_observation_of(patient, performer=[{"reference": "Practitioner/never/_history/1"}]),
    ):  # fmt: skip
        for answer in (
            await bench.post("/Observation", json=wrong),
            await bench.put("/Observation/dangling", json={**wrong, "id": "dangling"}),
            await bench.post("", json=bundle(post(an_observation_of(patient)), post(wrong))),
        ):
            assert (answer.status_code, answer.json()["issue"][0]["code"]) == (409, "conflict"), answer.text
            assert "/never" in answer.text
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert len(await ward.ids(f"/Observation?patient={patient}")) == 1
    told = (await bench.post("", json=bundle(post(wrong), post(an_observation_of(patient)), kind="batch"))).json()
    assert [e["response"]["status"][:3] for e in told["entry"]] == ["409", "201"]


async def test_what_else_may_stand_in_a_reference_is_let_be(
    ward: Any, bench: httpx2.AsyncClient, region: Region, an_observation_of: Any
) -> None:
    patient = await ward.patient()
    fine = an_observation_of(
        patient,
        contained=[{"resourceType": "Practitioner", "id": "c"}],
        performer=[{"reference": "#c"}, {"reference": "http://other.example/Practitioner/1"}, {"display": "N.N."}],
    )
    made = await bench.post("/Observation", json=fine)
    assert made.status_code == 201, made.text
    both = bundle(
        post({**an_observation_of(None), "subject": {"reference": "urn:uuid:p"}}),
        post({"resourceType": "Patient"}, "urn:uuid:p"),
    )
    assert (await bench.post("", json=both)).status_code == 200
    itself = {
        "resourceType": "Organization",
        "id": "int-self",
        "name": "Sig själv",
        "partOf": {"reference": "Organization/int-self"},
    }
    assert (await bench.put("/Organization/int-self", json=itself)).status_code == 201


async def test_what_the_region_holds_is_asked_for_once_per_bundle(
    ward: Any, bench: httpx2.AsyncClient, region: Region, an_observation_of: Any
) -> None:
    patient = await ward.patient()
    region.held = {"Patient/hl7-only", "Practitioner/hl7-only"}
    who = [{"reference": "Practitioner/hl7-only"}]
    entries = [post(an_observation_of("hl7-only", performer=who)), post(an_observation_of(patient, performer=who))]
    assert (await bench.post("", json=bundle(*entries))).status_code == 200
    assert region.asked == [["Patient/hl7-only", "Practitioner/hl7-only"]]
    assert (await bench.post("/Observation", json=an_observation_of("hl7-only"))).status_code == 201
    assert (await bench.post("/Observation", json=an_observation_of("nowhere"))).status_code == 409


async def test_what_cannot_be_asked_is_accepted_and_asked_later(
    ward: Any, bench: httpx2.AsyncClient, engine: Engine, region: Region, an_observation_of: Any
) -> None:
    region.away = True
    promises = Promises(engine)
    ids = [
        (await bench.post("/Observation", json=an_observation_of(name))).json()["id"] for name in ("p-1", "p-2", "p-3")
    ]
    rows = "select target, source, state from promised_reference order by target"
    assert [tuple(row) for row in await engine.db.pool.fetch(rows)] == [
        (f"Patient/p-{n}", f"Observation/{id}", "waiting") for n, id in enumerate(ids, 1)
    ]
    await promises.look()
    assert len(await engine.db.pool.fetch(rows)) == 3
    region.away, region.held = False, {"Patient/p-1"}
    await ward.add({"resourceType": "Patient", "id": "p-2"})
    await promises.look()
    assert [tuple(row) for row in await engine.db.pool.fetch(rows)] == [
        ("Patient/p-3", f"Observation/{ids[2]}", "missing")
    ]
    asked = len(region.asked)
    await promises.look()
    assert len(region.asked) == asked  # what is missing is asked for again in an hour


async def test_what_others_point_at_is_not_deleted(
    ward: Any, bench: httpx2.AsyncClient, region: Region, an_observation_of: Any
) -> None:
    patient = await ward.patient()
    whom = await ward.add({"resourceType": "Practitioner"})
    id = await ward.observation(patient, performer=[{"reference": f"Practitioner/{whom}"}])
    for address in (f"/Patient/{patient}", f"/Practitioner/{whom}", f"/Patient?_id={patient}"):
        answer = await bench.delete(address)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (409, "conflict"), address
    gone = [{"request": {"method": "DELETE", "url": url}} for url in (f"Patient/{patient}", f"Observation/{id}")]
    assert (await bench.post("", json=bundle(gone[0]))).status_code == 409
    assert (await bench.post("", json=bundle(*gone))).status_code == 200
    assert (await bench.delete(f"/Practitioner/{whom}")).status_code == 204


async def test_of_a_write_and_a_delete_at_once_only_one_is_done(
    ward: Any, bench: httpx2.AsyncClient, region: Region, an_observation_of: Any
) -> None:
    for _ in range(12):
        patient = await ward.patient()
        calls = [bench.post("/Observation", json=an_observation_of(patient)) for _ in range(3)]
        calls.insert(1, bench.delete(f"/Patient/{patient}"))
        answers = await asyncio.gather(*calls)
        written = sum(answer.status_code == 201 for answer in answers)
        deleted = answers[1].status_code == 204
        assert {answer.status_code for answer in answers} <= {201, 204, 409}
        assert deleted != bool(written)
        assert len(await ward.ids(f"/Observation?patient={patient}")) == written
