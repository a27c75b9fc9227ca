"""What patients measure, note and answer: kept apart from care's, with who wrote it, decided, logged, and never lost."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientResponse, ClientSession

from application_platform.forms import store as forms
from application_platform.own import store as own
from application_platform.own.model import MEASURES, Entry
from application_platform.portal.health_form import steps
from application_platform.portal.own_values import series
from application_platform.portal.swedish import ZONE

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
OWN, FORM = f"/portal/mine/{TOLVAN}/own", f"/portal/mine/{TOLVAN}/forms/health"
CHART = f"/portal/patients/{TOLVAN}/own"
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
PRESSURE = {"systolic": "128", "diastolic": "82", "day": "2026-11-20", "clock": "08:10"}
ANSWERS = {
    1: {"hur": "Bra"},
    2: {"besvar": "Ont i knät"},
    3: {"sjukdom": "true", "vilken": "Astma"},
    4: {"overkanslig": "false", "mot": "kvar från förut"},
    6: {"rokning": "Nej, aldrig"},
}


@pytest.fixture
async def served(platform: Any, serve: Any, demo: Any) -> AsyncIterator[Any]:
    await demo.db.pool.execute("truncate own_entry, health_form")
    async with serve(platform, db=demo.db) as found:
        yield found


async def page(response: ClientResponse, status: int = 200) -> str:
    body = await response.text()
    assert response.status == status, body[:300]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.split("<main")[-1])).split())


async def sent(who: ClientSession, address: str, *, scripted: bool = False, follow: bool = True, **more: str) -> Any:
    data = {"csrf": "proof", "patient": TOLVAN, "id": str(uuid4()), **more}
    headers = {"Origin": "http://127.0.0.1", **({"HX-Request": "true"} if scripted else {})}
    return await who.post(address, data=data, headers=headers, allow_redirects=follow)


async def answers(demo: Any) -> Any:
    """The answers of Tolvan's only form."""
    async with demo.db.transaction() as tx:
        [form] = await forms.listed(tx, TOLVAN)
    return form.answers


def test_a_time_is_swedish_past_and_readable() -> None:
    assert series.measured("2026-11-20", "08:10", NOW) == datetime(2026, 11, 20, 7, 10, tzinfo=UTC)
    for day, clock, words in (
        ("2026-11-27", "08:00", "inte varit än"),
        ("i går", "08:00", "Skriv datum"),
        ("2026-11-20", "", "Skriv datum"),
        ("1812-01-01", "08:00", "årtalet"),
    ):
        assert words in str(series.measured(day, clock, NOW))


def test_a_struck_value_stays_in_the_list_and_leaves_the_graph() -> None:
    def at(day: int, low: str, **more: Any) -> Entry:
        when = datetime(2026, 11, day, 8, tzinfo=ZONE)
        numbers = {"systolic": "128", "diastolic": low}
        return Entry(uuid4(), TOLVAN, "blood-pressure", numbers, "", when, TOLVAN, "T", "self", when, **more)

    [found, *others] = series.kinds([at(22, "80"), at(21, "999", withdrawn_at=NOW), at(20, "82")])
    assert [len(found.entries), len(found.standing)] == [3, 2]
    assert [[str(dot.amount) for dot in line.dots] for line in found.lines] == [["128", "128"], ["80", "82"]]
    assert [one.measure.id for one in (found, *others)] == list(MEASURES)
    assert found.lines[1].ends == ("82", "80")
    assert others[0].lines[0].drawn(100, 20) is None


async def test_a_value_is_kept_once_shown_to_both_sides_and_struck_but_kept(
    tolvan: ClientSession, staff: ClientSession, platform: Any, demo: Any
) -> None:
    form = {**PRESSURE, "id": str(uuid4())}
    for _ in range(2):
        shown = await page(await sent(tolvan, f"{OWN}/blood-pressure", **form))
    assert "Sparat." in shown
    assert "128/82\u00a0mmHg" in shown.replace(" mmHg", "\u00a0mmHg")
    assert "20 november 08:10 · Du" in shown
    assert await demo.db.pool.fetchval("select count(*) from own_entry") == 1
    platform.looks.clear()
    seen = await page(await staff.get(CHART))
    assert "Inte kontrollerat av vården." in seen
    assert "Blodtryck Patientens egen mätning senast 128/82" in seen
    assert "2026-11-20 08:10 128/82 mmHg Tolvan Tolvansson" in seen
    assert platform.looks == [("Bearer token-of-anna", "own-read", [TOLVAN])]
    [id] = [row["id"] for row in await demo.db.pool.fetch("select id from own_entry")]
    struck = await page(await sent(tolvan, f"{OWN}/blood-pressure/{id}/strike"))
    assert "Struket. Det står kvar, överstruket." in struck
    body = await (await staff.get(CHART)).text()
    assert re.search(r"<del>128/82\s*mmHg</del>", body)
    assert "Inget skrivet än" in await page(await tolvan.get(OWN))


