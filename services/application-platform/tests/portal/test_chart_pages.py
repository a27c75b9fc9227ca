"""The pages of a chart beside the timeline: results, trends, medicines, problems, notes, and the overview's cards."""

import re
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
CHART = f"/portal/patients/{TOLVAN}"
SHEETS = ("/results", "/medicines", "/problems", "/notes")


async def text(response: ClientResponse, status: int = 200) -> str:
    """The words of a page, without its tags."""
    body = await response.text()
    assert response.status == status, body[:300]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.split("<body")[-1])).split())


def potassium(id: str, value: float, at: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"text": "P-Kalium"},
        "subject": {"reference": f"Patient/{TOLVAN}"},
        "effectiveDateTime": at,
        "valueQuantity": {"value": value, "unit": "mmol/L"},
        **more,
    }


@pytest.mark.parametrize("sheet", ["", *SHEETS, "/results/trend?analys=P-Kalium&enhet=mmol/L", "/access"])
async def test_every_page_of_the_chart_names_the_patient_and_marks_one_tab(staff: ClientSession, sheet: str) -> None:
    body = await (await staff.get(CHART + sheet)).text()
    assert "TOLVANSSON, Tolvan" in body.split("<main")[1].split("</h1>")[0]
    assert "TOLVANSSON, Tolvan – 19121212-1212</title>" in body
    tabs = body.split('aria-label="Journalen"')[1].split("</nav>")[0]
    assert tabs.count('aria-current="page"') == 1


@pytest.mark.parametrize("sheet", [*SHEETS, "/summary", "/results/trend?analys=P-Kalium&enhet=mmol/L"])
async def test_a_patient_has_none_of_the_staff_pages(tolvan: ClientSession, sheet: str) -> None:
    assert (await tolvan.get(CHART + sheet)).status == 404


async def test_results_stand_against_time_and_what_was_not_taken_is_a_word(staff: ClientSession, platform: Any) -> None:
    platform.add(potassium("old", 4.3, "2026-10-14T08:40:00+02:00"))
    shown = await text(await staff.get(f"{CHART}/results"))
    assert "22 nov. 2026 13:10 14 okt. 2026 08:40 Referens Trend" in shown
    assert "P-Kalium mmol/L 5,2 högt 4,3 3,5–5,0" in shown
    assert "P-Natrium mmol/L 134 lågt ej tagen 137–145" in shown


async def test_only_abnormal_is_a_choice(staff: ClientSession) -> None:
    shown = await text(await staff.get(f"{CHART}/results?visa=avvikande"))
    assert "P-Kalium" in shown
    assert "B-Hb" not in shown


async def test_a_trend_has_its_values_as_a_table_too(staff: ClientSession, platform: Any) -> None:
    platform.add(potassium("old", 4.3, "2026-10-14T08:40:00+02:00"))
    response = await staff.get(f"{CHART}/results/trend?analys=P-Kalium&enhet=mmol/L")
    body = await response.text()
    assert 'aria-label="P-Kalium, 2 värden från 2026-10-14 till 2026-11-22. Senast 5,2\xa0mmol/L högt.' in body
    assert body.count("<polygon") >= 1
    shown = await text(response)
    assert "2026-11-22 13:10 5,2 högt mmol/L 3,5–5,0 2026-10-14 08:40 4,3 mmol/L ej angiven" in shown


async def test_an_analysis_that_the_patient_has_not_is_no_page(staff: ClientSession) -> None:
    assert (await staff.get(f"{CHART}/results/trend?analys=%3Cscript%3E&enhet=")).status == 404


