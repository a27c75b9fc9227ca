"""Every kind of search parameter finds what it should and nothing else (http://hl7.org/fhir/R4/search.html)."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

LOINC, UCUM, SNOMED = "http://loinc.org", "http://unitsofmeasure.org", "http://snomed.info/sct"


def text(value: str) -> str:
    return quote(value, safe="")


async def test_strings_are_found_by_their_beginning_whatever_case_and_accents(ward: Any) -> None:
    a = await ward.patient(name=[{"family": "Zåkäöson", "given": ["Östen", "Per-Erik"]}])
    b = await ward.patient(
        name=[{"family": "Zakaoson-Sørensen"}], address=[{"city": "Zñandú", "line": ["Storgatan 1"]}]
    )
    assert set(await ward.ids("/Patient?family=zakao")) == {a, b}
    assert await ward.ids("/Patient?family=" + text("ZÅKÄÖSON-S")) == [b]
    assert await ward.ids("/Patient?family=sorensen") == []
    assert await ward.ids("/Patient?family:contains=" + text("son-SOR")) == [b]
    assert await ward.ids(f"/Patient?family=zakao&given={text('östen')}") == [a]
    assert await ward.ids(f"/Patient?name={text('per-erik')}&family=zak") == [a]
    assert await ward.ids("/Patient?address-city=znandu") == [b]
    assert set(await ward.ids(f"/Patient?family=zakaoson-s,{text('zåkäöson')}")) == {a, b}
    assert await ward.ids("/Patient?family=zakao&given=per") == [a]
    assert await ward.ids("/Patient?family=zakao%25") == []  # % is no wildcard
    assert await ward.ids("/Patient?family=zaka_") == []


async def test_a_string_longer_than_the_index_keeps_is_still_found(ward: Any) -> None:
    long = "Zlång" * 300
    a = await ward.patient(name=[{"family": long}])
    assert await ward.ids(f"/Patient?family={text(long)}") == [a]


async def test_tokens_are_found_by_system_and_code(ward: Any) -> None:
    patient = await ward.patient()
    of = f"/Observation?patient={patient}"
    category = [{"coding": [{"system": "urn:cat", "code": "lab"}]}]
    a = await ward.observation(patient, category=category)
    b = await ward.observation(patient, category=[{"coding": [{"code": "lab"}]}], status="amended")
    assert set(await ward.ids(f"{of}&category=lab")) == {a, b}
    assert await ward.ids(f"{of}&category=urn:cat|lab") == [a]
    assert await ward.ids(f"{of}&category=|lab") == [b]
    assert await ward.ids(f"{of}&category=LAB") == []
    assert await ward.ids(f"{of}&status=amended,entered-in-error") == [b]
    assert await ward.ids(f"{of}&status:not=final") == [b]
    assert await ward.ids(f"{of}&category:not=urn:cat|lab") == [b]
    assert await ward.ids(f"{of}&category:not=lab,other") == []
    assert set(await ward.ids(f"{of}&category:not=nothing")) == {a, b}


async def test_the_main_code_is_found_by_each_of_its_codings(ward: Any) -> None:
    patient = await ward.patient()
    coding = [{"system": LOINC, "code": "z-1"}, {"system": SNOMED, "code": "z-2"}, {"code": "z-3"}]
    a = await ward.observation(patient, code={"coding": coding})
    for code in (f"{LOINC}|z-1", f"{SNOMED}|z-2", "|z-3", "z-1", "z-2", "z-3", f"x|y,{SNOMED}|z-2", "z-0,z-3"):
        assert await ward.ids(f"/Observation?code={text(code)}") == [a], code
        assert await ward.ids(f"/Observation?code={text(code)}&patient={patient}") == [a], code
        assert await ward.ids(f"/Observation?code={text(code)}&patient={patient}&_summary=count") == []
        assert await ward.ids(f"/Observation?code:not={text(code)}&patient={patient}") == [], code
    assert await ward.ids(f"/Observation?code={LOINC}|z-2") == []
    total = (await ward.bench.get(f"/Observation?code={SNOMED}|z-2,{LOINC}|z-1&_total=accurate")).json()["total"]
    assert total == 1


async def test_combo_code_finds_the_code_and_the_codes_of_components(ward: Any) -> None:
    patient = await ward.patient()
    a = await ward.observation(patient, "zc-1")
    part = {"code": {"coding": [{"system": LOINC, "code": "zc-1"}]}, "valueQuantity": {"value": 5}}
    b = await ward.observation(patient, "zc-2", component=[part])
    for code in ("zc-1", f"{LOINC}|zc-1"):
        assert set(await ward.ids(f"/Observation?combo-code={code}")) == {a, b}
    assert await ward.ids("/Observation?component-code=zc-1") == [b]
    assert await ward.ids("/Observation?code=zc-1") == [a]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("2026-03-01", "b"), ("eq2026-03", "ab"), ("2026", "abc"), ("ne2026-03-01", "acdef"),
        ("gt2026-03-01", "acef"), ("ge2026-03-01", "abcef"), ("lt2026-03-01", "df"), ("le2026-03-01", "bdf"),
        ("sa2026-03", "c"), ("eb2026-03", "d"), ("ge2026-03-01T07:00:00Z", "abcef"), ("gt2026-03-01T08:00:00+01:00", "acef"),
        ("2026-03-01T08:00:00+01:00", "b"), ("2026-03-01T07:00Z", "b"), ("2026-03-01,2027-01-01", "b"),
        ("ge1900&date=le2100", "abcdef"), ("ge2026-03-01&date=lt2026-04", "abef"), ("ap2026-03-01", None),
    ],
)  # fmt: skip
async def test_dates_are_compared_as_ranges_by_every_prefix(
    ward: Any, bench: httpx2.AsyncClient, search: str, found: str | None
) -> None:
    patient = "zdates"
    if (await bench.get(f"/Patient/{patient}")).status_code == 404:
        await ward.add({"resourceType": "Patient", "id": patient})
        times: dict[str, Any] = {
            "a": {"effectiveDateTime": "2026-03"},
            "b": {"effectiveDateTime": "2026-03-01T08:00:00+01:00"},
            "c": {"effectivePeriod": {"start": "2026-05-01", "end": "2026-05-02"}},
            "d": {"effectivePeriod": {"end": "2026-02-01"}},
            "e": {"effectivePeriod": {"start": "2026-03-01T12:00:00Z"}},
            "f": {"effectivePeriod": {"start": "2025-01-01", "end": "2026-12-31"}},
        }
        for name, time in times.items():
            await ward.observation(patient, id=f"zd-{name}", **{"effectiveDateTime": None, **time})
        await ward.observation(patient, id="zd-none", effectiveDateTime=None)
    ids = await ward.ids(f"/Observation?patient={patient}&date={text(search).replace('%26', '&').replace('%3D', '=')}")
    if found is None:
        assert "zd-b" in ids
        assert "zd-none" not in ids
    else:
        assert sorted(ids) == [f"zd-{name}" for name in found]


async def test_a_date_that_is_not_the_main_one_is_found_too(ward: Any) -> None:
    patient = await ward.patient(deceasedDateTime="2026-02-03T10:00:00Z")
    assert await ward.ids(f"/Patient?death-date=2026-02-03&_id={patient}") == [patient]
    assert await ward.ids(f"/Patient?death-date=gt2026-02-03&_id={patient}") == []
    assert await ward.ids(f"/Patient?death-date=lt2026-02-04&_id={patient}") == [patient]


async def test_quantities_are_found_by_value_with_its_precision_and_by_unit(ward: Any) -> None:
    patient = await ward.patient()
    of = f"/Observation?patient={patient}&value-quantity="
    a = await ward.observation(
        patient, valueQuantity={"value": 5.40, "unit": "mmol/L", "system": UCUM, "code": "mmol/L"}
    )
    b = await ward.observation(patient, valueQuantity={"value": 5.44, "unit": "millimol"})
    c = await ward.observation(patient, valueQuantity={"value": 3, "comparator": "<", "unit": "g"})
    assert set(await ward.ids(of + "5.4")) == {a, b}
    assert await ward.ids(of + "5.40") == [a]
    assert await ward.ids(of + text(f"5.4|{UCUM}|mmol/L")) == [a]
    assert await ward.ids(of + text("5.4||mmol/L")) == [a]
    assert await ward.ids(of + text("5.4||millimol")) == [b]
    assert await ward.ids(of + text(f"5.4|{UCUM}|millimol")) == []
    assert await ward.ids(of + "gt5.4") == [b]
    assert set(await ward.ids(of + "ge5.4")) == {a, b}
    assert set(await ward.ids(of + "lt5.44")) == {a, c}
    assert await ward.ids(of + "le2") == [c]
    assert await ward.ids(of + "eb3") == [c]
    assert await ward.ids(of + "sa5.4") == [b]
    assert set(await ward.ids(of + "ne5.40")) == {b, c}
    assert set(await ward.ids(of + "ap5")) == {a, b}
    assert await ward.ids(of + "540e-2") == [a]


async def test_numbers_are_found(ward: Any) -> None:
    patient = await ward.patient()
    body = {"resourceType": "RiskAssessment", "status": "final", "subject": {"reference": f"Patient/{patient}"}}
    a = await ward.add({**body, "prediction": [{"probabilityDecimal": 0.25}]})
    for value, hit in (
        ("0.25", True),
        ("0.4", False),
        ("gt0.2", True),
        ("lt0.25", False),
        ("le0.25", True),
        ("0.2", False),
    ):
        assert await ward.ids(f"/RiskAssessment?patient={patient}&probability={value}") == ([a] if hit else []), value


async def test_uris_are_found_exactly(ward: Any) -> None:
    patient = await ward.patient()
    body = {
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "subject": {"reference": f"Patient/{patient}"},
    }
    a = await ward.add({**body, "instantiatesUri": ["http://example.org/Plan/Å"], "instantiatesCanonical": ["urn:p|2"]})
    assert await ward.ids("/CarePlan?instantiates-uri=" + text("http://example.org/Plan/Å")) == [a]
    assert await ward.ids("/CarePlan?instantiates-uri=http://example.org/Plan") == []


async def test_ids_and_times_of_update_are_search_parameters(ward: Any) -> None:
    a, b = await ward.patient(), await ward.patient()
    assert set(await ward.ids(f"/Patient?_id={a},{b},none")) == {a, b}
    since = (await ward.bench.get(f"/Patient/{b}")).json()["meta"]["lastUpdated"]
    assert b in await ward.ids(f"/Patient?_id={a},{b}&_lastUpdated={text(since)}")
    assert b in await ward.ids(f"/Patient?_id={a},{b}&_lastUpdated=ge{text(since)}")
    assert await ward.ids(f"/Patient?_id={a},{b}&_lastUpdated=lt2020-01-01") == []
    assert len(await ward.ids(f"/Patient?_id={a},{b}&_lastUpdated=gt2020-01-01&_lastUpdated=le9999-12-31")) == 2
    assert len(await ward.ids(f"/Patient?_id={a},{b}&_lastUpdated=ne0001-01-01")) == 2


@pytest.mark.parametrize("system", ["http://electronichealth.se/identifier/personnummer", "1.2.752.129.2.1.3.1"])
@pytest.mark.parametrize("value", ["191212121212", "19121212-1212", "121212+1212", "19 121212 1212"])
async def test_a_personnummer_is_found_by_any_of_its_names_and_notations(ward: Any, system: str, value: str) -> None:
    asked = "urn:oid:1.2.752.129.2.1.3.1"
    id = await ward.patient(identifier=[{"system": system, "value": value}])
    try:
        for name in (asked, system):
            for notation in ("191212121212", "19121212-1212", value):
                assert id in await ward.ids(f"/Patient?identifier={text(f'{name}|{notation}')}"), (name, notation)
        assert id in await ward.ids(f"/Patient?identifier={text(value)}")
        assert id in await ward.ids("/Patient?identifier=191212121212")
        assert id not in await ward.ids("/Patient?identifier=urn:other|191212121212")
    finally:
        await ward.bench.delete(f"/Patient/{id}")


async def test_identifiers_without_a_known_system_are_found_as_written(ward: Any) -> None:
    a = await ward.patient(identifier=[{"system": "urn:z", "value": "A|b,c$d\\e"}, {"value": "zfree"}])
    escaped = "A\\|b\\,c\\$d\\\\e"
    assert await ward.ids(f"/Patient?identifier={text('urn:z|' + escaped)}") == [a]
    assert await ward.ids(f"/Patient?identifier={text(escaped)}") == [a]
    assert await ward.ids("/Patient?identifier=|zfree") == [a]
    assert await ward.ids("/Patient?identifier=urn:z|zfree") == []
    long = "L" * 3000
    b = await ward.patient(identifier=[{"system": "urn:z", "value": long}])
    assert await ward.ids(f"/Patient?identifier=urn:z|{long}") == [b]
