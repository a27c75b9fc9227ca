"""What the patient's house says of our own tables: unread threads, a form that is begun, and who may be an ombud."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientSession

from application_platform.messages import store as messages
from application_platform.messages.model import Author, Message, Thread
from application_platform.portal.mine.places import ROOMS

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
HOUSE = f"/portal/mine/{TOLVAN}"
HEADERS = {"Origin": "http://127.0.0.1"}
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.fixture
async def served(platform: Any, serve: Any, demo: Any) -> AsyncIterator[Any]:
    await demo.db.pool.execute("truncate message, message_thread, own_entry, health_form")
    async with serve(platform, db=demo.db) as found:
        yield found


async def text(session: ClientSession, path: str = HOUSE) -> str:
    response = await session.get(path)
    assert response.status == 200, await response.text()
    return " ".join((await response.text()).split())


async def answered(demo: Any, patient: str) -> None:
    """A thread of this patient that the clinic has answered."""
    unit = "SE0000000001-1001"
    thread = Thread(
        uuid4(), patient, "Tolvan", unit, "Norrby", "question", "Hemlig rubrik", "", "patient", NOW, NOW, NOW
    )
    anna = Author("staff", "SE0000000001-P001", "Anna Lind", "Läkare", "")
    async with demo.db.transaction() as tx:
        await messages.begin(tx, thread, Author("patient", patient, "Tolvan", "", "self"), "Jag blir yr.")
        await messages.answer(tx, thread.id, Message(uuid4(), anna, "Vila.", datetime.now(UTC)))


async def test_the_number_of_unread_threads_stands_on_every_page_and_nothing_of_them(
    tolvan: ClientSession, demo: Any
) -> None:
    assert "oläst" not in await text(tolvan)
    for patient in (TOLVAN, TOLVAN, STINA):
        await answered(demo, patient)
    for path in (HOUSE, f"{HOUSE}/journal", f"{HOUSE}/more"):
        body = await text(tolvan, path)
        assert "(2 olästa)" in body, path
        assert "Hemlig rubrik" not in body
    assert "2 nya meddelanden" in await text(tolvan)


async def test_pat_04_a_guardian_sees_the_childs_number_on_the_childs_pages(
    tolvan: ClientSession, platform: Any, demo: Any
) -> None:
    platform.acting = [{"patient": STINA, "role": "guardian"}]
    await answered(demo, STINA)
    assert "(1 oläst)" in await text(tolvan, f"/portal/mine/{STINA}")
    assert "oläst" not in await text(tolvan)


async def test_a_form_that_is_begun_is_something_to_do_until_it_is_sent(tolvan: ClientSession) -> None:
    data = {"csrf": "proof", "patient": TOLVAN, "id": str(uuid4()), "version": "0", "act": "save", "hur": "Dåligt"}
    answer = await tolvan.post(f"{HOUSE}/forms/health/1", data=data, headers=HEADERS)
    assert answer.status == 200
    body = await text(tolvan)
    assert "Hälsoformuläret är inte skickat" in body
    assert "Dåligt" not in body


async def test_pat_11_somebody_who_has_signed_in_is_made_an_ombud_once(tolvan: ClientSession, platform: Any) -> None:
    id = str(uuid4())
    data = {
        "csrf": "proof",
        "id": id,
        "patient": TOLVAN,
        "number": "19610118-2803",
        "name": "Stina",
        "until": "2027-03-31",
    }
    answer = await tolvan.post(f"{HOUSE}/proxies", data=data, headers=HEADERS, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, f"{HOUSE}/proxies?klart=ja")
    ends = "2027-04-01T00:00:00+02:00"  # the whole of its last day, in Sweden
    assert platform.acts == [("mandates", {"id": id, "who": STINA, "reason": "Stina", "until": ends})]
    assert "Ombudet kan nu se och sköta dina vårdärenden." in await text(tolvan, f"{HOUSE}/proxies?klart=ja")


async def test_pat_11_what_the_law_refuses_is_told_with_the_words_kept(tolvan: ClientSession, platform: Any) -> None:
    platform.act_refused = "access/wrong-age"
    data = {"csrf": "proof", "id": str(uuid4()), "patient": TOLVAN, "number": "196101182803", "name": "Stina Ek"}
    answer = await tolvan.post(f"{HOUSE}/proxies", data=data, headers=HEADERS)
    body = await answer.text()
    assert (answer.status, "Du behöver ha fyllt 16 år" in body, 'value="Stina Ek"' in body) == (422, True, True)


async def test_an_unknown_number_gets_the_same_words_as_ones_own(tolvan: ClientSession, platform: Any) -> None:
    told = set()
    for number in ("199002222398", "199002222397", "196408233234"):
        data = {"csrf": "proof", "id": str(uuid4()), "patient": TOLVAN, "number": number, "name": "X"}
        answer = await tolvan.post(f"{HOUSE}/proxies", data=data, headers=HEADERS, allow_redirects=False)
        told.add((number, answer.status))
    assert ("196408233234", 422) in told
    assert ("199002222397", 303) in told


async def test_every_room_of_the_house_and_of_its_menu_is_there(tolvan: ClientSession) -> None:
    more = await text(tolvan, f"{HOUSE}/more")
    for path in [f"/{room.path}" for room in ROOMS if room.path != "settings"] + ["/bookings", "/messages", "/journal"]:
        assert f'href="{HOUSE}{path}"' in more, path
        assert (await tolvan.get(HOUSE + path)).status == 200, path
