"""D6: who sends back the FVM-Position of a write at VIS reads it in the region's record at once, and is told when it is not there."""

import time
from typing import Any
from uuid import uuid4

import pytest

pytestmark = pytest.mark.journey


def bundle(patient: str, marks: list[str]) -> dict[str, Any]:
    """A patient and one value per mark."""
    entries: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": patient, "name": [{"family": "Nyss"}], "birthDate": "1990-01-02"}
    ]
    entries += [
        {"resourceType": "Observation", "id": mark, "status": "final", "code": {"text": "P-Kalium"},
         "subject": {"reference": f"Patient/{patient}"}, "valueQuantity": {"value": 4.1, "unit": "mmol/L"}}
        for mark in marks
    ]  # fmt: skip
    return {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [{"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}} for one in entries],
    }  # fmt: skip


async def test_a_reader_that_sends_the_position_of_a_write_finds_it_at_the_first_try(bench: Any) -> None:
    for _ in range(20):
        patient = f"nyss-{uuid4().hex[:12]}"
        marks = [f"{patient}-{n}" for n in range(3)]
        written = await bench.post("/vis/fhir", json=bundle(patient, marks))
        assert written.status_code == 200, written.text
        position = {"fvm-position": written.headers["fvm-position"]}
        found = await bench.get("/fhir/Observation", params={"patient": patient}, headers=position)
        assert {entry["resource"]["id"] for entry in found.json().get("entry", [])} == set(marks)
        assert found.headers["fvm-position"] == position["fvm-position"]
        read = await bench.get(f"/fhir/Observation/{marks[0]}", headers=position)
        assert (read.status_code, read.headers["fvm-position"]) == (200, position["fvm-position"])


async def test_where_it_was_written_it_is_read_without_waiting(bench: Any) -> None:
    patient = f"nyss-{uuid4().hex[:12]}"
    position = (await bench.post("/vis/fhir", json=bundle(patient, []))).headers["fvm-position"]
    read = await bench.get(f"/vis/fhir/Patient/{patient}", headers={"fvm-position": position})
    assert (read.status_code, read.headers["fvm-position"]) == (200, position)


async def test_what_is_no_position_is_refused_by_name(bench: Any) -> None:
    for wrong in ("", "-1", "W/2", "9" * 19, "²"):
        answer = await bench.get("/fhir/Patient", headers={b"fvm-position": wrong.encode()})
        assert (answer.status_code, "FVM-Position" in answer.text) == (400, True), wrong


async def test_while_the_region_does_not_listen_the_answer_comes_in_time_and_repeats_no_position(region: Any) -> None:
    patient = f"nyss-{uuid4().hex[:12]}"
    record = await region.database("information")
    async with region.client() as bench:
        async with record.transaction():  # its own positions are held, as by a batch that takes long
            await record.execute("select * from inbox_position for update")
            written = await bench.post("/vis/fhir", json=bundle(patient, []))
            began = time.monotonic()
            read = await bench.get(
                f"/fhir/Patient/{patient}", headers={"fvm-position": written.headers["fvm-position"]}
            )
            took = time.monotonic() - began
        assert (read.status_code, "fvm-position" in read.headers) == (404, False)
        assert took >= 0.9  # it did wait


async def test_only_the_information_platform_asks_vis_how_far_it_has_told(region: Any) -> None:
    async with region.client() as bench:
        through = await bench.get("/internal/told/1")
        assert through.status_code == 404  # the gateway has no such way
        direct = await bench.get(f"http://127.0.0.1:{region.ports['vis']}/internal/told/1")
        assert direct.status_code == 403
