"""Nothing a client can send makes a FHIR door fail, hang or grow: every interaction is fed what Hypothesis makes up.

A small fixed set runs with the tests. `FUZZ=50 .venv/bin/pytest tests/conformance/test_fuzz.py` runs fifty times as much,
other input each time; what fails is shown with the request that did it.
"""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import httpx2
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import changes, searches
from made.answers import fault
from made.resources import broken, mutated
from made.values import text

from fhircore.types import TYPES
from fhircore.xml import from_xml, to_xml

TIMES = int(os.environ.get("FUZZ", "1"))
JSON, XML = {"content-type": "application/fhir+json"}, {"content-type": "application/fhir+xml"}
JSON_PATCH = {"content-type": "application/json-patch+json"}
PATIENCE = 20.0  # seconds an answer may take
GROWTH = 64 * 1024 * 1024  # bytes that caches may take once they are warm


@dataclass
class Wanted:
    """One request."""

    by: httpx2.AsyncClient
    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, Any] = field(default_factory=dict)

    async def ask(self) -> httpx2.Response:
        async with asyncio.timeout(PATIENCE):
            return await self.by.request(self.method, self.path, content=self.body, headers=self.headers)

    def shown(self) -> str:
        return f"{self.method} {self.path[:600]} {self.headers} {(self.body or b'')[:1500]!r}"


@pytest.fixture(scope="module")
async def stored(doors: Any, data_dir: Path) -> list[dict[str, Any]]:
    """The official examples of R4, all of them kept at the doors."""
    found = [json.loads(path.read_bytes()) for path in sorted((data_dir / "r4-examples").glob("*.json"))]
    for one in found:
        await doors.of(one["resourceType"]).put(f"/{one['resourceType']}/{one['id']}", json=one)
    return [one for one in found if TYPES[one["resourceType"]].door != "none"]


def made_up(make: Callable[[Random], Wanted | None], count: int) -> list[Wanted]:
    """So many requests, the same in every run unless more is asked for."""
    found: list[Wanted] = []

    @settings(
        max_examples=count * TIMES,
        deadline=None,
        derandomize=TIMES == 1,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=True))
    def collect(r: Random) -> None:
        one = make(r)
        if one is not None:
            found.append(one)

    collect()
    return found


async def all_answered(wanted: list[Wanted]) -> list[httpx2.Response]:
    """Their answers, in order; fails with every request that got none, and where the process grew."""
    gate, faults = asyncio.Semaphore(6), []
    before = 0

    async def ask(place: int, one: Wanted) -> httpx2.Response | None:
        nonlocal before
        async with gate:
            if place == len(wanted) // 3:
                before = psutil.Process().memory_info().rss
            try:
                answer = await one.ask()
            except TimeoutError:
                faults.append(f"no answer in {PATIENCE:.0f} s\n    {one.shown()}")
                return None
        if wrong := fault(answer):
            faults.append(f"{wrong}\n    {one.shown()}")
        return answer

    answers = await asyncio.gather(*(ask(place, one) for place, one in enumerate(wanted)))
    assert not faults, f"{len(faults)} of {len(wanted)}:\n" + "\n".join(faults[:10])
    grown = psutil.Process().memory_info().rss - before
    assert grown < GROWTH, f"the process grew by {grown} bytes"
    return [answer for answer in answers if answer is not None]


def encoded(document: Any) -> bytes | None:
    try:
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except ValueError:
        return None


async def test_resources_that_are_wrong_are_refused_on_every_way_in(doors: Any, stored: list[Any]) -> None:
    def make(r: Random) -> Wanted | None:
        made = mutated(r, r.choice(stored), stored)
        body, name = encoded(made), made.get("resourceType")
        if body is None:
            return None
        name = name if isinstance(name, str) and name in TYPES else "Patient"
        by = doors.of(name)
        match r.randrange(5):
            case 0:
                return Wanted(by, "POST", f"/{name}", body, JSON)
            case 1:
                return Wanted(by, "PUT", f"/{name}/{quote(str(made.get('id') or 'x')[:80], safe='')}", body, JSON)
            case 2:
                return Wanted(by, "POST", f"/{name}/$validate", body, JSON)
        kind = r.choice((b"batch", b"transaction"))
        asked = b'"request":{"method":"POST","url":"%s"}' % name.encode()
        whole = b'{"resourceType":"Bundle","type":"%s","entry":[{"resource":%s,%s}]}' % (kind, body, asked)
        return Wanted(by, "POST", "", whole, JSON)

    answers = await all_answered(made_up(make, 500))
    assert {201, 422} <= {answer.status_code for answer in answers}


