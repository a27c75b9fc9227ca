"""What a service demands of a type holds whatever door a write came by, and takes the whole transaction back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from fhirserver.engine import Engine
from fhirserver.guarding import Guard, Made
from kit.db import Connection
from kit.problems import Kind, Problem


class TooLoud(Problem):
    kind = Kind.RULE_BROKEN
    code = "care/too-loud"
    title = "A basic resource says this too loudly"


@pytest.fixture
def asked(engine: Engine) -> Iterator[list[Made]]:
    """Basic is guarded: its code's text may not be "NEJ"; what the guard was asked is kept."""
    seen: list[Made] = []

    async def guard(con: Connection, made: Sequence[Made]) -> None:
        assert await con.fetchval("select 1") == 1
        seen.extend(made)
        if any(one.new is not None and one.new["code"]["text"] == "NEJ" for one in made):
            raise TooLoud

    guards: Mapping[str, Guard] = {"Basic": guard}
    before, engine.guards = engine.guards, replace(engine.guards, by_type=guards)
    yield seen
    engine.guards = before


def basic(words: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Basic", "code": {"text": words}, **more}


async def test_a_plain_create_is_asked_about_and_refused_whole(bench: Any, asked: list[Made]) -> None:
    refused = await bench.post("/Basic", json=basic("NEJ"))
    assert refused.status_code == 422, refused.text
    stored = await bench.post("/Basic", json=basic("ja"))
    assert stored.status_code == 201
    assert asked[-1].old is None
    assert asked[-1].new is not None
    assert asked[-1].new["id"] == stored.json()["id"]
    assert asked[-1].new["meta"]["versionId"] == "1"


async def test_an_update_a_patch_and_a_deletion_are_asked_about_with_what_stood_before(
    bench: Any, asked: list[Made]
) -> None:
    await bench.put("/Basic/guarded-1", json=basic("ett", id="guarded-1"))
    await bench.put("/Basic/guarded-1", json=basic("två", id="guarded-1"))
    patch = json.dumps([{"op": "replace", "path": "/code/text", "value": "NEJ"}])
    refused = await bench.patch(
        "/Basic/guarded-1", content=patch, headers={"Content-Type": "application/json-patch+json"}
    )
    assert refused.status_code == 422
    assert (await bench.get("/Basic/guarded-1")).json()["code"]["text"] == "två"
    assert (await bench.delete("/Basic/guarded-1")).status_code in (200, 204)
    told = [(one.old and one.old["code"]["text"], one.new and one.new["code"]["text"]) for one in asked]
    assert told == [(None, "ett"), ("ett", "två"), ("två", "NEJ"), ("två", None)]
    assert {one.by for one in asked} == {""}


async def test_a_transaction_with_one_that_is_refused_stores_nothing(bench: Any, asked: list[Made]) -> None:
    entries = [
        {"resource": basic(words, id=id), "request": {"method": "PUT", "url": f"Basic/{id}"}}
        for id, words in (("guarded-2", "ja"), ("guarded-3", "NEJ"))
    ]
    answer = await bench.post("/", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 422, answer.text
    assert (await bench.get("/Basic/guarded-2")).status_code == 404
    assert [one.id for one in asked] == ["guarded-2", "guarded-3"]


def test_what_a_body_may_say_is_said_however_its_strings_are_written() -> None:
    plain = Made("Basic", "1", None, b'{"resourceType":"Basic","code":{"text":"ja"}}')
    assert plain.may_say(b"urn:fvm:", b'"ja"')
    assert not plain.may_say(b"urn:fvm:")
    assert Made("Basic", "1", None, b'{"resourceType":"Basic","code":{"text":"urn\\u003afvm:x"}}').may_say(b"urn:fvm:")
    assert not Made("Basic", "1", {}, None).may_say(b"ja")
    assert plain.new == {"resourceType": "Basic", "code": {"text": "ja"}}


async def test_what_is_not_guarded_is_not_asked_about(bench: Any, asked: list[Made]) -> None:
    stored = await bench.post("/Organization", json={"resourceType": "Organization", "name": "Norrby"})
    assert stored.status_code == 201
    assert asked == []
