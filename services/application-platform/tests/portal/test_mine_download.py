"""The whole record as a file and as words; diagnoses and vaccinations (PAT-13, LOG-07)."""

import json
from datetime import date
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientResponse, ClientSession

from application_platform.portal.mine import health
from application_platform.portal.mine.download import others

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
HOUSE = f"/portal/mine/{TOLVAN}"
FORM = {"csrf": "proof", "patient": TOLVAN}
ORIGIN = {"Origin": "http://127.0.0.1"}
TODAY = date(2026, 11, 27)


async def text(session: ClientSession, path: str, status: int = 200) -> str:
    response = await session.get(path)
    assert response.status == status, await response.text()
    return " ".join((await response.text()).split())


async def test_the_file_is_a_bundle_of_everything_about_this_patient_and_nobody_else(
    tolvan: ClientSession, platform: Any
) -> None:
    answer = await tolvan.post(f"{HOUSE}/download/file", data=FORM, headers=ORIGIN)
    assert answer.headers["Content-Type"] == "application/fhir+json"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="min-vard-')
    bundle = json.loads(await answer.text())
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    keys = {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in bundle["entry"]}
    others = {f"Patient/{STINA}"}
    assert keys == set(platform.held) - others
    assert len(bundle["entry"]) == len(keys)
    assert platform.looks == [("Bearer token-of-tolvan", "download", [TOLVAN])]


async def test_digits_stay_as_they_were(tolvan: ClientSession, platform: Any) -> None:
    body = await (await tolvan.post(f"{HOUSE}/download/file", data=FORM, headers=ORIGIN)).text()
    assert '"value": 4820' in body or '"value":4820' in body


async def _read(answer: ClientResponse, got: bytearray) -> None:
    async for chunk in answer.content.iter_any():
        got += chunk


async def test_a_file_that_breaks_off_never_looks_whole(tolvan: ClientSession, platform: Any) -> None:
    platform.broken_after = 2
    answer = await tolvan.post(f"{HOUSE}/download/file", data=FORM, headers=ORIGIN)
    assert answer.status == 200
    got = bytearray()
    with pytest.raises(ClientPayloadError):
        await _read(answer, got)
    assert got.startswith(b'{"resourceType":"Bundle"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(got)


async def test_a_record_that_is_away_from_the_beginning_is_a_page_that_says_so(
    tolvan: ClientSession, platform: Any
) -> None:
    platform.broken_after = 0
    answer = await tolvan.post(f"{HOUSE}/download/file", data=FORM, headers=ORIGIN)
    assert (answer.status, "Det betyder inte att den är tom" in await answer.text()) == (503, True)
    await text(tolvan, f"{HOUSE}/download/read", 503)


async def test_what_the_law_refuses_leaves_nothing(tolvan: ClientSession, platform: Any) -> None:
    platform.look_refused = 403
    answer = await tolvan.post(f"{HOUSE}/download/file", data=FORM, headers=ORIGIN)
    assert answer.status == 403
    assert not [path for _, path, _ in platform.asked if "everything" in path]


async def test_the_page_to_print_has_every_word_and_says_who_took_it_out(tolvan: ClientSession, platform: Any) -> None:
    body = await text(tolvan, f"{HOUSE}/download/read")
    for words in (
        "Tolvan Tolvansson",
        "19121212-1212",
        "av Tolvan Tolvansson",
        "Försämrad hjärtsvikt.",
        "&lt;script&gt;",
        "Influensavaccin",
        "P-Kalium",
    ):
        assert words in body, words
    assert platform.looks == [("Bearer token-of-tolvan", "download", [TOLVAN])]
    assert f'href="{HOUSE}/download/read"' in await text(tolvan, f"{HOUSE}/download")


async def test_what_the_page_has_no_words_for_is_counted_by_name(tolvan: ClientSession) -> None:
    assert "<li>Uppgifter som vården har att göra: 1</li>" in await text(tolvan, f"{HOUSE}/download/read")


def test_registers_and_what_is_shown_are_not_counted_again() -> None:
    listed = [
        {"resourceType": name, "id": "x"}
        for name in ("Patient", "Practitioner", "Condition", "ServiceRequest", "Appointment")
    ]
    listed.append({"resourceType": "Appointment", "id": "y"})
    told = [("Bokade besök", 2), ("Remisser och beställningar", 1)]
    assert others(listed, {"Condition/x"}) == told


def allergy(text: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "AllergyIntolerance",
        "code": {"text": text},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        **more,
    }


def test_none_known_is_not_the_same_as_not_recorded_and_the_severe_come_first() -> None:
    none = {**allergy("Inga kända"), "code": {"coding": [{"code": "716186003"}]}, "recordedDate": "2026-05-02"}
    assert health.allergies([], TODAY).state == "not-recorded"
    known = health.allergies([none], TODAY)
    assert (known.state, known.asked) == ("none-known", "2 maj")
    some = health.allergies([none, allergy("björk"), allergy("penicillin", criticality="high")], TODAY)
    assert [one.name for one in some.listed] == ["penicillin", "björk"]
    refuted = allergy("nötter", verificationStatus={"coding": [{"code": "refuted"}]})
    assert health.allergies([refuted], TODAY).state == "not-recorded"


async def test_diagnoses_say_allergies_first_and_three_different_things(tolvan: ClientSession, platform: Any) -> None:
    body = await text(tolvan, f"{HOUSE}/diagnoses")
    assert body.index("Penicillin") < body.index("Hjärtsvikt, nedsatt EF")
    assert "Kan vara livshotande" in body
    platform.held.pop("AllergyIntolerance/alg-1")
    assert "Inga uppgifter." in await text(tolvan, f"{HOUSE}/diagnoses")
    platform.broken.add("AllergyIntolerance")
    body = await text(tolvan, f"{HOUSE}/diagnoses")
    assert "Gick inte att hämta: överkänslighet" in body
    assert "Inga uppgifter." not in body


async def test_vaccinations(tolvan: ClientSession, platform: Any) -> None:
    assert "Influensavaccin" in await text(tolvan, f"{HOUSE}/vaccinations")
    platform.held["Immunization/imm-1"]["status"] = "entered-in-error"
    assert "Inga uppgifter om vaccinationer" in await text(tolvan, f"{HOUSE}/vaccinations")
    platform.broken.add("Immunization")
    assert "Inga uppgifter om vaccinationer" not in await text(tolvan, f"{HOUSE}/vaccinations")
