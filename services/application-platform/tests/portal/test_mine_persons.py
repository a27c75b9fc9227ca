"""Who acts for another, and that two persons' pages never mix (PAT-04, PAT-08, PAT-11, FL-04)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientSession

from application_platform.portal.mine.frame import Mine
from application_platform.portal.mine.proxies import Given, wrongs
from application_platform.portal.reader import Reader

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
OWN, CHILDS = f"/portal/mine/{TOLVAN}", f"/portal/mine/{STINA}"
ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
ORIGIN = {"Origin": "http://127.0.0.1"}
PAGES = (
    "", "/journal", "/results", "/diagnoses", "/vaccinations", "/privacy", "/more", "/download", "/download/read",
)  # fmt: skip


@pytest.fixture
def guardian(platform: Any) -> Any:
    """Tolvan has custody of Stina, who is seven."""
    platform.acting = [{"patient": STINA, "role": "guardian"}]
    platform.held[f"Patient/{STINA}"]["birthDate"] = (datetime.now(UTC) - timedelta(days=7 * 366)).date().isoformat()
    return platform


async def text(session: ClientSession, path: str, status: int = 200) -> str:
    response = await session.get(path)
    assert response.status == status, await response.text()
    return " ".join((await response.text()).split())


@pytest.mark.parametrize("page", PAGES)
async def test_pat_04_a_guardian_is_in_the_childs_pages_with_the_childs_token_and_the_bar(
    tolvan: ClientSession, guardian: Any, page: str
) -> None:
    body = await text(tolvan, CHILDS + page)
    assert "Du är här för <strong>Stina</strong>, 7\u00a0år (som vårdnadshavare)".replace(
        "\u00a0", " "
    ) in body.replace("\u00a0", " ")
    assert f'href="{CHILDS}/journal"' in body
    reads = [token for method, path, token in guardian.asked if "/fhir/" in path]
    assert set(reads) == {f"Bearer token-of-tolvan-for-{STINA}"}


async def test_pat_04_from_the_thirteenth_birthday_the_pages_are_closed(tolvan: ClientSession, guardian: Any) -> None:
    assert (await tolvan.get(CHILDS)).status == 200
    guardian.acting = []  # what the law answers from that day on
    for page in PAGES:
        await text(tolvan, CHILDS + page, 404)


async def test_when_the_law_does_not_answer_nobody_is_let_in(tolvan: ClientSession, guardian: Any) -> None:
    guardian.away = True
    await text(tolvan, CHILDS, 503)


async def test_nobody_is_led_into_a_strangers_house(tolvan: ClientSession, platform: Any) -> None:
    for page in PAGES:
        await text(tolvan, CHILDS + page, 404)
    assert platform.asked == []


async def test_two_tabs_never_mix_a_form_of_the_child_on_ones_own_page_is_refused(
    tolvan: ClientSession, guardian: Any
) -> None:
    """Both tabs are open; the child's form is sent to the parent's address, and the other way round."""
    for page, about in ((OWN, STINA), (CHILDS, TOLVAN)):
        data = {"csrf": "proof", "id": ID, "patient": about, "target": ID}
        for door in ("privacy/end", "privacy/block", "proxies", "download/file"):
            answer = await tolvan.post(f"{page}/{door}", data=data, headers=ORIGIN)
            assert (answer.status, "Inget är gjort" in await answer.text()) == (422, True), door
    assert guardian.acts == []
    assert guardian.looks == []


async def test_a_form_from_elsewhere_does_nothing(tolvan: ClientSession, platform: Any) -> None:
    data = {"csrf": "proof", "id": ID, "patient": TOLVAN, "target": ID}
    for door in ("privacy/end", "proxies", "download/file"):
        answer = await tolvan.post(f"{OWN}/{door}", data=data, headers={"Origin": "https://evil.example"})
        assert answer.status == 403, door
    assert platform.acts == []


async def test_more_lists_whose_house_one_may_step_into(tolvan: ClientSession, guardian: Any) -> None:
    body = await text(tolvan, f"{OWN}/more")
    assert f'href="{CHILDS}"' in body
    assert "Stina Bergström" in body
    assert f'href="{OWN}/proxies"' in body
    inside = await text(tolvan, f"{CHILDS}/more")
    assert f'href="{CHILDS}/proxies"' not in inside  # giving mandates is the patient's own
    assert f'href="{OWN}"' in inside
    guardian.acting = []
    assert "Du företräder ingen annan." in await text(tolvan, f"{OWN}/more")


async def test_that_the_persons_could_not_be_fetched_is_said(tolvan: ClientSession, platform: Any) -> None:
    platform.away = True
    body = await text(tolvan, f"{OWN}/more")
    assert "Gick inte att hämta: vem du företräder" in body
    assert "Du företräder ingen annan" not in body
    assert "Provsvar" in body


async def test_blk_03_a_guardian_sees_no_way_to_block(tolvan: ClientSession, guardian: Any) -> None:
    guardian.state = {"parts": [{"provider": "SE-P", "unit": "SE-U"}]}
    assert f'action="{OWN}/privacy/block"' in await text(tolvan, f"{OWN}/privacy")
    body = await text(tolvan, f"{CHILDS}/privacy")
    assert "privacy/block" not in body
    assert "Som vårdnadshavare kan du inte spärra" in body


async def test_pat_11_who_acts_for_the_patient_stands_in_the_log_by_name(tolvan: ClientSession, platform: Any) -> None:
    place = {"id": "", "name": ""}
    platform.log = {
        "accesses": [
            {"accessDate": "2026-11-26T08:30:00Z", "careUnit": place, "careProvider": place, "userName": "Maj Ek", "userTitle": "",
             "self": False, "proxy": True, "activity": "Läst", "purpose": "", "shown": True}
        ]
    }  # fmt: skip
    assert "<strong>Maj Ek</strong>, ombud eller vårdnadshavare" in await text(tolvan, f"{OWN}/privacy")


async def test_settings_are_ones_own_also_from_the_childs_pages(tolvan: ClientSession, guardian: Any) -> None:
    response = await tolvan.get(f"{CHILDS}/settings", allow_redirects=False)
    assert response.headers["Location"] == f"{OWN}/settings"
    body = await text(tolvan, f"{OWN}/settings")
    assert 'href="/auth/sessions"' in body
    chosen = await tolvan.post("/portal/theme", data={"theme": "dark", "to": f"{OWN}/settings"}, allow_redirects=False)
    assert chosen.headers["Location"] == f"{OWN}/settings"
    elsewhere = await tolvan.post(
        "/portal/theme", data={"theme": "dark", "to": "//evil.example"}, allow_redirects=False
    )
    assert elsewhere.headers["Location"] == "/portal/"


def test_the_frame_says_whose_it_is() -> None:
    reader = Reader("s", "patient", "Tolvan", "t", patient=TOLVAN)
    assert Mine(reader, TOLVAN).whose == "din"
    assert Mine(reader, STINA, "guardian", "Tove").whose == "Toves"
    assert Mine(reader, STINA, "guardian", "Lukas").whose == "Lukas"
    assert Mine(reader, TOLVAN).young("2010-11-28", date(2026, 11, 27))
    assert not Mine(reader, TOLVAN).young("2010-11-27", date(2026, 11, 27))
    assert not Mine(reader, STINA, "guardian", "Tove").young("2020-01-01", date(2026, 11, 27))
    assert not Mine(reader, TOLVAN).young("", date(2026, 11, 27))


def test_what_is_wrong_with_a_mandate_is_said_by_field() -> None:
    def told(**fields: str) -> set[str]:
        good = {"number": "19121212-1212", "name": "Maj", "until": ""}
        return set(wrongs(Given(id=UUID(ID), **{**good, **fields}), date(2026, 11, 27)))

    assert told() == told(until="2027-11-27") == told(number="191212121212") == set()
    assert told(number="121212-1212") == told(number="19121212-1213") == told(number="") == {"number"}
    assert told(name="  ") == {"name"}
    assert told(until="2026-11-26") == told(until="2032-01-01") == told(until="i morgon") == {"until"}


async def test_a_mandate_for_somebody_not_known_here_is_refused_without_telling_who_is(
    tolvan: ClientSession, platform: Any
) -> None:
    data = {"csrf": "proof", "id": ID, "patient": TOLVAN, "number": "19121212-1212", "name": "<b>Maj</b>"}
    answer = await tolvan.post(f"{OWN}/proxies", data=data, headers=ORIGIN)
    body = await answer.text()
    assert answer.status == 422
    assert "Ombudet behöver ha loggat in i Min vård minst en gång." in body
    assert "&lt;b&gt;Maj&lt;/b&gt;" in body
    assert platform.acts == []


async def test_mandates_are_listed_and_ended(tolvan: ClientSession, platform: Any) -> None:
    act = {
        "id": "0a0a0a0a-0000-4000-8000-000000000003",
        "kind": "mandate",
        "at": "2026-11-20T10:00:00Z",
        "reason": "Maj",
    }
    platform.history = [
        {"act": {**act, "requested_by": "patient"}, "in_force": True},
        {"act": {**act, "id": "gm", "reason": "", "requested_by": "god-man"}, "in_force": True},
    ]
    body = await text(tolvan, f"{OWN}/proxies")
    assert "Maj får läsa och sköta dina vårdärenden." in body
    assert body.count("Avsluta ombudet") == 1
    assert "Registrerat av vården." in body
    data = {"csrf": "proof", "id": ID, "patient": TOLVAN, "target": str(act["id"])}
    await tolvan.post(f"{OWN}/privacy/end", data=data, headers=ORIGIN)
    assert platform.acts == [(f"acts/{act['id']}/end", {"id": ID})]
