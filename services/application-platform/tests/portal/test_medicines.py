"""The pages of medicines: a basket that is checked, answered and signed once, acts with their reasons, and a patient's wish."""

import re
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
LIST, MINE = f"/portal/patients/{TOLVAN}/medicines", f"/portal/mine/{TOLVAN}/medicines"
ORIGIN = {"Origin": "http://127.0.0.1"}
METFORMIN = {"medicine": "Metformin tablett 500 mg", "amount": "1", "unit": "tablett", "times": "2", "cause": "other",
             "cause_text": "Diabetes typ 2"}  # fmt: skip


async def words(response: ClientResponse, status: int = 200) -> str:
    body = await response.text()
    assert response.status == status, body[:300]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.split("<main")[-1])).replace("\u00a0", " ").split())


def fields(body: str) -> dict[str, str]:
    """The hidden fields of the basket as the page carries them."""
    form = body[body.index('id="basket"') :]
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)
    return {name: unescape(value) for name, value in hidden}


async def press(staff: ClientSession, do: str, carried: dict[str, str] | None = None, **more: str) -> ClientResponse:
    form = {"csrf": "proof", "patient": TOLVAN, **(carried or {}), **more, "do": do}
    return await staff.post(LIST, data=form, headers=ORIGIN, allow_redirects=False)


async def basket(staff: ClientSession, do: str, **more: str) -> dict[str, str]:
    answer = await press(staff, do, **more)
    assert answer.status == 200, await answer.text()
    return fields(await answer.text())


async def test_a_medicine_is_written_checked_and_signed_once(staff: ClientSession, served: Any) -> None:
    added = await press(staff, "add", **METFORMIN)
    shown = await words(added)
    assert "Metformin tablett 500 mg, 1 tablett 2 gånger per dag" in shown.replace(" ,", ",")
    assert "Kontrollerad, inget att anmärka: dubblering, överkänslighet" in shown
    assert "EJ KONTROLLERAD: interaktioner" in shown
    carried = fields(await added.text())
    for _ in range(2):
        done = await press(staff, "sign", carried, by_hand="1")
        assert (done.status, done.headers["location"]) == (303, f"{LIST}?klar=1#main")
    shown = await words(await staff.get(f"{LIST}?klar=1"))
    assert "1 läkemedel är ordinerat. TOLVANSSON, Tolvan" in shown
    made = [
        one
        for one in served.vis.held.values()
        if one.get("medicationCodeableConcept", {}).get("text", "").startswith("Metf")
    ]
    assert len(made) == 1
    assert made[0]["medicationCodeableConcept"]["coding"][0]["code"] == "A10BA02"
    assert set(served.vis.contexts) == {TOLVAN}


async def test_what_is_not_checked_must_be_answered_and_a_hit_has_its_own_reason(
    staff: ClientSession, served: Any
) -> None:
    served.pharmacy.found["Amoxicillin"] = [
        ("allergy", "hit", "Överkänslighet: penicillin, anafylaxi", "AllergyIntolerance/alg-1", True),
        ("interaction", "unchecked", "Ingen källa", "", False),
    ]
    amoxicillin = {**METFORMIN, "medicine": "Amoxicillin tablett 500 mg"}
    carried = await basket(staff, "add", **amoxicillin)
    bare = await words(await press(staff, "sign", carried), 422)
    assert "Överkänslighet: penicillin, anafylaxi. Inget är gjort." in bare
    answer = f"reason:{_draft(carried)}|allergy|AllergyIntolerance/alg-1"
    half = await press(staff, "sign", carried, **{answer: "tolerated"})
    assert "Ingen källa" in await words(half, 422)
    assert 'value="tolerated" selected' in await half.text()  # what was answered is kept
    done = await press(
        staff,
        "sign",
        carried,
        by_hand="1",
        **{answer: "other", answer.replace("reason", "comment"): "Provokationstest utan reaktion"},
    )
    assert done.status == 303
    [(_, said)] = [one for one in served.vis.acts if one[0] == "prescribe"]
    assert [(one["check"], one["reason"], one.get("comment")) for one in said["answers"]] == [
        ("allergy", "other", "Provokationstest utan reaktion"), ("interaction", "checked", None),
    ]  # fmt: skip


def _draft(carried: dict[str, str]) -> str:
    found = re.search(r'"id":"([^"]+)"', carried["basket"])
    assert found is not None
    return found.group(1)