async def test_what_is_taken_is_read_back_as_it_was_in_json_and_in_xml(doors: Any, stored: list[Any]) -> None:
    def make(r: Random) -> Wanted | None:
        made = mutated(r, r.choice(stored), stored)
        body, name = encoded(made), made.get("resourceType")
        known = isinstance(name, str) and name in TYPES
        return Wanted(doors.of(name), "POST", f"/{name}", body, JSON) if body is not None and known else None

    wanted = made_up(make, 400)
    taken = 0
    for one, answer in zip(wanted, await all_answered(wanted), strict=True):
        if answer.status_code == 201:
            taken += 1
            address = f"{one.path}/{answer.json()['id']}"
            back, as_xml = await one.by.get(address), await one.by.get(address, params={"_format": "xml"})
            assert content(back.json()) == content(json.loads(one.body or b""))
            assert as_xml.status_code in (200, 406)  # 406: a character that XML cannot carry
            if as_xml.status_code == 200:
                assert content(json.loads(json.dumps(from_xml(as_xml.content), default=float))) == content(back.json())
    assert taken > 20


def content(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in ("id", "meta")}


async def test_bytes_that_are_broken_are_refused(doors: Any, stored: list[Any]) -> None:
    bundles = [json.dumps(changes.bundle(kind)).encode() for kind in ("transaction", "batch")]

    def make(r: Random) -> Wanted:
        one = r.choice(stored)
        by, path = doors.of(one["resourceType"]), f"/{one['resourceType']}"
        match r.randrange(4):
            case 0:
                return Wanted(by, "POST", path, broken(r, to_xml(one)), XML)
            case 1:
                return Wanted(by, "POST", path, broken(r, json.dumps(one).encode()), JSON)
            case 2:
                return Wanted(doors.vis, "POST", "", broken(r, r.choice(bundles)), JSON)
        return Wanted(
            doors.vis, "POST", r.choice(("", "/Patient", "/$graphql")), broken(r, b"{}<x/>"), r.choice((JSON, XML))
        )

    await all_answered(made_up(make, 400))


async def test_bundles_that_are_wrong_are_refused(doors: Any, stored: list[Any]) -> None:
    def make(r: Random) -> Wanted | None:
        body = encoded(mutated(r, changes.bundle(r.choice(("transaction", "batch"))), stored))
        return None if body is None else Wanted(doors.vis, "POST", "", body, JSON)

    answers = await all_answered(made_up(make, 300))
    assert {200, 400} <= {answer.status_code for answer in answers}


async def test_searches_are_answered_or_refused(doors: Any, stored: list[Any]) -> None:
    def make(r: Random) -> Wanted:
        by, name = r.choice((doors.vis, doors.region)), r.choice(searches.STORED)
        lenient = {"prefer": "handling=lenient"} if r.random() < 0.3 else {}
        match r.randrange(6):
            case 0:
                return Wanted(by, "GET", f"?{searches.query(r, 'Resource')}", headers=lenient)
            case 1:
                address = f"/Patient/example/{r.choice(('*', name))}"
                return Wanted(by, "GET", f"{address}?{searches.query(r, name)}", headers=lenient)
            case 2:
                form = {"content-type": "application/x-www-form-urlencoded"}
                return Wanted(by, "POST", f"/{name}/_search", searches.query(r, name).encode(), form)
        return Wanted(by, "GET", f"/{name}?{searches.query(r, name)}", headers=lenient)

    answers = await all_answered(made_up(make, 600))
    assert {200, 400} <= {answer.status_code for answer in answers}


