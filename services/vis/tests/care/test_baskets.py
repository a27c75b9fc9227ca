"""What prescribing is asked with is read strictly: whatever is sent, it is taken whole or refused by its place."""

import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.messages import Request
from fhirserver.problems import Invalid
from kit.caller import Caller
from vis.care.baskets import basket

CALLER = Caller("SE-ANNA", "staff", "portal")
DRAFT = {"name": "draft", "resource": {"resourceType": "MedicationRequest", "id": "d-1"}}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "part", "resource", "id", "x"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def read(data: Any, plain: Any = None) -> Any:
    body = json.dumps(data).encode()
    return basket(Request("POST", (), "", {}, body, CALLER, None), plain)  # type: ignore[arg-type]


def an_answer(**more: Any) -> dict[str, Any]:
    said = {"draft": "d-1", "check": "allergy", "about": "AllergyIntolerance/1", "reason": "benefit", **more}
    kinds = {"check": "valueCode", "reason": "valueCode"}
    return {
        "name": "answer",
        "part": [{"name": name, kinds.get(name, "valueString"): value} for name, value in said.items()],
    }


def test_a_basket_has_drafts_and_answers() -> None:
    found = read({"resourceType": "Parameters", "parameter": [DRAFT, an_answer()]})
    assert ([one["id"] for one in found.drafts], found.of(DRAFT["resource"])[0].reason) == (["d-1"], "benefit")


@pytest.mark.parametrize(
    "parameter",
    [
        [DRAFT, DRAFT],
        [{"name": "draft", "resource": {"resourceType": "MedicationRequest"}}],
        [{"name": "draft", "resource": {"resourceType": "Patient", "id": "x"}}],
        [{"name": "answer", "part": 5}],
        [{"name": "answer", "part": [5]}],
        [an_answer(reason="because")],
        [an_answer(reason="other")],
        [an_answer(comment="x" * 1_001)],
        [{"name": "else", "valueString": "x"}],
        [{**DRAFT, "resource": {"resourceType": "MedicationRequest", "id": str(uuid.uuid4())}} for _ in range(31)],
    ],
)
def test_what_is_not_one_is_refused(parameter: Any) -> None:
    with pytest.raises(Invalid):
        read({"resourceType": "Parameters", "parameter": parameter})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(
            JUNK,
            JUNK.map(lambda x: {"name": "answer", "part": x}),
            JUNK.map(lambda x: {"name": "draft", "resource": x}),
        ),
        max_size=3,
    )
)
def test_whatever_is_sent_is_taken_or_refused(parameter: Any) -> None:
    for plain in (None, {"id": "valueString"}):
        try:
            found = read({"resourceType": "Parameters", "parameter": parameter}, plain)
        except Invalid:
            continue
        assert all(one["resourceType"] == "MedicationRequest" for one in found.drafts)
