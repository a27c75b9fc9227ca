"""HL7's GraphQL tests for servers, asked at the door itself (the suite of the language is in libs/fhircore/tests)."""

import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
TESTS = DATA / "graphql" / "server-tests.json"

pytestmark = pytest.mark.skipif(not TESTS.is_file(), reason="../shared/data/graphql is not there")


def cases() -> list[Any]:
    groups = json.loads(TESTS.read_bytes()) if TESTS.is_file() else {}
    return [
        pytest.param(case, id=f"{group}-{name}")
        for group, found in groups.items()
        if isinstance(found, dict)
        for name, case in found.items()
    ]


@pytest.mark.parametrize("case", cases())
async def test_the_official_query_is_answered_as_hl7_expects(doors: Any, case: dict[str, Any]) -> None:
    example = json.loads((DATA / "r4-examples" / "Patient-example.json").read_bytes())
    await doors.vis.put("/Patient/example", json=example)
    address, _, query = case["url"].partition("?query=")
    answer = await doors.vis.get(address, params={"query": query})
    assert answer.json() == case["output"], answer.text
