"""The patient's journal and its events whole: who, signed or not, what was corrected, and hard words (REC-02, REC-04, PAT-01)."""

import base64
from typing import Any

import pytest
from aiohttp import ClientSession

from application_platform.portal import timeline
from application_platform.portal.mine.note import corrected, marked, note

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
HOUSE = f"/portal/mine/{TOLVAN}"
NOTE = f"{HOUSE}/journal/DocumentReference/doc-2"


def a_note(text: str, **more: Any) -> dict[str, Any]:
    data = base64.b64encode(text.encode()).decode()
    return {
        "resourceType": "DocumentReference",
        "id": "doc-2",
        "status": "current",
        "docStatus": "final",
        "type": {"text": "Besöksanteckning"},
        "date": "2026-11-20T10:30:00+01:00",
        "author": [{"display": "Ellinor Brandt"}],
        "authenticator": {"display": "Ellinor Brandt"},
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": data}}],
        "subject": {"reference": f"Patient/{TOLVAN}"},
        **more,
    }


def correction(reason: str, by: str, at: str) -> dict[str, Any]:
    parts = [
        {"url": "by", "valueReference": {"display": by}},
        {"url": "at", "valueDateTime": at},
        {"url": "reason", "valueString": reason},
    ]
    return {"url": "urn:fvm:correction", "extension": parts}


def told(found: dict[str, Any], *earlier: dict[str, Any]) -> Any:
    entry = timeline.entries_from([{"entry": [{"resource": found}]}])[0]
    return note(entry, found, earlier)


async def text(session: ClientSession, path: str, status: int = 200) -> str:
    response = await session.get(path)
    assert response.status == status, await response.text()
    return " ".join((await response.text()).split())


def test_hard_words_are_marked_in_every_form_and_nothing_of_the_text_is_lost() -> None:
    line = "Hjärtsvikten med ödem. Ejektionsfraktionen 42 %. Statusen oklar, akutbesök ej."
    pieces = marked(line)
    assert "".join(piece.text for piece in pieces) == line
    assert [piece.text for piece in pieces if piece.meaning] == [
        "Hjärtsvikten",
        "ödem",
        "Ejektionsfraktionen",
        "Statusen",
    ]


def test_a_note_is_split_at_the_headings_of_our_templates_only() -> None:
    found = told(a_note("Kontaktorsak\nYrsel.\n\nBedömning\nHjärtsvikt.\nStatus: bra\n\n"))
    assert [part.heading for part in found.parts] == ["Kontaktorsak", "Bedömning"]
    assert ["".join(word.text for word in line) for line in found.parts[1].lines] == ["Hjärtsvikt.", "Status: bra"]


def test_rec_02_signed_unsigned_and_neither_are_three_things() -> None:
    assert told(a_note("x")).signed is True
    assert told(a_note("x", docStatus="preliminary")).signed is False
    unknown = a_note("x")
    del unknown["docStatus"]
    assert told(unknown).signed is None


def test_rec_04_each_correction_stands_beside_the_text_that_it_replaced() -> None:
    first, second = (
        correction("Fel dos", "Ellinor Brandt", "2026-11-21T09:00:00Z"),
        correction("Fel datum", "Bo Ek", "2026-11-22T09:00:00Z"),
    )
    now = a_note("Tre.", docStatus="amended", extension=[first, second])
    found = told(now, now, a_note("Två.", extension=[first]), a_note("Ett."), a_note("Ett.", docStatus="preliminary"))
    assert [(one.reason, one.by, one.before) for one in found.corrections] == [
        ("Fel datum", "Bo Ek", "Två."),
        ("Fel dos", "Ellinor Brandt", "Ett."),
    ]
    assert corrected(now)
    assert not corrected(a_note("Ett."))


async def test_a_note_is_shown_as_it_was_written_by_whom_and_signed(tolvan: ClientSession, platform: Any) -> None:
    platform.add(a_note("Bedömning\nHjärtsvikt <b>ja</b>."))
    body = await text(tolvan, NOTE)
    for words in (
        "Besöksanteckning",
        "Skrivet av Ellinor Brandt",
        "Signerat av Ellinor Brandt",
        "&lt;b&gt;ja&lt;/b&gt;",
    ):
        assert words in body, words
    assert "Hjärtat orkar inte pumpa runt blodet" in body
    assert "Rättad" not in body
    assert f'href="{HOUSE}/privacy#log"' in body


async def test_an_unsigned_note_says_that_it_can_change(tolvan: ClientSession, platform: Any) -> None:
    platform.add(a_note("Ett.", docStatus="preliminary"))
    assert "Osignerad: kan komma att ändras." in await text(tolvan, NOTE)


async def test_a_corrected_note_has_both_texts_and_the_reason(tolvan: ClientSession, platform: Any) -> None:
    platform.add(
        a_note("Två.", docStatus="amended", extension=[correction("Fel dos", "Bo Ek", "2026-11-21T09:00:00Z")])
    )
    platform.before["DocumentReference/doc-2"] = [a_note("Ett.")]
    body = await text(tolvan, NOTE)
    for words in ("Två.", "Skäl till rättelsen: Fel dos", "Rättad av Bo Ek 21 november", "Ett."):
        assert words in body, words


