"""What the information platform and VIS tell of the law is what contracts/events promises, and each reads the other's example."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from jsonschema import ValidationError

from access import Block, Rules
from access.acts import Act, compose
from information_platform.access.telling import CHANGED, beat_told, facts_told, rules_told
from vis.access.api import TAKEN
from vis.access.model import read

NOW = datetime.now(UTC)
Check = Callable[[str, Any], None]


def acts() -> list[Act]:
    until = NOW + timedelta(hours=1)
    given: dict[str, Any] = {"patient": "p", "at": NOW, "by": "x", "unit": "U", "provider": "P", "reason": "Behövs"}
    block, who = str(uuid4()), "somebody"
    return [
        Act(str(uuid4()), "relation", until=until, **given),
        Act(str(uuid4()), "choice", until=until, session="s", **given),
        Act(str(uuid4()), "consent", until=until, ground="emergency", employee="x", scope=("life",), **given),
        Act(block, "block", block=Block(block, "inner", "P", "U", 1, 2, ("lak",)), **given),
        Act(str(uuid4()), "lift", target=block, until=until, ground="emergency", **given),
        Act(str(uuid4()), "guardian", who=who, **given),
        Act(str(uuid4()), "open", scope=("child",), **given),
        Act(str(uuid4()), "objection", scope=("secondary-use",), **given),
    ]


def test_facts_rules_and_heartbeats_are_as_promised_and_vis_reads_them(check: Check) -> None:
    facts = msgspec.structs.replace(compose(acts(), NOW, protected="sekretessmarkering"), version=512, since=1)
    values = [
        facts_told(["p", "q"], facts, [str(uuid4())], NOW),
        rules_told(1, Rules(sharing=frozenset(("P",))), NOW),
        beat_told(0, 6, NOW),
    ]
    for value in values:
        check(CHANGED, json.loads(value))
    told, ruled, beat = map(read, values)
    assert (told.facts, told.patients) == (facts, ["p", "q"])
    assert ruled.rules is not None
    assert ruled.rules.sharing == {"P"}
    assert beat.beat is not None


def test_what_is_none_of_the_three_breaks_the_promise(check: Check) -> None:
    with pytest.raises(ValidationError):
        check(CHANGED, {"at": NOW.isoformat()})


def test_what_vis_takes_is_as_promised(check: Check) -> None:
    for act in acts()[:3]:
        check(TAKEN, json.loads(msgspec.json.encode(act)))


def test_the_examples_are_read(example: Callable[[str], bytes]) -> None:
    told = read(example(CHANGED))
    assert told.facts is not None
    assert told.facts.blocks[0].revokes[0].ground == "emergency"
    assert msgspec.json.decode(example(TAKEN), type=Act).ground == "emergency"
