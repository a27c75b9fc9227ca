"""The operator's pages: who may see them, what they show and hide, and that replay begins with a trial run."""

import re
from typing import Any

import asyncpg
import pytest
from httpx2 import AsyncClient

from application_platform.operations.actions import Region
from application_platform.operations.troubles import PARTS


async def csrf(browser: AsyncClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/portal/region")).text)
    assert found
    return found[1]


async def send(browser: AsyncClient, path: str, **form: str) -> Any:
    data = {"csrf": await csrf(browser), **form}
    return await browser.post(f"/portal/region{path}", data=data, headers={"Origin": "http://fvm.test"})


async def test_only_an_operator_sees_the_region(browser: AsyncClient, services: Any, sign_in: Any) -> None:
    await sign_in(browser, "bjorn")
    pages = [await browser.get(f"/portal/region{path}") for path in ("", "/picture", "/messages/information-7")]
    replay = await browser.post(
        "/portal/region/replay", data={"code": "x", "csrf": "wrong"}, headers={"Origin": "http://fvm.test"}
    )

    assert {page.status_code for page in pages} == {403}
    assert "Sidan är för driften" in pages[0].text
    assert "Regionen</span>" not in pages[0].text  # nor is it in their rail
    assert replay.status_code == 403
    assert services.asked == []


async def test_a_patient_who_comes_to_the_region_is_led_to_their_own_journal(
    browser: AsyncClient, sign_in: Any
) -> None:
    await sign_in(browser, "tolvan")
    page = await browser.get("/portal/region")

    assert page.status_code == 403
    assert "Gå tillbaka till din egen journal" in page.text
    assert "uppdrag" not in page.text


async def test_the_page_shows_the_picture_and_what_is_set_aside_without_content(
    operator: AsyncClient, services: Any
) -> None:
    page = await operator.get("/portal/region")

    assert page.status_code == 200
    assert "Allt är som det ska." in page.text
    assert "två olika personnummer sägs vara en person" in page.text
    assert 'href="/portal/region/messages/information-7"' in page.text
    assert "Tolvan" not in page.text
    assert len(services.bearers) == 1  # with the operator's own token
    assert next(iter(services.bearers)).startswith("Bearer ey")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("exchange/missing-identity", "det framgår inte vem det gäller"),
        ("exchange/no-such-order", "avsändaren känner inte igen beställningen eller patienten"),
    ],
)
async def test_an_answer_without_a_patient_waits_at_the_operators_in_words(
    operator: AsyncClient, services: Any, code: str, words: str
) -> None:
    services.held = [{**services.held[0], "id": "exchange-9", "topic": "hl7v2", "reader": "exchange", "code": code}]
    page = await operator.get("/portal/region")
    assert words in page.text
    assert 'href="/portal/region/messages/exchange-9"' in page.text


async def test_the_live_part_takes_no_focus(operator: AsyncClient) -> None:
    part = (await operator.get("/portal/region/picture")).text

    assert "<!doctype" not in part
    assert re.findall(r"<(?:a|button|input|select|textarea|summary)\b", part) == []


async def test_everybody_who_looks_at_once_asks_the_services_once(operator: AsyncClient, services: Any) -> None:
    await operator.get("/portal/region/picture")
    services.asked.clear()
    for _ in range(3):
        await operator.get("/portal/region/picture")

    assert services.asked == []


async def test_a_replay_by_reason_begins_with_a_trial_run(operator: AsyncClient, services: Any) -> None:
    trial = await send(operator, "/replay", code="persons/different-persons")
    kept = len(services.held)
    done = await send(operator, "/replay", code="persons/different-persons", step="do")

    assert "Provkörning: 1 meddelande skulle spelas om." in trial.text
    assert kept == 1
    assert done.headers["location"] == "/portal/region?klart=1#parked"
    assert [body["dry_run"] for _, _, body in services.acts()] == [True] * 4 + [False] * 4
    assert "Spelas om: 1 meddelande." in (await operator.get("/portal/region?klart=1")).text


async def test_content_is_shown_only_with_a_reason(operator: AsyncClient, services: Any) -> None:
    hidden = await operator.get("/portal/region/messages/information-7")
    without = await send(operator, "/messages/information-7/content", reason="  ")
    shown = await send(operator, "/messages/information-7/content", reason="Felsöker labbsvar")

    assert "Personuppgifter är dolda." in hidden.text
    assert "2 väntar bakom" in hidden.text
    assert without.status_code == 400
    assert "Tolvan" not in hidden.text + without.text
    assert "Tolvan" in shown.text
    assert [path for _, path, _ in services.asked if "reason=" in path] == [
        "/information/internal/operations/parked/information-7?reason=Fels%C3%B6ker+labbsvar"
    ]


