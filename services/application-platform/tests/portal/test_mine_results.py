"""Results to the patient: facts of figures only, and care's words only where they were meant for the patient."""

from datetime import date
from typing import Any

import pytest
from aiohttp import ClientSession

from application_platform.portal.mine.answers import NOTHING, lines, said
from application_platform.portal.results.series import series

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
HOUSE = f"/portal/mine/{TOLVAN}"
TODAY = date(2026, 11, 27)


def value(amount: Any, at: str, low: float | None = 3.5, high: float | None = 5.0, **more: Any) -> dict[str, Any]:
    limits = {
        name: {"value": limit, "unit": "mmol/L"} for name, limit in (("low", low), ("high", high)) if limit is not None
    }
    return {
        "resourceType": "Observation",
        "id": at,
        "status": "final",
        "code": {"text": "P-Kalium"},
        "effectiveDateTime": at,
        "valueQuantity": {"value": amount, "unit": "mmol/L"},
        "referenceRange": [limits] if limits else [],
        **more,
    }


def facts(*values: dict[str, Any]) -> tuple[str, ...]:
    """The lines of the newest of these."""
    points = series(values)[0].points
    return lines(points[0], points[1] if len(points) > 1 else None, TODAY)


def test_inside_outside_and_without_a_reference_interval() -> None:
    assert facts(value(4.1, "2026-11-22")) == ("Inom referensintervallet",)
    assert facts(value(5.2, "2026-11-22")) == ("Högre än referensintervallet",)
    assert facts(value(3.1, "2026-11-22")) == ("Lägre än referensintervallet",)
    assert facts(value(5.0, "2026-11-22")) == ("Inom referensintervallet",)
    assert facts(value(4.1, "2026-11-22", None, None)) == ("Laboratoriet har inte angett något referensintervall",)


def test_a_value_with_a_sign_or_in_words_is_not_said_to_be_inside() -> None:
    below = value(4.1, "2026-11-22", valueQuantity={"value": 4.1, "comparator": "<", "unit": "mmol/L"})
    assert facts(below) == ()


def test_higher_and_lower_than_last_time_are_told_with_the_figure_and_the_day() -> None:
    assert facts(value(4.1, "2026-11-22"), value(4.4, "2026-10-14"))[1] == "Lägre än sist (4,4\u00a0mmol/L 14 oktober)"
    assert (
        facts(value(4.4, "2026-11-22"), value(4.1, "2025-10-14"))[1]
        == "Högre än sist (4,1\u00a0mmol/L 14 oktober 2025)"
    )
    assert facts(value(4.1, "2026-11-22"), value(4.1, "2026-10-14"))[1] == "Samma som sist (4,1\u00a0mmol/L 14 oktober)"


def test_what_was_struck_out_says_nothing() -> None:
    assert facts(value(9.9, "2026-11-22", status="entered-in-error")) == ()


def a_task(outcome: str, words: str, version: str = "1", status: str = "completed") -> dict[str, Any]:
    return {
        "resourceType": "Task",
        "id": "t-1",
        "status": status,
        "code": {"coding": [{"system": "urn:fvm:task", "code": "result"}]},
        "for": {"reference": f"Patient/{TOLVAN}"},
        "focus": {"reference": "DiagnosticReport/rep-1"},
        "input": [{"type": {"text": "version"}, "valueString": version}],
        "output": [{"type": {"text": "outcome"}, "valueCode": outcome}],
        "note": [{"authorReference": {"display": "Anna Lind"}, "time": "2026-11-23T10:00:00Z", "text": words}],
    }


@pytest.mark.parametrize(
    ("outcome", "words", "comment"),
    [
        ("informed", "Patienten informerad. Fortsätt som förut.", "Fortsätt som förut."),
        ("informed", "Patienten informerad", ""),
        ("action", "Åtgärd. Ring patienten, misstänkt njursvikt.", ""),
        ("none", "Ingen åtgärd", ""),
    ],
)
def test_only_words_that_were_meant_for_the_patient_are_given(outcome: str, words: str, comment: str) -> None:
    found = said([a_task(outcome, words)], "DiagnosticReport/rep-1", "1")
    assert (found.read, found.comment, found.again) == (True, comment, False)


