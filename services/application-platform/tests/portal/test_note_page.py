"""One note: signed, countersigned, asked about and struck out in the version that was read; and what its texts have been."""

import base64
import time
from typing import Any

import pytest
from aiohttp import ClientSession

from application_platform.portal.notes import marks
from application_platform.portal.notes.marks import Piece

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
ANNA, BO = "SE0000000001-P001", "SE0000000001-P002"
HSA = "urn:oid:1.2.752.29.4.19"
NOTE = f"/portal/patients/{TOLVAN}/notes/doc-9"
FROM = {"Origin": "http://127.0.0.1"}


def hsa(value: str, name: str) -> dict[str, Any]:
    return {"identifier": {"system": HSA, "value": value}, "display": name}


def a_note(author: str = ANNA, text: str = "Opåverkad.", patient: str = TOLVAN, **more: Any) -> dict[str, Any]:
    attached = {"contentType": "text/plain; charset=utf-8", "data": base64.b64encode(text.encode()).decode()}
    base = {"resourceType": "DocumentReference", "id": "doc-9", "status": "current", "docStatus": "final"}
    return {
        **base, "type": {"text": "Daganteckning"}, "subject": {"reference": f"Patient/{patient}"},
        "author": [hsa(author, "Anna Lind" if author == ANNA else "Bo Ek")], "date": "2026-11-22T10:30:00+01:00",
        "content": [{"attachment": attached}], "meta": {"versionId": "2"}, **more,
    }  # fmt: skip


def corrected(by: str, why: str) -> dict[str, Any]:
    parts = [{"url": "by", "valueReference": hsa(BO, by)}, {"url": "at", "valueDateTime": "2026-11-23T08:00:00Z"}]
    return {"url": "urn:fvm:correction", "extension": [*parts, {"url": "reason", "valueString": why}]}


async def sent(staff: ClientSession, act: str, **more: str) -> Any:
    form = {"csrf": "proof", "patient": TOLVAN, "act": act, "version": "2", **more}
    return await staff.post(NOTE, data=form, headers=FROM, allow_redirects=False)


def test_a_difference_says_word_by_word_what_is_gone_and_what_is_new() -> None:
    found = marks.difference("Status\nHosta i två veckor.\n", "Status\nHosta i tre veckor.\n")
    assert found == (
        Piece("same", "Status\n"), Piece("same", "Hosta i "), Piece("gone", "två"), Piece("new", "tre"),
        Piece("same", " veckor.\n"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "ny"), ("borta", ""), ("a b c", "a c b"), ("rad\n" * 9, "rad\n" * 3 + "x\n"), ("å ä ö", "å  ä\nö"), ("", "")],
)
def test_a_difference_loses_no_word_of_either_text(before: str, after: str) -> None:
    found = marks.difference(before, after)
    assert "".join(one.text for one in found if one.kind != "new") == before
    assert "".join(one.text for one in found if one.kind != "gone") == after