async def test_the_medication_list_has_its_groups(staff: ClientSession, platform: Any) -> None:
    base = {"resourceType": "MedicationRequest", "subject": {"reference": f"Patient/{TOLVAN}"}}
    platform.add(
        {**base, "id": "m2", "status": "stopped", "medicationCodeableConcept": {"text": "Naproxen 500 mg"}},
        {**base, "id": "m3", "status": "on-hold", "medicationCodeableConcept": {"text": "Metformin 500 mg"}},
    )
    shown = await text(await staff.get(f"{CHART}/medicines"))
    order = ["Stående 1", "Bisoprolol 5 mg", "Orsak: Hjärtsvikt", "Pausade 1", "Metformin", "Avslutade 1", "Naproxen"]
    assert [shown.index(word) for word in order] == sorted(shown.index(word) for word in order)
    assert "1 tablett kl. 08:00" in shown
    assert "dosering ej angiven" in shown


async def test_problems_and_umi_tell_none_apart_from_not_recorded(staff: ClientSession) -> None:
    shown = await text(await staff.get(f"{CHART}/problems"))
    assert "Överkänslighet: penicillin – anafylaxi" in shown
    assert "Annan uppmärksamhet Inget registrerat" in shown
    assert "Aktuella problem 1 Hjärtsvikt, nedsatt EF" in shown


async def test_notes_are_shown_word_for_word_and_never_run(staff: ClientSession) -> None:
    body = await (await staff.get(f"{CHART}/notes")).text()
    assert "Inskrivningsanteckning" in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert "<script>alert" not in body


async def test_the_cards_say_what_is_latest(staff: ClientSession) -> None:
    shown = await text(await staff.get(f"{CHART}/summary"))
    assert "Aktuella problem 1" in shown
    assert "Bisoprolol 5 mg" in shown
    assert "108/62" in shown
    assert "P-Kalium 5,2 högt mmol/L (3,5–5,0)" in shown


async def test_the_cards_ask_five_bounded_questions_as_the_reader(staff: ClientSession, platform: Any) -> None:
    platform.asked.clear()
    await staff.get(f"{CHART}/summary")
    assert sorted(path.split("/")[2] for _, path, _ in platform.asked) == [
        "Condition",
        "MedicationRequest",
        "MedicationStatement",
        "Observation",
        "Observation",
    ]
    assert {token for _, _, token in platform.asked} == {"Bearer token-of-anna"}


@pytest.mark.parametrize(
    ("broken", "sheet", "word"),
    [
        ("Observation", "/results", "EJ KONTROLLERAD: provsvar"),
        ("MedicationStatement", "/medicines", "EJ KONTROLLERAD: läkemedelslista"),
        ("Flag", "/problems", "EJ KONTROLLERAD: annan uppmärksamhetsinformation"),
        ("DocumentReference", "/notes", "EJ KONTROLLERAD: dokument"),
        ("Condition", "/summary", "EJ KONTROLLERAD: problem och diagnoser"),
        ("MedicationRequest", "/summary", "EJ KONTROLLERAD: ordinationer"),
    ],
)
async def test_what_did_not_answer_is_never_shown_as_empty(
    staff: ClientSession, platform: Any, broken: str, sheet: str, word: str
) -> None:
    platform.broken = {broken}
    shown = await text(await staff.get(f"/portal/patients/{STINA}{sheet}"))
    assert word in shown
    assert "Inga provsvar ännu" not in shown or broken != "Observation"
    assert "Inga läkemedel registrerade" not in shown


@pytest.mark.parametrize("sheet", ["", *SHEETS])
async def test_blocked_information_is_told_in_the_banner_and_on_the_page(
    staff: ClientSession, platform: Any, sheet: str
) -> None:
    platform.withheld = ("blocked",)
    shown = await text(await staff.get(f"/portal/patients/{STINA}{sheet}"))
    assert "Spärrad information finns" in shown
    assert "Patienten har spärrat uppgifter." in shown


@pytest.mark.parametrize("sheet", SHEETS)
async def test_nobody_knows_a_patient_that_is_not_there(staff: ClientSession, sheet: str) -> None:
    assert (await staff.get(f"/portal/patients/none{sheet}")).status == 404
    assert (await staff.get(f"/portal/patients/a%20b{sheet}")).status == 404
