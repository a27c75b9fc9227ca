"""The CapabilityStatement tells exactly what is done: all that it names is answered, what it does not name is refused."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpx2
import pytest

from fhircore.params import params_of

DOORS = ("vis", "region")
VALUES = {
    "string": "x", "token": "x", "reference": "x", "date": "2020", "number": "1", "quantity": "1", "uri": "urn:x",
    "special": "1|2",
}  # fmt: skip
EXPRESSION = {"_filter": "_id eq x"}
NOT_HERE = 405


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, doors: Any) -> httpx2.AsyncClient:
    return getattr(doors, request.param)


async def resources(door: httpx2.AsyncClient) -> list[dict[str, Any]]:
    return (await door.get("/metadata")).json()["rest"][0]["resource"]


async def gathered(asked: Iterable[Callable[[], Awaitable[str]]]) -> list[str]:
    """What went wrong, of many questions a few at a time."""
    gate = asyncio.Semaphore(4)

    async def one(ask: Callable[[], Awaitable[str]]) -> str:
        async with gate:
            return await ask()

    return [fault for fault in await asyncio.gather(*map(one, asked)) if fault]


def either(
    ask: Callable[[str, str], Callable[[], Awaitable[str]]], type_name: str, name: str
) -> Callable[[], Awaitable[str]]:
    """An operation is of a type or of one resource, and the statement does not say which: it is there at one of the two."""

    async def asked() -> str:
        faults = [await ask(f"/{type_name}{place}/${name}", name)() for place in ("/none", "")]
        return "" if "" in faults else faults[0]

    return asked


async def test_it_is_had_without_signing_in_and_only_once(door: httpx2.AsyncClient) -> None:
    first = await door.get("/metadata", headers={"authorization": ""})
    assert first.status_code == 200
    etag = first.headers["etag"]
    for known in (etag, f'"another", {etag}', etag.removeprefix("W/")):
        again = await door.get("/metadata", headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert (await door.get("/metadata", headers={"if-none-match": 'W/"0"'})).content == first.content
    assert (await door.get("/metadata?_format=xml")).content.startswith(b"<?xml")


async def test_every_interaction_is_told_where_it_is_done_and_nowhere_else(door: httpx2.AsyncClient) -> None:
    def ask(kind: dict[str, Any], code: str, method: str, path: str) -> Callable[[], Awaitable[str]]:
        told = code in {one["code"] for one in kind["interaction"]}

        async def asked() -> str:
            body = b"{}" if method in ("POST", "PUT", "PATCH") else None
            answer = await door.request(method, path, content=body, headers={"content-type": "application/fhir+json"})
            refused = answer.status_code == NOT_HERE or (code == "patch" and "changed by PUT" in answer.text)
            return "" if told != refused and answer.status_code < 500 else f"{method} {path}: {answer.status_code}"

        return asked

    def all_of(kind: dict[str, Any]) -> list[Callable[[], Awaitable[str]]]:
        name = kind["type"]
        return [
            ask(kind, "read", "GET", f"/{name}/none"),
            ask(kind, "vread", "GET", f"/{name}/none/_history/1"),
            ask(kind, "history-instance", "GET", f"/{name}/none/_history"),
            ask(kind, "history-type", "GET", f"/{name}/_history"),
            ask(kind, "search-type", "GET", f"/{name}?_id=none"),
            ask(kind, "create", "POST", f"/{name}"),
            ask(kind, "update", "PUT", f"/{name}/none"),
            ask(kind, "delete", "DELETE", f"/{name}/none"),
            ask(kind, "patch", "PATCH", f"/{name}/none"),
        ]

    kinds = await resources(door)
    assert len(kinds) > 140
    assert await gathered(one for kind in kinds for one in all_of(kind)) == []


async def test_every_search_parameter_and_include_is_answered(doors: Any) -> None:
    """Both doors have the same; each type is asked where it is written."""

    def ask(name: str, query: str) -> Callable[[], Awaitable[str]]:
        async def asked() -> str:
            answer = await doors.of(name).get(f"/{name}?{query}&_count=1")
            return "" if answer.status_code == 200 else f"{name}?{query}: {answer.text[:200]}"

        return asked

    def value(name: str, param: dict[str, Any]) -> str:
        if param["type"] == "composite":
            return "$".join(VALUES[part.type] for part in params_of(name)[param["name"]].components)
        return EXPRESSION.get(param["name"], VALUES[param["type"]])

    told = [(await resources(door)) for door in (doors.vis, doors.region)]
    for here, there in zip(*told, strict=True):
        for what in ("searchParam", "searchInclude", "searchRevInclude"):
            assert here[what] == there[what]
    questions = []
    for kind in told[0]:
        name = kind["type"]
        questions += [ask(name, f"{one['name']}={value(name, one)}") for one in kind["searchParam"]]
        questions += [ask(name, f"_include={one}") for one in kind["searchInclude"]]
        questions += [ask(name, f"_revinclude={one}") for one in kind["searchRevInclude"]]
    assert len(questions) > 4000
    assert await gathered(questions) == []


async def test_every_operation_that_is_told_is_there(door: httpx2.AsyncClient) -> None:
    statement = (await door.get("/metadata")).json()["rest"][0]
    reads = {"export", "graphql", "meta", "validate", "lastn", "everything", "status", "events"}

    def ask(path: str, name: str) -> Callable[[], Awaitable[str]]:
        async def asked() -> str:
            method = "GET" if name in reads else "POST"
            answer = await door.request(method, path, headers={"prefer": "respond-async"})
            gone = answer.status_code == NOT_HERE or answer.status_code >= 500
            return f"{method} {path}: {answer.status_code} {answer.text[:200]}" if gone else ""

        return asked

    questions = [ask(f"/${one['name']}", one["name"]) for one in statement["operation"] if one["name"] != "reindex"]
    for kind in statement["resource"]:
        for one in kind["operation"]:
            questions.append(either(ask, kind["type"], one["name"]))
    assert await gathered(questions) == []