async def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(tolvan: ClientSession, demo: Any) -> None:
    body = await (await sent(tolvan, f"{OWN}/blood-pressure", **{**PRESSURE, "systolic": "1280"})).text()
    assert 'value="1280"' in body
    assert 'aria-invalid="true" aria-describedby="systolic-error"' in body
    assert "mellan 40 och 300 mmHg" in body
    later = datetime.now(ZONE) + timedelta(days=2)
    ahead = {**PRESSURE, "day": f"{later:%Y-%m-%d}"}
    assert "inte varit än" in await page(await sent(tolvan, f"{OWN}/blood-pressure", **ahead), 422)
    long = await page(await sent(tolvan, f"{OWN}/note", text="x" * 200_000), 422)
    assert "Texten är 200000 tecken" in long
    assert "x" * 200_000 in long
    assert (await tolvan.get(f"{OWN}/length")).status == 404
    assert await demo.db.pool.fetchval("select count(*) from own_entry") == 0


async def test_without_the_laws_word_nothing_is_kept_or_shown(
    tolvan: ClientSession, staff: ClientSession, platform: Any, demo: Any
) -> None:
    await sent(tolvan, f"{OWN}/note", text="Hemlig anteckning.")
    platform.look_refused = 403
    for who, address in (
        (tolvan, OWN),
        (tolvan, f"{OWN}/note"),
        (staff, CHART),
        (staff, f"{CHART}/rows"),
        (tolvan, FORM),
    ):
        assert "Hemlig" not in await page(await who.get(address), 403)
    platform.look_refused = 503
    for address, more in (
        (f"{OWN}/note", {"text": "Mina ord."}),
        (f"{FORM}/2", {"besvar": "Mina ord.", "version": "0"}),
    ):
        shown = await page(await sent(tolvan, address, **more), 503)
        assert "INTE SPARAT" in shown
        assert "Mina ord." in shown
        assert "Hemlig" not in shown
    assert await demo.db.pool.fetchval("select count(*) from own_entry") == 1
    assert await demo.db.pool.fetchval("select count(*) from health_form") == 0


async def test_a_form_of_another_patient_and_anothers_entry_do_nothing(
    tolvan: ClientSession, staff: ClientSession, demo: Any
) -> None:
    entry = str(uuid4())
    stinas = Entry(UUID(entry), STINA, "note", {}, "Stinas", NOW, STINA, "Stina", "self", NOW)
    async with demo.db.transaction() as tx:
        await own.add(tx, stinas)
    assert (await sent(tolvan, f"{OWN}/note/{entry}/strike")).status == 404
    for address, more in (
        (f"{OWN}/pulse", {"pulse": "60", "day": "2026-11-20", "clock": "08:00"}),
        (f"{OWN}/note/{entry}/strike", {}),
        (f"{FORM}/1", {"hur": "Bra", "version": "0"}),
        (f"{FORM}/send", {"version": "1"}),
    ):
        assert "Inget är gjort" in await page(await sent(tolvan, address, patient=STINA, **more), 422)
    assert (await staff.get(OWN)).status == (await tolvan.get(CHART)).status == 404
    assert await demo.db.pool.fetchval("select count(*) from own_entry where withdrawn_at is not null") == 0
    assert "Stinas" not in await page(await tolvan.get(OWN))


async def test_script_in_a_note_is_text(tolvan: ClientSession, staff: ClientSession) -> None:
    await sent(tolvan, f"{OWN}/note", text="<script>alert(1)</script>\x00")
    for who, address in ((tolvan, f"{OWN}/note"), (staff, CHART)):
        body = await (await who.get(address)).text()
        assert "<script>alert" not in body
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body


def test_a_step_is_a_question_with_what_follows_from_it() -> None:
    assert [step.links for step in steps.steps()] == [
        ("hur",), ("besvar",), ("sjukdom", "vilken"), ("overkanslig", "mot"), ("receptfritt",), ("rokning",), ("langd",), ("ovrigt",)
    ]  # fmt: skip
    assert steps.progress({"hur": "Bra", "langd": "300", "besvar": "Ont"}) == (2, 8)
    assert steps.next_step({"hur": "Bra", "besvar": "Ont"}) == 3
    assert steps.over({"hur": "Bra", "vilken": "x"}, steps.steps()[2], {"sjukdom": "false"}) == {
        "hur": "Bra",
        "sjukdom": "false",
    }


async def filled(tolvan: ClientSession, demo: Any) -> tuple[str, str]:
    """(id, version) of a form with everything that is required."""
    id, version = str(uuid4()), "0"
    for number, given in ANSWERS.items():
        told = await sent(tolvan, f"{FORM}/{number}", scripted=True, act="save", id=id, version=version, **given)
        version = str((await told.json())["version"])
    return id, version


