"""Vital signs on the demo's wards: every state of the board is there, told twice is once, and the next start goes on."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fhircore.news2 import Vitals, score
from fvm.demo import measured
from fvm.demo.generate import region

NOW = datetime(2026, 11, 26, 14, 30, tzinfo=UTC)


def stays(now: datetime = NOW) -> list[dict[str, Any]]:
    held = (fact.resource for chart in region(now).charts for fact in chart.facts)
    found = [
        one
        for one in held
        if one["resourceType"] == "Encounter" and one["status"] == "in-progress" and one.get("location")
    ]
    return sorted(found, key=lambda one: str(one["location"][-1]["location"]["reference"]))


class Ward:
    """Stands where the doors stand: answers with the stays, and keeps what is recorded."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        self.stays, self.kept, self.asked = found, dict[str, dict[str, Any]](), list[str]()

    def token(self, who: str, commission: str | None = None) -> str:
        return f"{who}/{commission}"

    def ask(
        self, method: str, path: str, token: str, body: Any = None, kind: str = "", headers: Any = None
    ) -> tuple[int, Any]:
        if path.startswith("/vis/fhir/Encounter?"):
            return 200, {"entry": [{"resource": one} for one in self.stays]}
        if path.startswith("/vis/fhir/Observation?"):
            return 200, {"entry": [{"resource": {"id": id}} for id in self.kept]}
        assert method == "POST"
        assert path.endswith("/$record-vitals")
        assert headers["FVM-Patient"] in path
        assert token.startswith("SE")
        self.asked.append(path)
        values = {one["name"]: next(v for k, v in one.items() if k != "name") for one in body["parameter"]}
        self.kept[values["id"]] = values | {"patient": headers["FVM-Patient"]}
        return 201, {}


@pytest.fixture(scope="module")
def ward() -> Ward:
    found = Ward(stays())
    measured.keep(found, NOW)  # type: ignore[arg-type]
    return found


def latest(ward: Ward) -> dict[str, dict[str, Any]]:
    newest: dict[str, dict[str, Any]] = {}
    for one in sorted(ward.kept.values(), key=lambda one: str(one["at"])):
        newest[one["patient"]] = one
    return newest


def total(one: dict[str, Any]) -> int | None:
    names = ("respirations", "spo2", "oxygen", "systolic", "pulse", "consciousness", "scale")
    known: dict[str, Any] = {name: one[name] for name in names if name in one}
    return score(Vitals(**known, temperature=Decimal(str(one["temperature"])))).total


def test_the_board_has_somebody_in_every_state(ward: Ward) -> None:
    newest = latest(ward)
    totals = {total(one) for one in newest.values()}
    assert None in totals
    assert {0} <= totals
    assert {5, 6} & totals
    assert any(found is not None and found >= 7 for found in totals)
    ages = [NOW - datetime.fromisoformat(one["at"]) for one in newest.values()]
    late = [age for age in ages if age > timedelta(hours=12)]
    assert 0 < len(late) < len(ages) / 3
    assert min(ages) >= timedelta()


def test_nobody_is_measured_before_they_came_or_later_than_now(ward: Ward) -> None:
    came = {one["subject"]["reference"].removeprefix("Patient/"): one["period"]["start"] for one in ward.stays}
    for one in ward.kept.values():
        assert datetime.fromisoformat(came[one["patient"]]) < datetime.fromisoformat(one["at"]) <= NOW


def test_told_twice_is_once_and_the_next_day_goes_on(ward: Ward) -> None:
    again = Ward(ward.stays)
    again.kept = dict(ward.kept)
    assert measured.keep(again, NOW) == 0  # type: ignore[arg-type]
    assert measured.keep(again, NOW + timedelta(days=1)) > len(ward.stays)  # type: ignore[arg-type]
    newest = latest(again)
    ages = [NOW + timedelta(days=1) - datetime.fromisoformat(one["at"]) for one in newest.values()]
    assert sorted(ages)[len(ages) // 2] < timedelta(hours=9)


def test_somebody_is_waited_for_and_some_go_home_today() -> None:
    held = [fact.resource for chart in region(NOW).charts for fact in chart.facts]
    assert sum(one["resourceType"] == "Encounter" and one["status"] == "planned" for one in held) == 2
    leaving = [one["extension"][0]["valueDateTime"] for one in stays() if "extension" in one]
    assert "2026-11-26" in leaving
    assert len(leaving) < len(stays())