async def test_conditions_and_patches_are_answered_or_refused(doors: Any, stored: list[Any]) -> None:
    def make(r: Random) -> Wanted | None:
        one = r.choice(stored)
        name, by = one["resourceType"], doors.of(one["resourceType"])
        address, where = f"/{name}/{one['id']}", f"/{name}?{searches.query(r, name)}"
        match r.randrange(6):
            case 0:
                return Wanted(by, "PUT", where, json.dumps(one).encode(), JSON)
            case 1:
                return Wanted(by, "DELETE", where)
            case 2:
                return Wanted(by, "POST", f"/{name}", json.dumps(content(one)).encode(),
                              {**JSON, "if-none-exist": searches.query(r, name)})  # fmt: skip
            case 3:
                body, headers = encoded(changes.fhirpath_patch(r, one)), JSON
            case _:
                body, headers = encoded(changes.json_patch(r, one)), JSON_PATCH
        return None if body is None else Wanted(by, "PATCH", r.choice((address, address, where)), body, headers)

    answers = await all_answered(made_up(make, 500))
    assert {200, 201, 400, 422} <= {answer.status_code for answer in answers}


async def test_histories_operations_and_headers_are_answered_or_refused(doors: Any, stored: list[Any]) -> None:
    def make(r: Random) -> Wanted:
        one = r.choice(stored)
        name, id = one["resourceType"], one["id"]
        by, asked = doors.of(name), searches.asked_besides(r)
        if r.random() < 0.3:
            names = (
                "if-match",
                "if-none-match",
                "if-modified-since",
                "prefer",
                "fvm-patient",
                "idempotency-key",
                "accept",
            )
            headers = {r.choice((*names, "content-type")): _in_a_header(searches.value(r)) for _ in range(2)}
            method = r.choice(("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "POST", "TRACE", "X"))
            return Wanted(by, method, f"/{name}/{id}", json.dumps(one).encode() if method[0] == "P" else None, headers)
        address = r.choice(
            (
                f"/{name}/{id}/_history", f"/{name}/_history", "/_history", f"/{name}/{id}/_history/{text(r) or 1}",
                f"/Patient/{id}/$everything", f"/{name}/{id}/$meta", f"/{name}/$meta", "/$meta", f"/{name}/{id}/$validate",
                "/Observation/$lastn", f"/{name}/{id}/$meta-add", "/$export", "/Patient/$export", "/Group/101/$export",
                "/$job/x", "/$job/x/1", "/$import", f"/Subscription/{id}/$status", "/Subscription/$status",
                f"/{name}/{id}/$nonsense", f"/{quote(text(r) or 'x', safe='')}/{id}",
            )
        )  # fmt: skip
        if r.random() < 0.6:
            return Wanted(by, "GET", f"{address}?{asked}")
        body = r.choice((b"", b"{}", b'{"resourceType":"Parameters"}', json.dumps(one).encode()))
        return Wanted(by, "POST", f"{address}?{asked}", body, {**JSON, "prefer": "respond-async"})

    await all_answered(made_up(make, 500))


def _in_a_header(value: str) -> bytes:
    return "".join(one for one in value if one >= " ").encode()


async def test_graphql_is_answered_or_refused(doors: Any, stored: list[Any]) -> None:
    def make(r: Random) -> Wanted:
        one = r.choice(stored)
        asked: dict[str, Any] = {"query": changes.graphql(r)}
        if r.random() < 0.3:
            asked |= {
                "variables": r.choice(({}, {"x": 1}, None, "x", [1])),
                "operationName": r.choice(("q", "", None, 1)),
            }
        address = r.choice(("/$graphql", f"/{one['resourceType']}/{one['id']}/$graphql"))
        plain = {"content-type": "application/json"}
        return Wanted(doors.of(one["resourceType"]), "POST", address, json.dumps(asked).encode(), plain)

    answers = await all_answered(made_up(make, 300))
    assert {200, 400} <= {answer.status_code for answer in answers}
