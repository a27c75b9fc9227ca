"""Scopes of SMART v1 and v2: how far they reach, with their filters, and that no filter is ever ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.scopes import Reach, Way, allows, reach


def scopes(*some: str) -> frozenset[str]:
    return frozenset(some)


@pytest.mark.parametrize(
    ("scope", "actions"),
    [
        ("user/Observation.rs", "rs"),
        ("user/Observation.cruds", "cruds"),
        ("user/*.r", "r"),
        ("patient/Observation.read", "rs"),
        ("patient/Observation.write", "cud"),
        ("system/*.*", "cruds"),
        ("user/Patient.rs", ""),
        ("user/Observation.sr", ""),
        ("user/Observation.", ""),
        ("user/Observation", ""),
        ("user/Observation.readx", ""),
        ("user/Observation.rs?", ""),
        ("xuser/Observation.rs", ""),
        ("user/Observation.rs\n", ""),
        ("openid", ""),
    ],
)
def test_a_scope_reaches_its_types_and_interactions_only(scope: str, actions: str) -> None:
    reached = {letter for letter in "cruds" if reach(scopes(scope), "Observation", letter)}

    assert reached == set(actions)
    assert {letter for letter in "cruds" if allows(scopes(scope), "Observation", letter)} == set(actions)


def test_a_filter_is_told_and_never_ignored() -> None:
    one = scopes("user/Observation.rs?category=laboratory")

    assert reach(one, "Observation", "s").ways == (Way(patient=False, query="category=laboratory"),)
    assert not allows(one, "Observation", "s")
    assert not reach(one, "Observation", "c")
    assert not reach(one, "Patient", "s")


def test_filters_of_several_scopes_are_ways_beside_each_other() -> None:
    two = scopes("patient/Observation.rs?category=laboratory", "user/*.r?status=final", "patient/Observation.s?code=1")

    assert set(reach(two, "Observation", "r").ways) == {Way(True, "category=laboratory"), Way(False, "status=final")}
    assert not reach(two, "Observation", "r").unfiltered


def test_a_way_that_another_contains_says_nothing_more() -> None:
    wide = scopes(
        "user/Observation.rs", "user/Observation.rs?code=1", "patient/Observation.read", "patient/*.rs?code=1"
    )

    assert reach(wide, "Observation", "r") == Reach((Way(patient=False),))
    assert reach(wide, "Observation", "r").whole


def test_a_patient_scope_reaches_only_the_patient_in_context() -> None:
    found = reach(scopes("patient/Observation.rs", "user/Observation.rs?code=1"), "Observation", "r")

    assert found.unfiltered
    assert not found.whole
    assert set(found.ways) == {Way(patient=True), Way(patient=False, query="code=1")}


words = st.sampled_from(
    [
        f"{context}/{kind}.{rights}{query}"
        for context in ("patient", "user", "system")
        for kind in ("*", "Observation", "Patient")
        for rights in ("read", "*", "rs", "c", "cruds")
        for query in ("", "?code=1", "?code=1&status=final")
    ]
)


@given(st.sets(words, max_size=6), st.sampled_from("cruds"), words)
def test_more_scopes_never_reach_less(some: set[str], action: str, more: str) -> None:
    before, after = (reach(frozenset(each), "Observation", action) for each in (some, some | {more}))

    for way in before.ways:
        assert any(
            (not wide.patient or way.patient) and wide.query in ("", way.query) for wide in after.ways
        )  # fmt: skip
    assert not (before.whole and not after.whole)


@given(st.sets(words, max_size=6), st.sampled_from("cruds"))
def test_without_a_filter_means_that_some_scope_had_none(some: set[str], action: str) -> None:
    plain = frozenset(scope for scope in some if "?" not in scope)

    assert allows(frozenset(some), "Observation", action) == bool(reach(plain, "Observation", action))