async def test_when_vis_does_not_answer_nothing_looks_checked_and_the_basket_is_kept(
    staff: ClientSession, served: Any
) -> None:
    carried = await basket(staff, "add", **METFORMIN)
    served.vis.away = True
    shown = await words(await press(staff, "sign", carried, by_hand="1"), 503)
    assert "INGET ÄR SIGNERAT" in shown
    assert "EJ KONTROLLERAD: dubblering, överkänslighet och interaktioner" in shown
    assert "inget att anmärka" not in shown
    served.vis.away = False
    assert (await press(staff, "sign", carried, by_hand="1")).status == 303


async def test_a_lost_answer_is_sent_again_and_prescribes_once(staff: ClientSession, served: Any) -> None:
    carried = await basket(staff, "add", **METFORMIN)
    served.vis.deaf = True
    assert (await press(staff, "sign", carried, by_hand="1")).status == 503
    served.vis.deaf = False
    assert (await press(staff, "sign", carried, by_hand="1")).status == 303
    assert sum("Metformin" in str(one) for one in served.vis.held.values()) == 1


async def test_a_field_that_is_wrong_says_what_to_write_and_keeps_the_rest(staff: ClientSession, served: Any) -> None:
    refused = await press(staff, "add", **{**METFORMIN, "amount": "en", "cause_text": ""})
    shown = await words(refused, 422)
    assert "Skriv dosen som ett tal" in shown
    assert "Skriv ordinationsorsaken." in shown
    assert 'value="Metformin tablett 500 mg"' in await refused.text()
    served.pharmacy.lacks["Alvedon"] = ["Ange styrka, till exempel 5 mg"]
    assert "Kvar att rätta Ange styrka, till exempel 5 mg." in await words(
        await press(staff, "add", **{**METFORMIN, "medicine": "Alvedon"})
    )


async def test_a_draft_is_changed_in_its_place_and_taken_away(staff: ClientSession) -> None:
    carried = await basket(staff, "add", **METFORMIN)
    edited = await press(staff, f"edit:{_draft(carried)}", carried)
    again = fields(await edited.text())
    assert (again["id"], again["basket"]) == (_draft(carried), "[]")
    assert 'value="Diabetes typ 2"' in await edited.text()
    back = await basket(staff, "add", **{**again, **METFORMIN, "times": "3"})
    assert _draft(back) == _draft(carried)
    assert "3 gånger per dag" in back["basket"]
    assert fields(await (await press(staff, f"drop:{_draft(back)}", back)).text())["basket"] == "[]"


async def test_a_written_medicine_that_is_not_added_is_not_forgotten_at_the_signature(staff: ClientSession) -> None:
    carried = await basket(staff, "add", **METFORMIN)
    shown = await press(staff, "sign", carried, by_hand="1", medicine="Bisoprolol tablett 5 mg")
    assert "inte tillagt än" in await words(shown, 422)
    assert 'value="Bisoprolol tablett 5 mg"' in await shown.text()