def test_unread_and_changed_since() -> None:
    assert said([a_task("none", "x", status="requested")], "DiagnosticReport/rep-1", "1") == NOTHING
    assert said([], "DiagnosticReport/rep-1", "1") == NOTHING
    assert said([a_task("none", "x", version="1")], "DiagnosticReport/rep-1", "2").again


async def text(session: ClientSession, path: str, status: int = 200) -> str:
    response = await session.get(path)
    assert response.status == status, await response.text()
    return " ".join((await response.text()).split())


async def test_an_answer_has_facts_and_says_that_care_has_not_commented(tolvan: ClientSession) -> None:
    body = await text(tolvan, f"{HOUSE}/results/rep-1")
    for words in (
        "Provsvar, hjärtsvikt",
        "Högre än referensintervallet",
        "Inom referensintervallet",
        "Din vårdgivare har inte kommenterat ännu.",
    ):
        assert words in body, words


async def test_the_words_to_the_patient_are_on_the_answer(tolvan: ClientSession, platform: Any) -> None:
    platform.add(a_task("informed", "Patienten informerad. <i>Fortsätt</i> som förut."))
    body = await text(tolvan, f"{HOUSE}/results/rep-1")
    assert "&lt;i&gt;Fortsätt&lt;/i&gt; som förut." in body
    assert "Anna Lind, 23 november" in body
    assert "inte kommenterat" not in body


async def test_that_the_comment_could_not_be_fetched_is_not_that_there_is_none(
    tolvan: ClientSession, platform: Any
) -> None:
    platform.broken.add("Task")
    body = await text(tolvan, f"{HOUSE}/results/rep-1")
    assert "Gick inte att hämta: om vården har kommenterat" in body
    assert "inte kommenterat ännu" not in body


async def test_the_list_leads_to_answers_and_to_analyses_over_time(tolvan: ClientSession, platform: Any) -> None:
    lab = {"category": [{"coding": [{"code": "laboratory"}]}], "subject": {"reference": f"Patient/{TOLVAN}"}}
    platform.add({**value(4.4, "2026-10-14T08:00:00Z"), "id": "old", **lab})
    body = await text(tolvan, f"{HOUSE}/results")
    assert f'href="{HOUSE}/results/rep-1"' in body
    assert f'href="{HOUSE}/results/value/old"' in body
    assert "2 värden, senast 5,2" in body
    trend = await text(tolvan, f"{HOUSE}/results/trend?analys=P-Kalium&enhet=mmol/L")
    assert 'role="img"' in trend
    assert "14 oktober" in trend
    answer = await text(tolvan, f"{HOUSE}/results/rep-1")
    assert "Högre än sist (4,4\u00a0mmol/L 14 oktober)".replace("\u00a0", " ") in answer.replace("\u00a0", " ")


async def test_sources_that_are_away_are_named_and_an_unknown_answer_is_not_shown(
    tolvan: ClientSession, platform: Any
) -> None:
    await text(tolvan, f"{HOUSE}/results/none", 404)
    await text(tolvan, f"{HOUSE}/results/trend?analys=finns-inte", 404)
    platform.broken.add("DiagnosticReport")
    assert "Gick inte att hämta" in await text(tolvan, f"{HOUSE}/results")
    assert "Gick inte att hämta: provsvaret" in await text(tolvan, f"{HOUSE}/results/rep-1")


async def test_a_value_that_is_critical_to_care_is_told_to_its_patient_as_a_fact_and_without_alarm(
    tolvan: ClientSession, platform: Any
) -> None:
    platform.held["Observation/lab-0"]["interpretation"] = [{"coding": [{"code": "HH"}]}]
    for path in ("results/rep-1", "results/trend?analys=P-Kalium&enhet=mmol/L", "journal"):
        body = await text(tolvan, f"{HOUSE}/{path}")
        assert "kritisk" not in body, path
        assert "value--critical" not in body, path
    assert "Högre än referensintervallet" in await text(tolvan, f"{HOUSE}/results/rep-1")