async def test_giving_up_needs_a_reason(operator: AsyncClient, services: Any) -> None:
    silent = await send(operator, "/messages/information-7/give-up")
    given = await send(operator, "/messages/information-7/give-up", reason="Källan har skickat om")

    assert silent.status_code == 400
    assert given.status_code == 303
    assert services.acts()[-1][2] == {"reason": "Källan har skickat om"}


async def test_a_message_that_is_gone_says_so(operator: AsyncClient) -> None:
    for id in ("information-99", "nobody-1"):
        answer = await operator.get(f"/portal/region/messages/{id}")
        assert answer.status_code == 404
        assert "ligger inte här längre" in answer.text


async def test_a_form_from_elsewhere_does_nothing(operator: AsyncClient, services: Any) -> None:
    token = await csrf(operator)
    elsewhere = {"Origin": "http://evil.example"}
    forged = [
        await operator.post("/portal/region/replay", data={"csrf": token, "id": "information-7"}, headers=elsewhere),
        await operator.post(
            "/portal/region/replay", data={"id": "information-7"}, headers={"Origin": "http://fvm.test"}
        ),
    ]

    assert [answer.status_code for answer in forged] == [403, 403]
    assert services.acts() == []


async def test_a_part_that_is_away_is_not_silence(operator: AsyncClient, demo: Any) -> None:
    region = demo.app.state.region
    demo.app.state.region = Region(
        dict.fromkeys(("vis", "information", "exchange", "application"), "http://127.0.0.1:1")
    )
    page = await operator.get("/portal/region")
    await demo.app.state.region.stop()
    demo.app.state.region = region

    assert page.status_code == 200
    assert page.text.count("Svarar inte") >= 4
    assert "EJ KONTROLLERAD: Regionens journal" in page.text
    assert "Inget är undanlagt" not in page.text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (asyncpg.CannotConnectNowError("starting up"), "Databasen bakom portalen svarar inte"),
        (asyncpg.DiskFullError("could not extend file"), "Databasens disk är full"),
    ],
)
async def test_a_database_that_is_away_is_told_in_words_with_what_to_do(
    operator: AsyncClient, demo: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    async def picture(_token: str) -> Any:
        raise error

    monkeypatch.setattr(demo.app.state.region, "picture", picture)
    page = await operator.get("/portal/region")

    assert page.status_code == 503
    assert words in page.text
    assert "Kör fvm doctor på servern" in page.text
    assert "extend" not in page.text


def warned(number: int) -> dict[str, Any]:
    return {
        "id": number, "received_at": "2026-11-26T08:00:00Z", "door": "mllp", "sender": "lab", "source": "LAB|NORR",
        "control_id": f"C{number}",
        "warning": "PID-3: A person's number here breaks the rules of its kind: kept as sent, but it identifies nobody",
    }  # fmt: skip


async def test_what_was_taken_with_a_warning_is_listed_in_words_page_by_page(
    operator: AsyncClient, services: Any
) -> None:
    services.warned = [warned(number) for number in range(60, 0, -1)]
    front = await operator.get("/portal/region")
    page = await operator.get("/portal/region/warned")
    older = await operator.get("/portal/region/warned?fore=11")

    assert 'href="/portal/region/warned"' in front.text
    assert "Numret stämmer inte. Det är sparat som det kom, men pekar inte ut någon." in page.text
    assert "PID-3" in page.text
    assert "2026-11-26 09:00" in page.text
    assert 'href="/portal/region/warned?fore=11"' in page.text
    assert "C10" in older.text
    assert "Visa äldre" not in older.text


async def test_warnings_that_cannot_be_read_are_said_to_be_unknown(
    browser: AsyncClient, demo: Any, services: Any, sign_in: Any
) -> None:
    await sign_in(browser, "jonatan")
    demo.app.state.region = Region(dict.fromkeys(PARTS, "http://127.0.0.1:9"))
    page = await browser.get("/portal/region/warned")

    assert page.status_code == 200
    assert "Delen svarar inte" in page.text
    assert "Inget har tagits emot med varning" not in page.text


async def test_only_an_operator_sees_what_was_taken_with_a_warning(
    browser: AsyncClient, services: Any, sign_in: Any
) -> None:
    await sign_in(browser, "bjorn")
    page = await browser.get("/portal/region/warned")

    assert page.status_code == 403
    assert services.asked == []