async def test_an_earlier_text_that_cannot_be_fetched_is_said_to_be_missing(
    tolvan: ClientSession, platform: Any
) -> None:
    platform.add(
        a_note("Två.", docStatus="amended", extension=[correction("Fel dos", "Bo Ek", "2026-11-21T09:00:00Z")])
    )
    platform.deaf_history = True
    body = await text(tolvan, NOTE)
    assert "Gick inte att hämta: den tidigare texten" in body
    assert "Skäl till rättelsen: Fel dos" in body


@pytest.mark.parametrize(
    "path",
    [f"{HOUSE}/journal/DocumentReference/none", f"{HOUSE}/journal/Task/task-1", f"{HOUSE}/journal/Patient/{TOLVAN}"],
)
async def test_what_is_no_event_of_this_patient_is_not_shown(tolvan: ClientSession, path: str) -> None:
    assert "Journalen kan inte visas" in await text(tolvan, path, 404)


async def test_another_patients_note_is_not_shown_under_ones_own_address(tolvan: ClientSession, platform: Any) -> None:
    platform.add(a_note("Stinas.", subject={"reference": f"Patient/{STINA}"}))
    assert "Stinas." not in await text(tolvan, NOTE, 404)


async def test_an_answer_of_the_journal_leads_to_its_own_page(tolvan: ClientSession, platform: Any) -> None:
    alone = {**platform.held["Observation/lab-0"], "id": "alone", "effectiveDateTime": "2026-11-10"}
    platform.add(alone)
    for key, path in {
        "DiagnosticReport/rep-1": "rep-1",
        "Observation/lab-0": "rep-1",
        "Observation/alone": "value/alone",
    }.items():
        response = await tolvan.get(f"{HOUSE}/journal/{key}", allow_redirects=False)
        assert (response.status, response.headers["Location"]) == (303, f"{HOUSE}/results/{path}")
        assert (await tolvan.get(f"{HOUSE}/results/{path}")).status == 200


async def test_the_journal_has_rows_of_plain_lines_and_no_tables(tolvan: ClientSession) -> None:
    body = await text(tolvan, f"{HOUSE}/journal")
    assert "<table" not in body
    assert "7 analyser. 5 utanför referens: P-Kalium" in body
    for key in (
        "Encounter/enc-1",
        "Condition/con-1",
        "MedicationRequest/med-1",
        "Immunization/imm-1",
        "AllergyIntolerance/alg-1",
    ):
        assert f'href="{HOUSE}/journal/{key}"' in body, key
        assert (await tolvan.get(f"{HOUSE}/journal/{key}")).status == 200, key
    assert "Puls <span" in body  # values of one moment stand in their row, which leads nowhere
    assert f'href="{HOUSE}/journal/Observation/' not in body


async def test_the_old_addresses_lead_to_the_new_ones(tolvan: ClientSession) -> None:
    for old, new in {
        "/portal/": HOUSE,
        f"/portal/patients/{TOLVAN}": f"{HOUSE}/journal",
        f"/portal/patients/{TOLVAN}?visa=svar": f"{HOUSE}/journal?visa=svar",
        f"/portal/patients/{TOLVAN}/timeline?visa=svar&fore=2026-11-20": f"{HOUSE}/journal?visa=svar&fore=2026-11-20",
        "/portal/privacy": f"{HOUSE}/privacy",
    }.items():
        response = await tolvan.get(old, allow_redirects=False)
        assert (response.status in (303, 308), response.headers["Location"]) == (True, new), old


async def test_filters_and_further_rows_come_as_fragments_of_the_same_address(tolvan: ClientSession) -> None:
    response = await tolvan.get(f"{HOUSE}/journal/rows?visa=svar", headers={"HX-Request": "true"})
    body = await response.text()
    assert body.lstrip().startswith('<div id="timeline"')
    assert f'hx-get="{HOUSE}/journal/rows?visa=besok"' in body
    assert f'href="{HOUSE}/journal/DiagnosticReport/rep-1"' in body
    whole = await text(tolvan, f"{HOUSE}/journal/rows?visa=svar")
    assert "<h1>Journal</h1>" in whole


async def test_news_are_let_in_for_the_patient_of_the_address(tolvan: ClientSession) -> None:
    data = {"what": "DiagnosticReport/rep-1"}
    body = await (await tolvan.post(f"{HOUSE}/journal/news", data=data)).text()
    assert 'data-part="line"' in body
    assert (await tolvan.post(f"{HOUSE}/journal/news", data={"what": "Observation/none"})).status == 204


async def test_pat_05_somebody_under_16_is_told_why_their_journal_is_empty(
    tolvan: ClientSession, platform: Any
) -> None:
    platform.held[f"Patient/{TOLVAN}"]["birthDate"] = "2012-11-28"
    for path in (HOUSE, f"{HOUSE}/journal", f"{HOUSE}/results", f"{HOUSE}/diagnoses", f"{HOUSE}/download/read"):
        assert "Från 16 år läser du den själv." in await text(tolvan, path), path
    platform.held[f"Patient/{TOLVAN}"]["birthDate"] = "1990-01-01"
    assert "Från 16 år" not in await text(tolvan, f"{HOUSE}/journal")
