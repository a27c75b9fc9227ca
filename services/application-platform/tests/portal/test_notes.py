"""Notes: written, kept and signed without losing a word, whatever happens between; never about another patient."""

import re
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientResponse, ClientSession

from application_platform.portal.notes import model
from application_platform.portal.notes.model import Section

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
NOTES = f"/portal/patients/{TOLVAN}/notes"
SCRIPT = {"HX-Request": "true"}


async def words(response: ClientResponse, status: int = 200) -> str:
    """The words of a page, without its tags."""
    body = await response.text()
    assert response.status == status, body[:300]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.split("<body")[-1])).split())


def filled(text: str = "Opåverkad i vila.", **more: str) -> dict[str, str]:
    """The editor's form, as its script sends it."""
    base = {"csrf": "proof", "id": str(uuid4()), "patient": TOLVAN, "title": "Telefonkontakt", "act": "save"}
    return {**base, "heading": "Samtalet", "text": text, **more}


async def sent(staff: ClientSession, form: dict[str, str], *, script: bool = True, patient: str = TOLVAN) -> Any:
    headers = {"Origin": "http://127.0.0.1", **(SCRIPT if script else {})}
    address = f"/portal/patients/{patient}/notes/save"
    return await staff.post(address, data=form, headers=headers, allow_redirects=False)


@pytest.mark.parametrize("template", model.TEMPLATES)
def test_sections_become_one_text_and_come_back(template: model.Template) -> None:
    written = [Section(heading, f"Rad ett om {heading}.\n\nRad två.") for heading in template.headings]
    text = model.composed(written)
    assert list(model.sections(template.title, text)) == written


@pytest.mark.parametrize("text", ["Fri text", "Bedömning\nx\n\nBedömning\ny", "  \n", "Samtalet\n\n\n\nx", ""])
def test_a_text_that_follows_no_template_keeps_every_word(text: str) -> None:
    for title in ("Telefonkontakt", "Daganteckning", "Annat"):
        found = model.sections(title, text)
        assert model.composed(found).split() == text.split()


def test_sections_without_words_are_left_out() -> None:
    assert model.composed([Section("A"), Section("B", "ord\r\n")]) == "B\nord"


async def test_the_editor_carries_the_patient_and_says_that_nothing_is_written(staff: ClientSession) -> None:
    response = await staff.get(f"{NOTES}/new?mall=telefon")
    body = await response.text()
    assert f'name="patient" value="{TOLVAN}"' in body
    assert f'action="{NOTES}/save"' in body
    assert "TOLVANSSON, Tolvan" in body
    assert "Inget är skrivet än" in await words(response)


async def test_a_draft_saves_itself_and_goes_on_from_its_version(staff: ClientSession, served: Any) -> None:
    form = filled()
    first = await (await sent(staff, form)).json()
    second = await (await sent(staff, {**form, "version": first["version"], "text": "Mer."})).json()
    assert (first["version"], second["version"]) == ("1", "2")
    assert re.fullmatch(r"\d\d:\d\d", second["clock"])
    assert served.vis.drafts[form["id"]]["text"] == "Samtalet\nMer."
    assert set(served.vis.contexts) == {TOLVAN}


async def test_the_same_save_sent_twice_is_saved_once(staff: ClientSession, served: Any) -> None:
    form = filled()
    answers = [await (await sent(staff, form)).json() for _ in range(2)]
    assert [one["version"] for one in answers] == ["1", "1"]
    assert served.vis.drafts[form["id"]]["version"] == 1


async def test_signing_sent_twice_makes_one_note(staff: ClientSession, served: Any) -> None:
    form = filled(act="sign")
    for _ in range(2):
        assert (await sent(staff, form)).status == 200
    assert [name for name, _ in served.vis.acts] == ["sign"]


async def test_a_stale_tab_overwrites_nothing_and_shows_both_texts(staff: ClientSession, served: Any) -> None:
    form = filled()
    await sent(staff, form)
    await sent(staff, {**form, "version": "1", "text": "Från den andra fliken."})
    answer = await sent(staff, {**form, "version": "1", "text": "Från den här fliken."})
    told = await answer.json()
    assert answer.status == 409
    assert told["theirs"] == "Samtalet\nFrån den andra fliken."
    assert told["version"] == "2"
    assert served.vis.drafts[form["id"]]["text"] == "Samtalet\nFrån den andra fliken."
    shown = await words(await sent(staff, {**form, "version": "1", "text": "Från den här fliken."}, script=False), 409)
    assert "Från den andra fliken." in shown
    assert "Från den här fliken." in shown


