"""What a condition names need not be known yet: whoever waited for another with the same one sees what that one stored."""

import asyncio
from collections import Counter
from typing import Any

import pytest


@pytest.mark.parametrize("condition", ["name:exact=Cold-64&type:missing=true", "type=urn:cold|64", "name=cold-word"])
async def test_64_clients_whose_condition_names_what_nobody_stored_yet_create_exactly_one(
    bench: Any, condition: str
) -> None:
    body = {"resourceType": "Organization", "name": "Cold-64"}
    if condition != "name:exact=Cold-64&type:missing=true":
        body |= {"name": "Cold-Word", "type": [{"coding": [{"system": "urn:cold", "code": "64"}]}]}
    if condition == "name=cold-word":
        body.pop("type")
        await bench.delete("/Organization?type=urn:cold|64")
    headers = {"if-none-exist": condition}
    answers = await asyncio.gather(*(bench.post("/Organization", json=body, headers=headers) for _ in range(64)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 63}
