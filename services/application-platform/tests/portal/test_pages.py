"""Pages without script: what a person sees, what is asked of the record, and what happens when it is away."""

import re
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
CHART = f"/portal/patients/{TOLVAN}"
JOURNAL = f"/portal/mine/{TOLVAN}/journal"


async def text(response: ClientResponse, status: int = 200) -> str:
    """The words of a page, without its tags."""
    body = await response.text()
    assert response.status == status, body[:300]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.split("<body")[-1])).split())


async def test_the_chart_begins_with_who_the_patient_is_and_what_must_be_known(staff: ClientSession) -> None:
    response = await staff.get(CHART)
    body = await response.text()
    shown = await text(response)
    assert "<title>TOLVANSSON, Tolvan – 19121212-1212</title>" in body
    assert "TOLVANSSON, Tolvan Personnummer 19121212-1212 Född 1912-12-12, 113 år Kön man" in shown
    assert "Överkänslighet: penicillin – anafylaxi" in shown
    main = body.split("<main")[1]
    assert main.index("<h1") < main.index("<h2")


async def test_the_timeline_is_newest_first_with_values_the_swedish_way(staff: ClientSession) -> None:
    shown = await text(await staff.get(CHART))
    order = [
        "Vitalparametrar",
        "Provsvar, hjärtsvikt",
        "Inskrivningsanteckning",
        "Vårdtillfälle",
        "Influensavaccin",
        "Bisoprolol",
    ]
    assert [shown.index(word) for word in order] == sorted(shown.index(word) for word in order)
    assert "108/62 mmHg" in shown
    assert "37,1 °C" in shown
    assert "5,2 högt mmol/L 3,5–5,0" in shown
    assert "4 820" in shown


async def test_a_note_is_shown_word_for_word_and_never_run(staff: ClientSession) -> None:
    body = await (await staff.get(CHART)).text()
    assert "Försämrad hjärtsvikt. &lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert "<script>alert" not in body


async def test_a_filter_shows_its_kind_only_and_asks_only_for_that(staff: ClientSession, platform: Any) -> None:
    shown = await text(await staff.get(f"{CHART}?visa=vaccinationer"))
    assert "Influensavaccin" in shown
    assert "Inskrivningsanteckning" not in shown
    types = {path.split("/")[2] for _, path, _ in platform.asked}
    banner = {"Patient", "AllergyIntolerance", "Encounter", "Observation"}  # who, what must be known, where, NEWS2
    assert types - banner == {"Immunization"}


async def test_an_unknown_filter_is_everything(staff: ClientSession) -> None:
    assert "Inskrivningsanteckning" in await text(await staff.get(f"{CHART}?visa=%3Cscript%3E"))


async def test_the_record_is_asked_as_the_reader_and_by_post(staff: ClientSession, platform: Any) -> None:
    await staff.get(CHART)
    assert {token for _, _, token in platform.asked} == {"Bearer token-of-anna"}
    assert {method for method, path, _ in platform.asked if "_search" in path} == {"POST"}
    assert not [path for _, path, _ in platform.asked if "?" in path]


async def test_show_more_leads_to_every_older_event_without_script(staff: ClientSession, platform: Any) -> None:
    for number in range(95):
        at = f"2020-01-{number % 28 + 1:02}T{number % 24:02}:{number % 60:02}:00Z"
        subject = {"reference": f"Patient/{TOLVAN}"}
        platform.add(
            {
                "resourceType": "Procedure",
                "id": f"p{number}",
                "code": {"text": f"Åtgärd {number}."},
                "performedDateTime": at,
                "subject": subject,
            }
        )
    seen: list[str] = []
    address = f"{CHART}?visa=atgarder"
    while address:
        body = await (await staff.get(address)).text()
        seen += re.findall(r"Åtgärd (\d+)\.", body)
        found = re.search(r'class="button" href="([^"]+timeline[^"]+)"', body)
        address = unescape(found.group(1)) if found else ""
    assert sorted(map(int, seen)) == list(range(95))


async def test_htmx_gets_the_rows_only(staff: ClientSession) -> None:
    body = await (await staff.get(f"{CHART}/timeline?visa=svar", headers={"HX-Request": "true"})).text()
    assert "<html" not in body
    assert 'id="timeline"' in body