async def test_the_form_saves_itself_resumes_and_is_sent_once(
    tolvan: ClientSession, staff: ClientSession, platform: Any, demo: Any
) -> None:
    begun = await page(await tolvan.get(FORM))
    assert "Inte påbörjad" in begun
    id = str(uuid4())
    told = await sent(tolvan, f"{FORM}/1", scripted=True, act="save", id=id, version="0", hur="Bra")
    assert {**(await told.json()), "clock": ""} == {"version": 1, "clock": "", "done": 1, "of": 8}
    resumed = await page(await tolvan.get(FORM))
    assert "1 av 8 klara" in resumed
    assert f"{FORM}/2" in await (await tolvan.get(FORM)).text()
    early = await page(await sent(tolvan, f"{FORM}/send", id=id, version="1"), 422)
    assert "Några frågor behöver svar" in early
    await demo.db.pool.execute("truncate health_form")
    id, version = await filled(tolvan, demo)
    assert "Hälsodeklaration" not in (await page(await staff.get(CHART))).partition("Inte kontrollerat")[2]
    for _ in range(2):
        done = await page(await sent(tolvan, f"{FORM}/send", id=id, version=version))
        assert "Skickad hälsodeklaration" in done
    assert "kvar från förut" not in done  # the answer that the question does not ask for
    seen = await page(await staff.get(CHART))
    assert "Hälsodeklaration Patientens egna ord" in seen
    assert "Vilken eller vilka sjukdomar? Astma" in seen
    late = await page(await sent(tolvan, f"{FORM}/1", id=id, version=version, hur="Dåligt"), 409)
    assert "redan skickat" in late
    assert (await answers(demo))["hur"] == "Bra"


async def test_a_stale_window_keeps_its_answer_and_overwrites_nothing(tolvan: ClientSession, demo: Any) -> None:
    id = str(uuid4())
    await sent(tolvan, f"{FORM}/2", scripted=True, act="save", id=id, version="0", besvar="Ont i knät")
    await sent(tolvan, f"{FORM}/2", scripted=True, act="save", id=id, version="1", besvar="Ont i höften")
    stale = await sent(tolvan, f"{FORM}/2", id=id, version="1", besvar="Ont i ryggen")
    shown = await page(stale, 409)
    assert "Formuläret har sparats i ett annat fönster" in shown
    assert "Sparat i det andra fönstret: Ont i höften" in shown
    assert "Ont i ryggen" in shown
    told = await (await sent(tolvan, f"{FORM}/2", scripted=True, id=id, version="1", besvar="Ont i ryggen")).json()
    assert told["version"] == 2
    other = await sent(tolvan, f"{FORM}/2", scripted=True, id=str(uuid4()), version="0", besvar="Ett annat utkast")
    assert (other.status, (await other.json())["id"]) == (409, id)
    assert (await answers(demo))["besvar"] == "Ont i höften"
    again = await sent(tolvan, f"{FORM}/2", id=id, version="2", besvar="Ont i ryggen", follow=False)
    assert again.headers["location"] == f"{FORM}/3"
    assert (await answers(demo))["besvar"] == "Ont i ryggen"


async def test_a_wrong_answer_is_told_and_not_kept(tolvan: ClientSession, demo: Any) -> None:
    shown = await sent(tolvan, f"{FORM}/7", version="0", langd="1,75")
    assert 'value="1,75"' in await shown.text()
    assert "heltal" in await page(shown, 422)
    assert (await sent(tolvan, f"{FORM}/1", version="0", hur="Sådär")).status == 422
    assert (await tolvan.get(f"{FORM}/9")).status == 404
    assert await demo.db.pool.fetchval("select count(*) from health_form") == 0


async def test_what_the_record_knows_stands_beside_its_question_and_its_silence_is_said(
    tolvan: ClientSession, platform: Any
) -> None:
    assert "penicillin – anafylaxi" in await page(await tolvan.get(f"{FORM}/4"))
    assert "Hjärtsvikt, nedsatt EF" in await page(await tolvan.get(f"{FORM}/3"))
    assert "Bisoprolol 5 mg" in await page(await tolvan.get(f"{FORM}/5"))
    platform.broken.add("AllergyIntolerance")
    assert "Gick inte att hämta: överkänslighet i din journal" in await page(await tolvan.get(f"{FORM}/4"))


async def test_what_a_guardian_writes_says_so_to_care_and_stays_in_the_childs_pages(
    tolvan: ClientSession, staff: ClientSession, platform: Any
) -> None:
    platform.acting = [{"patient": STINA, "role": "guardian"}]
    childs = f"/portal/mine/{STINA}"
    weight = {"patient": STINA, "weight": "18,5", "day": "2026-11-20", "clock": "08:00"}
    assert "18,5" in await page(await sent(tolvan, f"{childs}/own/weight", **weight))
    await sent(tolvan, f"{childs}/forms/health/1", patient=STINA, version="0", hur="Bra")
    assert "18,5" not in await page(await tolvan.get(OWN))
    assert "Inte påbörjad" in await page(await tolvan.get(FORM))
    assert "Tolvan Tolvansson, vårdnadshavare" in await page(await staff.get(f"/portal/patients/{STINA}/own"))
    platform.acting = []
    assert (await tolvan.get(f"{childs}/own")).status == (await tolvan.get(f"{childs}/forms/health")).status == 404
