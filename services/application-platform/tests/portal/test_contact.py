"""Messages: one conversation seen from both sides, each act decided and logged, sent twice is once, and no word is lost."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar

from application_platform.messages.model import Author, Message, Thread, working_days_after
from application_platform.portal.contact.quoting import quoted
from application_platform.portal.hearing import Ears

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
NORRBY, ALMVIK = "SE0000000001-1001", "SE0000000001-1002"
MINE, STAFFS = f"/portal/mine/{TOLVAN}/messages", f"/portal/patients/{TOLVAN}/messages"
FORM = {"csrf": "proof", "patient": TOLVAN}
HEADERS = {"Origin": "http://127.0.0.1"}
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def served(platform: Any, serve: Any, demo: Any) -> AsyncIterator[Any]:
    """The portal with a database of its own, whose news reach the hub."""
    await demo.db.pool.execute("truncate message, message_thread")
    async with serve(platform, db=demo.db) as found:
        ears = Ears(demo.db, found.hub)
        listening = asyncio.create_task(ears.run())
        await asyncio.wait_for(ears.listening.wait(), 5)
        yield found
        listening.cancel()


async def page(response: ClientResponse, status: int = 200) -> str:
    """The words of a page, without its tags."""
    body = await response.text()
    assert response.status == status, body[:300]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.split("<main")[-1])).split())


async def sent(who: ClientSession, address: str, *, follow: bool = True, scripted: bool = False, **more: str) -> Any:
    data = {**FORM, "id": str(uuid4()), **more}
    headers = {**HEADERS, "HX-Request": "true"} if scripted else HEADERS
    return await who.post(address, data=data, headers=headers, allow_redirects=follow)


async def a_talk(
    tolvan: ClientSession, text: str = "Jag blir yr när jag reser mig.", unit: str = NORRBY, subject: str = "Yrsel"
) -> str:
    """The id of a conversation that the patient has begun."""
    id = str(uuid4())
    answer = await sent(tolvan, f"{MINE}/new", id=id, unit=unit, subject=subject, text=text)
    assert "Skickat." in await page(answer)
    return id


async def newest(demo: Any, talk: str) -> str:
    query = "select id from message where thread = $1 order by at desc limit 1"
    return str(await demo.db.pool.fetchval(query, talk))


async def test_a_question_is_asked_answered_and_ended(tolvan: ClientSession, staff: ClientSession, demo: Any) -> None:
    talk = await a_talk(tolvan)
    waits = await page(await staff.get("/portal/contact"))
    assert "Väntar på svar 1" in waits
    assert re.search(r"Yrsel Patienten skrev 20\S+ \S+ TOLVANSSON, Tolvan 19121212-1212", waits)
    seen = await newest(demo, talk)
    done = await page(await sent(staff, f"{STAFFS}/{talk}", seen=seen, text="Drick mer vatten.", act="answer"))
    assert "Svaret är skickat. TOLVANSSON, Tolvan · Till enhetens meddelanden" in done
    assert "Anna Lind, läkare" not in done
    assert "Du, läkare" in done
    assert "Inte läst än" in done
    assert "Väntar på svar 0" in await page(await staff.get("/portal/contact"))
    assert "Nytt svar" in await page(await tolvan.get(MINE))
    read = await page(await tolvan.get(f"{MINE}/{talk}"))
    assert "Du I dag" in read
    assert "Anna Lind, läkare I dag" in read
    assert "Nytt svar" not in await page(await tolvan.get(MINE))
    again = await page(await staff.get(f"{STAFFS}/{talk}"))
    assert "Läst 20" in again
    seen = await newest(demo, talk)
    ended = await page(await sent(staff, f"{STAFFS}/{talk}", seen=seen, act="close"))
    assert "Konversationen är avslutad." in ended
    assert "av Anna Lind. Den går att läsa men inte att skriva i." in await page(await tolvan.get(f"{MINE}/{talk}"))
    late = await page(await sent(tolvan, f"{MINE}/{talk}", text="En sak till."), 409)
    assert "Konversationen är avslutad och tar inte emot fler" in late
    assert "En sak till." in late


async def test_every_read_and_write_is_decided_and_logged_as_who_does_it(
    tolvan: ClientSession, staff: ClientSession, platform: Any, demo: Any
) -> None:
    talk = await a_talk(tolvan)
    own, anna = "Bearer token-of-tolvan", "Bearer token-of-anna"
    assert platform.looks == [(own, "messages-write", [TOLVAN]), (own, "messages-read", [TOLVAN])]
    platform.looks.clear()
    for address in ("/portal/contact", STAFFS, f"{STAFFS}/{talk}", f"{STAFFS}/{talk}/rows"):
        await page(await staff.get(address))
    assert platform.looks == [(anna, "messages-read", [TOLVAN])] * 4
    platform.looks.clear()
    await sent(staff, f"{STAFFS}/{talk}", follow=False, seen=await newest(demo, talk), text="Hej", act="answer-close")
    assert platform.looks == [(anna, "messages-write", [TOLVAN])]


async def test_without_a_decision_nothing_is_shown_or_sent_and_the_words_stay(
    tolvan: ClientSession, staff: ClientSession, platform: Any, demo: Any
) -> None:
    talk = await a_talk(tolvan, "Hemlig yrsel.")
    for refused, status in ((503, 503), (403, 403), (404, 404)):
        platform.look_refused = refused
        for who, address in (
            (tolvan, MINE),
            (tolvan, f"{MINE}/{talk}"),
            (staff, f"{STAFFS}/{talk}"),
            (staff, "/portal/contact"),
        ):
            assert "Hemlig yrsel" not in await page(await who.get(address), status)
        for who, address, more in (
            (tolvan, f"{MINE}/{talk}", {}),
            (staff, f"{STAFFS}/{talk}", {"seen": await newest(demo, talk)}),
            (tolvan, f"{MINE}/new", {"unit": NORRBY, "subject": "Ont"}),
        ):  # fmt: skip
            shown = await page(await sent(who, address, text="Mina ord.", **more), status)
            assert "INTE SKICKAT" in shown
            assert "Mina ord." in shown
            assert "Hemlig yrsel" not in shown
    platform.look_refused = 0
    assert await demo.db.pool.fetchval("select count(*) from message") == 1


@pytest.mark.parametrize("side", ["patient", "staff"])
async def test_sent_twice_is_once_and_an_id_with_other_words_is_refused(
    side: str, tolvan: ClientSession, staff: ClientSession, demo: Any
) -> None:
    talk = await a_talk(tolvan)
    who, address = (tolvan, f"{MINE}/{talk}") if side == "patient" else (staff, f"{STAFFS}/{talk}")
    form = {"id": str(uuid4()), "seen": await newest(demo, talk), "text": "En gång."}
    for _ in range(2):
        assert (await sent(who, address, follow=False, **form)).status == 303
    assert await demo.db.pool.fetchval("select count(*) from message") == 2
    other = await sent(who, address, scripted=True, **{**form, "text": "Något annat."})
    told = await other.json()
    assert (other.status, told["id"] != form["id"]) == (409, True)
    assert "redan skickats med en annan text" in told["words"]


async def test_a_new_conversation_sent_twice_is_one(tolvan: ClientSession, demo: Any) -> None:
    form = {"id": str(uuid4()), "unit": NORRBY, "subject": "Yrsel", "text": "Hej"}
    for _ in range(2):
        assert (await sent(tolvan, f"{MINE}/new", follow=False, **form)).status == 303
    assert await demo.db.pool.fetchval("select count(*) from message_thread") == 1


async def test_who_answers_from_an_old_page_is_told_what_came_and_keeps_the_words(
    tolvan: ClientSession, staff: ClientSession, demo: Any
) -> None:
    talk = await a_talk(tolvan)
    old = await newest(demo, talk)
    await sent(tolvan, f"{MINE}/{talk}", text="Nu svimmade jag.")
    shown = await page(await sent(staff, f"{STAFFS}/{talk}", seen=old, text="Vila lite.", act="answer-close"), 409)
    assert "Något nytt har skrivits sedan du öppnade sidan" in shown
    assert "Nu svimmade jag." in shown
    assert "Vila lite." in shown
    assert (await sent(staff, f"{STAFFS}/{talk}", seen=old, act="close", follow=False)).status == 409
    kept = await demo.db.pool.fetchrow("select closed_at, last_by from message_thread where id = $1", talk)
    assert tuple(kept) == (None, "patient")


async def test_other_patients_and_other_units_conversations_are_not_there(
    tolvan: ClientSession, staff: ClientSession, demo: Any
) -> None:
    talk, elsewhere = await a_talk(tolvan), await a_talk(tolvan, "Till en annan enhet.", ALMVIK)
    assert "Till en annan enhet" not in await page(await staff.get("/portal/contact"))
    assert "Till en annan enhet" not in await page(await staff.get(STAFFS))
    of_stina = f"/portal/patients/{STINA}/messages"
    for address in (f"{STAFFS}/{elsewhere}", f"{of_stina}/{talk}", f"{of_stina}/{talk}/rows", f"{STAFFS}/{uuid4()}"):
        assert "Konversationen visas inte här" in await page(await staff.get(address), 404)
    seen = await newest(demo, talk)
    for address, patient in ((f"{STAFFS}/{elsewhere}", TOLVAN), (f"{of_stina}/{talk}", STINA)):
        shown = await page(await sent(staff, address, patient=patient, seen=seen, text="Fel."), 404)
        assert "Konversationen finns inte här" in shown
    wrong = await page(await sent(staff, f"{STAFFS}/{talk}", patient=STINA, seen=seen, text="Fel."), 422)
    assert "hör till en annan patient" in wrong
    assert (await tolvan.get(f"/portal/mine/{STINA}/messages/{talk}")).status == 404
    assert (await sent(tolvan, f"{MINE}/{talk}", patient=STINA, text="Fel.")).status == 422
    assert (await tolvan.get(f"{STAFFS}/{talk}")).status == 404
    assert (await staff.get(f"{MINE}/{talk}")).status == 404
    assert await demo.db.pool.fetchval("select count(*) from message") == 2


async def test_bad_words_are_told_at_once_and_kept(tolvan: ClientSession, staff: ClientSession, demo: Any) -> None:
    talk = await a_talk(tolvan)
    long = "x" * 200_000
    shown = await page(await sent(tolvan, f"{MINE}/{talk}", text=long), 422)
    assert "Texten är 200000 tecken. Korta den till högst 5000." in shown
    assert long in shown
    assert "Skriv något" in await page(await sent(staff, f"{STAFFS}/{talk}", seen=talk, text=" \n "), 422)
    empty = await page(await sent(tolvan, f"{MINE}/new", unit="nowhere", subject="", text="Kvar"), 422)
    assert "Välj vilken mottagning" in empty
    assert "Skriv med några ord" in empty
    assert "Kvar" in empty
    assert (await sent(tolvan, f"{MINE}/{talk}", follow=False, text=f"{SCRIPT}\x00")).status == 303
    for who, address in ((tolvan, MINE), (staff, STAFFS)):
        body = await (await who.get(f"{address}/{talk}")).text()
        assert SCRIPT not in body
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body


async def test_signed_out_in_the_middle_a_script_is_told_so(served: Any, tolvan: ClientSession) -> None:
    talk = await a_talk(tolvan)
    async with ClientSession(served.url, cookie_jar=CookieJar(unsafe=True)) as nobody:
        assert (await sent(nobody, f"{MINE}/{talk}", scripted=True, text="Hej")).status == 401
        assert (await nobody.get(f"{MINE}/proof", headers={"HX-Request": "true"})).status == 401
    assert await (await tolvan.get(f"{MINE}/proof")).json() == {"csrf": "proof", "who": ""}


async def test_units_where_the_patient_has_been_stand_first(tolvan: ClientSession, platform: Any) -> None:
    platform.state = {"parts": [{"zone": "own", "provider": "SE0000000001-0001", "unit": ALMVIK, "state": "allow"}]}
    body = await (await tolvan.get(f"{MINE}/new")).text()
    assert body.index("Här har du varit") < body.index(ALMVIK) < body.index("Andra mottagningar") < body.index(NORRBY)


async def test_a_conversation_is_carried_into_a_draft_once(
    tolvan: ClientSession, staff: ClientSession, served: Any
) -> None:
    talk, draft = await a_talk(tolvan), str(uuid4())
    for _ in range(2):
        editor = await page(await sent(staff, f"{STAFFS}/{talk}/note", id=draft))
    assert "Jag blir yr när jag reser mig." in editor
    [held] = served.vis.drafts.values()
    assert held["title"] == "Meddelandekontakt"
    assert "Tolvan Tolvansson (patientens sida) skrev 20" in held["text"]
    refused = await page(await sent(staff, f"{STAFFS}/{talk}/note", id=str(uuid4()), patient=STINA), 422)
    assert "hör till en annan patient" in refused


async def test_both_sides_pages_are_told_of_each_others_words(
    tolvan: ClientSession, staff: ClientSession, served: Any, demo: Any
) -> None:
    with served.hub.listen(frozenset({NORRBY})) as unit, served.hub.listen(frozenset({TOLVAN})) as patient:
        talk = await a_talk(tolvan)
        for listener in (unit, patient):
            async with asyncio.timeout(5):
                notice = await listener.queue.get()
            assert notice.what == (f"Communication/{talk}",)
        await sent(staff, f"{STAFFS}/{talk}", follow=False, seen=await newest(demo, talk), text="Hej")
        async with asyncio.timeout(5):
            assert (await patient.queue.get()).what == (f"Communication/{talk}",)


@pytest.mark.parametrize(
    ("day", "due"), [("2026-11-23", "2026-11-25"), ("2026-11-26", "2026-11-30"), ("2026-11-28", "2026-12-01")]
)
def test_an_answer_is_due_two_working_days_later(day: str, due: str) -> None:
    at = datetime.fromisoformat(f"{day}T09:00:00+00:00")
    assert working_days_after(at, 2).date().isoformat() == due


async def test_what_has_waited_too_long_is_late_and_first(
    tolvan: ClientSession, staff: ClientSession, demo: Any
) -> None:
    await a_talk(tolvan)
    talk = await a_talk(tolvan, subject="Gammal")
    week = datetime.now(UTC) - timedelta(days=7)
    await demo.db.pool.execute("update message_thread set waiting_since = $2 where id = $1", talk, week)
    await sent(tolvan, f"{MINE}/{talk}", text="Hallå?")  # asking again does not start the clock anew
    shown = await page(await staff.get("/portal/contact"))
    assert "Gammal Förfallen" in shown
    assert shown.index("Gammal") < shown.index("Yrsel")


def test_a_quoted_conversation_says_who_wrote_what() -> None:
    at = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    words = [Message(uuid4(), Author("patient", TOLVAN, "Tolvan Tolvansson", "", "self"), "Yr", at)]
    talk = Thread(uuid4(), TOLVAN, "x", NORRBY, "Norrby", "question", "Yrsel", "", "patient", at, at, messages=words)
    assert quoted(talk) == (
        "Meddelanden med patienten: Yrsel\n\n"
        "Tolvan Tolvansson (patientens sida) skrev 2026-11-23 09:00:\nYr\n\nBedömning och åtgärd:\n"
    )


async def test_a_guardian_writes_for_the_child_as_guardian_until_the_law_ends_it(
    tolvan: ClientSession, staff: ClientSession, platform: Any
) -> None:
    platform.acting = [{"patient": STINA, "role": "guardian"}]
    childs, token = f"/portal/mine/{STINA}/messages", f"Bearer token-of-tolvan-for-{STINA}"
    form = {"patient": STINA, "unit": NORRBY, "subject": "Feber", "text": "39 grader sedan i går."}
    mixed = await page(await sent(tolvan, f"{MINE}/new", **form), 422)  # the child's form in the guardian's own page
    assert "Inget är gjort" in mixed
    platform.looks.clear()
    shown = await page(await sent(tolvan, f"{childs}/new", **form))
    assert "Du, vårdnadshavare I dag" in shown
    assert platform.looks == [(token, "messages-write", [STINA]), (token, "messages-read", [STINA])]
    assert "Feber" not in await page(await tolvan.get(MINE))
    seen = await page(await staff.get("/portal/contact"))
    assert "BERGSTRÖM, Stina" in seen
    body = await (await staff.get("/portal/contact")).text()
    [talk] = set(re.findall(rf"/portal/patients/{STINA}/messages/([0-9a-f-]+)", body))
    chart = await page(await staff.get(f"/portal/patients/{STINA}/messages/{talk}"))
    assert "Tolvan Tolvansson, vårdnadshavare" in chart
    platform.acting = []  # the thirteenth birthday
    for address in (childs, f"{childs}/new", f"{childs}/{talk}"):
        assert (await tolvan.get(address)).status == 404
    assert (await sent(tolvan, f"{childs}/{talk}", patient=STINA, text="Mer")).status == 404


async def test_after_a_restart_a_stream_still_waits_for_ones_unit_and_for_whom_one_acts(
    tolvan: ClientSession, staff: ClientSession, platform: Any
) -> None:
    platform.acting = [{"patient": STINA, "role": "guardian"}]
    for who, asked, admitted in (
        (staff, NORRBY, True),
        (staff, ALMVIK, False),
        (tolvan, STINA, True),
        (tolvan, NORRBY, False),
    ):
        async with who.get("/portal/events", params={"patient": f"{asked}~a-ticket-of-before"}) as stream:
            head = await stream.content.readuntil(b"}\n\n")
        assert (asked.encode() in head) is admitted, (asked, head)


async def test_every_link_of_the_patients_pages_leads_to_a_page(tolvan: ClientSession) -> None:
    talk = await a_talk(tolvan)
    house = f"/portal/mine/{TOLVAN}"
    pages = [
        "messages",
        "messages/new",
        f"messages/{talk}",
        "own",
        "own/pulse",
        "own/note",
        "forms/health",
        "forms/health/1",
    ]
    bodies = [await (await tolvan.get(f"{house}/{one}")).text() for one in pages]
    links = {
        unescape(link) for body in bodies for link in re.findall(r'href="(/portal/[^"]*)"', body.split("<main")[-1])
    }
    assert {f"{house}/medicines", f"{house}/bookings", f"{house}/own", f"{house}/forms/health"} <= links
    missing = [link for link in sorted(links) if "Sidan finns inte" in await (await tolvan.get(link)).text()]
    assert missing == []


async def test_a_question_about_an_answer_leads_to_it_on_both_sides_and_never_into_another_record(
    tolvan: ClientSession, staff: ClientSession, platform: Any
) -> None:
    asks = await (await tolvan.get(f"{MINE}/new", params={"om": "DiagnosticReport/rep-1"})).text()
    assert 'name="about" value="DiagnosticReport/rep-1"' in asks
    assert 'value="Provsvar, hjärtsvikt"' in asks
    form = {"unit": NORRBY, "subject": "Svaret", "text": "Vad betyder det?", "about": "DiagnosticReport/rep-1"}
    shown = await (await sent(tolvan, f"{MINE}/new", **form)).text()
    assert f'<a href="/portal/mine/{TOLVAN}/results/rep-1">Provsvar, hjärtsvikt</a>' in shown
    listed = await (await staff.get("/portal/contact")).text()
    [talk] = set(re.findall(rf"/portal/patients/{TOLVAN}/messages/([0-9a-f-]+)", listed))
    chart = await (await staff.get(f"{STAFFS}/{talk}")).text()
    assert f'<a href="/portal/patients/{TOLVAN}/answers?svar=rep-1">Provsvar, hjärtsvikt</a>' in chart
    platform.broken.add("DiagnosticReport")
    assert "Gäller en uppgift i journalen som inte visas här" in await page(await staff.get(f"{STAFFS}/{talk}"))
    platform.broken.clear()
    report = platform.held["DiagnosticReport/rep-1"]
    platform.add(
        {**report, "id": "stinas", "code": {"text": "Stinas svar"}, "subject": {"reference": f"Patient/{STINA}"}}
    )
    for key in ("DiagnosticReport/stinas", "Patient/x", "DiagnosticReport/../x", "nonsense"):
        assert "Stinas svar" not in await page(await tolvan.get(f"{MINE}/new", params={"om": key}))
        plain = await page(await sent(tolvan, f"{MINE}/new", **{**form, "about": key}))
        assert "Gäller" not in plain
