"""`_sort=_lastUpdated`: read in stretches of time, both ways, page by page, while others write."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from fhirserver.search.stretches import stretches

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
async def places(engine: Engine) -> None:
    """The region is three years old here."""
    await engine.db.pool.execute("update region set born_at = now() - interval '3 years'")


async def _stored(ward: Any, engine: Engine) -> list[str]:
    """Twelve Locations, last updated from a minute to two years ago, the newest first."""
    ages = [timedelta(minutes=1), timedelta(minutes=50), timedelta(minutes=70), timedelta(hours=9), timedelta(hours=9)]
    ages += [timedelta(days=days) for days in (2, 3, 20, 21, 200, 400, 730)]
    ids = [await ward.add({"resourceType": "Location", "name": "Tid"}) for _ in ages]
    for id, age in zip(ids, ages, strict=True):
        key = engine.keys.of(f"Location/{id}")
        await engine.db.pool.execute("update res set upd = $1 where key = $2", NOW - age, key)
    return ids


async def _pages(bench: httpx2.AsyncClient, url: str, relation: str = "next") -> list[dict[str, Any]]:
    found = []
    while url:
        page = (await bench.get(url)).json()
        found.append(page)
        url = next((link["url"] for link in page["link"] if link["relation"] == relation), "")
    return found


def _ids(page: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in page.get("entry", [])]


@pytest.mark.usefixtures("places")
async def test_pages_come_in_the_order_of_updates_both_ways_and_hold_while_others_write(
    ward: Any, bench: httpx2.AsyncClient, engine: Engine
) -> None:
    ids = await _stored(ward, engine)
    equal = sorted(ids[3:5], key=lambda id: engine.keys.of(f"Location/{id}"))
    newest, oldest = [*ids[:3], *equal, *ids[5:]], [*ids[:4:-1], *equal, *ids[2::-1]]
    search = "/Location?name=tid&_count=3&_sort="
    for sort, wanted in (("-_lastUpdated", newest), ("_lastUpdated", oldest)):
        pages = await _pages(bench, search + sort)
        assert [id for page in pages for id in _ids(page)] == wanted
        back = await _pages(bench, pages[-1]["link"][0]["url"], "previous")
        assert [id for page in reversed(back) for id in _ids(page)] == wanted
    first = (await bench.get(search + "-_lastUpdated")).json()
    await ward.add({"resourceType": "Location", "name": "Tid, ny"})
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert [id for page in await _pages(bench, following) for id in _ids(page)] == newest[3:]
    several = await ward.ids("/Location?name=tid&_sort=-_lastUpdated,name&_count=4")
    assert several[1:] == newest[:3]


async def test_a_lenient_search_says_by_its_self_link_what_it_was_made_by(ward: Any, bench: httpx2.AsyncClient) -> None:
    for _ in range(3):
        await ward.add({"resourceType": "Location", "name": "Mild"})
    lenient = {"prefer": "handling=lenient"}
    first = (await bench.get("/Location?name=mild&shoesize=42&_count=2", headers=lenient)).json()
    links = {link["relation"]: link["url"] for link in first["link"]}
    assert "shoesize" not in links["self"] + links["next"]
    following = await bench.get(links["next"])  # without the header: nothing is left out any more
    assert (following.status_code, len(_ids(following.json()))) == (200, 1)


@pytest.mark.parametrize("newest_first", [True, False])
def test_stretches_cover_all_of_the_time_once(newest_first: bool) -> None:
    begin, end = NOW - timedelta(days=900), NOW + timedelta(days=1)
    found = list(stretches(begin, end, newest_first=newest_first))
    in_time = found[::-1] if newest_first else found
    assert len(found) < 10
    assert in_time[0][0] == begin
    assert in_time[-1][1] > end
    assert all(before[1] == after[0] for before, after in itertools.pairwise(in_time))
    assert list(stretches(end, begin, newest_first=newest_first)) == []
