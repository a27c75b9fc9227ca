"""Whatever is sent as a patch, the answer is a resource or a refusal, and what was there stays as it was."""

import copy
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhircore.json_patch import json_patch
from fhircore.outcome import InvalidFHIR
from fhircore.patch import fhirpath_patch

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"given": ["a", None], "_given": [None, {"id": "x"}]}, {"family": "b"}],
    "birthDate": "1970",
    "_birthDate": {"extension": [{"url": "u", "valueString": "s"}]},
    "contact": [{"name": {"family": "c"}}],
}
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.decimals(allow_nan=False), st.text(max_size=5))
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("a", "id", "name", "")), inner, max_size=3)
    ),
    max_leaves=6,
)
POINTERS = st.lists(
    st.sampled_from(("name", "given", "_given", "0", "1", "-", "01", "birthDate", "contact", "~1", "")), max_size=4
).map(lambda parts: "".join("/" + part for part in parts))
PATHS = st.lists(
    st.sampled_from(
        ("Patient", "name", "name[0]", "given", "given[1]", "birthDate", "extension('u')", "contact", "value", "id",
         "first()", "children()", "descendants()", "where(family = 'b')", "nome", "", "[0]", "%resource", "$this")
    ),
    max_size=4,
).map(".".join)  # fmt: skip
NAMES = st.sampled_from(("type", "path", "name", "value", "index", "source", "destination", "x"))
KEYS = (
    "valueString",
    "_valueString",
    "valueInteger",
    "valueCode",
    "valueHumanName",
    "valueQuantity",
    "part",
    "resource",
    "value",
)
PARTS = st.builds(
    lambda name, key, value: {"name": name, key: value}, NAMES, st.sampled_from(KEYS), st.one_of(JSON, PATHS)
)  # fmt: skip


def operation(kind: str, path: str, name: str, value: dict[str, Any], numbers: tuple[int, int], more: list[Any]) -> Any:
    parts = [
        {"name": "type", "valueCode": kind},
        {"name": "path", "valueString": path},
        {"name": "name", "valueString": name},
        {**value, "name": "value"},
        {"name": "index", "valueInteger": numbers[0]},
        {"name": "source", "valueInteger": numbers[0]},
        {"name": "destination", "valueInteger": numbers[1]},
    ]
    return {"name": "operation", "part": [*parts, *more]}


OPERATIONS = st.builds(
    operation,
    st.sampled_from(("add", "insert", "delete", "replace", "move", "x")),
    PATHS,
    st.sampled_from(("name", "given", "birthDate", "multipleBirth", "extension", "contained", "active", "id", "x")),
    PARTS,
    st.tuples(st.integers(-1, 3), st.integers(-1, 3)),
    st.lists(PARTS, max_size=1),
)
quick = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(st.lists(OPERATIONS | JSON, max_size=4))
def test_any_fhirpath_patch_gives_a_resource_or_a_refusal(operations: list[Any]) -> None:
    before = copy.deepcopy(PATIENT)
    try:
        found = fhirpath_patch(PATIENT, {"resourceType": "Parameters", "parameter": operations})
    except InvalidFHIR:
        found = before
    assert found["resourceType"] == "Patient"
    assert before == PATIENT


@quick
@given(
    st.lists(
        st.one_of(
            JSON,
            st.fixed_dictionaries(
                {"op": st.sampled_from(("add", "remove", "replace", "move", "copy", "test"))},
                optional={"path": POINTERS, "from": POINTERS, "value": JSON},
            ),
        ),
        max_size=5,
    )
)
def test_any_json_patch_gives_a_document_or_a_refusal(operations: list[Any]) -> None:
    before = copy.deepcopy(PATIENT)
    with suppress(InvalidFHIR):
        json_patch(PATIENT, operations)
    assert before == PATIENT
