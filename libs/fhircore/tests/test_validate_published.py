"""Published resources are valid: the official R4 examples and Synthea's bundles."""

import bz2
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fhircore.validate import validate, validator, warm
from fhircore.validation.definitions import resource_types
from fhircore.validation.fast import is_valid
from fhircore.validation.walk import Walk

DATA = Path(__file__).parents[4] / "shared/data"
EXAMPLES = sorted((DATA / "r4-examples").glob("*.json"))
BUNDLES = sorted((DATA / "synthea").glob("*.json.bz2"))
decode = msgspec.json.Decoder(float_hook=Decimal).decode

needs_examples = pytest.mark.skipif(not EXAMPLES, reason="../shared/data/r4-examples is not here")
needs_synthea = pytest.mark.skipif(not BUNDLES, reason="../shared/data/synthea is not here")


def _synthea() -> Iterator[dict[str, Any]]:
    for path in BUNDLES:
        yield decode(bz2.decompress(path.read_bytes()))


@needs_examples
def test_every_official_example_is_valid() -> None:
    found = {path.name: validate(decode(path.read_bytes())) for path in EXAMPLES}
    assert {name: issues for name, issues in found.items() if issues} == {}


@needs_examples
def test_every_official_example_is_valid_when_its_numbers_are_floats() -> None:
    found = {path.name: validate(json.loads(path.read_bytes())) for path in EXAMPLES}
    assert {name: issues for name, issues in found.items() if issues} == {}


@needs_synthea
def test_every_synthea_bundle_is_valid_as_a_whole() -> None:
    assert [validate(bundle) for bundle in _synthea()] == [[] for _ in BUNDLES]


@needs_synthea
def test_every_synthea_resource_passes_the_fast_test_of_its_type() -> None:
    resources = [entry["resource"] for bundle in _synthea() for entry in bundle["entry"]]
    assert len(resources) > 13_000
    assert [r["resourceType"] for r in resources if not is_valid(r["resourceType"], r)] == []


@needs_examples
def test_the_walk_alone_agrees_with_the_fast_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhircore.validation.walk.is_valid", lambda _path, _value: False)
    for path in EXAMPLES:
        walk = Walk()
        walk.resource(decode(path.read_bytes()), "")
        assert walk.issues == [], path.name


def test_every_resource_type_compiles() -> None:
    warm()
    for name in resource_types():
        issues = validator(name)({"resourceType": name, "unheardOf": 1})
        assert ("structure", f"{name}.unheardOf") in {(issue.code, issue.at) for issue in issues}
