"""Observation/$lastn: the newest of each kind about one patient."""

from typing import Any

import httpx2

LOINC = "http://loinc.org"


def coded(*codes: str, **more: Any) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": code} for code in codes], **more}


async def lastn(by: httpx2.AsyncClient, query: str) -> list[str]:
    answer = await by.get(f"/Observation/$lastn?{query}")
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert bundle["type"] == "searchset"
    assert bundle["total"] == len(bundle.get("entry", []))
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


async def test_the_newest_of_each_code_is_answered_newest_kind_first(bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient()
    days = {n: f"2026-03-0{n}T08:00:00+01:00" for n in range(1, 8)}
    old = [await ward.observation(patient, "718-7", effectiveDateTime=days[n]) for n in (1, 3, 5)]
    weight = [await ward.observation(patient, "29463-7", effectiveDateTime=days[n]) for n in (2, 6)]
    assert await lastn(bench, f"patient={patient}") == [weight[1], old[2]]
    assert await lastn(bench, f"subject=Patient/{patient}&max=2") == [weight[1], weight[0], old[2], old[1]]
    assert await lastn(bench, f"patient={patient}&code={LOINC}|718-7") == [old[2]]
    assert await lastn(bench, f"patient={patient}&date=lt2026-03-04") == [old[1], weight[0]]
    posted = await bench.post("/Observation/$lastn", data={"patient": patient, "max": "1"})
    assert posted.json()["total"] == 2


async def test_observations_that_share_a_coding_are_of_one_kind(bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient()
    await ward.observation(patient, code=coded("8867-4", "a"), effectiveDateTime="2026-01-01")
    newest = await ward.observation(patient, code=coded("b", "a"), effectiveDateTime="2026-01-03")
    await ward.observation(patient, code=coded("b"), effectiveDateTime="2026-01-02")
    by_text = [
        await ward.observation(patient, code={"text": text}, effectiveDateTime="2025-01-01")
        for text in ("Allmäntillstånd", "allmäntillstånd ", "Humör")
    ]
    found = await lastn(bench, f"patient={patient}")
    assert found[0] == newest
    assert len(found) == 3
    assert by_text[2] in found


async def test_it_is_about_one_patient_and_says_what_it_does_not_take(bench: httpx2.AsyncClient, ward: Any) -> None:
    patient = await ward.patient()
    for query in ("", f"patient={patient},other", "subject=Group/1", f"patient={patient}&max=0", f"patient={patient}&shoe=1",
                  f"patient={patient}&_sort=date", f"patient={patient}&_include=Observation:subject"):  # fmt: skip
        answer = await bench.get(f"/Observation/$lastn?{query}")
        assert answer.status_code == 400, (query, answer.text)
    assert await lastn(bench, f"patient={patient}") == []


async def test_what_may_not_be_seen_is_not_the_newest(
    ward: Any, doctor: httpx2.AsyncClient, doctor_elsewhere: httpx2.AsyncClient
) -> None:
    patient = await ward.patient()
    mine = await ward.observation(patient, by=doctor, effectiveDateTime="2026-01-01")
    other = await ward.observation(patient, by=doctor_elsewhere, effectiveDateTime="2026-01-02")
    assert await lastn(doctor, f"patient={patient}") == [mine]
    assert await lastn(doctor_elsewhere, f"patient={patient}") == [other]
