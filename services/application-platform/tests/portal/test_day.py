"""My day and the inbox: who is here, who comes, and what waits, over the unit's patients; not knowing never looks empty."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from application_platform.portal.shell import day
from application_platform.portal.shell.desk import Desk
from application_platform.portal.timeline import Answer

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


async def text(response: ClientResponse, status: int = 200) -> str:
    """The words of a page, without its tags."""
    body = await response.text()
    assert response.status == status, body[:300]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.split("<body")[-1])).split())


def task(id: str, **more: Any) -> dict[str, Any]:
    base = {"resourceType": "Task", "id": id, "status": "requested", "code": {"text": "Svar att vidimera"}}
    return {**base, "for": {"reference": f"Patient/{TOLVAN}"}, **more}


def answered(*resources: dict[str, Any]) -> Answer:
    return Answer(day.WAITING, {"entry": [{"resource": one, "search": {"mode": "match"}} for one in resources]})


def test_late_comes_first_then_urgent_then_the_longest_wait() -> None:
    late = {"restriction": {"period": {"end": "2026-11-22T08:00:00Z"}}}
    rows = day.waiting(
        answered(
            task("young", authoredOn="2026-11-23T07:00:00Z"),
            task("old", authoredOn="2026-11-20T07:00:00Z"),
            task("urgent", authoredOn="2026-11-23T07:30:00Z", priority="stat"),
            task("late", authoredOn="2026-11-21T07:30:00Z", **late),
        ),
        NOW,
        NOW.date(),
    )
    assert [row.key.removeprefix("Task/") for row in rows] == ["late", "urgent", "old", "young"]
    assert [row.late for row in rows] == [True, False, False, False]


def test_a_referral_that_waits_for_the_other_end_rests_until_its_latest_time() -> None:
    code = {"code": {"coding": [{"system": "urn:fvm:task", "code": "referral-sent"}], "text": "Bevaka remiss"}}
    late, coming = (
        {"restriction": {"period": {"end": end}}} for end in ("2026-11-22T08:00:00Z", "2026-11-24T08:00:00Z")
    )
    tasks = (
        task("late", status="on-hold", **code, **late),
        task("resting", status="on-hold", **code, **coming),
        task("without", status="on-hold", **code),
        task("returned", **code, **coming),
        task("other", status="on-hold", **coming),
    )
    rows = day.waiting(answered(*tasks), NOW, NOW.date())
    assert {row.key.removeprefix("Task/") for row in rows} == {"late", "returned", "other"}


def test_piles_count_each_kind_with_its_oldest_and_what_is_late() -> None:
    late = {"restriction": {"period": {"end": "2026-11-22T08:00:00Z"}}}
    other = {"code": {"text": "Remisser att bedöma"}}
    tasks = (
        task("a", authoredOn="2026-11-20T08:00:00Z", **late),
        task("b", authoredOn="2026-11-23T07:00:00Z"),
        task("c", authoredOn="2026-11-23T07:48:00Z", **other),
    )
    piles = day.piles(day.waiting(answered(*tasks), NOW, NOW.date()), NOW)
    assert [(pile.kind, len(pile.rows), pile.late, pile.oldest) for pile in piles] == [
        ("Remisser att bedöma", 1, 0, "12\u00a0min"),
        ("Svar att vidimera", 2, 1, "3\u00a0dygn"),
    ]


@pytest.mark.parametrize(
    ("minutes", "words"), [(0, "0 min"), (59, "59 min"), (60, "1 timme"), (150, "2 timmar"), (60 * 49, "2 dygn")]
)
def test_how_long_ago_is_said_in_the_unit_that_fits(minutes: int, words: str) -> None:
    assert day.ago(NOW - timedelta(minutes=minutes), NOW).replace("\u00a0", " ") == words


def test_a_task_without_a_patient_a_date_or_a_name_stays_in_the_list() -> None:
    rows = day.waiting(answered({"resourceType": "Task", "id": "x", "status": "requested"}), NOW, NOW.date())
    assert (rows[0].kind, rows[0].person, rows[0].since) == ("Uppgift utan namn", None, None)


def test_a_patient_whose_name_is_not_shown_is_still_a_row() -> None:
    rows = day.waiting(answered(task("x")), NOW, NOW.date())
    assert rows[0].person is not None
    assert rows[0].person.name == "Namn saknas"


async def test_the_day_begins_with_what_is_late_who_is_here_and_the_inbox(staff: ClientSession) -> None:
    shown = await text(await staff.get("/portal/"))
    order = ["Min dag", "Först", "Svar att vidimera", "TOLVANSSON, Tolvan", "Patienter som är här 1", "Inkorg 1"]
    assert [shown.index(word) for word in order] == sorted(shown.index(word) for word in order)
    assert "Inga bokningar i dag." in shown


async def test_a_chart_is_one_press_away_from_every_row(staff: ClientSession) -> None:
    for page in ("/portal/", "/portal/inbox"):
        assert f'href="/portal/patients/{TOLVAN}"' in await (await staff.get(page)).text()


async def test_the_day_asks_three_questions_by_post_as_the_reader(staff: ClientSession, platform: Any) -> None:
    await staff.get("/portal/")
    assert sorted(path for _, path, _ in platform.asked) == [
        "/fhir/Appointment/_search",
        "/fhir/Encounter/_search",
        "/fhir/Task/_search",
    ]
    assert {token for _, _, token in platform.asked} == {"Bearer token-of-anna"}


@pytest.mark.parametrize(
    ("broken", "word"),
    [("Encounter", "patienter som är här"), ("Appointment", "dagens bokningar"), ("Task", "inkorgen")],
)
async def test_what_did_not_answer_is_not_checked(staff: ClientSession, platform: Any, broken: str, word: str) -> None:
    platform.broken = {broken}
    shown = await text(await staff.get("/portal/"))
    assert f"EJ KONTROLLERAD: {word}" in shown
    assert not (broken == "Task" and "Inget väntar" in shown)
    assert not (broken == "Encounter" and "Ingen patient är här" in shown)
    assert not (broken == "Appointment" and "Inga bokningar i dag" in shown)


async def test_a_day_without_the_record_is_still_a_page(staff: ClientSession, platform: Any) -> None:
    platform.away = True
    assert "EJ KONTROLLERAD: patienter som är här, dagens bokningar, inkorgen" in await text(
        await staff.get("/portal/")
    )


async def test_a_protected_patient_has_neither_place_nor_cause_on_the_list(staff: ClientSession, platform: Any) -> None:
    hidden = dict(platform.held[f"Patient/{TOLVAN}"])
    hidden["meta"] = {"security": [{"code": "PROTECTED"}]}
    platform.add(hidden)
    shown = await text(await staff.get("/portal/"))
    row = shown.split("Patienter som är här")[1].split("Bokade i dag")[0]
    assert "visas inte visas inte" in row
    assert "Hjärtsvikt" not in row
    assert "Avd 32" not in row


async def test_the_inbox_shows_one_kind_when_asked(staff: ClientSession, platform: Any) -> None:
    platform.add(task("other", code={"text": "Remisser att bedöma"}))
    shown = await text(await staff.get("/portal/inbox?slag=Remisser%20att%20bed%C3%B6ma"))
    rows = shown.split("Allt 2")[1]
    assert rows.count("Öppna journalen") == 1
    assert await text(await staff.get("/portal/inbox?slag=%3Cscript%3E"))


async def test_patients_have_no_inbox_of_staff(tolvan: ClientSession) -> None:
    assert (await tolvan.get("/portal/inbox")).status == 404


async def test_a_row_leads_to_where_it_is_done_in_the_patients_own_chart(staff: ClientSession, platform: Any) -> None:
    platform.add(task("r", focus={"reference": "DiagnosticReport/rep-1"}))
    platform.add(task("n", focus={"reference": "DocumentReference/doc-1"}))
    body = await (await staff.get("/portal/inbox")).text()
    assert f'href="/portal/patients/{TOLVAN}/answers?svar=rep-1"' in body
    assert f'href="/portal/patients/{TOLVAN}/notes/doc-1/edit"' in body


def test_what_waits_for_another_unit_is_not_ours_although_an_active_choice_shows_it() -> None:
    ours, theirs, nobodys = (
        task(id) | ({"owner": {"reference": f"Organization/{unit}"}} if unit else {})
        for id, unit in (("a", "SE-1"), ("b", "SE-2"), ("c", ""))
    )
    nobodys.pop("owner", None)
    rows = day.waiting(answered(ours, theirs, nobodys), NOW, NOW.date(), Desk("", "SE-1"))
    assert {row.key for row in rows} == {"Task/a", "Task/c"}
