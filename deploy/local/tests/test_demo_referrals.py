"""The demo's referrals are sent as staff send them, and assessed by a colleague of the receiving unit."""

from datetime import UTC, datetime
from typing import Any

from application_platform.demo import cast
from fvm.demo import referred
from fvm.demo.generate import region

NOW = datetime(2026, 11, 26, 14, 30, tzinfo=UTC)


class Door:
    """Takes everything, and answers as VIS does."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []

    def token(self, who: str, commission: str | None = None) -> str:
        return f"{who} {commission}"

    def ask(self, _: str, path: str, token: str, body: Any = None, *rest: Any) -> tuple[int, Any]:
        self.asked.append((path.rpartition("$")[2], token, body))
        parts = [{"url": "order", "valueReference": {"reference": "ServiceRequest/copy"}}]
        order = {"extension": [{"url": "urn:fvm:ordered-at"}, {"url": "urn:fvm:referral", "extension": parts}]}
        return 201, {"entry": [{"resource": order}]}


def test_each_is_sent_by_its_author_and_its_fate_is_done_by_who_receives_it() -> None:
    charts, door = region(NOW).charts, Door()
    everyone = [one for chart in charts for one in chart.referrals]
    assert referred.tell(door, charts) == len(everyone)  # type: ignore[arg-type]
    sent = [asked for asked in door.asked if asked[0] == "order"]
    assert [token for _, token, _ in sent] == [f"{one.author.id} {one.author.commission}" for one in everyone]
    assert [name for name, _, _ in door.asked if name != "order"] == [one.fate for one in everyone if one.fate]
    assert len({one.id for one in everyone}) == len(everyone)


def test_whoever_signs_in_as_a_grown_patient_has_a_referral_of_their_own() -> None:
    signs_in = {one["id"] for one in cast.patients()}
    grown = [chart for chart in region(NOW).charts if chart.person.id in signs_in and chart.age >= 18]
    assert grown
    assert all(chart.referrals for chart in grown if "deceasedDateTime" not in chart.person.patient)
