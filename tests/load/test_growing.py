"""`--grow N`: copies of patients are whole, valid and each their own, and a store filled with them is one that VIS can search."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fvm_load import synthea
from fvm_load.growing.loading import grow
from fvm_load.growing.templates import Copy, Made, Source, Ward
from fvm_load.keeping import by_size, comparable
from fvm_load.table import sizes

from fhircore.validate import validator
from fvm.trouble import Trouble
from kit.testing import fresh_database

RUN = 20261126


@pytest.fixture(scope="module")
def ward() -> Ward:
    if synthea.folder() is None:
        pytest.skip("../shared/data/synthea is not there")
    return Source(RUN).ward


def copied(ward: Ward, patient: int, number: int, days: int = 100) -> list[Made]:
    copy = Copy(RUN, number, days)
    return [copy.of(template) for template in ward.patients[patient]]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, below in value.items():
            if name == "reference" and isinstance(below, str):
                yield below
            else:
                yield from references(below)
    elif isinstance(value, list):
        for below in value:
            yield from references(below)


def test_a_copy_is_valid_and_refers_to_what_is_there(ward: Ward) -> None:
    shared = Copy(RUN, 0, 0)
    there = {f"{one.type_name}/{one.id}" for one in (shared.of(template) for template in ward.shared)}
    for patient in (0, 7):
        made = copied(ward, patient, 3)
        assert [i.detail for one in made for i in validator(one.type_name)(one.data) if i.severity == "error"] == []
        known = there | {f"{one.type_name}/{one.id}" for one in made}
        assert {ref for one in made for ref in references(one.data) if not ref.startswith("#")} - known == set()


def test_two_copies_share_no_id_no_identifier_and_no_name(ward: Ward) -> None:
    one, other = copied(ward, 2, 1), copied(ward, 2, 2)

    assert {made.id for made in one} & {made.id for made in other} == set()
    first, second = (next(made.data for made in copy if made.type_name == "Patient") for copy in (one, other))
    assert {i["value"] for i in first["identifier"]} & {i["value"] for i in second["identifier"]} == set()
    assert first["name"][0]["family"] != second["name"][0]["family"]


def test_the_days_of_a_copy_move_together(ward: Ward) -> None:
    still, moved = (next(m for m in copied(ward, 2, 1, days) if m.type_name == "Encounter") for days in (0, 365))
    before, after = still.data["period"]["start"], moved.data["period"]["start"]

    assert int(after[:4]) - int(before[:4]) == 1
    assert after[10:] == before[10:]
    assert re.sub(r"\d{4}-\d\d-\d\d", "", moved.raw.decode()) == re.sub(r"\d{4}-\d\d-\d\d", "", still.raw.decode())


async def test_a_store_is_filled_to_its_size_and_once_only(ward: Ward, postgres_url: str, tmp_path: Path) -> None:
    said: list[str] = []
    async with fresh_database(postgres_url, "vis") as url:
        done = await asyncio.to_thread(grow, url, "http://x/vis/fhir", 1_500, tmp_path, said.append, 1)
        again = await asyncio.to_thread(grow, url, "http://x/vis/fhir", 1_500, tmp_path, said.append, 1)
        connection = await asyncpg.connect(url)
        try:
            count = await connection.fetchval("select count(*) from res")
            owned = await connection.fetchval("select count(*) from res r join res p on p.key = r.pat")
        finally:
            await connection.close()

    assert 1_500 <= done.added == count <= 2_500
    assert owned > 500  # what is about a patient says so, and the patient is there
    assert again.added == 0
    assert said[-1] == f"{count:,} resources are there already"


def test_a_disk_with_too_little_room_is_said_before_anything_is_written(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def nothing(_url: str) -> tuple[int, tuple[tuple[str, str], ...]]:
        return 0, ()

    monkeypatch.setattr("fvm_load.growing.loading._standing", nothing)
    with pytest.raises(Trouble, match=r"need [\d,.]+ GB of disk at .*GB are free"):
        grow("postgresql://nowhere", "http://x", 10**12, tmp_path, print)


def kept(grown: int | None, value: float) -> dict[str, Any]:
    row = {"key": "search/patient/bench/16", "path": "search", "law": "bench", "unit": "requests/s", "value": value}
    return {"quick": False, "grown": grown, "machine": {"cpu": "c", "cores": 2}, "rows": [row]}


def test_figures_of_different_sizes_stand_side_by_side_and_are_not_compared(tmp_path: Path) -> None:
    for nth, run in enumerate((kept(50_000, 100.0), kept(3_000_000, 90.0), kept(None, 70.0))):
        (tmp_path / f"2026010{nth}.json").write_text(json.dumps(run))

    found = sizes(by_size(tmp_path, kept(50_000, 0)))

    assert [line.split() for line in found] == [
        ["at", "this", "many", "resources", "50,000", "3,000,000", "unit"],
        ["search", "bench", "100", "90.0", "requests/s"],
    ]
    assert not comparable(kept(50_000, 1), kept(None, 1))
    assert comparable(kept(50_000, 1), kept(50_000, 1))
