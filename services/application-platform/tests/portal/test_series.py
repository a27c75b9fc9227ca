"""Series, the grid and graphs: pure functions from observations to what is drawn and written."""

from decimal import Decimal
from typing import Any

from application_platform.portal.look.graphs import Dot, graph
from application_platform.portal.results import series
from application_platform.portal.summary import lists
from application_platform.portal.swedish import Moment, moment


def potassium(id: str, value: str, at: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"text": "P-Kalium", "coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "effectiveDateTime": at,
        "valueQuantity": {"value": Decimal(value), "unit": "mmol/L"},
        "referenceRange": [{"low": {"value": Decimal("3.5")}, "high": {"value": Decimal("5.0")}}],
        **more,
    }


def at(text: str) -> Moment:
    found = moment(text)
    assert found is not None
    return found


def test_an_analysis_is_one_row_with_its_newest_value_first() -> None:
    rows = series.series([potassium("a", "4.3", "2026-10-14T08:40:00Z"), potassium("b", "5.6", "2026-11-23T09:12:00Z")])
    assert [point.value.number for point in rows[0].points] == ["5,6", "4,3"]
    assert (rows[0].id, rows[0].unit, rows[0].reference) == ("2823-3", "mmol/L", "3,5–5,0")
    assert [point.value.look for point in rows[0].points] == ["abnormal", ""]


def test_two_units_are_never_one_series() -> None:
    other = potassium("b", "56", "2026-11-23T09:12:00Z", valueQuantity={"value": Decimal(56), "unit": "mg/L"})
    rows = series.series([potassium("a", "4.3", "2026-10-14T08:40:00Z"), other])
    assert [row.unit for row in rows] == ["mg/L", "mmol/L"]


def test_a_struck_value_is_a_word_and_is_never_drawn() -> None:
    rows = series.series([potassium("a", "9.9", "2026-10-14T08:40:00Z", status="entered-in-error")])
    assert rows[0].last.value.number == "makulerad"
    assert rows[0].drawn(96, 26) is None
    assert not rows[0].abnormal


def test_a_value_below_what_can_be_measured_keeps_its_sign_and_is_not_drawn_as_the_number() -> None:
    low = {"value": Decimal("0.1"), "unit": "mmol/L", "comparator": "<"}
    rows = series.series([potassium("a", "0.1", "2026-10-14T08:40:00Z", valueQuantity=low)])
    assert rows[0].last.value.number == "<\u00a00,1"
    assert rows[0].last.amount is None


def test_preliminary_and_corrected_values_say_so() -> None:
    rows = series.series(
        [
            potassium("a", "4.3", "2026-10-14T08:40:00Z", status="preliminary"),
            potassium("b", "4.4", "2026-10-15T08:40:00Z", status="corrected"),
        ]
    )
    assert [point.note for point in rows[0].points] == ["rättat", "preliminärt"]


def test_the_grid_has_six_times_and_leads_to_the_older_ones_without_losing_any() -> None:
    rows = series.series([potassium(str(n), "4.3", f"2026-10-{n:02}T08:40:00Z") for n in range(1, 15)])
    seen, before = [], ""
    while True:
        grid = series.grid(rows, before)
        seen += [column.date for column in grid.columns]
        before = grid.before
        if not before:
            break
    assert seen == [f"2026-10-{n:02}" for n in range(14, 0, -1)]


def test_two_values_of_the_same_minute_share_a_column_and_both_are_shown() -> None:
    rows = series.series([potassium("a", "4.3", "2026-10-14T08:40:05Z"), potassium("b", "4.9", "2026-10-14T08:40:50Z")])
    grid = series.grid(rows)
    assert len(grid.columns) == 1
    assert [point.value.number for point in rows[0].at(grid.columns[0])] == ["4,9", "4,3"]


def test_only_abnormal_leaves_out_analyses_that_never_were_outside() -> None:
    sodium = {**potassium("n", "139", "2026-11-23T09:12:00Z"), "code": {"text": "P-Natrium"}, "referenceRange": []}
    rows = series.series([potassium("a", "5.6", "2026-11-23T09:12:00Z"), sodium])
    assert [row.name for row in series.grid(rows, abnormal=True).rows] == ["P-Kalium"]
    assert len(series.grid(rows).rows) == 2


def test_a_graph_keeps_every_point_inside_and_marks_what_is_outside_with_a_diamond() -> None:
    dots = [
        Dot(at("2026-10-14T08:40:00Z").at, Decimal("4.3")),
        Dot(at("2026-11-23T09:12:00Z").at, Decimal("5.6"), "abnormal"),
    ]
    drawn = graph(dots, 96, 26, limits=(Decimal("3.5"), Decimal("5.0")))
    assert drawn is not None
    assert all(0 <= mark.x <= 96 and 0 <= mark.y <= 26 for mark in drawn.marks)
    assert [bool(mark.diamond) for mark in drawn.marks] == [False, True]
    assert [mark.last for mark in drawn.marks] == [False, True]
    assert drawn.marks[1].y < drawn.marks[0].y
    assert drawn.band is not None
    assert drawn.bottom < Decimal("3.5") < drawn.top


def test_one_value_and_equal_values_can_be_drawn() -> None:
    dot = Dot(at("2026-10-14T08:40:00Z").at, Decimal(0))
    for dots in ([dot], [dot, dot]):
        assert graph(dots, 96, 26) is not None
    assert graph([], 96, 26) is None


def test_what_has_ended_stands_by_itself_and_nothing_is_left_out() -> None:
    def prescribed(id: str, status: str) -> dict[str, Any]:
        drug = {"medicationCodeableConcept": {"text": f"Läkemedel {id}"}, "authoredOn": "2026-10-14"}
        return {"resourceType": "MedicationRequest", "id": id, "status": status, **drug}

    states = ("active", "on-hold", "stopped", "completed", "draft", "unknown", "entered-in-error")
    found = lists.medicines([prescribed(str(n), status) for n, status in enumerate(states)])
    assert [len(part) for part in (found.current, found.paused, found.ended)] == [3, 1, 3]


def test_a_refuted_problem_is_not_a_current_one() -> None:
    def condition(id: str, **more: Any) -> dict[str, Any]:
        return {"resourceType": "Condition", "id": id, "code": {"text": id}, **more}

    found = lists.problems(
        [
            condition("x", verificationStatus={"coding": [{"code": "refuted"}]}),
            condition("y", clinicalStatus={"coding": [{"code": "active"}]}, onsetDateTime="2021-03-02"),
        ]
    )
    assert [line.entry.title for line in found.current] == ["y"]
    assert found.current[0].more == "sedan 2021-03-02"
    assert [line.entry.title for line in found.ended] == ["x"]
