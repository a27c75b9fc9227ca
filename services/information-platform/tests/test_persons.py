"""A person is one person: facts from every source land on one Patient, and a join leaves a visible trace (D1, IDF-20)."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from fhircore.identifiers import PERSONNUMMER, SLL_RESERVNUMMER
from fhirserver.telling import sealed
from information_platform.persons.model import DifferentPersons
from information_platform.testing import Region
from kit.events import CloudEvent

NUMBER, OTHER, RESERVE = "196101182803", "195009072553", "991981000010"
_version = itertools.count(1)
_at = datetime(2026, 11, 1, tzinfo=UTC)


def told(source: str, *entries: dict[str, Any]) -> CloudEvent:
    record = {"transaction": f"t{next(_version)}", "part": 1, "parts": 1, "entries": list(entries)}
    return CloudEvent(f"e{next(_version)}", source, "x", _at, sealed(json.dumps(record).encode()), "k")


def put(resource: dict[str, Any], updated: str = "2026-11-01T10:00:00Z", version: int | None = None) -> dict[str, Any]:
    return {
        "op": "put", "type": resource["resourceType"], "id": resource["id"], "version": version or next(_version),
        "updated": updated, "label": {"provider": "SE-A", "unit": "SE-A-1", "type": "und", "security": []},
        "resource": resource,
    }  # fmt: skip


def a_patient(id: str, *identifiers: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient", "id": id,
        "identifier": [{"system": system, "value": value} for system, value in identifiers], **more,
    }  # fmt: skip


def a_result(id: str, patient: str, value: str = "5.60") -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": id, "status": "final", "code": {"text": "Prov"},
        "subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": "2026-11-01T09:00:00+01:00",
    }  # fmt: skip


def merge(survivor: tuple[str, str], retired: tuple[str, str]) -> dict[str, Any]:
    return {
        "op": "merge", "updated": "2026-11-01T10:00:00Z",
        "survivor": [{"system": survivor[0], "value": survivor[1]}],
        "retired": [{"system": retired[0], "value": retired[1]}],
    }  # fmt: skip


async def found(bench: httpx2.AsyncClient, address: str) -> list[dict[str, Any]]:
    answer = await bench.get(address)
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


async def test_two_sources_that_know_one_personnummer_know_one_person(
    region: Region, bench: httpx2.AsyncClient
) -> None:
    await region.hears(
        "vis.record.v1", told("fvm/vis", put(a_patient("v1", (PERSONNUMMER, NUMBER))), put(a_result("r1", "v1")))
    )
    lab = a_patient("x9", ("1.2.752.129.2.1.3.1", "19610118-2803"), gender="female")
    await region.hears("exchange.record.v1", told("lab", put(lab), put(a_result("r2", "x9"))))

    patients = await found(bench, f"/Patient?identifier={PERSONNUMMER}|{NUMBER}")
    results = await found(bench, "/Observation?patient=v1")

    assert [patient["id"] for patient in patients] == ["v1"]
    assert patients[0]["gender"] == "female"
    assert {result["id"] for result in results} == {"r1", "r2"}
    assert {result["subject"]["reference"] for result in results} == {"Patient/v1"}


async def test_an_unknown_person_becomes_one(region: Region, bench: httpx2.AsyncClient) -> None:
    await region.hears(
        "exchange.record.v1", told("lab", put(a_patient("x1", ("local", "77"))), put(a_result("r3", "x1")))
    )
    assert [one["id"] for one in await found(bench, "/Observation?subject=Patient/x1")] == ["r3"]


async def test_a40_joins_two_persons_and_both_histories_are_one(region: Region, bench: httpx2.AsyncClient) -> None:
    await region.hears(
        "vis.record.v1", told("fvm/vis", put(a_patient("p1", (PERSONNUMMER, OTHER))), put(a_result("s1", "p1")))
    )
    unknown = a_patient("p2", (SLL_RESERVNUMMER, RESERVE))
    await region.hears("exchange.record.v1", told("adt", put(unknown), put(a_result("s2", "p2"))))

    await region.hears("exchange.record.v1", told("adt", merge((PERSONNUMMER, OTHER), (SLL_RESERVNUMMER, RESERVE))))
    await region.hears("exchange.record.v1", told("adt", put(a_result("s3", "p2"))))

    assert {one["id"] for one in await found(bench, "/Observation?patient=p1")} == {"s1", "s2", "s3"}
    assert {one["id"] for one in await found(bench, "/Observation?patient=p2")} == {"s1", "s2", "s3"}
    retired = (await bench.get("/Patient/p2")).json()
    survivor = (await bench.get("/Patient/p1")).json()
    assert retired["active"] is False
    assert retired["link"] == [{"other": {"reference": "Patient/p1"}, "type": "replaced-by"}]
    assert survivor["link"] == [{"other": {"reference": "Patient/p2"}, "type": "replaces"}]
    assert {one["value"] for one in survivor["identifier"]} == {OTHER, RESERVE}


async def test_two_personnummer_never_become_one_person_by_themselves(region: Region) -> None:
    first, second = "200302022389", "199002222397"
    await region.hears("vis.record.v1", told("fvm/vis", put(a_patient("q1", (PERSONNUMMER, first)))))
    await region.hears("vis.record.v1", told("fvm/vis", put(a_patient("q2", (PERSONNUMMER, second)))))
    with pytest.raises(DifferentPersons):
        await region.hears("exchange.record.v1", told("adt", merge((PERSONNUMMER, first), (PERSONNUMMER, second))))
    with pytest.raises(DifferentPersons):
        await region.hears(
            "exchange.record.v1", told("adt", put(a_patient("q3", (PERSONNUMMER, first), (PERSONNUMMER, second))))
        )


async def test_an_older_version_never_overwrites_a_newer_one(region: Region, bench: httpx2.AsyncClient) -> None:
    new, old = a_result("t1", "v9") | {"status": "amended"}, a_result("t1", "v9")
    await region.hears("vis.record.v1", told("fvm/vis", put(new, version=7)))
    await region.hears("vis.record.v1", told("fvm/vis", put(old, version=6)))
    assert (await bench.get("/Observation/t1")).json()["status"] == "amended"


async def test_a_transaction_in_parts_is_applied_when_it_is_whole(region: Region, bench: httpx2.AsyncClient) -> None:
    def part(number: int, entry: dict[str, Any]) -> CloudEvent:
        record = {"transaction": "big", "part": number, "parts": 2, "entries": [entry]}
        return CloudEvent(f"big-{number}", "fvm/vis", "x", _at, sealed(json.dumps(record).encode()), "k")

    await region.hears("vis.record.v1", part(1, put(a_result("u1", "v8"))))
    assert (await bench.get("/Observation/u1")).status_code == 404
    await region.hears("vis.record.v1", part(2, put(a_result("u2", "v8"))))
    assert (await bench.get("/Observation/u1")).status_code == 200
    assert (await bench.get("/Observation/u2")).status_code == 200


async def test_patients_facts_are_not_written_at_the_regions_door(bench: httpx2.AsyncClient) -> None:
    answer = await bench.post(
        "/Observation", json=a_result("w1", "v1"), headers={"content-type": "application/fhir+json"}
    )
    assert answer.status_code == 405
    assert "/vis/fhir" in answer.json()["issue"][0]["diagnostics"]


async def test_an_id_that_vis_gave_stays_valid_when_the_region_knew_the_person_already(
    region: Region, bench: httpx2.AsyncClient
) -> None:
    number = "200001252386"
    await region.hears(
        "exchange.record.v1", told("lab", put(a_patient("k1", (PERSONNUMMER, number))), put(a_result("m1", "k1")))
    )
    await region.hears(
        "vis.record.v1", told("fvm/vis", put(a_patient("k2", (PERSONNUMMER, number))), put(a_result("m2", "k2")))
    )

    assert {one["id"] for one in await found(bench, "/Observation?patient=k2")} == {"m1", "m2"}
    assert {one["id"] for one in await found(bench, "/Observation?patient=k1")} == {"m1", "m2"}
    assert (await bench.get("/Patient/k2")).json()["link"][0]["other"]["reference"] == "Patient/k1"


async def test_who_is_protected_in_one_source_is_protected_in_the_region(
    region: Region, bench: httpx2.AsyncClient
) -> None:  # PRT-01, PRT-08
    number = "189602029812"
    label = {"system": "http://hl7.se/fhir/ig/base/CodeSystem/SecurityLabel", "code": "sekretessmarkering"}
    protected = a_patient("l1", (PERSONNUMMER, number), meta={"versionId": "3", "security": [label]})
    await region.hears("exchange.record.v1", told("lab", put(a_patient("l2", (PERSONNUMMER, number)))))
    await region.hears("vis.record.v1", told("fvm/vis", put(protected)))

    for known_as in ("l1", "l2"):
        patient = (await bench.get(f"/Patient/{known_as}")).json()
        assert patient["meta"]["security"] == [label], known_as
        assert patient["meta"]["versionId"] != "3" or known_as == "l2"
