"""Order, pages, totals, POST _search, and what a search refuses or leaves out with a word."""

import asyncio
import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from fhircore.params import params_of


async def pages(client: httpx2.AsyncClient, url: str, between: Any = None) -> list[list[str]]:
    """The ids of every page, following next links."""
    found = []
    while url:
        answer = await client.get(url)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        found.append([e["resource"]["id"] for e in bundle.get("entry", [])])
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        if between is not None:
            await between()
    return found


@pytest.fixture
async def ten(ward: Any) -> tuple[str, list[str]]:
    """A patient with ten observations on ten days, oldest first."""
    patient = await ward.patient()
    ids = [await ward.observation(patient, effectiveDateTime=f"2026-01-{day:02}") for day in range(1, 11)]
    return patient, ids


async def test_dates_sort_both_ways_and_newest_first_is_the_default(ward: Any, ten: tuple[str, list[str]]) -> None:
    patient, ids = ten
    of = f"/Observation?patient={patient}"
    assert await ward.ids(f"{of}&_sort=date") == ids
    assert await ward.ids(f"{of}&_sort=-date") == ids[::-1]
    assert await ward.ids(of) == ids[::-1]
    assert await ward.ids(f"{of}&_sort=_lastUpdated") == ids
    assert await ward.ids(f"{of}&_sort=-_lastUpdated") == ids[::-1]
    assert await ward.ids(f"{of}&_sort=_id") == sorted(ids)
    assert await ward.ids(f"{of}&_sort=-_id") == sorted(ids)[::-1]


async def test_strings_and_other_dates_sort_and_what_has_none_comes_last(ward: Any) -> None:
    b = await ward.patient(name=[{"family": "Zsort-b"}], deceasedDateTime="2020-01-02")
    a = await ward.patient(name=[{"family": "ZSORT-Å"}], deceasedDateTime="2020-01-01")
    c = await ward.patient(name=[{"given": ["Zsort-x"]}])
    of = f"/Patient?_id={a},{b},{c}"
    assert await ward.ids(f"{of}&_sort=family") == [a, b, c]
    assert await ward.ids(f"{of}&_sort=-family") == [b, a, c]
    assert await ward.ids(f"{of}&_sort=death-date") == [a, b, c]
    assert await ward.ids(f"{of}&_sort=-death-date") == [b, a, c]
    for sort in (
        "family",
        "-family",
        "death-date",
        "-death-date",
        "_lastUpdated",
        "-_lastUpdated",
        "_id",
        "-birthdate",
    ):
        found = await pages(ward.bench, f"{of}&_sort={sort}&_count=1")
        assert [len(page) for page in found] == [1, 1, 1], sort
        assert [id for page in found for id in page] == await ward.ids(f"{of}&_sort={sort}"), sort


@pytest.mark.parametrize("sort", ["date", "-date", "_lastUpdated", "-_lastUpdated", "_id", "-value-quantity"])
async def test_pages_neither_repeat_nor_miss_while_others_write(
    ward: Any, bench: httpx2.AsyncClient, ten: tuple[str, list[str]], sort: str
) -> None:
    patient, ids = ten

    async def write() -> None:
        await ward.observation(patient, effectiveDateTime="2026-01-05", id=f"aa-{patient[:20]}{sort}".replace("_", "-"))

    found = await pages(bench, f"/Observation?patient={patient}&_sort={sort}&_count=3", write)
    seen = [id for page in found for id in page]
    assert len(seen) == len(set(seen))
    assert set(ids) <= set(seen)


async def test_equal_sort_values_are_paged_by_key(ward: Any, bench: httpx2.AsyncClient) -> None:
    patient = await ward.patient()
    ids = {await ward.observation(patient) for _ in range(7)}
    for count in (1, 2, 3, 7, 8):
        for sort in ("date", "-date"):
            found = await pages(bench, f"/Observation?patient={patient}&_sort={sort}&_count={count}")
            assert [len(page) for page in found][:-1] == [count] * (len(found) - 1)
            assert sorted(id for page in found for id in page) == sorted(ids)