async def test_an_empty_record_says_what_will_come(staff: ClientSession) -> None:
    shown = await text(await staff.get(f"/portal/patients/{STINA}"))
    assert "Inget i journalen ännu Det som dokumenteras kommer hit av sig självt." in shown
    assert "Överkänslighet: inget registrerat" in shown


async def test_a_source_that_is_away_is_hatched_and_the_rest_remains(staff: ClientSession, platform: Any) -> None:
    platform.broken = {"Immunization", "AllergyIntolerance"}
    response = await staff.get(CHART)
    shown = await text(response)
    assert "EJ KONTROLLERAD: överkänslighet, vaccinationer" in shown
    assert "Överkänslighet: ej kontrollerad" in shown
    assert "Inskrivningsanteckning" in shown


async def test_when_the_record_is_away_the_page_says_so_and_how_to_go_on(staff: ClientSession, platform: Any) -> None:
    platform.away = True
    shown = await text(await staff.get(CHART), 503)
    assert "EJ KONTROLLERAD: journalen" in shown
    assert "Försök igen" in shown
    assert "Tolvan" not in shown


async def test_withheld_information_is_told_without_its_content(staff: ClientSession, platform: Any) -> None:
    platform.withheld = ("need-active-choice", "blocked")
    shown = await text(await staff.get(CHART))
    assert "Andra enheter hos din vårdgivare har uppgifter." in shown
    assert "Patienten har spärrat uppgifter." in shown
    assert "Andra vårdgivare har uppgifter." not in shown
    assert "Överkänslighet: andras uppgifter ej kontrollerade" in shown


@pytest.mark.parametrize("id", ["none", "a" * 65, "x~y"])
async def test_a_patient_that_may_not_be_shown_and_one_that_is_not_there_look_alike(
    staff: ClientSession, id: str
) -> None:
    shown = await text(await staff.get(f"/portal/patients/{id}"), 404)
    assert "Patienten kan inte visas" in shown


async def test_a_refused_token_is_told_and_does_not_go_round_in_circles(staff: ClientSession, platform: Any) -> None:
    platform.signed_out = True
    assert "Logga ut och logga in igen." in await text(await staff.get(CHART, allow_redirects=False), 401)


