"""The start page: what needs the patient, in order of time, and what is said when a source is away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from application_platform.portal.bookings.upcoming import next_bookings
from application_platform.portal.medication.mine import state
from application_platform.portal.medication.model import medicines
from application_platform.portal.mine import todo
from application_platform.portal.referrals.steps import Steps

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


def order(*rows: todo.Todo) -> list[str]:
    return [one.title.split()[0] for one in todo.ordered(rows)]


@pytest.mark.parametrize(("days", "expected"), [(1, ["Videobesök", "2"]), (9, ["2", "Videobesök"]), (20, ["2"])])
def test_a_visit_of_tomorrow_comes_before_what_has_come_and_a_later_one_after(days: int, expected: list[str]) -> None:
    coming = next_bookings([visit("v", NOW + timedelta(days=days))], NOW)
    assert order(*todo.of_messages(2, HOUSE, NOW), *todo.of_bookings(coming, HOUSE, NOW)) == expected


def test_only_the_next_visit_is_something_to_do_and_it_says_when_and_where() -> None:
    coming = next_bookings([visit("b", NOW + timedelta(days=1)), visit("a", NOW + timedelta(hours=3, minutes=40))], NOW)
    [one] = todo.of_bookings(coming, HOUSE, NOW)
    assert (one.title, one.line) == ("Videobesök i dag 13:40", "Ellinor Brandt, Hjärtmottagningen")
    assert one.href == f"{HOUSE}/bookings/a"


def prescription(days: int, status: str = "active") -> dict[str, Any]:
    ends = (NOW + timedelta(days=days)).date().isoformat()
    return {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": {"text": "Bisoprolol 5 mg"},
        "dispenseRequest": {"validityPeriod": {"end": ends}},
    }


def wish(status: str, outcome: str = "", at: datetime = NOW) -> dict[str, Any]:
    note = {"authorReference": {"display": "Bo Ek"}, "time": at.isoformat(), "text": "Kom på kontroll först."}
    return {
        "resourceType": "Task",
        "id": "t",
        "status": status,
        "focus": {"reference": "MedicationRequest/m"},
        "authoredOn": at.isoformat(),
        "executionPeriod": {"end": at.isoformat()},
        "output": [{"type": {"text": "outcome"}, "valueCode": outcome}] if outcome else [],
        "note": [note],
    }


def told(row: dict[str, Any], *tasks: dict[str, Any]) -> list[str]:
    rows = medicines([row], tasks=tasks)
    return [
        f"{one.title}. {one.line}"
        for one in todo.of_medicines(rows, {r.key: state(r, rows, NOW.date()) for r in rows}, HOUSE, NOW)
    ]


def test_a_prescription_is_told_when_its_last_day_is_near_and_nobody_has_asked() -> None:
    assert told(prescription(9)) == [
        "Receptet på Bisoprolol 5 mg gäller till 2 december. Sedan går det inte att hämta ut mer."
    ]
    assert told(prescription(31)) == told(prescription(-1)) == told(prescription(9, "stopped")) == []
    assert told(prescription(9), wish("requested")) == []


def test_an_answer_to_a_wish_is_told_for_two_weeks() -> None:
    [row] = told(prescription(90), wish("completed", "declined"))
    assert row.startswith("Svar om att förnya Bisoprolol 5 mg. Mottagningen har svarat 23 november: ")
    assert "Kom på kontroll först." in row
    assert told(prescription(90), wish("completed", "declined", NOW - timedelta(days=15))) == []


def test_only_a_referral_whose_time_has_passed_is_something_to_do() -> None:
    def row(*, late: bool, ended: bool = False) -> Steps:
        return Steps("r", "Ögonbottenfoto", "Ögonmottagningen", 3, "", "Ring mottagningen.", None, ended, late)

    [one] = todo.of_referrals([row(late=True), row(late=False), row(late=True, ended=True)], HOUSE, NOW)
    assert (one.title, one.line) == ("Försenad remiss: Ögonbottenfoto, Ögonmottagningen", "Ring mottagningen.")


async def text(session: ClientSession, path: str = HOUSE, status: int = 200) -> str:
    response = await session.get(path)
    assert response.status == status, await response.text()
    return " ".join((await response.text()).split())


def order_of(id: str) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "id": id,
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"code": "referral"}]}],
        "code": {"text": "Ögonbottenfoto"},
        "performer": [{"display": "Ögonmottagningen"}],
        "subject": {"reference": f"Patient/{TOLVAN}"},
        "authoredOn": "2026-11-02",
    }


async def test_the_page_tells_what_needs_the_patient_and_what_is_coming(tolvan: ClientSession, platform: Any) -> None:
    now = datetime.now(UTC)
    platform.held["DiagnosticReport/rep-1"]["effectiveDateTime"] = (now - timedelta(days=2)).isoformat()
    platform.add(visit("v-1", now + timedelta(days=5)), order_of("r-1"))
    body = await text(tolvan)
    for words in (
        "Det som behöver dig", "Nytt svar: Provsvar, hjärtsvikt", f'href="{HOUSE}/results/rep-1"', f'href="{HOUSE}/bookings/v-1"',
        "Videobesök, Hjärtmottagningen", "Din remiss", "Ögonbottenfoto, Ögonmottagningen", "Steg 1 av 5",
    ):  # fmt: skip
        assert words in body, words
    platform.held["DiagnosticReport/rep-1"]["effectiveDateTime"] = (now - timedelta(days=15)).isoformat()
    assert "Nytt svar" not in await text(tolvan)


async def test_sources_that_are_away_are_named_and_the_rest_is_shown(
    tolvan: ClientSession, platform: Any, served: Any
) -> None:
    served.vis.away = True
    platform.add(visit("v-1", datetime.now(UTC) + timedelta(days=5)))
    body = await text(tolvan)
    assert "Gick inte att hämta: det som är bokat här, svar om recept" in body
    assert "Videobesök, Hjärtmottagningen" in body
    platform.held.pop("Appointment/v-1")
    body = await text(tolvan)
    assert "Vi vet inte säkert vilka tider som är bokade just nu." in body
    assert "Inga bokade tider" not in body
    assert "Inget väntar på dig" not in body
    served.vis.away = False
    platform.held["DiagnosticReport/rep-1"]["effectiveDateTime"] = "2026-01-01"
    body = await text(tolvan)
    assert "Inget väntar på dig just nu" in body
    assert "Inga bokade tider" in body


async def test_staff_have_no_such_house(staff: ClientSession) -> None:
    assert (await staff.get(HOUSE)).status == 404
