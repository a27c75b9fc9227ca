"""Kontroller: what is typed is stored whole or told by its field; NEWS2 says its age, and missing is never normal."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientResponse, ClientSession

from application_platform.portal.swedish import moment
from application_platform.portal.vitals.filled import Filled, faults, sent
from application_platform.portal.vitals.score import News2, news2, when
from application_platform.testing_ward import a_panel, a_score

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
CHART = f"/portal/patients/{TOLVAN}"
VITALS = f"{CHART}/vitals"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WHOLE = {
    "respirations": "22", "spo2": "93", "oxygen": "nej", "systolic": "104", "diastolic": "62", "pulse": "96",
    "consciousness": "A", "temperature": "38,4",
}  # fmt: skip


async def words(response: ClientResponse, status: int = 200) -> str:
    body = await response.text()
    assert response.status == status, body[:300]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.split("<main")[-1])).replace("\xa0", " ").split())


async def typed(staff: ClientSession, *, follow: bool = True, **more: str) -> ClientResponse:
    form = {"csrf": "proof", "patient": TOLVAN, "panel": str(uuid4()), **more}
    return await staff.post(VITALS, data=form, headers={"Origin": "http://127.0.0.1"}, allow_redirects=follow)


def shown(total: int | None, hours_ago: float = 1.0, **points: int | None) -> News2:
    found = news2(a_score(TOLVAN, "s", total, hours_ago, **points), datetime.now(UTC))
    assert found is not None
    return found


def a_stay(**more: Any) -> dict[str, Any]:
    place = {"location": {"reference": "Location/b4", "display": "Plats 4"}, "status": "active"}
    return {"resourceType": "Encounter", "id": "stay", "status": "in-progress", "class": {"code": "IMP"}, "location": [place],
            "subject": {"reference": f"Patient/{TOLVAN}"}, "serviceProvider": {"display": "Avd 52"}, **more}  # fmt: skip


@pytest.mark.parametrize(
    ("total", "hours", "points", "look", "band"),
    [
        (0, 1, {}, "", "none"), (4, 11.9, {"spo2": 1}, "", "low"), (3, 1, {"pulse": 3}, "", "single"),
        (5, 1, {"spo2": 3, "pulse": 2}, "amber", "medium"), (7, 1, {"spo2": 3}, "red", "high"),
        (2, 12.1, {"pulse": 2}, "unknown", "low"), (None, 1, {"pulse": None}, "unknown", "none"),
    ],
)  # fmt: skip
def test_the_box_looks_as_the_score_is(
    total: int | None, hours: float, points: dict[str, int], look: str, band: str
) -> None:
    found = shown(total, hours, **points)
    assert (found.look, found.band) == (look, band)


def test_a_hatched_box_never_hides_that_somebody_must_act() -> None:
    late = shown(8, 13, spo2=3, respirations=3, pulse=2)
    assert (late.look, late.late, late.warning) == ("unknown", True, "Senast 8 poäng")
    partial = shown(None, 1, respirations=3, spo2=3, oxygen=2, pulse=None)
    assert (partial.number, partial.warning, partial.band) == ("ofullständig", "Redan 8 poäng", "high")
    assert "Larma nu" in partial.advice
    assert shown(None, 1, pulse=None).advice == ""


def test_a_clock_alone_is_always_of_today() -> None:
    def told(text: str) -> str:
        at = moment(text)
        assert at is not None
        return when(at, date(2026, 11, 23))

    assert told("2026-11-23T09:10:00+01:00") == "09:10"
    assert told("2026-11-22T23:30:00Z") == "00:30"  # the same day in Sweden
    assert told("2026-11-22T20:55:00+01:00") == "i går 20:55"
    assert told("2026-11-20T08:00:00+01:00") == "2026-11-20 08:00"


def test_what_was_entered_in_error_is_no_score() -> None:
    wrong = a_score(TOLVAN, "s", 3) | {"status": "entered-in-error"}
    assert news2(wrong, NOW) is None
    assert news2({"code": {"coding": [{"code": "8867-4"}]}, "effectiveDateTime": "2026-11-23"}, NOW) is None


def test_swedish_numbers_are_read_and_what_is_not_measured_is_not_sent() -> None:
    values = sent(Filled(patient=TOLVAN, temperature="38,4", oxygen="nej", pulse=" 96 "))
    assert values["temperature:valueDecimal"] == 38.4
    assert (values["pulse:valueInteger"], values["oxygen:valueBoolean"]) == (96, False)
    assert "respirations:valueInteger" not in values


@pytest.mark.parametrize(
    ("more", "field", "told"),
    [
        ({"pulse": "abc"}, "pulse", "Skriv ett tal"),
        ({"pulse": "960"}, "pulse", "Puls är mellan 0 och 300 /min"),
        ({"temperature": "384"}, "temperature", "Kroppstemperatur är mellan 20 och 45 °C"),
        ({"temperature": "37,25"}, "temperature", "Kroppstemperatur skrivs med högst en decimal"),
        ({"spo2": "93,5"}, "spo2", "Syremättnad (SpO2) skrivs med hela tal"),
        ({"systolic": "60", "diastolic": "104"}, "diastolic", "Det diastoliska trycket är lägre än det systoliska"),
        ({"diastolic": "60"}, "systolic", "Skriv det systoliska trycket också"),
        ({"pulse": "70", "clock": "2026-11-23T23:00"}, "clock", "Tiden har inte varit än"),
        ({"pulse": "70", "clock": "i går"}, "clock", "Skriv dag och klockslag"),
        ({"pulse": "NaN"}, "pulse", "Skriv ett tal"),
        ({}, "respirations", "Fyll i minst ett värde"),
    ],
)  # fmt: skip
def test_each_fault_is_told_at_its_field(more: dict[str, str], field: str, told: str) -> None:
    assert faults(Filled(patient=TOLVAN, **more), NOW) == {field: told}  # type: ignore[arg-type]


async def test_a_set_is_stored_with_one_press_about_this_patient(staff: ClientSession, served: Any) -> None:
    panel = str(uuid4())
    answer = await typed(staff, panel=panel, follow=False, **WHOLE)
    assert (answer.status, answer.headers["location"]) == (303, f"{VITALS}?klar={panel}")
    [(name, said)] = served.vis.acts
    assert (name, said.pop("key"), served.vis.contexts) == ("record-vitals", f"Patient/{TOLVAN}", [TOLVAN])
    assert said == {
        "id": panel, "respirations": 22, "spo2": 93, "oxygen": False, "systolic": 104, "diastolic": 62, "pulse": 96,
        "consciousness": "A", "temperature": 38.4, "scale": 1,
    }  # fmt: skip


async def test_a_fault_keeps_every_value_and_sends_nothing(staff: ClientSession, served: Any) -> None:
    answer = await typed(staff, **(WHOLE | {"pulse": "9600"}))
    body = await answer.text()
    assert "Puls är mellan 0 och 300" in await words(answer, 422)
    assert 'value="38,4"' in body
    assert 'aria-describedby="v-pulse-error" autofocus' in body
    assert served.vis.acts == []


async def test_the_page_keeps_its_id_so_that_a_second_press_is_the_same_set(staff: ClientSession) -> None:
    panel = str(uuid4())
    body = await (await typed(staff, panel=panel, pulse="abc")).text()
    assert f'name="panel" value="{panel}"' in body


async def test_another_patients_form_is_refused(staff: ClientSession, served: Any) -> None:
    assert "hör till en annan patient" in await words(await typed(staff, patient=STINA, pulse="70"), 422)
    assert served.vis.acts == []


async def test_when_vis_is_away_it_is_loud_and_every_value_is_kept(staff: ClientSession, served: Any) -> None:
    served.vis.away = True
    answer = await typed(staff, **WHOLE)
    body = await answer.text()
    shown_words = await words(answer, 503)
    assert "INTE SPARAD" in shown_words
    assert "EJ KONTROLLERAD: de senaste minuternas kontroller" in shown_words
    assert 'value="38,4"' in body


async def test_what_vis_refuses_is_told_in_its_words(staff: ClientSession, served: Any) -> None:
    served.vis.refusal = "Kontrollen är redan rättad. Läs om sidan"
    assert "redan rättad" in await words(await typed(staff, **WHOLE), 422)


async def test_without_proof_or_as_a_patient_nothing_is_stored(
    staff: ClientSession, tolvan: ClientSession, served: Any
) -> None:
    assert (await typed(staff, csrf="wrong", pulse="70")).status == 403
    assert (await tolvan.get(VITALS)).status == 404
    assert (await typed(tolvan, pulse="70")).status == 404
    assert served.vis.acts == []


async def test_the_score_stands_with_its_time_and_what_gives_it(staff: ClientSession, platform: Any) -> None:
    platform.add(*a_panel(TOLVAN, "p1", 3, 1.0, pulse=96, spo2=95, temperature=38.4))
    page = await words(await staff.get(VITALS))
    assert "Ny kontroll inom 4 till 6 timmar" in page
    assert "Puls 1 poäng" in page
    assert "38,4" in page
    assert "ej tagen" in page


async def test_a_mistyped_set_is_corrected_from_its_own_values_or_withdrawn(
    staff: ClientSession, platform: Any, served: Any
) -> None:
    panel = str(uuid4())
    platform.add(*a_panel(TOLVAN, panel, None, 1.0, pulse=196, temperature=38.4))
    page = await (await staff.get(f"{VITALS}?ratta={panel}")).text()
    assert 'name="pulse" value="196"' in page
    assert 'name="temperature" value="38,4"' in page
    assert f'name="replaces" value="{panel}"' in page
    await typed(staff, replaces=panel, pulse="96", temperature="38,4")
    assert served.vis.acts[-1][1]["replaces"] == panel
    form = {"csrf": "proof", "patient": TOLVAN}
    headers = {"Origin": "http://127.0.0.1"}
    wrong = await staff.post(f"{VITALS}/{panel}/withdraw", data=form | {"patient": STINA}, headers=headers)
    assert wrong.status == 422
    await staff.post(f"{VITALS}/{panel}/withdraw", data=form, headers=headers)
    assert served.vis.acts[-1] == ("record-vitals", {"key": f"Patient/{TOLVAN}", "replaces": panel})


async def test_a_withdrawn_set_stands_struck_and_scores_nothing(staff: ClientSession, platform: Any) -> None:
    platform.add(*[one | {"status": "entered-in-error"} for one in a_panel(TOLVAN, "p1", 9, 1.0, pulse=196)])
    page = await words(await staff.get(VITALS))
    assert "Makulerad" in page
    assert "Larma nu" not in page


async def test_the_banner_says_place_and_score_with_its_time(staff: ClientSession, platform: Any) -> None:
    platform.add(a_stay(), a_score(TOLVAN, "s", 6, 1.0, pulse=3, spo2=3))
    banner = (await words(await staff.get(VITALS))).split("Översikt")[0]
    assert "Plats Plats 4" in banner
    assert re.search(r"NEWS2 6 (i går )?\d\d:\d\d", banner)


async def test_a_late_score_in_the_banner_is_hatched_and_says_so(staff: ClientSession, platform: Any) -> None:
    platform.add(a_stay(), a_score(TOLVAN, "s", 2, 13.0, pulse=2))
    body = await (await staff.get(f"{CHART}/results")).text()
    assert "news2--unknown" in body
    assert "försenad" in body.split("</ul>")[0]


async def test_without_a_score_the_banner_says_which_of_three_it_is(staff: ClientSession, platform: Any) -> None:
    platform.held.pop("Encounter/enc-1")
    assert "NEWS2 ingen aktuell" in await words(await staff.get(VITALS))
    platform.add(a_stay())
    assert "NEWS2 ej tagen" in await words(await staff.get(VITALS))
    platform.broken.add("Observation")
    assert "NEWS2 ej kontrollerad" in await words(await staff.get(VITALS))


async def test_an_old_score_of_who_is_not_admitted_is_not_the_banners(staff: ClientSession, platform: Any) -> None:
    platform.held.pop("Encounter/enc-1")
    platform.add(a_score(TOLVAN, "s", 9, 24 * 90, pulse=3, spo2=3, respirations=3))
    banner = (await words(await staff.get(f"{CHART}/results"))).split("Översikt")[0]
    assert "NEWS2 ingen aktuell" in banner


async def test_where_a_protected_person_lies_is_not_in_the_banner(staff: ClientSession, platform: Any) -> None:
    platform.held[f"Patient/{TOLVAN}"]["meta"]["security"] = [{"code": "PROTECTED"}]
    platform.add(a_stay())
    banner = (await words(await staff.get(f"{CHART}/results"))).split("Översikt")[0]
    assert "Plats 4" not in banner
    assert "Plats visas inte" in banner


async def test_a_child_has_no_score_and_the_page_says_why(staff: ClientSession, platform: Any) -> None:
    child = a_score(TOLVAN, "s", None) | {"dataAbsentReason": {"coding": [{"code": "not-applicable"}]}}
    platform.add(child)
    assert "NEWS2 gäller från 16 år" in await words(await staff.get(VITALS))


async def test_the_times_of_all_graphs_are_one_axis(staff: ClientSession, platform: Any) -> None:
    platform.add(*a_panel(TOLVAN, "p1", None, 8.0, pulse=96), *a_panel(TOLVAN, "p2", None, 2.0, pulse=90, spo2=95))
    body = await (await staff.get(VITALS)).text()
    assert "Puls, 2 värden, från 96 till 90 /min" in body
    spo2 = body.split("Syremättnad (SpO2), 1 värde")[1].split("</svg>")[0]
    assert re.search(r'(cx="|points=")312\.0', spo2)  # the only one stands at the last time of all


async def test_on_the_second_scale_the_graphs_band_is_its_own(staff: ClientSession, platform: Any) -> None:
    panel = a_panel(TOLVAN, "p1", None, 1.0, spo2=90)
    platform.add(*panel)
    spo2 = (await (await staff.get(VITALS)).text()).split("Syremättnad (SpO2), 1 värde")[1].split("</svg>")[0]
    first = re.findall(r'graph__band" x="0" y="([\d.]+)"', spo2)
    panel[-1]["component"].append({"code": {"coding": [{"code": "scale"}]}, "valueInteger": 2})
    body = await (await staff.get(VITALS)).text()
    second = body.split("Syremättnad (SpO2), 1 värde")[1].split("</svg>")[0]
    assert re.findall(r'graph__band" x="0" y="([\d.]+)"', second) != first
    assert "bedömd efter skala 2" in body


def test_a_time_that_is_typed_is_swedish() -> None:
    at = sent(Filled(patient=TOLVAN, pulse="70", clock="2026-07-01T09:10"))["at:valueDateTime"]
    assert datetime.fromisoformat(at).utcoffset() == timedelta(hours=2)