async def test_without_a_session_a_page_leads_to_sign_in_and_back(served: Any) -> None:
    async with ClientSession(served.url) as nobody:
        response = await nobody.get(CHART, headers={"Accept": "text/html"}, allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"].startswith("/auth/sign-in?next=%2Fportal%2Fpatients%2F")


async def test_every_page_is_locked_down_and_never_kept(staff: ClientSession) -> None:
    for path in ("/portal/", CHART, "/portal/style", "/portal/patients/none", "/portal/search"):
        headers = (await staff.get(path)).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


async def test_a_name_finds_patients_and_shows_only_what_finding_needs(staff: ClientSession, platform: Any) -> None:
    shown = await text(await staff.post("/portal/search", data={"q": "berg stina"}))
    assert "1 träff BERGSTRÖM, Stina 19610118-2803 född 1961-01-18, 65 år · kvinna" in shown
    assert [path for _, path, _ in platform.asked] == ["/fhir/Patient/_search"]


async def test_a_personnummer_with_one_hit_goes_straight_to_the_chart(staff: ClientSession) -> None:
    response = await staff.post("/portal/search", data={"q": "610118-2803"}, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, f"/portal/patients/{STINA}")


async def test_no_hit_says_what_to_do(staff: ClientSession) -> None:
    assert "Ingen träff" in await text(await staff.post("/portal/search", data={"q": "Finnsinte"}))


async def test_a_wrong_number_that_nobody_has_is_told_at_the_field(staff: ClientSession) -> None:
    body = await (await staff.post("/portal/search", data={"q": "610118-2804"})).text()
    assert 'aria-invalid="true" aria-describedby="q-error"' in body
    assert "Numret stämmer inte. Kontrollera siffrorna." in body


async def test_a_patient_sees_their_own_journal_by_month(tolvan: ClientSession) -> None:
    shown = await text(await tolvan.get(JOURNAL))
    assert "Allt som vården har skrivit om dig, nyast först." in shown
    assert "November 2026" in shown
    assert "22 november Provsvar, hjärtsvikt" in shown


@pytest.mark.parametrize("path", [f"/portal/patients/{STINA}", f"/portal/patients/{STINA}/timeline"])
async def test_a_patient_cannot_ask_for_another(tolvan: ClientSession, platform: Any, path: str) -> None:
    shown = await text(await tolvan.get(path), 404)
    assert "din egen journal" in shown
    assert "personnumret" not in shown
    assert platform.asked == []


async def test_a_patient_whose_journal_is_away_is_told_so_in_plain_words(tolvan: ClientSession, platform: Any) -> None:
    platform.away = True
    shown = await text(await tolvan.get(JOURNAL), 503)
    assert "Det betyder inte att den är tom" in shown
    assert "Informationsplattformen" not in shown
    assert "EJ KONTROLLERAD" not in shown


async def test_a_patient_is_told_which_part_of_the_journal_could_not_be_fetched(
    tolvan: ClientSession, platform: Any
) -> None:
    platform.broken.add("DiagnosticReport")
    shown = await text(await tolvan.get(JOURNAL))
    assert "Gick inte att hämta" in shown
    assert "EJ KONTROLLERAD" not in shown


async def test_who_was_sent_with_a_mistyped_number_is_found_by_it_and_doubted(
    staff: ClientSession, platform: Any
) -> None:
    mistyped = {"system": "http://electronichealth.se/identifier/personnummer", "value": "196101182804"}
    platform.add({"resourceType": "Patient", "id": "mistyped", "identifier": [mistyped], "name": [{"family": "Ek"}]})
    hits = await text(await staff.post("/portal/search", data={"q": "610118-2804"}))
    assert "1 träff" in hits
    assert "Numret stämmer inte" in hits
    chart = await text(await staff.get("/portal/patients/mistyped"))
    assert "Numret stämmer inte: kontrollera vem det är" in chart


async def test_a_patient_cannot_search_patients(tolvan: ClientSession, platform: Any) -> None:
    await text(await tolvan.post("/portal/search", data={"q": "Bergström"}), 404)
    await text(await tolvan.get("/portal/search"), 404)
    assert platform.asked == []


async def test_the_choice_of_dark_stays_in_the_browser(staff: ClientSession) -> None:
    await staff.post("/portal/theme", data={"theme": "dark"})
    assert 'data-theme="dark"' in await (await staff.get("/portal/")).text()
    await staff.post("/portal/theme", data={"theme": "system"})
    assert "data-theme" not in await (await staff.get("/portal/")).text()


async def test_a_form_that_makes_no_sense_is_a_page_not_a_crash(staff: ClientSession) -> None:
    assert "Börja om från startsidan." in await text(await staff.post("/portal/theme", data={"theme": "rosa"}), 400)


async def test_static_files_asked_for_by_their_mark_are_kept(staff: ClientSession) -> None:
    body = await (await staff.get("/portal/")).text()
    address = re.search(r'href="(/portal/static/tokens\.css\?v=[0-9a-f]+)"', body)
    assert address is not None
    response = await staff.get(address.group(1))
    assert "immutable" in response.headers["Cache-Control"]
    assert (await staff.get("/portal/static/../pages.py")).status == 404


async def test_the_living_style_page_shows_what_the_rooms_are_made_of(staff: ClientSession) -> None:
    shown = await text(await staff.get("/portal/style"))
    rooms = (
        "Vårdplatser",
        "Inkorgens rader",
        "Beslutsstöd",
        "Rättad text",
        "Meddelanden",
        "Remissens steg",
        "Bokad tid",
    )
    assert [word for word in rooms if word not in shown] == []
    states = ("Erbjuden dig", "EJ KONTROLLERAD: interaktioner", "Steg 3 av 5", "Ledig", "namnet visas bara i journalen")
    assert [word for word in states if word not in shown] == []


async def test_the_living_style_page_shows_every_token(staff: ClientSession) -> None:
    shown = await text(await staff.get("/portal/style"))
    for token in ("ground", "red-solid", "slate-line", "focus-gap"):
        assert token in shown


async def test_an_address_that_leads_nowhere_is_a_page_that_says_so(staff: ClientSession) -> None:
    for path in ("/portal/finns-inte", "/portal/patients/..%2F..%2Fsecret", "/portal/patients/a/b/c"):
        assert "Sidan finns inte" in await text(await staff.get(path), 404)