async def test_two_renewals_are_signed_together_and_the_old_ones_end(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(
        {
            **platform.held["MedicationRequest/med-1"],
            "id": "med-2",
            "medicationCodeableConcept": {"text": "Furosemid 40 mg"},
        }
    )
    carried = fields(await (await staff.get(f"{LIST}?fornya=med-1")).text())
    both = await basket(staff, "renew:med-2", **carried)
    assert (await press(staff, "sign", both, by_hand="1")).headers["location"].endswith("klar=2#main")
    assert [served.vis.held[f"MedicationRequest/med-{n}"]["status"] for n in (1, 2)] == ["completed"] * 2
    assert "kan inte förnyas: förnyad" in await words(await staff.get(f"{LIST}?fornya=med-1"), 409)


async def test_another_patients_form_signs_nothing(staff: ClientSession, served: Any) -> None:
    carried = await basket(staff, "add", **METFORMIN)
    assert "annan patient" in await words(await press(staff, "sign", {**carried, "patient": STINA}, by_hand="1"), 422)
    theirs = {**carried, "basket": carried["basket"].replace(TOLVAN, STINA)}
    assert fields(await (await press(staff, "check", theirs)).text())["basket"] == "[]"
    assert served.vis.acts == []


async def test_a_script_in_a_field_is_text(staff: ClientSession) -> None:
    body = await (await press(staff, "add", **{**METFORMIN, "medicine": "<script>alert(1)</script> 5 mg"})).text()
    assert "<script>alert(1)" not in body
    assert "&lt;script&gt;" in body


async def test_who_may_not_prescribe_sees_the_list_and_no_basket(manager: ClientSession, tolvan: ClientSession) -> None:
    shown = await words(await manager.get(LIST))
    assert "Bisoprolol" in shown
    assert "Läkemedel ordineras, förnyas och sätts ut av läkare." in shown
    assert "Signera" not in await words(await manager.get(f"{LIST}?fornya=med-1"))
    assert (await tolvan.get(LIST)).status == 404
    assert (await press(tolvan, "sign")).status == 404


async def test_an_ended_sign_in_takes_nothing_away_and_only_the_same_person_goes_on(
    staff: ClientSession, manager: ClientSession, served: Any
) -> None:
    carried = await basket(staff, "add", **METFORMIN)
    async with ClientSession(served.url) as nobody:
        kept = await nobody.post(LIST, data={**carried, "csrf": "old", "by_hand": "1", "do": "sign"}, headers=ORIGIN)
        body = await kept.text()
        assert "Inget är signerat. Det du skrev finns kvar" in await words(kept, 401)
    again = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)">', body)}
    assert again["basket"] == carried["basket"]
    back = await staff.post(LIST, data={**again, "do": "check"}, headers=ORIGIN)
    shown = await words(back)
    assert "Du har loggat in igen. Inget är signerat." in shown
    assert "Metformin" in shown
    other = await manager.post(LIST, data={**again, "do": "check"}, headers=ORIGIN)
    assert other.status == 403
    elsewhere = await staff.post(LIST, data={**again, "do": "sign"}, headers={"Origin": "http://evil.test"})
    assert (elsewhere.status, served.vis.acts) == (403, [])


async def act(staff: ClientSession, name: str, medicine: str = "med-1", **more: str) -> ClientResponse:
    form = {"csrf": "proof", "patient": TOLVAN, "version": "1", "act": name, **more}
    return await staff.post(f"{LIST}/{medicine}", data=form, headers=ORIGIN, allow_redirects=False)


async def test_a_medicine_is_paused_taken_up_and_stopped_with_its_reason(staff: ClientSession, served: Any) -> None:
    assert "Skriv varför läkemedlet pausas." in await words(await act(staff, "hold"), 422)
    assert (await act(staff, "hold", comment="Inför operation")).status == 303
    assert (await act(staff, "hold", comment="Inför operation")).status == 303  # sent twice
    assert "Pausat: Inför operation" in await words(await staff.get(LIST))
    assert (await act(staff, "release", version="2")).status == 303
    assert "Välj varför" in await words(await act(staff, "stop"), 422)
    kept = await act(staff, "stop", reason="other")
    assert "Skriv orsaken" in await words(kept, 422)
    assert 'value="other" selected' in await kept.text()
    assert (await act(staff, "stop", reason="side-effect", comment="Yrsel", version="3")).status == 303
    assert [name for name, _ in served.vis.acts] == ["hold", "release", "stop"]


