"""What services tell each other of destruction is what contracts/events promises, and each reads the other's example (EVT-04)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import ValidationError

from information_platform.erasure.mounting import ANSWERS
from kit.erasing import ORDERED, Order, Proof, answered, read_order, read_proof, told
from kit.events import UnreadableEvent

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
Check = Callable[[str, Any], None]
WHOLE = Order(str(uuid4()), NOW, ["tolvan", "tolvan-at-vis"], [], [{"system": "urn:x", "value": "1"}])
NAMED = Order(str(uuid4()), NOW, ["tolvan"], ["Observation/o-1"])


@pytest.mark.parametrize("order", [WHOLE, NAMED])
def test_an_order_is_as_promised_and_is_read_as_it_was_given(order: Order, check: Check) -> None:
    outgoing = told(ORDERED, order)
    check(ORDERED, json.loads(outgoing.event.data))
    assert read_order(outgoing.event.data) == order
    assert (outgoing.topic, outgoing.key) == (ORDERED, "tolvan")


@pytest.mark.parametrize("topic", ANSWERS)
def test_every_copy_answers_as_promised(topic: str, check: Check) -> None:
    proof = Proof(WHOLE.id, topic.partition(".")[0], NOW, {"res": 2}, 0, ["4611686018427387904"])
    outgoing = answered(topic, WHOLE, proof)
    check(topic, json.loads(outgoing.event.data))
    assert read_proof(outgoing.event.data) == proof
    assert (outgoing.topic, outgoing.key) == (topic, "tolvan")


def test_a_proof_that_leaves_something_breaks_the_promise(check: Check) -> None:
    with pytest.raises(ValidationError):
        check(
            "vis.erasure-done.v1", {"order": WHOLE.id, "copy": "vis", "at": NOW.isoformat(), "removed": {}, "left": 1}
        )


def test_the_examples_are_read(example: Callable[[str], bytes]) -> None:
    assert read_order(example(ORDERED)).patients == ["tolvan"]
    assert [read_proof(example(topic)).copy for topic in ANSWERS] == ["vis", "exchange", "application"]
    with pytest.raises(UnreadableEvent):
        read_order(b"{}")
    with pytest.raises(UnreadableEvent):
        read_proof(b"[]")
