"""The start page: what needs the patient, in order of time, and what is said when a source is away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from application_platform.portal.mine import todo

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
HOUSE = f"/portal/mine/{TOLVAN}"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # ten o'clock in Sweden


def visit(id: str, start: datetime, title: str = "Videobesök", status: str = "booked", **more: Any) -> dict[str, Any]:
    actors = [
        ("Patient/" + TOLVAN, "Tolvan"),
        ("Practitioner/x", "Ellinor Brandt"),
        ("HealthcareService/y", "Hjärtmottagningen"),
    ]
    return {
        "resourceType": "Appointment",
        "id": id,
        "status": status,
        "start": start.isoformat(),
        "serviceType": [{"text": title}],
        "participant": [{"actor": {"reference": key, "display": name}} for key, name in actors],
        **more,
    }


@pytest.mark.parametrize(
    ("hour", "words"),
    [(4, "God morgon"), (8, "God morgon"), (9, "Hej"), (16, "Hej"), (17, "God kväll"), (23, "God kväll")],
)
def test_the_greeting_follows_the_clock_in_sweden(hour: int, words: str) -> None:
    assert todo.greeting(NOW.replace(hour=hour)) == words
    assert todo.today_in_words(NOW) == "måndag 23 november"


def test_visits_come_in_order_without_those_that_are_over_or_cancelled() -> None:
    listed = todo.visits(
        [
            visit("later", NOW + timedelta(days=16)),
            visit("soon", NOW + timedelta(hours=3, minutes=40)),
            visit("over", NOW - timedelta(hours=3)),
            visit("cancelled", NOW + timedelta(hours=1), status="cancelled"),
            visit("going on", NOW - timedelta(minutes=20), end=(NOW + timedelta(minutes=20)).isoformat()),
            visit("tomorrow", NOW + timedelta(days=1)),
        ],
        NOW,
    )
    assert [one.id for one in listed] == ["going on", "soon", "tomorrow", "later"]
    assert [one.when for one in listed[1:]] == ["i dag 13:40", "i morgon 10:00", "onsdag 9 december 10:00"]
    assert listed[1].where == "Ellinor Brandt, Hjärtmottagningen"


def test_a_visit_of_tomorrow_comes_before_what_has_come_and_a_later_one_after() -> None:
    def order(days: int) -> list[str]:
        visits = todo.visits([visit("v", NOW + timedelta(days=days))], NOW)
        rows = [*todo.of_messages(2, HOUSE, NOW), *todo.of_visits(visits, HOUSE, NOW)]
        return [one.title.split()[0] for one in todo.ordered(rows)]

    assert order(1) == ["Videobesök", "2"]
    assert order(9) == ["2", "Videobesök"]
    assert order(20) == ["2"]


def test_a_prescription_is_told_when_its_last_day_is_near_and_never_judged() -> None:
    def told(days: int, status: str = "active") -> list[str]:
        ends = (NOW + timedelta(days=days)).date().isoformat()
        row = {
            "status": status,
            "medicationCodeableConcept": {"text": "Bisoprolol 5 mg"},
            "dispenseRequest": {"validityPeriod": {"end": ends}},
        }
        return [one.title for one in todo.of_medicines([row], HOUSE, NOW.date())]

    assert told(9) == ["Receptet på Bisoprolol 5 mg gäller till 2 december"]
    assert told(31) == told(-1) == told(9, "stopped") == []


async def text(session: ClientSession, path: str = HOUSE, status: int = 200) -> str:
    response = await session.get(path)
    assert response.status == status, await response.text()
    return " ".join((await response.text()).split())


async def test_the_page_tells_what_needs_the_patient_and_what_is_coming(tolvan: ClientSession, platform: Any) -> None:
    now = datetime.now(UTC)
    at = (now - timedelta(days=2)).isoformat()
    platform.held["DiagnosticReport/rep-1"]["effectiveDateTime"] = at
    platform.add(visit("v-1", now + timedelta(days=5)))
    body = await text(tolvan)
    for words in (
        "Det som behöver dig",
        "Nytt svar: Provsvar, hjärtsvikt",
        f'href="{HOUSE}/results/rep-1"',
        "Boka om eller avboka",
        "Ellinor Brandt, Hjärtmottagningen",
    ):
        assert words in body, words
    platform.held["DiagnosticReport/rep-1"]["effectiveDateTime"] = (now - timedelta(days=15)).isoformat()
    assert "Nytt svar" not in await text(tolvan)


async def test_a_source_that_is_away_is_named_and_the_rest_is_shown(tolvan: ClientSession, platform: Any) -> None:
    platform.broken.add("Appointment")
    body = await text(tolvan)
    assert "Gick inte att hämta: bokade tider" in body
    assert "Inga bokade tider" not in body
    assert "Inget väntar på dig" not in body
    platform.broken.clear()
    platform.held.pop("DiagnosticReport/rep-1")
    body = await text(tolvan)
    assert "Inget väntar på dig just nu" in body
    assert "Inga bokade tider" in body


async def test_staff_have_no_such_house(staff: ClientSession) -> None:
    assert (await staff.get(HOUSE)).status == 404
