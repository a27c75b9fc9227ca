"""Times to book in the demo region: valid, never two at once for one person, around today at each start, and few enough."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from fhircore.validate import validate
from fvm.demo import bookable
from fvm.demo.facts import SWEDEN
from fvm.demo.generate import region

TODAY = date(2026, 11, 26)
NOW = datetime(2026, 11, 26, 14, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def slots() -> list[dict[str, Any]]:
    return list(bookable.times(TODAY, TODAY, bookable.taken(region(NOW).charts)))


def span(slot: dict[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(slot["start"]), datetime.fromisoformat(slot["end"])


def test_books_and_times_are_valid_fhir_and_name_each_other(slots: list[dict[str, Any]]) -> None:
    registers = bookable.books(TODAY)
    assert [issue for one in (*registers, *slots) for issue in validate(one)] == []
    known = {f"{one['resourceType']}/{one['id']}" for one in registers}
    assert {one["schedule"]["reference"] for one in slots} <= known
    schedules = [one for one in registers if one["resourceType"] == "Schedule"]
    assert all(one["actor"][0]["reference"] in known for one in schedules)
    assert len({one["id"] for one in (*registers, *slots)}) == len(registers) + len(slots)


def test_they_are_few_enough_to_start_quickly_and_enough_to_choose_from(slots: list[dict[str, Any]]) -> None:
    assert 900 <= len(slots) <= 1_500
    assert set(Counter(one["schedule"]["reference"] for one in slots).values()) <= set(range(60, 106))
    assert {span(one)[0].weekday() for one in slots} == {0, 1, 2, 3, 4}
    assert max(span(one)[0].date() for one in slots) <= TODAY + timedelta(days=bookable.AHEAD)


def test_nobody_has_two_times_at_once_nor_one_beside_a_booking(slots: list[dict[str, Any]]) -> None:
    by_book: dict[str, list[tuple[datetime, datetime]]] = {}
    for one in slots:
        by_book.setdefault(one["schedule"]["reference"], []).append(span(one))
    for spans in by_book.values():
        ordered = sorted(spans)
        assert all(one[1] <= after[0] for one, after in pairwise(ordered))
    busy = bookable.taken(region(NOW).charts)
    schedules = {one["id"]: one for one in bookable.books(TODAY) if one["resourceType"] == "Schedule"}
    for one in slots:
        who = schedules[one["schedule"]["reference"].partition("/")[2]]["actor"][1]["reference"].partition("/")[2]
        start, end = span(one)
        assert not any(since < end and start < until for since, until in busy.get(who, ()))


def test_some_are_open_to_patients_and_some_are_not(slots: list[dict[str, Any]]) -> None:
    opened = Counter("meta" in one for one in slots)
    assert opened[True] > opened[False] > 100
    closed = next(one for one in bookable.books(TODAY) if one["id"] == "SE0000000001-1005-bokning")
    assert "meta" not in closed


class Gate:
    """The door of VIS with the Slots that were written."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}

    def token(self, who: str) -> str:
        return who

    def transaction(self, resources: Any, _token: str) -> None:
        for one in resources:
            assert one["resourceType"] != "Slot" or one["id"] not in self.held
            self.held[one["id"]] = one

    def ask(self, _method: str, path: str, _token: str) -> tuple[int, dict[str, Any]]:
        asked = dict(part.split("=", 1) for part in path.partition("?")[2].split("&"))
        found = [one for one in self.held.values() if one["resourceType"] == "Slot"]
        found = [one for one in found if one["start"] >= asked.get("start", "ge").removeprefix("ge")]
        found.sort(key=lambda one: str(one["start"]), reverse="_sort" in asked)
        return 200, {"entry": [{"resource": one} for one in found[: int(asked["_count"])]]}


def test_each_start_adds_the_days_that_are_missing_and_touches_none_that_stands() -> None:
    gate: Any = Gate()
    first = bookable.fill(gate, TODAY)
    assert bookable.fill(gate, TODAY) == 0
    later = TODAY + timedelta(days=7)
    added = bookable.fill(gate, later)
    assert 0 < added < first
    last = max(datetime.fromisoformat(one["start"]) for one in gate.held.values() if one["resourceType"] == "Slot")
    assert last.astimezone(SWEDEN).date() == later + timedelta(days=bookable.AHEAD)
    assert bookable.fill(gate, later + timedelta(days=100)) > 0  # after a long sleep too


def test_what_was_interrupted_is_gone_on_with() -> None:
    gate: Any = Gate()
    whole = bookable.fill(gate, TODAY)
    ordered = sorted((one["start"], id) for id, one in gate.held.items() if one["resourceType"] == "Slot")
    for _, id in ordered[-137:]:
        del gate.held[id]
    assert bookable.fill(gate, TODAY) == 137
    assert sum(one["resourceType"] == "Slot" for one in gate.held.values()) == whole
