"""PAT-13: a patient asks for correction on a page and follows it; a manager reads it and answers."""

from typing import Any

import pytest
from aiohttp import ClientSession

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
PAGE, STAFF = f"/portal/mine/{TOLVAN}/corrections", "/portal/review/requests"
ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
PART = {"provider": "SE-P", "unit": "SE-U"}
ASKED = {
    "id": ID, "patient": TOLVAN, "kind": "correction", "provider": "SE-P", "unit": "SE-U", "about": "", "by": "Tolvan Tolvansson",
    "text": "Jag har aldrig haft <b>astma</b>", "at": "2026-11-20T10:00:00Z", "state": "open", "outcome": "", "answer": "",
}  # fmt: skip


async def sent(session: ClientSession, address: str, **fields: str) -> Any:
    data = {"csrf": "proof", **fields}
    return await session.post(address, data=data, headers={"Origin": "http://127.0.0.1"}, allow_redirects=False)


async def asked(tolvan: ClientSession, **more: str) -> Any:
    form = {
        "id": ID,
        "patient": TOLVAN,
        "kind": "correction",
        "owner": "SE-P|SE-U",
        "text": " Jag har inte astma ",
        **more,
    }
    return await sent(tolvan, PAGE, **form)


async def test_pat_13_the_patient_asks_and_the_form_is_sent_on_as_it_was_written(
    tolvan: ClientSession, platform: Any
) -> None:
    platform.state = {"parts": [PART]}
    shown = await (await tolvan.get(PAGE)).text()
    assert "Vem har skrivit det?" in shown
    assert 'value="SE-P|SE-U"' in shown
    answer = await asked(tolvan)
    assert (answer.status, answer.headers["Location"]) == (303, f"{PAGE}?klart=sent")
    body = {"id": ID, "kind": "correction", "provider": "SE-P", "unit": "SE-U", "text": "Jag har inte astma"}
    assert platform.acts == [("requests", body)]
    assert "Din begäran är skickad." in await (await tolvan.get(f"{PAGE}?klart=sent")).text()


async def test_pat_13_the_patient_follows_what_was_asked_and_takes_it_back(
    tolvan: ClientSession, platform: Any
) -> None:
    answered = {**ASKED, "id": "x", "state": "answered", "outcome": "noted", "answer": "Vi har antecknat det"}
    platform.requests = [ASKED, answered, {**ASKED, "id": "y", "state": "withdrawn", "kind": "destruction"}]
    shown = await (await tolvan.get(PAGE)).text()
    for words in ("Väntar på svar", "Din synpunkt är antecknad i journalen", "Svar: Vi har antecknat det", "Tillbakadragen",
                  "20 november", "&lt;b&gt;astma&lt;/b&gt;", "Begäran om att förstöra uppgifter"):  # fmt: skip
        assert words in shown, words
    assert shown.count("/withdraw") == 1, "only what is open"
    answer = await sent(tolvan, f"{PAGE}/{ID}/withdraw", patient=TOLVAN)
    assert (answer.status, platform.acts) == (303, [(f"requests/{ID}/withdraw", {})])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"owner": ""}, "Välj vilken mottagning"),
        ({"text": " "}, "Skriv vad som är fel."),
        ({"text": "x" * 4_001}, "4001 tecken"),
    ],
)
async def test_what_is_missing_is_said_at_its_field_and_the_text_is_kept(
    tolvan: ClientSession, platform: Any, more: dict[str, str], words: str
) -> None:
    platform.state = {"parts": [PART]}
    answer = await asked(tolvan, **more)
    shown = await answer.text()
    assert (answer.status, words in shown, platform.acts) == (422, True, [])
    assert more.get("text", "Jag har inte astma").strip() in shown
    assert f'value="{ID}"' in shown, "sent again it is the same request"


async def test_a_form_of_another_patient_does_nothing(tolvan: ClientSession, platform: Any) -> None:
    answer = await asked(tolvan, patient="somebody-else")
    assert (answer.status, platform.acts) == (422, [])
    foreign = await tolvan.post(
        PAGE, data={"csrf": "wrong", "id": ID, "patient": TOLVAN}, headers={"Origin": "http://elsewhere"}
    )
    assert (foreign.status, platform.acts) == (403, [])


async def test_who_may_not_ask_is_told_what_to_do(tolvan: ClientSession, platform: Any) -> None:
    platform.act_refused = "access/not-yours"
    shown = await (await tolvan.get(PAGE)).text()
    assert "Du kan inte begära rättelse här." in shown
    assert "Vad är fel" not in shown


async def test_away_is_said_and_not_taken_for_nothing(tolvan: ClientSession, platform: Any) -> None:
    platform.away = True
    shown = await (await tolvan.get(PAGE)).text()
    assert "Det finns inget att rätta" not in shown
    assert "Det som visas här är inte allt" in shown


async def test_pat_13_a_manager_reads_what_waits_and_answers(manager: ClientSession, platform: Any) -> None:
    platform.requests = [ASKED, {**ASKED, "id": "7f9619ff-8b86-4011-b42d-00c04fc964ff", "kind": "destruction"}]
    assert 'href="/portal/review/requests"' in await (await manager.get("/portal/review")).text()
    shown = await (await manager.get(STAFF)).text()
    for words in (
        "Patienten begär rättelse",
        "Tolvan Tolvansson",
        "&lt;b&gt;astma&lt;/b&gt;",
        "Vi har svarat IVO",
        "Synpunkten är antecknad",
    ):
        assert words in shown, words
    answer = await sent(manager, f"{STAFF}/{ID}", outcome="noted", text=" Antecknat ")
    assert (answer.status, platform.acts) == (
        303,
        [(f"requests/{ID}/answer", {"outcome": "noted", "text": "Antecknat"})],
    )


async def test_a_refused_answer_is_kept_and_an_away_platform_is_said(manager: ClientSession, platform: Any) -> None:
    platform.requests, platform.act_refused = [ASKED], ""
    platform.away = True
    shown = await (await manager.get(STAFF)).text()
    assert "Inget väntar" not in shown
    assert "inte visas här" in shown


async def test_nobody_but_a_manager_has_the_page(staff: ClientSession, tolvan: ClientSession) -> None:
    for session in (staff, tolvan):
        assert (await session.get(STAFF)).status == 404
        assert (await sent(session, f"{STAFF}/{ID}", outcome="noted", text="x")).status in (403, 404)
