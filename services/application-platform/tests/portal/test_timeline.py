"""The timeline shows every fact once, newest first, and pages without losing or repeating any."""

import base64
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application_platform.portal import timeline
from application_platform.portal.timeline import SOURCES, Answer, Source
from application_platform.portal.values import key_of

Resource = dict[str, Any]


def bundle(*matches: Resource, included: tuple[Resource, ...] = (), more: bool = False) -> dict[str, Any]:
    entries = [{"resource": found, "search": {"mode": "match"}} for found in matches]
    entries += [{"resource": found, "search": {"mode": "include"}} for found in included]
    return {"resourceType": "Bundle", "entry": entries, "link": [{"relation": "next"}] if more else []}


def source(type: str) -> Source:
    return next(found for found in SOURCES if found.type == type)


def an_observation(id: str, at: str, **more: Any) -> Resource:
    quantity = {"value": 5, "unit": "mmol/L"}
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"text": f"P-{id}"},
        "effectiveDateTime": at,
        "valueQuantity": quantity,
        **more,
    }


def a_report(id: str, at: str, *results: str, **more: Any) -> Resource:
    return {
        "resourceType": "DiagnosticReport",
        "id": id,
        "status": "final",
        "code": {"text": "Elektrolytstatus"},
        "effectiveDateTime": at,
        "result": [{"reference": f"Observation/{result}"} for result in results],
        **more,
    }


def a_visit(id: str, at: str, **more: Any) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": id,
        "status": "finished",
        "class": {"code": "AMB"},
        "period": {"start": at},
        **more,
    }


AT = "2026-11-23T09:12:00+01:00"


def test_a_report_holds_its_results_and_they_are_not_shown_again() -> None:
    rows = timeline.entries_from([bundle(a_report("r", AT, "k"), included=(an_observation("k", AT),))])
    assert [(row.title, [found.name for found in row.results]) for row in rows] == [("Elektrolytstatus", ["P-k"])]
    assert rows[0].keys == {"DiagnosticReport/r", "Observation/k"}


def test_loose_vitals_of_the_same_minute_are_one_event() -> None:
    vital = {"category": [{"coding": [{"code": "vital-signs"}]}]}
    rows = timeline.entries_from([bundle(an_observation("a", AT, **vital), an_observation("b", AT, **vital))])
    assert [(row.title, row.kind, len(row.results)) for row in rows] == [("Vitalparametrar", "matvarden", 2)]


def test_an_observation_entered_in_error_is_kept_apart_struck_and_labelled() -> None:
    rows = timeline.entries_from([bundle(an_observation("a", AT), an_observation("b", AT, status="entered-in-error"))])
    struck = [row for row in rows if row.struck]
    assert len(rows) == 2
    assert [row.state.word for row in struck if row.state] == ["Makulerad"]


def test_a_note_that_comes_as_report_and_document_is_one_event() -> None:
    words = base64.b64encode("Försämrad hjärtsvikt.".encode()).decode()
    attachment = {"contentType": "text/plain; charset=utf-8", "data": words}
    note = a_report("n", AT, category=[{"coding": [{"code": "34117-2"}]}], presentedForm=[attachment])
    document = {
        "resourceType": "DocumentReference",
        "id": "d",
        "date": "2026-11-23T09:12:00.190+01:00",
        "content": [{"attachment": attachment}],
    }
    rows = timeline.entries_from([bundle(note), bundle(document)])
    assert [(row.kind, row.text) for row in rows] == [("anteckningar", "Försämrad hjärtsvikt.")]


def test_unreadable_text_says_so_instead_of_breaking_the_page() -> None:
    broken = {"contentType": "text/plain", "data": "%%%"}
    rows = timeline.entries_from(
        [bundle({"resourceType": "DocumentReference", "id": "d", "content": [{"attachment": broken}]})]
    )
    assert rows[0].text.startswith("Texten kunde inte läsas.")


@pytest.mark.parametrize(
    ("resource", "title", "line", "state"),
    [
        (a_visit("1", AT, status="in-progress", reasonCode=[{"text": "Hjärtsvikt"}]), "Besök", "Hjärtsvikt", "Pågår"),
        (
            {
                "resourceType": "Condition",
                "id": "1",
                "recordedDate": "2021",
                "code": {"text": "Astma"},
                "clinicalStatus": {"coding": [{"code": "resolved"}]},
                "abatementDateTime": "2022-01-02",
            },
            "Astma",
            "Diagnos · till 2022-01-02",
            "Avslutad",
        ),
        (
            {
                "resourceType": "MedicationRequest",
                "id": "1",
                "status": "stopped",
                "authoredOn": "2026",
                "medicationCodeableConcept": {"text": "Levaxin"},
                "dosageInstruction": [
                    {
                        "doseAndRate": [{"doseQuantity": {"value": 50.0, "unit": "ug"}}],
                        "timing": {"repeat": {"frequency": 1, "period": 1.0, "periodUnit": "d"}},
                    }
                ],
            },
            "Levaxin",
            "50\u00a0mikrogram, 1 gång per dag",
            "Utsatt",
        ),
        (
            {
                "resourceType": "Immunization",
                "id": "1",
                "status": "completed",
                "occurrenceDateTime": AT,
                "vaccineCode": {"text": "Influensavaccin"},
                "lotNumber": "A1",
            },
            "Influensavaccin",
            "Vaccination · batch A1",
            None,
        ),
        (
            {
                "resourceType": "AllergyIntolerance",
                "id": "1",
                "criticality": "high",
                "code": {"text": "penicillin"},
                "reaction": [{"manifestation": [{"text": "anafylaxi"}]}],
            },
            "penicillin",
            "Överkänslighet · kan vara livshotande · anafylaxi",
            None,
        ),
        (
            {"resourceType": "Procedure", "id": "1", "status": "not-done", "code": {"text": "EKG"}},
            "EKG",
            "Åtgärd",
            "Ej genomfört",
        ),
    ],
)
def test_each_kind_has_its_own_words(resource: Resource, title: str, line: str, state: str | None) -> None:
    row = timeline.entries_from([bundle(resource)])[0]
    assert (row.title, row.line, row.state.word if row.state else None) == (title, line, state)