@pytest.mark.parametrize(("broken", "status"), [("away", 503), ("signed_out", 401)])
async def test_what_cannot_be_stored_is_told_and_the_words_are_kept(
    staff: ClientSession, served: Any, broken: str, status: int
) -> None:
    setattr(served.vis, broken, True)
    form = filled("Tjugo minuters samtal.")
    assert (await sent(staff, form)).status == status
    shown = await words(await sent(staff, form, script=False), status)
    assert "INTE SPARAT" in shown
    assert "Tjugo minuters samtal." in shown
    setattr(served.vis, broken, False)
    assert (await sent(staff, form)).status == 200
    assert served.vis.drafts[form["id"]]["text"] == "Samtalet\nTjugo minuters samtal."


async def test_an_answer_that_was_lost_on_its_way_does_not_lose_what_came_after(
    staff: ClientSession, served: Any
) -> None:
    form = filled()
    served.vis.deaf = True
    assert (await sent(staff, form)).status == 503
    served.vis.deaf = False
    assert (await (await sent(staff, form)).json())["version"] == "1"


async def test_another_patients_id_in_the_form_is_refused_and_nothing_is_sent(
    staff: ClientSession, served: Any
) -> None:
    answer = await sent(staff, filled(patient=STINA, act="sign"))
    assert answer.status == 422
    assert "en annan patient" in (await answer.json())["words"]
    assert served.vis.drafts == {}
    assert served.vis.acts == []


async def test_another_patients_note_or_draft_is_not_opened_in_this_record(staff: ClientSession, served: Any) -> None:
    form = filled()
    await sent(staff, form)
    elsewhere = f"/portal/patients/{STINA}/notes"
    assert (await staff.get(f"{elsewhere}/doc-1/edit")).status == 404
    assert (await staff.get(f"{elsewhere}/drafts/{form['id']}")).status == 404


async def test_an_empty_note_and_one_that_is_too_long_say_so_and_keep_the_words(staff: ClientSession) -> None:
    assert "tom" in (await (await sent(staff, filled("  "))).json())["words"]
    long = "x" * (model.LONGEST + 1)
    shown = await words(await sent(staff, filled(long), script=False), 422)
    assert "för lång" in shown
    assert long in shown


async def test_a_note_of_200_kilobytes_is_stored_whole(staff: ClientSession, served: Any) -> None:
    form = filled("x" * 190_000)
    assert (await sent(staff, form)).status == 200
    assert served.vis.drafts[form["id"]]["text"] == "Samtalet\n" + "x" * 190_000


async def test_script_in_a_note_is_words(staff: ClientSession, served: Any) -> None:
    form = filled("</textarea><script>alert(1)</script>")
    await sent(staff, form)
    body = await (await staff.get(f"{NOTES}/drafts/{form['id']}")).text()
    assert "<script>alert" not in body
    assert "&lt;/textarea&gt;&lt;script&gt;alert(1)" in body


async def test_a_form_from_elsewhere_or_without_proof_is_refused(staff: ClientSession, served: Any) -> None:
    headers = {"Origin": "http://elsewhere.example", **SCRIPT}
    assert (await staff.post(f"{NOTES}/save", data=filled(), headers=headers)).status == 403
    assert (await sent(staff, filled(csrf="wrong"))).status == 403
    assert served.vis.drafts == {}


async def test_a_draft_is_listed_and_goes_on_with_the_time_it_was_saved(staff: ClientSession) -> None:
    form = filled()
    await sent(staff, form)
    assert "Dina utkast 1 Bara du ser dem. Telefonkontakt sparat 2026-11-26 11:00" in await words(
        await staff.get(NOTES)
    )
    shown = await words(await staff.get(f"{NOTES}/drafts/{form['id']}"))
    assert "du fortsätter på ditt utkast från 2026-11-26 11:00" in shown
    assert "Opåverkad i vila." in shown


async def test_drafts_that_could_not_be_asked_are_not_checked(staff: ClientSession, served: Any) -> None:
    served.vis.away = True
    assert "EJ KONTROLLERAD: dina utkast" in await words(await staff.get(NOTES))


