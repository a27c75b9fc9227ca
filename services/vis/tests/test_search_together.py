"""Searches that are asked at the same time share statements, and each has its own answer."""

import asyncio
from typing import Any

import pytest

from fhirserver.engine import Engine
from fhirserver.search.shared import Shared, joined


@pytest.fixture
async def people(bench: Any) -> list[str]:
    """Twelve patients; the n-th has n observations, one a day."""
    names = []
    for number in range(12):
        made = await bench.post("/Patient", json={"resourceType": "Patient"})
        names.append(made.json()["id"])
        for day in range(number):
            observation = {
                "resourceType": "Observation",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
                "subject": {"reference": f"Patient/{names[-1]}"},
                "effectiveDateTime": f"2026-11-{day + 1:02}T08:00:00+01:00",
                "valueQuantity": {"value": number * 100 + day},
            }
            assert (await bench.post("/Observation", json=observation)).status_code == 201
    return names


async def test_each_of_many_who_ask_at_once_has_what_it_has_alone(bench: Any, doctor: Any, people: list[str]) -> None:
    asked = [f"/Observation?patient={one}&_sort=-date&_count=5" for one in people]
    asked += [f"/Observation?patient={one}&date=lt2026-11-04" for one in people]
    asked += [f"/Observation?patient={one}&code=http://loinc.org|8867-4&_sort=date" for one in people]
    for who in (bench, doctor):
        alone = [found(await who.get(one)) for one in asked]
        together = await asyncio.gather(*(who.get(one) for one in asked * 2))
        assert [found(one) for one in together] == alone * 2
    assert max(len(values) for values, _ in alone) > 0


async def test_one_who_asks_for_what_cannot_be_compared_harms_nobody_else(bench: Any, people: list[str]) -> None:
    bad = f"/Observation?patient={people[5]}&date=notadate"
    good = f"/Observation?patient={people[5]}&date=2026-11-02"
    answers = await asyncio.gather(*(bench.get(one) for one in [good, bad] * 8))
    assert {one.status_code for one in answers[::2]} == {200}
    assert {one.status_code for one in answers[1::2]} == {400}


async def test_statements_go_together_by_their_text_and_rows_come_back_to_who_asked(engine: Engine) -> None:
    shared = Shared(engine.search_pool)
    text = "select n, $2::text as who from generate_series($1::int, 1, -1) n where n = any($3::int[]) order by n desc limit 2"
    wanted = [(number, f"w{number}", [1, 2, 3, 4] if number % 2 else [1, 3]) for number in range(20)]
    found = await asyncio.gather(*(shared.fetch(text, *one) for one in wanted))
    for (most, who, among), rows in zip(wanted, found, strict=True):
        expected = sorted((n for n in among if n <= most), reverse=True)[:2]
        assert [(row[0], row[1]) for row in rows] == [(n, who) for n in expected]


async def test_a_value_that_the_database_refuses_is_its_askers_alone(engine: Engine) -> None:
    shared = Shared(engine.search_pool)
    asked = [shared.fetch("select 10 / $1::int as found", value) for value in (5, 0, 2, 1, 0, 10)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [one[0][0] if isinstance(one, list) else type(one).__name__ for one in found] == [
        2, "DivisionByZeroError", 5, 10, "DivisionByZeroError", 1
    ]  # fmt: skip


def test_a_statement_for_many_has_columns_for_what_differs_and_one_value_for_each_list() -> None:
    made = joined(
        "select 1 from t p where p.a = $1::bigint and p.b = any($2::int[]) and p.c = $3::text or p.d = $1::bigint"
    )
    assert made is not None
    assert made.text == (
        "select q.*, many.n from unnest($1::bigint[], $2::text[]) with ordinality as many(v1, v3, n) cross join lateral "
        "(select 1 from t p where p.a = many.v1 and p.b = any($3::int[]) and p.c = many.v3 or p.d = many.v1) q"
    )
    assert (made.columns, made.same) == ([0, 2], [1])


@pytest.mark.parametrize("text", ["select 1", "select $1", "select $1::int + $2", "select any($1::int[])"])
def test_a_statement_without_a_typed_value_to_tell_askers_apart_goes_alone(text: str) -> None:
    assert joined(text) is None


def found(answer: Any) -> tuple[list[float], int]:
    body = answer.json()
    assert answer.status_code == 200, body
    rows = [one["resource"] for one in body.get("entry", ()) if one["search"]["mode"] == "match"]
    return [row["valueQuantity"]["value"] for row in rows], body.get("total", -1)
