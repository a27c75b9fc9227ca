"""Several sort keys, codes and references among them; pages forward and backward while others write; totals."""

from typing import Any

import httpx2
import pytest


@pytest.fixture
async def people(ward: Any) -> dict[str, str]:
    """Name → id: two families, both genders, one without anything."""
    made = {
        "a": {"name": [{"family": "Zord", "given": ["Åke"]}], "gender": "male", "birthDate": "1970-01-01"},
        "b": {"name": [{"family": "Zord", "given": ["Bo"]}], "gender": "male", "birthDate": "1980-01-01"},
        "c": {"name": [{"family": "Zord", "given": ["Ada"]}], "gender": "female", "birthDate": "1970-01-01"},
        "d": {"name": [{"family": "Zorn"}], "gender": "other", "birthDate": "1990-01-01"},
        "e": {},
    }
    return {name: await ward.patient(**content) for name, content in made.items()}


SORTS = {
    "family,-birthdate,given": "bcade", "-family,birthdate,-given": "dacbe", "gender,given": "cabde", "-gender,birthdate": "dabce",
    "birthdate,gender": "cabde", "-birthdate,-gender": "dbace", "gender": None, "family,_id": None, "_lastUpdated,family": "abcde",
    "-_lastUpdated": "edcba", "given,birthdate": "cabed",
    "-given,birthdate": "baced",
}  # fmt: skip


@pytest.mark.parametrize("sort", SORTS)
async def test_several_keys_sort_in_both_directions_and_page_both_ways(
    ward: Any, bench: httpx2.AsyncClient, people: dict[str, str], sort: str
) -> None:
    names = {id: name for name, id in people.items()}
    search = f"/Patient?_id={','.join(people.values())}&_sort={sort}"
    whole = [names[id] for id in await ward.ids(search)]
    if SORTS[sort] is not None:
        assert "".join(whole) == SORTS[sort]
    for count in (1, 2, 3):
        there: list[str] = []
        url, last = f"{search}&_count={count}", ""
        while url:
            page = (await bench.get(url)).json()
            there += [names[entry["resource"]["id"]] for entry in page["entry"]]
            last, url = url, link(page, "next")
        assert there == whole
        back: list[str] = []
        url = last
        while url:
            page = (await bench.get(url)).json()
            back = [names[entry["resource"]["id"]] for entry in page["entry"]] + back
            url = link(page, "previous")
        assert back == whole


def link(page: dict[str, Any], relation: str) -> str:
    return next((one["url"] for one in page["link"] if one["relation"] == relation), "")


async def test_references_and_codes_sort_by_their_text(ward: Any) -> None:
    patient = await ward.patient()
    practitioners = [await ward.add({"resourceType": "Practitioner", "id": f"zsort-{n}"}) for n in (3, 1, 2)]
    made = [
        await ward.observation(patient, f"zs-{id[-1]}", performer=[{"reference": f"Practitioner/{id}"}])
        for id in practitioners
    ]
    of = f"/Observation?patient={patient}&_sort="
    assert await ward.ids(of + "performer") == [made[1], made[2], made[0]]
    assert await ward.ids(of + "-code") == [made[0], made[2], made[1]]
    called = await ward.observation(patient, code={"text": "Aaa"})
    assert (await ward.ids(of + "code"))[0] == called
    assert (await ward.ids(of + "-performer"))[-1] == called  # what has none comes last
    assert await ward.ids(of + "code,performer,-date&_count=1") == [called]


async def test_pages_go_back_over_what_others_wrote_without_a_repeat(ward: Any, bench: httpx2.AsyncClient) -> None:
    patient = await ward.patient()
    ids = [await ward.observation(patient, effectiveDateTime=f"2026-01-{day:02}") for day in range(1, 10)]
    for sort in ("date", "code,date"):
        url, seen, pages = f"/Observation?patient={patient}&_sort={sort}&_count=4", [], []
        while url:
            page = (await bench.get(url)).json()
            seen += [entry["resource"]["id"] for entry in page["entry"]]
            pages.append(page)
            await ward.observation(patient, effectiveDateTime="2026-01-02")
            url = link(page, "next")
        assert [id for id in seen if id in ids] == ids
        assert len(seen) == len(set(seen))
        url, back = link(pages[-1], "previous"), []
        while url:
            page = (await bench.get(url)).json()
            back = [entry["resource"]["id"] for entry in page["entry"]] + back
            assert link(page, "next")
            url = link(page, "previous")
        assert len(back) == len(set(back))
        left = [id for id in ids if id not in [entry["resource"]["id"] for entry in pages[-1]["entry"]]]
        assert [id for id in back if id in ids] == left


async def test_totals_are_accurate_estimated_or_left_out(ward: Any, bench: httpx2.AsyncClient, engine: Any) -> None:
    patient = await ward.patient()
    for _ in range(3):
        await ward.observation(patient)
    of = f"/Observation?patient={patient}"
    assert "total" not in (await bench.get(f"{of}&_total=none")).json()
    assert (await bench.get(f"{of}&_total=estimate&_count=1")).json()["total"] == 3
    assert (await bench.get(f"{of}&_total=accurate&_count=1&_sort=code")).json()["total"] == 3


async def test_more_than_can_be_sorted_by_their_bodies_are_refused(
    ward: Any, bench: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = await ward.patient()
    for _ in range(4):
        await ward.observation(patient)
    monkeypatch.setattr("fhirserver.search.sorting.MOST", 3)
    answer = await bench.get(f"/Observation?patient={patient}&_sort=code")
    assert answer.status_code == 400
    assert "sorted by code" in answer.text
