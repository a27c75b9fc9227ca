"""A cursor says where the next page begins, to us alone, and only of its own search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.problems import Invalid
from fhirserver.search.cursor import Position, Seal

SEAL = Seal(b"secret")


@given(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text()), st.integers(-(2**63), 2**63 - 1)
)
def test_what_is_closed_can_be_opened(value: int | float | str, key: int) -> None:
    if isinstance(value, str):
        value = value.encode("utf-8", "ignore").decode()
    for back in (False, True):
        position = Position((value, None), key, back)
        assert SEAL.open(SEAL.close(position, "a"), "a") == position


@given(st.text(max_size=60))
def test_what_is_made_up_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        SEAL.open(text, "a")


def test_another_search_another_secret_and_any_change_are_refused() -> None:
    cursor = SEAL.close(Position((1,), 2), "a")
    for seal, text, search in (
        (SEAL, cursor, "b"),
        (Seal(b"other"), cursor, "a"),
        (SEAL, cursor[:-1] + "A", "a"),
        (SEAL, cursor[4:], "a"),
    ):
        if text != cursor or search != "a" or seal is not SEAL:
            with pytest.raises(Invalid):
                seal.open(text, search)


@pytest.mark.parametrize(
    ("value", "kind"), [("a", "bigint"), (1, "text"), ("a", "float8"), (1.5, "bigint"), (None, "text")]
)
def test_a_value_of_another_kind_is_refused(value: object, kind: str) -> None:
    with pytest.raises(Invalid):
        Position((value,), 1).values_for([kind])


def test_a_whole_number_is_a_float_where_one_is_asked_for() -> None:
    assert Position((1, "a"), 1).values_for(["float8", "text"]) == [1.0, "a"]


@pytest.mark.parametrize("kinds", [[], ["bigint"], ["bigint", "bigint", "bigint"]])
def test_another_number_of_values_is_refused(kinds: list[str]) -> None:
    with pytest.raises(Invalid):
        Position((1, 2), 1).values_for(kinds)
