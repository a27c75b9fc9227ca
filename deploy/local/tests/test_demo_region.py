"""The demo region in memory: valid, coherent, the same each time, and of people whom nobody can be."""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from application_platform.demo import cast
from fhircore.identifiers import PERSON_SYSTEMS, PERSONNUMMER, canonical, is_person_system, is_test_number
from fhircore.validate import validate
from fvm.demo import numbers, staff
from fvm.demo.generate import Region, region
from fvm.demo.persons import Person

NOW = datetime(2026, 11, 26, 14, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def demo() -> Region:
    return region(NOW)


def people(demo: Region, story: str) -> list[Person]:
    return [chart.person for chart in demo.charts if chart.person.story == story]


def of(demo: Region, kind: str) -> list[dict[str, Any]]:
    return [one for one in demo.resources() if one["resourceType"] == kind]


def walk(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with the name of its element."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from walk(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from walk(part, name)
    else:
        yield name, value


def test_everything_is_valid_fhir(demo: Region) -> None:
    issues = [(one["resourceType"], issue) for one in demo.resources() for issue in validate(one)]

    assert issues == []


def test_every_person_identifier_is_an_official_test_number(demo: Region) -> None:
    shown = [
        (part["system"], part["value"])
        for one in demo.resources()
        for part in one.get("identifier", [])
        if is_person_system(part.get("system", ""))
    ]

    assert len(shown) >= 200
    assert [value for system, value in shown if not is_test_number(system, value)] == []
    assert all(canonical(system, value).value == value for system, value in shown)
    assert len(set(shown)) == len(shown)


def test_no_text_names_a_number_that_somebody_could_have(demo: Region) -> None:
    words = json.dumps([note for _, note in notes(demo)], ensure_ascii=False)

    assert re.findall(r"\b(?:18|19|20)\d{6}[-+]?\d{4}\b", words) == []


@pytest.mark.parametrize("sex", ["female", "male"])
def test_a_day_has_one_test_number_for_each_sex(sex: str) -> None:
    for days in range(0, 40_000, 37):
        number = numbers.personnummer(date(1915, 1, 1) + timedelta(days=days), sex)
        assert is_test_number(PERSONNUMMER, number)
        assert int(number[10]) % 2 == (sex == "male")
        assert number[8:11] == {"female": "238", "male": "239"}[sex]


@pytest.mark.parametrize("value", ["196101182804", "198507099805", "199002222389x", "", "19900222-2387"])
def test_the_guard_refuses_every_other_number(value: str) -> None:
    assert not is_test_number(PERSONNUMMER, value)
    with pytest.raises(ValueError, match="official test numbers only"):
        numbers.identifier(PERSONNUMMER, value)


def test_the_guard_knows_a_number_in_any_notation_but_not_other_systems() -> None:
    assert is_test_number("1.2.752.129.2.1.3.1", "19900222-2397")
    assert not is_test_number("urn:oid:1.2.752.29.4.19", "SE0000000001-1001")
    assert len(PERSON_SYSTEMS) == 6  # a new system needs its own rule of what a test number is


def test_there_are_two_hundred_people_of_all_ages(demo: Region) -> None:
    ages = Counter(min(chart.age // 10, 9) for chart in demo.charts)

    assert len(demo.charts) == len({chart.person.id for chart in demo.charts}) == 200
    assert set(ages) == set(range(10))
    assert min(ages.values()) >= 5


def test_the_same_seed_and_moment_give_the_same_region(demo: Region) -> None:
    again, other = region(NOW), region(NOW, seed=2)

    assert list(again.resources()) == list(demo.resources())
    assert [one.person.patient["name"] for one in other.charts if "name" in one.person.patient][20:40] != [
        one.person.patient["name"] for one in demo.charts if "name" in one.person.patient
    ][20:40]


def test_people_stay_who_they_are_the_next_day_except_the_newborn(demo: Region) -> None:
    later = region(NOW + timedelta(days=1))

    for before, after in zip(demo.charts, later.charts, strict=True):
        assert before.person.id == after.person.id
        if before.person.story not in ("newborn", "twin", "palliative"):
            assert before.person.patient["identifier"] == after.person.patient["identifier"]
            assert before.person.patient.get("name") == after.person.patient.get("name")


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1, 0, 5, tzinfo=UTC), datetime(2028, 2, 29, 23, 50, tzinfo=UTC)])
def test_it_can_be_built_at_any_moment_and_tells_nothing_that_has_not_happened(moment: datetime) -> None:
    told_too_early(region(moment))


def test_nothing_but_what_is_planned_lies_ahead(demo: Region) -> None:
    told_too_early(demo)


def told_too_early(demo: Region) -> None:
    """No instant is after the region's now, except of bookings and of what is to be done."""
    ahead = [
        (one["resourceType"], name, value)
        for one in demo.resources()
        if one["resourceType"] not in ("Appointment", "CarePlan", "Task")
        for name, value in walk(one)
        if isinstance(value, str)
        and re.fullmatch(r"\d{4}-\d\d-\d\dT.+", value)
        and datetime.fromisoformat(value) > demo.now
    ]
    days = [
        (one["resourceType"], name, value)
        for one in demo.resources()
        if one["resourceType"] not in ("CarePlan", "Task", "MedicationRequest", "PractitionerRole")
        for name, value in walk(one)
        if isinstance(value, str)
        and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
        and date.fromisoformat(value) > demo.now.date()
    ]
    planned = ("Encounter", "valueDateTime")  # the day a patient is thought to leave the ward
    assert (ahead, [one for one in days if one[1] != "abatementDateTime" and one[:2] != planned]) == ([], [])


def test_nobody_is_cared_for_before_birth_or_after_death(demo: Region) -> None:
    for chart in demo.charts:
        ended = chart.person.patient.get("deceasedDateTime", "9999")
        for fact in chart.facts:
            for name, value in walk(fact.resource):
                if (
                    name in ("start", "effectiveDateTime", "performedDateTime", "date")
                    and "birthDate" in chart.person.patient
                ):
                    assert chart.person.born.isoformat() <= value[:10] <= ended, (chart.person.story, name, value)


def test_every_reference_leads_somewhere(demo: Region) -> None:
    known = {f"{one['resourceType']}/{one['id']}" for one in demo.resources()}
    told = {value for one in demo.resources() for name, value in walk(one) if name == "reference"}

    assert told - known == set()
    assert len(known) == sum(1 for _ in demo.resources())


def test_each_fact_is_written_by_somebody_who_works_at_its_unit(demo: Region) -> None:
    today = demo.now.date()
    for chart in demo.charts:
        for fact in chart.facts:
            assert fact.author in staff.colleagues(fact.unit, today)
    assert len({fact.unit for chart in demo.charts for fact in chart.facts}) >= 9  # the laboratory tells by HL7 v2


def test_the_region_has_three_providers_ten_units_and_forty_staff_some_with_two_commissions_some_ended() -> None:
    data = cast.data()
    held = [one["commissions"] for one in data["staff"]]

    assert Counter(one["ownership"] for one in data["providers"].values()) == {"public": 2, "private": 1}
    assert len(data["units"]) == 10
    assert len(data["staff"]) >= 40
    assert sum(len(one) > 1 for one in held) >= 6
    assert sum("valid_to" in one for many in held for one in many) >= 4
    hsa_ids = [one["id"] for one in (*data["providers"].values(), *data["units"].values(), *data["staff"])]
    assert all(re.fullmatch(r"SE000000000[123]-[0-9P]\d{3}", one) for one in hsa_ids)
    assert len(set(hsa_ids)) == len(hsa_ids)


def test_those_whose_identity_is_the_story_are_there(demo: Region) -> None:
    [protected] = people(demo, "protected")
    assert protected.patient["meta"]["security"][0]["code"] == "sekretessmarkering"
    assert not {"address", "telecom", "contact"} & set(protected.patient)
    [unidentified] = people(demo, "unidentified")
    assert not {"name", "birthDate", "address"} & set(unidentified.patient)
    systems = {chart.person.patient["identifier"][0]["system"].rpartition("/")[2] for chart in demo.charts}
    assert systems == {"personnummer", "samordningsnummer", "nationelltReservnummer", "urn:oid:1.2.752.97.3.1.3"}
    girl, boy = people(demo, "twin")
    assert (girl.sex, boy.sex, girl.born) == ("female", "male", boy.born)
    assert girl.kin["mother"] is boy.kin["mother"] is people(demo, "mother_of_twins")[0]
    renamed = [one for one in of(demo, "Patient") if any(name["use"] == "old" for name in one.get("name", []))]
    assert [one["name"][0]["family"] for one in renamed] == ["Fjällgren"]
    assert sum("deceasedDateTime" in one for one in of(demo, "Patient")) == 1


def test_where_the_protected_person_lives_stands_nowhere(demo: Region) -> None:
    [chart] = [chart for chart in demo.charts if chart.person.story == "protected"]
    told = json.dumps([chart.person.patient, *(fact.resource for fact in chart.facts)], ensure_ascii=False)

    assert "postalCode" not in told
    assert "070-174" not in told


def test_there_is_a_living_present(demo: Region) -> None:
    now = demo.now.isoformat()
    bookings = of(demo, "Appointment")
    assert sum(one["start"] > now for one in bookings) > 100
    assert {one["status"] for one in bookings} == {"booked", "fulfilled", "noshow", "cancelled"}
    assert all((one["status"] == "booked") == (datetime.fromisoformat(one["end"]) >= demo.now) for one in bookings)
    assert sum(one["docStatus"] == "preliminary" for one in of(demo, "DocumentReference")) >= 12
    assert sum(len(chart.referrals) for chart in demo.charts) >= 18
    assert {one.fate for chart in demo.charts for one in chart.referrals} == {"", "receive", "accept", "return"}
    assert Counter(one["status"] for one in of(demo, "Task"))["requested"] >= 10
    assert sum(len(chart.answers) for chart in demo.charts) >= 30
    assert sum(bool(chart.home_values) for chart in demo.charts) >= 10


def test_each_bed_holds_one_patient_and_each_patient_one_bed(demo: Region) -> None:
    staying = [one for one in of(demo, "Encounter") if one["status"] == "in-progress"]
    taken = [place["location"]["reference"] for one in staying for place in one.get("location", [])]

    assert len(staying) >= 20
    assert len(taken) >= 20
    assert len(set(taken)) == len(taken)
    assert max(Counter(one["subject"]["reference"] for one in staying).values()) == 1
    assert all("end" not in one["period"] for one in staying)


def notes(demo: Region) -> list[tuple[str, str]]:
    found = []
    for one in (*of(demo, "DocumentReference"), *of(demo, "DiagnosticReport")):
        attachments = [part["attachment"] for part in one.get("content", [])] + one.get("presentedForm", [])
        found += [(one["id"], base64.b64decode(part["data"]).decode()) for part in attachments]
    return found


def test_notes_read_as_words_and_not_as_templates(demo: Region) -> None:
    every = notes(demo)

    assert len(every) > 800
    for _, words in every:
        assert not re.search(r"[{}]|None|  |\\|\bTODO\b|make/maka", words), words
        assert words[0].isupper() or words[0].isdigit(), words
        assert words.rstrip()[-1] in ".!?", words[-40:]


def test_values_have_units_limits_and_trends_over_years(demo: Region) -> None:
    [stina] = [chart for chart in demo.charts if chart.person.given == "Stina" and chart.person.story == "diabetes2"]
    found = sorted(
        (fact.resource["effectiveDateTime"], fact.resource)
        for fact in stina.facts
        if fact.resource["resourceType"] == "Observation" and fact.resource["code"]["coding"][0]["code"] == "NPU27300"
    )

    assert len(found) >= 5
    assert int(found[-1][0][:4]) - int(found[0][0][:4]) >= 3
    for _, one in found:
        assert one["valueQuantity"]["code"] == "mmol/mol"
        assert one["referenceRange"][0]["high"]["value"] == 46
        assert one["interpretation"][0]["coding"][0]["code"] == ("H" if one["valueQuantity"]["value"] > 46 else "N")
