"""The table that `fvm bench` prints, and the runs it is held against."""

import json

import pytest
from fvm_load import keeping, table
from fvm_load.rows import Budget, Row, left_out, meets
from fvm_load.stats import Spread


def a_read(value: float = 9_000.0, **more: object) -> Row:
    row = Row("read/direct/staff/64", "read by id, direct, 64 connections", "requests/s", value, law="staff", log="on")
    for name, given in more.items():
        setattr(row, name, given)
    return row


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12_345.6, "12,346"),
        (123.4, "123"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.1234, "0.123"),
        (0.0, "0"),
        (None, "–"),
    ],
)
def test_numbers_have_three_figures_or_so(value: float | None, text: str):
    assert table.number(value) == text


def test_more_is_better_for_rates_and_less_for_times():
    assert meets(5_000, 4_000, "more") is True
    assert meets(5_000, 4_000, "less") is False
    assert meets(None, 4_000, "more") is None
    assert table.goal(250, 300, Budget(first=300, better="less")) == "≤ 300 ✓"


def test_a_line_says_which_budgets_are_met_and_what_changed():
    row = a_read(spread=Spread(5.0, 20.0, 40.0))
    line = table.cells(row, {"value": 4_500.0})
    assert line[1:] == ("9,000 req/s", "≥ 8,000 ✓", "≥ 10,000 ✗", "5.00 / 20.0 ✗", "staff", "on", "+100%")


def test_what_is_left_out_says_why_and_does_not_widen_the_columns():
    rows = [a_read(), left_out("mllp", "messages over MLLP", "no MLLP address, and " + "a very long reason " * 10)]
    head, figures, absent = table.table(rows, {})
    assert "left out: no MLLP address" in absent
    assert len(figures) < 150
    assert head.startswith("path")


def test_columns_line_up():
    first, second = table.table([a_read(), a_read(12.0)], {})[1:]
    assert first.index("≥ 8,000") == second.index("≥ 8,000")
    assert first.index("staff") == second.index("staff")


def test_costs_have_a_column_per_process_with_the_generator_last():
    head, line = table.costs([a_read(cpu={"vis": 60.0, "generator": 9.5, "postgres": 30.0}), a_read(cpu={})])
    assert head.split()[-3:] == ["postgres", "vis", "generator"]
    assert line.split()[-3:] == ["30.0", "60.0", "9.50"]
    assert table.costs([a_read()]) == []


def test_answers_are_told_when_some_rows_were_withheld():
    assert table.notes([a_read(statuses={"200": 900, "404": 100})]) == [
        "read by id, direct, 64 connections (staff): 900 × 200; 100 × 404"
    ]
    assert table.notes([a_read(statuses={"200": 900})]) == []


def a_head(**more: object) -> dict[str, object]:
    return {"quick": False, "machine": {"cpu": "EPYC", "cores": 2}, **more}


def test_the_last_figure_of_each_row_comes_from_the_newest_run_like_this_one(tmp_path):
    def kept(name: str, value: float | None, **head: object) -> None:
        run = {**a_head(**head), "rows": [a_read(value).kept()]}  # type: ignore[arg-type]
        (tmp_path / name).write_text(json.dumps(run))

    kept("20260101T000000Z.json", 1.0)
    kept("20260102T000000Z.json", 2.0)
    kept("20260103T000000Z.json", None)
    kept("20260104T000000Z-quick.json", 4.0, quick=True)
    kept("20260105T000000Z.json", 5.0, machine={"cpu": "Xeon", "cores": 2})
    (tmp_path / "20260106T000000Z.json").write_text("{broken")
    newest, before = keeping.last(tmp_path, a_head())
    assert newest == "20260103T000000Z.json"
    assert before["read/direct/staff/64"]["value"] == 2.0


def test_a_run_is_kept_whole_with_its_budgets(tmp_path):
    file = keeping.save(tmp_path / "results", a_head(quick=True), [a_read(spread=Spread(1.0, 2.0, 3.0))])
    told = json.loads(file.read_text())
    assert file.name.endswith("-quick.json")
    assert told["machine"]["cores"] == 2
    assert told["rows"][0]["budget"] == {"first": 8_000, "later": 10_000, "p95_ms": None, "p99_ms": 15}
    assert told["rows"][0]["spread"] == {"p50": 1.0, "p99": 2.0, "worst": 3.0, "p95": None}