def test_a_medicine_by_reference_is_named_from_what_came_along_or_from_the_reference() -> None:
    request = {
        "resourceType": "MedicationRequest",
        "id": "1",
        "medicationReference": {"reference": "Medication/m", "display": "Okänt i svaret"},
    }
    medicine = {"resourceType": "Medication", "id": "m", "code": {"text": "Enoxaparin"}}
    named = [
        timeline.entries_from([found])[0].title for found in (bundle(request, included=(medicine,)), bundle(request))
    ]
    assert named == ["Enoxaparin", "Okänt i svaret"]


def test_a_report_that_names_what_is_outside_says_how_many_more() -> None:
    high = [{"coding": [{"code": "H"}]}]
    observed = tuple(an_observation(str(n), AT, interpretation=high) for n in range(6))
    row = timeline.entries_from([bundle(a_report("r", AT, *(str(n) for n in range(6))), included=observed)])[0]
    assert row.summary == "6 utanför referens: P-0, P-1, P-2, P-3 och 2 till."


def test_a_resource_without_its_parts_still_becomes_an_event() -> None:
    for type in timeline.shown.SHOWN:
        rows = timeline.entries_from([bundle({"resourceType": type, "id": "x"})])
        assert rows[0].title, type


def test_days_are_headed_and_undated_events_come_last() -> None:
    found = bundle(a_visit("1", AT), {"resourceType": "Condition", "id": "2", "code": {"text": "Astma"}})
    page = timeline.page([Answer(source("Encounter"), found)])
    groups = timeline.by_day([*page.entries, *page.undated], date(2026, 11, 23))
    assert [group.heading for group in groups] == ["I dag, måndag 23 november", "Utan datum"]
    assert [group.heading for group in timeline.by_month(page.entries)] == ["November 2026"]


def test_a_source_without_answer_is_named_and_the_rest_is_shown() -> None:
    page = timeline.page([Answer(source("Encounter"), bundle(a_visit("1", AT))), Answer(source("Immunization"), None)])
    assert (len(page.entries), page.unchecked) == (1, ("vaccinationer",))


def test_the_notice_that_something_is_withheld_is_carried_to_the_page() -> None:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"code": "suppressed", "details": {"coding": [{"code": "law/blocked"}]}}],
    }
    told = {"entry": [{"resource": outcome, "search": {"mode": "outcome"}}]}
    page = timeline.page([Answer(source("Encounter"), told)])
    assert page.withheld == {"blocked"}
    assert page.empty


def test_nothing_below_the_end_of_a_cut_source_is_shown_before_it_is_known() -> None:
    visits = bundle(a_visit("new", "2026-11-23T10:00:00Z"), a_visit("end", "2026-11-20T10:00:00Z"), more=True)
    old = bundle({"resourceType": "Procedure", "id": "p", "performedDateTime": "2026-11-01T10:00:00Z"})
    page = timeline.page([Answer(source("Encounter"), visits), Answer(source("Procedure"), old)])
    assert [row.key for row in page.entries] == ["Encounter/new"]
    assert page.before == "2026-11-23T10:00:00.000000Z"


def _pages(held: list[Resource], count: int, size: int) -> list[str]:
    """Walks the timeline over a source that gives `count` at a time, as the record would."""
    asked = source("Encounter")
    narrow = Source(asked.type, asked.order, asked.kinds, asked.word, count)
    seen: list[str] = []
    before = ""
    for _ in range(200):
        fitting = [found for found in held if not before or _iso(found) < before]
        fitting.sort(key=_iso, reverse=True)
        answer = Answer(narrow, bundle(*fitting[:count], more=len(fitting) > count))
        page = timeline.page([answer], before=before, size=size)
        seen += [row.key for row in page.entries]
        before = page.before
        if not before:
            return seen
    raise AssertionError("the timeline never ends")


def _iso(found: Resource) -> str:
    at = timeline.moment(found["period"]["start"])
    assert at is not None
    return at.iso


@given(
    minutes=st.lists(st.integers(0, 40), max_size=40),
    count=st.integers(6, 12),
    size=st.integers(1, 10),
)
def test_paging_shows_every_event_exactly_once(minutes: list[int], count: int, size: int) -> None:
    # As long as one instant holds fewer events than a source gives at a time, which is what `count` is chosen for.
    kept = [minute for place, minute in enumerate(minutes) if minutes[:place].count(minute) < count - 1]
    held = [a_visit(str(n), f"2026-11-23T10:{minute:02}:00Z") for n, minute in enumerate(kept)]
    seen = _pages(held, count, size)
    assert sorted(seen) == sorted(key_of(found) for found in held)
    assert len(seen) == len(set(seen))
