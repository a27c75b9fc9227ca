"""Scopes reach exactly as far as both the request and the rule allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application_platform.tokens import model

EVERY = frozenset({"patient", "user", "system"})


@pytest.mark.parametrize(
    ("asked", "allowed", "given_"),
    [
        ("user/Observation.rs", "user/*.cruds", "user/Observation.rs"),
        ("user/*.cruds", "user/Observation.rs", "user/Observation.rs"),
        ("user/Observation.cruds", "user/*.rs", "user/Observation.rs"),
        ("user/Observation.c", "user/*.rs", ""),
        ("patient/Observation.rs", "user/*.cruds", ""),
        ("user/Patient.rs", "user/Observation.rs", ""),
        ("user/Observation.rs?category=laboratory", "user/*.rs", "user/Observation.rs?category=laboratory"),
        ("user/Observation.rs", "user/Observation.rs?code=1", "user/Observation.rs?code=1"),
        (
            "user/Observation.rs?category=a&code=b",
            "user/Observation.rs?code=b&status=final",
            "user/Observation.rs?category=a&code=b&status=final",
        ),
        ("openid user/*.rs", "openid user/*.rs", "openid user/*.rs"),
        ("openid", "user/*.rs", ""),
        ("", "openid user/*.rs", "openid user/*.rs"),
        ("user/Observation.read", "user/*.cruds", "user/Observation.read"),
        ("user/*.*", "user/*.cruds", "user/*.*"),
        ("user/*.*", "user/*.rs", "user/*.read"),
        ("user/*.*", "user/*.r", "user/*.r"),
        ("user/*.write", "user/*.rs", ""),
        ("user/*.write", "user/*.*", "user/*.write"),
        ("user/Observation.rs", "user/*.read", "user/Observation.rs"),
        ("user/Observation.read", "user/Observation.rs?code=1", "user/Observation.rs?code=1"),
    ],
)
def test_a_scope_is_what_both_allow(asked: str, allowed: str, given_: str) -> None:
    assert model.granted(asked, allowed.split(), EVERY) == given_.split()


@pytest.mark.parametrize(
    "text",
    [
        "user/Observation.reads",
        "user/Observation.read?code=1",
        "user/Observation.*s",
        "user/Observation.sr",
        "user/Observation.",
        "user/Observation",
        "user/observation.rs",
        "admin/*.rs",
        "user/*.rs?",
        'user/*.rs?a="b"',
        "user/*.rs user/*.rs",
        "user/*.rss",
        "",
    ],
)
def test_what_is_no_scope_is_not_read_as_one(text: str) -> None:
    assert model.data_scope(text) is None


some_letters = st.lists(st.sampled_from("cruds"), min_size=1, unique=True)
letters = some_letters.map(lambda some: "".join(sorted(some, key="cruds".index)))
resource_types = st.sampled_from(["Patient", "Observation"])
filters = st.sets(st.sampled_from(["code=1", "status=final"]))
scopes = st.builds(
    model.DataScope,
    st.sampled_from(["patient", "user", "system"]),
    st.sampled_from(["*", "Patient", "Observation"]),
    letters,
    st.sampled_from(["", "code=1", "code=1&status=final"]),
)


def reaches(scope: model.DataScope, context: str, type_: str, letter: str, facts: set[str]) -> bool:
    wanted = set(scope.filter.split("&")) - {""}
    return scope.context == context and scope.type in ("*", type_) and letter in scope.letters and wanted <= facts


@given(scopes, scopes, st.sampled_from("cruds"), resource_types, filters)
def test_no_grant_reaches_further_than_either_side(
    asked: model.DataScope, allowed: model.DataScope, letter: str, type_: str, facts: set[str]
) -> None:
    met = asked.meet(allowed)
    both = all(reaches(side, asked.context, type_, letter, facts) for side in (asked, allowed))

    assert (met is not None and reaches(met, asked.context, type_, letter, facts)) == both
    assert met is None or model.data_scope(str(met)) == met


def test_a_door_is_known_by_its_address_only() -> None:
    assert model.door_of("http://fvm.test", "http://fvm.test/vis/fhir/") == "vis"
    assert model.door_of("http://fvm.test", "http://fvm.test/fhir") == "information"
    assert model.door_of("http://fvm.test", "http://fvm.test/fhir/Patient") is None
    assert model.door_of("http://fvm.test", "http://fvm.test.evil/fhir") is None