def test_two_long_texts_are_compared_quickly() -> None:
    begun = time.perf_counter()
    for unit in ("ord ", "rad\n", "x"):
        before, after = unit * (200_000 // len(unit)), unit * (190_000 // len(unit)) + "slut"
        assert "".join(one.text for one in marks.difference(before, after) if one.kind != "gone") == after
    assert time.perf_counter() - begun < 5


def test_a_signature_is_no_text_of_its_own() -> None:
    unsigned = a_note(docStatus="preliminary", meta={"versionId": "1"})
    third = a_note(text="Opåverkad i vila.", extension=[corrected("Bo Ek", "Fattades")], meta={"versionId": "3"})
    found = marks.versions([third, a_note(), unsigned])
    assert [(one.number, one.mark.why if one.mark else "") for one in found] == [("3", "Fattades"), ("1", "")]


async def test_the_page_says_who_answers_for_the_note(staff: ClientSession, platform: Any) -> None:
    platform.add(a_note(authenticator=hsa(ANNA, "Anna Lind"), extension=[corrected("Bo Ek", "Fel <b>sida</b>")]))
    body = await (await staff.get(NOTE)).text()
    for word in ("Skriven av", "Anna Lind", "Rättad", "Bo Ek", "Fel &lt;b&gt;sida&lt;/b&gt;", "Makulera anteckningen"):
        assert word in body
    assert 'name="act" value="sign"' not in body
    assert 'name="act" value="countersign"' not in body  # her own


@pytest.mark.parametrize(("act", "author"), [("sign", ANNA), ("countersign", BO)])
async def test_one_press_signs_the_version_that_was_read(
    staff: ClientSession, served: Any, platform: Any, act: str, author: str
) -> None:
    platform.add(a_note(author, docStatus="preliminary" if act == "sign" else "final"))
    platform.held["DocumentReference/doc-9"]["meta"]["versionId"] = "2"
    assert f'name="act" value="{act}"' in await (await staff.get(NOTE)).text()
    answer = await sent(staff, act)
    assert (answer.status, answer.headers["location"]) == (303, f"{NOTE}?klar={act}")
    assert [name for name, _ in served.vis.acts] == [act]
    assert served.vis.contexts[-1] == TOLVAN
    stale = await sent(staff, act, version="1")
    assert stale.status == 409
    assert "har ändrats sedan du öppnade den" in await stale.text()
    assert len(served.vis.acts) == 1


async def test_a_colleague_is_asked_to_countersign_and_nobody_unknown(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(a_note())
    body = await (await staff.get(NOTE)).text()
    assert f'value="{BO}"' in body
    assert f'<option value="{ANNA}"' not in body
    assert (await sent(staff, "ask", who="SE-NOBODY")).status == 422
    assert served.vis.acts == []
    assert (await sent(staff, "ask", who=BO)).status == 303
    assert (await sent(staff, "ask", who="unit")).status == 303
    (person, unit) = (values["who"] for _, values in served.vis.acts)
    assert (person["identifier"]["value"], unit["reference"]) == (BO, "Organization/SE0000000001-1001")


async def test_a_note_is_struck_out_with_a_reason_and_a_refusal_keeps_the_words(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(a_note(meta={"versionId": "2"}))
    platform.held["DocumentReference/doc-9"]["meta"]["versionId"] = "2"
    without = await sent(staff, "void", reason=" ")
    assert (without.status, served.vis.acts) == (422, [])
    served.vis.refusal = "Anteckningen är makulerad"
    refused = await sent(staff, "void", reason="Fel patient")
    text = await refused.text()
    assert (refused.status, "Anteckningen är makulerad" in text, 'value="Fel patient"' in text) == (422, True, True)
    served.vis.refusal = ""
    assert (await sent(staff, "void", reason="Fel patient")).status == 303
    assert served.vis.acts == [("void", {"key": "DocumentReference/doc-9", "reason": "Fel patient"})]


async def test_nothing_is_done_from_a_form_or_a_page_of_another_patient(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    platform.add(a_note())
    assert (await sent(staff, "void", reason="Fel patient", patient=STINA)).status == 422
    other = NOTE.replace(TOLVAN, STINA)
    for address in (other, f"{other}/versions"):
        assert (await staff.get(address)).status == 404
    assert served.vis.acts == []


async def test_every_text_is_shown_with_what_differs_and_why(staff: ClientSession, served: Any, platform: Any) -> None:
    platform.add(a_note(text="Hosta i tre <i>veckor</i>.", extension=[corrected("Bo Ek", "Fel antal")]))
    served.vis.pasts["DocumentReference/doc-9"] = [a_note(text="Hosta i två <i>veckor</i>.")]
    body = await (await staff.get(f"{NOTE}/versions")).text()
    assert "Varför:</strong> Fel antal" in body
    assert "<del" in body
    assert "<i>" not in body
    main = body.split("<main")[1]
    assert main.index("Gäller nu") < main.index("Tidigare text")


async def test_while_vis_is_away_the_page_says_so(staff: ClientSession, served: Any, platform: Any) -> None:
    platform.add(a_note())
    served.vis.away = True
    for address in (NOTE, f"{NOTE}/versions"):
        assert (await staff.get(address)).status == 503


async def test_a_patient_has_no_such_page(tolvan: ClientSession, platform: Any) -> None:
    platform.add(a_note())
    assert (await tolvan.get(NOTE)).status == 404


async def test_a_note_of_another_system_is_read_and_not_acted_on(
    staff: ClientSession, served: Any, platform: Any
) -> None:
    """VIS does not hold it: the region's record shows it, and its acts are at its source."""
    platform.add(a_note())
    served.vis.held = {}
    body = await (await staff.get(NOTE)).text()
    assert "Opåverkad." in body
    assert "Den rättas där." in body
    assert "<form" not in body.split("<main")[1].split("</main>")[0]
    other = await staff.get(NOTE.replace(TOLVAN, STINA))
    assert other.status == 404