async def test_an_unsigned_note_is_rewritten_over_its_version_and_signed(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.held["DocumentReference/doc-1"]["docStatus"] = "preliminary"
    assert "Osignerad" in await words(await staff.get(NOTES))
    form = filled("Ny text", doc="doc-1", version="", act="sign")
    form["version"] = "1"
    platform.held["DocumentReference/doc-1"]["meta"]["versionId"] = "1"
    assert (await sent(staff, form)).status == 200
    assert model.text(platform.held["DocumentReference/doc-1"]) == "Samtalet\nNy text"
    assert served.vis.acts == [("sign", {"key": "DocumentReference/doc-1"})]


async def test_a_signed_note_is_corrected_with_a_reason_and_never_changed(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    note = platform.held["DocumentReference/doc-1"]
    note["docStatus"], note["meta"]["versionId"] = "final", "3"
    body = await (await staff.get(f"{NOTES}/doc-1/edit")).text()
    assert "Texten som rättas" in body
    form = filled("Rätt text", doc="doc-1", version="3", corrects="true", act="sign")
    assert "varför" in (await (await sent(staff, form)).json())["words"]
    assert (await sent(staff, {**form, "why": "Fel sida angiven"})).status == 200
    values = {"key": "DocumentReference/doc-1", "text": "Samtalet\nRätt text", "reason": "Fel sida angiven"}
    assert served.vis.acts == [("correct", values)]


async def test_a_correction_over_a_newer_version_shows_both(staff: ClientSession, served: Any, platform: Any) -> None:
    note = platform.held["DocumentReference/doc-1"]
    note["docStatus"], note["meta"]["versionId"] = "final", "4"
    answer = await sent(staff, filled("Rätt", doc="doc-1", version="3", corrects="true", why="Fel sida"))
    assert answer.status == 409
    assert "Försämrad hjärtsvikt" in (await answer.json())["theirs"]
    assert served.vis.acts == []


async def test_patients_write_no_notes(tolvan: ClientSession, served: Any) -> None:
    for page in ("", "/new", "/doc-1/edit", "/proof"):
        assert (await tolvan.get(NOTES + page)).status == 404
    assert (await sent(tolvan, filled(act="sign"))).status == 404
    assert served.vis.drafts == {}


async def test_the_proof_is_the_readers_own_and_names_who_is_signed_in(staff: ClientSession) -> None:
    assert await (await staff.get(f"{NOTES}/proof")).json() == {"csrf": "proof", "who": "SE0000000001-P001"}


async def test_values_are_put_in_with_their_time_and_source(staff: ClientSession, platform: Any) -> None:
    body = await (await staff.get(f"{NOTES}/insert")).text()
    for put in (
        "P-Kalium 5,2 mmol/L, högt (provsvar 2026-11-22 13:10)",
        "Puls 96 /min (mätt 2026-11-23 08:40)",
        "– Bisoprolol 5 mg, 1 tablett kl. 08:00",
    ):
        assert put in unescape(body)
    platform.broken = {"Observation"}
    away = await (await staff.get(f"{NOTES}/insert")).text()
    assert "EJ KONTROLLERAD: mätvärden, provsvar" in re.sub(r"<[^>]+>", "", away)
    platform.broken, platform.held["Observation/lab-0"]["status"] = set(), "preliminary"
    assert "P-Kalium 5,2 mmol/L, högt, preliminärt (provsvar" in await (await staff.get(f"{NOTES}/insert")).text()


async def test_who_signs_may_ask_a_colleague_to_countersign_at_once(staff: ClientSession, served: Any) -> None:
    form = filled(act="sign", counter="SE0000000001-P002")
    done = await (await sent(staff, form)).json()
    assert done["done"] == "begard"
    (_, (name, asked)) = served.vis.acts
    assert (name, asked["key"]) == ("request-countersign", f"DocumentReference/{form['id']}")
    assert asked["who"]["display"] == "Bo Ek"


async def test_a_note_that_is_signed_stays_signed_when_nobody_could_be_asked(staff: ClientSession, served: Any) -> None:
    plain = await sent(staff, filled(act="sign", counter="SE-NOBODY"), script=False)
    assert plain.headers["location"].endswith("?klar=inte-begard")
    assert [name for name, _ in served.vis.acts] == ["sign"]
    shown = await words(await staff.get(plain.headers["location"]))
    assert "Kontrasignering är INTE begärd" in shown


async def test_a_correction_shows_what_it_changes_before_it_is_signed(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.held["DocumentReference/doc-1"]["docStatus"] = "final"
    form = filled("Förbättrad hjärtsvikt.", act="compare", corrects="true", doc="doc-1", heading="Text", version="1")
    answer = await sent(staff, {**form, "why": "Fel ord"}, script=False)
    body = await answer.text()
    assert (answer.status, served.vis.acts) == (200, [])
    assert "Det här ändras" in body
    assert "Förbättrad</ins>" in re.sub(r"<span class=.hush.>[^<]*</span>", "", body)
    assert 'value="Fel ord"' in body
    assert "\nFörbättrad hjärtsvikt.</textarea>" in body
