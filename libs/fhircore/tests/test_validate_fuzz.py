"""Whatever is done to a resource, validation answers, and the fast test never passes what the walk refuses."""

import copy
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhircore.outcome import Issue
from fhircore.validate import MAX_ISSUES, validate
from fhircore.validation.definitions import resource_types, shape
from fhircore.validation.fast import LEVELS, is_valid, recursive
from fhircore.validation.report import Enough
from fhircore.validation.scope import MAX_NESTING, too_deep
from fhircore.validation.walk import Walk

DATA = Path(__file__).parents[4] / "shared/data/r4-examples"
BUILT_IN: list[Any] = [
    {
        "resourceType": "Observation",
        "id": "o",
        "contained": [
            {"resourceType": "Patient", "id": "p", "name": [{"given": ["A", "B"], "_given": [None, {"id": "x"}]}]}
        ],
        "extension": [{"url": "u", "valuePeriod": {"start": "2020-01-01", "end": "2021"}}],
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": "#p", "type": "Patient"},
        "valueQuantity": {"value": Decimal("1.0"), "system": "http://unitsofmeasure.org", "code": "/min"},
        "component": [{"code": {"text": "x"}, "valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 2}}}],
    },
    {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:1",
                "resource": {"resourceType": "Patient"},
                "request": {"method": "POST", "url": "Patient"},
            }
        ],
    },
]
SEEDS = [msgspec.json.decode(path.read_bytes()) for path in sorted(DATA.glob("*.json")) if path.stat().st_size < 12_000]
SEEDS = BUILT_IN + SEEDS

NAMES = sorted(
    {name for kind in resource_types() for name in shape(kind).fields} | {"coding", "reference", "value", "unit"}
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.decimals(),
    st.text(max_size=8),
    st.sampled_from(
        ["#p", "#", "Patient/1", "Patient", "final", "2020-02-30", "2020-02-29T10:00:00Z", "http://a/b", "group"]
    ),
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "_status", "?"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (object or array, key) in the resource."""
    found, stack = [], [value]
    while stack:
        owner = stack.pop()
        keys = list(owner) if isinstance(owner, dict) else list(range(len(owner)))
        found += [(owner, key) for key in keys]
        stack += [owner[key] for key in keys if isinstance(owner[key], dict | list)]
    return found


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid resource with one to three things changed."""
    resource = copy.deepcopy(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 3))):
        places = _places(resource)
        owner, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.sampled_from(["replace", "remove", "add", "wrap", "swap", "underscore"])):
            case "replace":
                owner[key] = draw(JUNK)
            case "remove":
                del owner[key]
            case "wrap":
                owner[key] = [owner[key]]
            case "swap":
                other, name = places[draw(st.integers(0, len(places) - 1))]
                owner[key] = copy.deepcopy(other[name])
            case "add" if isinstance(owner, dict):
                owner[draw(st.sampled_from(NAMES))] = draw(JUNK)
            case "underscore" if isinstance(owner, dict):
                owner[f"_{key}"] = draw(JUNK)
        if not resource:
            break
    return resource


def _walked(resource: Any) -> list[Issue]:
    """What the walk finds with no help from the fast test."""
    walk = Walk()
    with patch("fhircore.validation.walk.is_valid", lambda _path, _value: False), suppress(Enough):
        walk.resource(resource, "")
    return walk.issues


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_a_changed_resource_never_raises_and_both_ways_agree(resource: Any) -> None:
    issues = validate(resource)
    assert len(issues) <= MAX_ISSUES
    assert all(issue.detail and issue.code for issue in issues)
    if not too_deep(resource):
        assert issues == _walked(resource)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(resource_types())),
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), JUNK, max_size=5),
)
def test_a_made_up_resource_never_raises_and_both_ways_agree(kind: str, content: dict[str, Any]) -> None:
    resource = {**content, "resourceType": kind}
    assert validate(resource) == _walked(resource)


@settings(max_examples=300, deadline=None)
@given(JUNK)
def test_anything_at_all_never_raises(value: Any) -> None:
    assert validate(value) or is_valid(value["resourceType"], value)


def test_the_fast_test_cannot_pass_nesting_beyond_the_limit() -> None:
    seen: dict[tuple[str, int], int] = {}

    def deepest(path: str, level: int) -> int:
        """Objects and arrays below a value of this type that the fast test follows."""
        if level > LEVELS:
            return 0
        if (path, level) not in seen:
            form = shape(path)
            found = [1]
            for field in form.fields.values():
                if field.primitive or field.type == "Resource":
                    found.append(1 + field.many)
                else:
                    found.append(1 + field.many + deepest(field.type, level + recursive(field, form)))
            seen[path, level] = max(found)
        return seen[path, level]

    alone = max(deepest(kind, 0) for kind in resource_types())
    # Bundle, its entries, an entry, the resource in it, what that contains, and the deepest of all there
    assert 5 + alone <= MAX_NESTING