async def test_totals_are_told_as_asked(ward: Any, bench: httpx2.AsyncClient, ten: tuple[str, list[str]]) -> None:
    of = f"/Observation?patient={ten[0]}"
    assert (await bench.get(of)).json()["total"] == 10  # all on one page
    assert "total" not in (await bench.get(f"{of}&_count=3")).json()
    assert (await bench.get(f"{of}&_count=3&_total=accurate")).json()["total"] == 10
    for query in ("_summary=count", "_count=0"):
        told = (await bench.get(f"{of}&{query}")).json()
        assert told["total"] == 10
        assert "entry" not in told
        assert [link["relation"] for link in told["link"]] == ["self"]
    empty = (await bench.get(f"{of}&code=nothing")).json()
    assert (empty["total"], "entry" in empty) == (0, False)


async def test_a_cursor_belongs_to_its_search_and_cannot_be_made_up(
    ward: Any, bench: httpx2.AsyncClient, ten: tuple[str, list[str]]
) -> None:
    of = f"/Observation?patient={ten[0]}"
    first = (await bench.get(f"{of}&_count=3&_sort=date")).json()
    cursor = parse_qs(urlsplit(first["link"][1]["url"]).query)["_cursor"][0]
    assert (
        await bench.get(f"{of}&_sort=date&_count=5&_cursor={cursor}")
    ).status_code == 200  # the page size may change
    flipped = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    for bad in (f"{of}&_sort=-date&_cursor={cursor}", f"/Observation?_sort=date&_cursor={cursor}"):
        assert (await bench.get(bad)).status_code == 400
    for made in (flipped, cursor[:-2], "A", "%C3%A4", "A" * 5000, "-_"):
        answer = await bench.get(f"{of}&_sort=date&_cursor={made}")
        assert answer.status_code == 400, made
        assert answer.json()["issue"][0]["expression"] == ["_cursor"]


async def test_a_cursor_does_not_show_the_name_it_was_sorted_by(ward: Any, bench: httpx2.AsyncClient) -> None:
    for _ in range(2):
        await ward.patient(name=[{"family": "Zhemligsson"}])
    page = await bench.post("/Patient/_search", data={"family": "zhemligsson", "_sort": "family", "_count": "1"})
    url = page.json()["link"][1]["url"]
    cursor = parse_qs(urlsplit(url).query)["_cursor"][0]
    assert b"zhemlig" not in base64.urlsafe_b64decode(cursor + "==")


