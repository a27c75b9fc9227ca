"""NEWS2 point by point against the chart of the Royal College of Physicians (2017), at every boundary."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhircore.news2 import CALM as BANDS
from fhircore.news2 import MOST, PARAMETERS, Vitals, band, score

CALM = Vitals(16, 97, False, 120, 70, "A", Decimal("37.0"))

# The chart's own rows: parameter, the values of a step at its two ends, points.
CHART = [
    ("respirations", 0, 8, 3), ("respirations", 9, 11, 1), ("respirations", 12, 20, 0), ("respirations", 21, 24, 2),
    ("respirations", 25, 80, 3),
    ("spo2", 40, 91, 3), ("spo2", 92, 93, 2), ("spo2", 94, 95, 1), ("spo2", 96, 100, 0),
    ("systolic", 30, 90, 3), ("systolic", 91, 100, 2), ("systolic", 101, 110, 1), ("systolic", 111, 219, 0),
    ("systolic", 220, 300, 3),
    ("pulse", 10, 40, 3), ("pulse", 41, 50, 1), ("pulse", 51, 90, 0), ("pulse", 91, 110, 1), ("pulse", 111, 130, 2),
    ("pulse", 131, 250, 3),
    ("temperature", "28.0", "35.0", 3), ("temperature", "35.1", "36.0", 1), ("temperature", "36.1", "38.0", 0),
    ("temperature", "38.1", "39.0", 1), ("temperature", "39.1", "43.0", 2),
]  # fmt: skip
# Scale 2: SpO2 from, to, on oxygen, points. On air everything from 88 has none.
SCALE_2 = [
    (40, 83, False, 3), (84, 85, False, 2), (86, 87, False, 1), (88, 92, False, 0), (93, 100, False, 0),
    (40, 83, True, 3), (84, 85, True, 2), (86, 87, True, 1), (88, 92, True, 0), (93, 94, True, 1), (95, 96, True, 2),
    (97, 100, True, 3),
]  # fmt: skip


@pytest.mark.parametrize(("name", "low", "high", "points"), CHART)
def test_each_step_of_the_chart_has_its_points_at_both_ends(name: str, low: int, high: int, points: int) -> None:
    for value in (low, high):
        given_value = Decimal(value) if name == "temperature" else value
        found = score(replace(CALM, **{name: given_value}))
        assert found.points[name] == points
        assert found.total == points  # everything else is calm


def test_what_is_calm_is_the_charts_steps_without_points() -> None:
    calm = {name: (Decimal(low), Decimal(high)) for name, low, high, points in CHART if points == 0}
    assert calm == {name: (low, high or Decimal(100)) for name, (low, high) in BANDS.items()}


def test_the_steps_of_the_chart_leave_no_value_out() -> None:
    for name in ("respirations", "spo2", "systolic", "pulse"):
        for (_, _, high, _), (_, low, _, _) in pairwise([row for row in CHART if row[0] == name]):
            assert low == int(high) + 1


@pytest.mark.parametrize(("low", "high", "oxygen", "points"), SCALE_2)
def test_scale_2_depends_on_oxygen(low: int, high: int, oxygen: bool, points: int) -> None:
    for value in (low, high):
        found = score(replace(CALM, spo2=value, oxygen=oxygen, scale=2))
        assert found.points["spo2"] == points
        assert found.total == points + (2 if oxygen else 0)


@pytest.mark.parametrize(("level", "points"), [("A", 0), ("C", 3), ("V", 3), ("P", 3), ("U", 3)])
def test_new_confusion_counts_as_much_as_no_answer(level: str, points: int) -> None:
    assert score(replace(CALM, consciousness=level)).total == points


def test_a_level_that_is_none_of_the_five_is_refused() -> None:
    with pytest.raises(ValueError, match="A, C, V, P, U"):
        score(replace(CALM, consciousness="X"))


@pytest.mark.parametrize(
    ("total", "single", "expected"),
    [
        (0, False, "none"), (1, False, "low"), (4, False, "low"), (3, True, "single"), (4, True, "single"),
        (5, False, "medium"), (5, True, "medium"), (6, True, "medium"), (7, False, "high"), (20, True, "high"),
    ],
)  # fmt: skip
def test_bands(total: int, single: bool, expected: str) -> None:
    assert band(total, single=single) == expected


def test_the_worst_of_all_is_twenty() -> None:
    worst = Vitals(30, 80, True, 70, 150, "U", Decimal("34.0"))
    assert (score(worst).total, score(worst).band) == (MOST, "high")


@pytest.mark.parametrize("name", PARAMETERS)
def test_what_is_missing_leaves_no_sum_and_is_named(name: str) -> None:
    found = score(replace(CALM, **{name: None}))
    assert (found.total, found.band, found.missing) == (None, None, (name,))


def test_what_is_known_of_an_incomplete_one_is_its_least() -> None:
    found = score(Vitals(respirations=28, spo2=88, oxygen=True))
    assert (found.total, found.least) == (None, 8)


def test_on_scale_2_a_high_saturation_means_nothing_while_oxygen_is_unknown() -> None:
    assert score(replace(CALM, spo2=95, oxygen=None, scale=2)).missing == ("spo2", "oxygen")
    assert score(replace(CALM, spo2=90, oxygen=None, scale=2)).missing == ("oxygen",)


@given(
    st.builds(
        Vitals,
        st.none() | st.integers(0, 80),
        st.none() | st.integers(40, 100),
        st.none() | st.booleans(),
        st.none() | st.integers(30, 300),
        st.none() | st.integers(10, 250),
        st.none() | st.sampled_from("ACVPU"),
        st.none() | st.decimals(28, 43, places=1),
        st.sampled_from([1, 2]),
    )
)
def test_every_sum_is_of_seven_and_between_nought_and_twenty(vitals: Vitals) -> None:
    found = score(vitals)
    assert set(found.points) | set(found.missing) == set(PARAMETERS)
    assert (found.total is None) == bool(found.missing)
    assert 0 <= found.least <= MOST