async def test_what_was_changed_meanwhile_is_said_and_the_words_are_kept(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.held["MedicationRequest/med-1"]["meta"]["versionId"] = "7"
    stale = await act(staff, "hold", comment="Inför operation")
    assert "har ändrats sedan du öppnade" in await words(stale, 409)
    assert 'value="Inför operation"' in await stale.text()
    served.vis.away = True
    assert "INGET ÄR GJORT" in await words(await act(staff, "stop", reason="finished"), 503)
    served.vis.away = False
    served.vis.refusal = "Läkemedlet är redan avslutat. Läs om sidan"
    assert "redan avslutat. Läs om sidan. Inget är gjort." in await words(
        await act(staff, "stop", reason="finished"), 422
    )


async def test_a_form_about_another_patient_or_without_proof_changes_nothing(
    staff: ClientSession, tolvan: ClientSession, served: Any
) -> None:
    assert (await act(staff, "hold", comment="x", patient=STINA)).status == 422
    assert (await act(staff, "hold", comment="x", csrf="wrong")).status == 403
    assert (await act(tolvan, "hold", comment="x")).status == 404
    assert (await act(staff, "hold", medicine="of-nobody", comment="x")).status == 404
    assert served.vis.acts == []


async def wish(who: ClientSession, medicine: str = "med-1", page: str = MINE, **more: str) -> ClientResponse:
    form = {"csrf": "proof", "patient": TOLVAN, "comment": "Räcker en vecka", **more}
    return await who.post(f"{page}/{medicine}/renew", data=form, headers=ORIGIN)


async def test_a_patient_reads_what_it_is_for_and_how_it_is_taken_and_asks_for_more(
    tolvan: ClientSession, staff: ClientSession, served: Any
) -> None:
    shown = await words(await tolvan.get(MINE))
    assert "Bisoprolol 5 mg För: hjärtsvikt Hjärtat orkar inte" in shown
    assert "Så tar du det: 1 tablett kl. 08:00 Utskrivet 14 oktober" in shown
    sent = await words(await wish(tolvan))
    assert "Din begäran är skickad: Bisoprolol 5 mg." in sent
    assert "Begärd 23 november, väntar på mottagningen" in sent
    assert f"{MINE}/med-1/renew" not in sent
    assert served.vis.acts == [("request-renewal", {"key": "MedicationRequest/med-1", "comment": "Räcker en vecka"})]
    staffs = await words(await staff.get(LIST))
    assert "Patienten vill förnya" in staffs
    assert "Räcker en vecka" in await words(await staff.get(f"{LIST}/med-1"))


async def test_the_unit_says_no_and_the_patient_reads_the_words(
    tolvan: ClientSession, staff: ClientSession, served: Any
) -> None:
    await wish(tolvan)
    assert "Skriv ett svar" in await words(await act(staff, "decline"), 422)
    assert (await act(staff, "decline", comment="Boka ett besök först")).status == 303
    [(_, said)] = [one for one in served.vis.acts if one[0] == "complete"]
    assert (said["key"], said["outcome"], said["comment"]) == ("Task/t-med-1", "declined", "Boka ett besök först")


async def test_a_renewal_answers_the_wish_and_the_patient_sees_it(
    tolvan: ClientSession, staff: ClientSession, served: Any
) -> None:
    await wish(tolvan)
    carried = fields(await (await staff.get(f"{LIST}?fornya=med-1")).text())
    await press(staff, "sign", carried, by_hand="1")
    shown = await words(await tolvan.get(MINE))
    assert "Förnyad 23 november" in shown
    assert shown.count("Bisoprolol") == 2  # one row, and the hidden name of its button: the old one is gone
    assert "tidigare" not in shown


@pytest.mark.parametrize(("away", "status", "said"), [(True, 503, "vården svarar inte"), (False, 422, "redan förnyat")])
async def test_a_wish_that_is_not_sent_says_so_and_keeps_the_words(
    tolvan: ClientSession, served: Any, away: bool, status: int, said: str
) -> None:
    served.vis.away, served.vis.refusal = away, "Läkemedlet är redan förnyat. Läs om sidan"
    shown = await words(await wish(tolvan), status)
    assert "INTE SKICKAT." in shown
    assert said in shown
    assert "Räcker en vecka" in shown


async def test_when_vis_is_away_it_is_not_known_what_was_asked_for(tolvan: ClientSession, served: Any) -> None:
    served.vis.away = True
    shown = await words(await tolvan.get(MINE))
    assert "Gick inte att hämta: om något är begärt eller besvarat" in shown
    assert "Bisoprolol" in shown
    served.vis.away, served.platform.away = False, True
    assert (await tolvan.get(MINE)).status == 503


async def test_a_guardian_asks_for_the_child_and_the_childs_form_never_counts_for_the_parent(
    tolvan: ClientSession, platform: Any, served: Any
) -> None:
    platform.acting = [{"patient": STINA, "role": "guardian"}]
    platform.add(
        {**platform.held["MedicationRequest/med-1"], "id": "hers", "subject": {"reference": f"Patient/{STINA}"}}
    )
    childs = f"/portal/mine/{STINA}/medicines"
    assert "Så tas det: 1 tablett kl. 08:00" in await words(await tolvan.get(childs))
    assert (await wish(tolvan, "hers", MINE, patient=STINA)).status == 422
    assert (await wish(tolvan, "hers", childs)).status == 422
    assert (await wish(tolvan, "hers", childs, patient=STINA)).status == 200
    assert [said["key"] for _, said in served.vis.acts] == ["MedicationRequest/hers"]
    platform.acting = []
    assert (await tolvan.get(childs)).status == 404


async def test_a_patient_sends_nothing_without_proof_or_for_what_is_not_theirs(
    tolvan: ClientSession, staff: ClientSession, served: Any
) -> None:
    assert (await wish(tolvan, csrf="wrong")).status == 403
    assert (await tolvan.get(f"{MINE}/of-nobody/renew")).status == 404
    assert (await staff.get(MINE)).status == 404
    assert served.vis.acts == []