async def test_a_posted_search_answers_as_get_and_keeps_names_out_of_its_links(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    ids = {await ward.patient(name=[{"family": "Zpostå"}]) for _ in range(3)}
    form = {"family": "zpostå", "_sort": "_id", "_count": "2"}
    first = (await bench.post("/Patient/_search", data=form)).json()
    assert all("zpost" not in link["url"].lower() for link in first["link"])
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    second = (await bench.post(following, data=form)).json()
    assert {e["resource"]["id"] for bundle in (first, second) for e in bundle["entry"]} == ids
    assert [link["relation"] for link in second["link"]] == ["self", "previous"]
    split = await bench.post("/Patient/_search?family=zpost%C3%A5", data={"_id": next(iter(ids))})
    assert len(split.json()["entry"]) == 1
    assert (await bench.post("/Patient/_search", json={"family": "x"})).status_code == 415


@pytest.mark.parametrize(
    ("search", "named"),
    [
        ("nonsense=1", "nonsense"), ("family:nonsense=x", "nonsense"), ("birthdate=yesterday", "birthdate"),
        ("birthdate=zz2020", "birthdate"), ("birthdate=", "birthdate"), ("family:text=x", "text"),
        ("gender:missing=maybe", "missing"), ("gender:in=http://x", "gender"), ("_sort=nonsense", "nonsense"),
        ("gender:above=x", "gender"), ("_elements=na me", "_elements"), ("_summary=some", "_summary"),
        ("_elements=name&_summary=true", "_elements"), ("_summary=text&_include=Patient:link", "_summary"),
        ("_list=$current-allergies", "_list"), ("_filter=name co", "_filter"), ("_filter=gender sw m", "gender"),
        ("_count=x", "_count"), ("_total=many", "_total"), ("_count=1&_count=2", "_count"),
        ("organization.nonsense=1", "nonsense"), ("_has:Observation:nonsense:code=1", "nonsense"), ("_id=a_b", "_id"),
        ("_source:below=http://x", "_source"), ("_type=Patient", "_type"), ("_text=+", "_text"), ("a", "query"),
        ("family=%FF", "query"), ("family=%00", "query"), ("_sort=_text", "_sort"), ("near=1|2", "near"),
    ],
)  # fmt: skip
async def test_what_is_not_understood_is_refused_by_name(bench: httpx2.AsyncClient, search: str, named: str) -> None:
    answer = await bench.get(f"/Patient?{search}")
    assert answer.status_code == 400, answer.text
    issue = answer.json()["issue"][0]
    assert named in issue["diagnostics"] + str(issue.get("expression"))


async def test_lenient_handling_leaves_unknown_parameters_out_and_says_so(ward: Any, bench: httpx2.AsyncClient) -> None:
    id = await ward.patient()
    headers = {"prefer": "handling=lenient"}
    told = (await bench.get(f"/Patient?_id={id}&nonsense=1&other=2", headers=headers)).json()
    assert [e["search"]["mode"] for e in told["entry"]] == ["match", "outcome"]
    assert told["total"] == 1
    texts = " ".join(issue["diagnostics"] for issue in told["entry"][1]["resource"]["issue"])
    assert "nonsense" in texts
    assert "other" in texts
    assert (await bench.get(f"/Patient?_id={id}&birthdate=zz", headers=headers)).status_code == 400


async def test_every_search_parameter_that_is_advertised_can_be_searched(bench: httpx2.AsyncClient) -> None:
    values = {
        "string": "x",
        "token": "x",
        "reference": "x",
        "date": "2020",
        "number": "1",
        "quantity": "1",
        "uri": "urn:x",
        "special": "1|2",
    }
    own = {"_filter": "_id eq x"}
    told = (await bench.get("/metadata")).json()["rest"][0]["resource"]
    gate = asyncio.Semaphore(4)
    refused: list[str] = []

    async def ask(type_name: str, name: str, kind: str) -> None:
        async with gate:
            parts = params_of(type_name)[name].components if kind == "composite" else ()
            value = "$".join(values[part.type] for part in parts) or own.get(name) or values[kind]
            answer = await bench.get(f"/{type_name}?{name}={value}")
        if answer.status_code != 200:
            refused.append(f"{type_name}?{name}: {answer.text[:200]}")

    common = (
        "Patient",
        "Observation",
        "Location",
        "MolecularSequence",
        "DocumentReference",
        "Group",
        "Encounter",
        "Condition",
        "MedicationRequest",
        "DiagnosticReport",
        "Account",
    )
    await asyncio.gather(
        *(
            ask(found["type"], param["name"], param["type"])
            for found in told
            if found["type"] in common
            for param in found["searchParam"]
        )
    )
    assert refused == []
    for type_name in common:
        (kind,) = [found for found in told if found["type"] == type_name]
        assert {"_id", "_lastUpdated", "_list", "_filter", "_content"} <= {
            param["name"] for param in kind["searchParam"]
        }


async def test_an_ampersand_too_many_at_the_ends_is_no_parameter(ward: Any) -> None:
    id = await ward.patient()
    assert await ward.ids(f"/Patient?&_id={id}&") == [id]
