"""Pages of bookings without script: a patient books, moves and calls off; staff book, move and receive; nobody is lost between."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from application_platform.portal.swedish import ZONE
from application_platform.testing_bookings import an_appointment

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
MINE, CHART = f"/portal/mine/{TOLVAN}/bookings", f"/portal/patients/{TOLVAN}/bookings"
UNIT = "SE0000000001-1001"
FROM = {"Origin": "http://127.0.0.1"}
OPEN = {"tag": [{"system": "urn:fvm:slot", "code": "open-to-patients"}]}
AT = (datetime.now(ZONE) + timedelta(days=2)).replace(hour=9, minute=0, second=0, microsecond=0)
SERVICE = {
    "resourceType": "HealthcareService", "id": "h1", "name": "Medicinmottagningen Norrby", "active": True, "meta": OPEN,
    "comment": "Läkarbesök och provtagning", "providedBy": {"reference": f"Organization/{UNIT}"},
    "telecom": [{"system": "phone", "value": "0999-100 10"}],
}  # fmt: skip
BOOK = {
    "resourceType": "Schedule", "id": "k1", "active": True, "serviceType": [{"text": "Läkarbesök"}], "meta": {},
    "actor": [
        {"reference": "HealthcareService/h1", "display": "Medicinmottagningen Norrby"},
        {"reference": "Practitioner/p1", "display": "Anna Lind, läkare"},
    ],
}  # fmt: skip


def a_slot(id: str, start: datetime = AT, status: str = "free") -> dict[str, Any]:
    return {
        "resourceType": "Slot", "id": id, "status": status, "schedule": {"reference": "Schedule/k1"}, "meta": OPEN,
        "start": start.isoformat(), "end": (start + timedelta(minutes=30)).isoformat(),
    }  # fmt: skip


@pytest.fixture
def clinic(served: Any) -> Any:
    """The unit with two free times."""
    served.platform.add(SERVICE | {}, BOOK | {}, a_slot("s1"), a_slot("s2", AT + timedelta(hours=1)))
    return served


def booked(
    served: Any, id: str = "a1", start: datetime = AT, slot: str = "s1", patient: str = TOLVAN
) -> dict[str, Any]:
    """A booking that stands."""
    taken = a_slot(slot, start, "busy")
    made = an_appointment(id, patient, taken, BOOK, "Hosta")
    served.platform.held[f"Slot/{slot}"] = taken
    served.platform.held[f"Appointment/{id}"] = made
    return made


async def text(session: Any, address: str, status: int = 200) -> str:
    async with session.get(address) as answer:
        assert answer.status == status, (answer.status, await answer.text())
        return str(await answer.text())


async def send(session: Any, address: str, **fields: str) -> tuple[int, str, str]:
    """Status, where it leads, and the page."""
    async with session.post(
        address, data={"csrf": "proof", "patient": TOLVAN, **fields}, headers=FROM, allow_redirects=False
    ) as answer:
        return answer.status, answer.headers.get("Location", ""), str(await answer.text())


def hidden(page: str, name: str) -> str:
    return re.findall(rf'name="{name}" value="([^"]*)"', page)[0]


async def test_a_patient_books_in_four_steps_without_script(clinic: Any, tolvan: Any) -> None:
    assert "Inga kommande tider" in await text(tolvan, MINE)
    assert "Medicinmottagningen Norrby" in await text(tolvan, f"{MINE}/new")
    times = await text(tolvan, f"{MINE}/new/h1")
    assert [one for one in ("s1", "s2") if f'name="slot" value="{one}"' in times] == ["s1", "s2"]
    status, held, _ = await send(tolvan, f"{MINE}/hold", slot="s1", moves=hidden(times, "moves"))
    assert status == 303
    confirm = await text(tolvan, held)
    assert "Tiden är din i 5 minuter." in confirm
    assert "Anna Lind, läkare" in confirm
    fields = {name: hidden(confirm, name) for name in ("slot", "moves", "id")}
    status, there, _ = await send(tolvan, f"{MINE}/time/s1", **fields, reason="Hosta")
    assert status == 303
    done = await text(tolvan, there)
    assert "Tiden är bokad." in done
    assert "Läkarbesök, Medicinmottagningen Norrby" in done
    assert clinic.vis.acts[-1] == ("book", {"patient": TOLVAN, "of": "s1", "id": fields["id"], "reason": "Hosta"})
    assert set(clinic.vis.contexts) == {TOLVAN}
    again, _, _ = await send(tolvan, f"{MINE}/time/s1", **fields, reason="Hosta")
    assert again == 303
    assert sum(key.startswith("Appointment/") for key in clinic.platform.held) == 1


async def test_who_comes_second_is_told_and_shown_other_times(clinic: Any, tolvan: Any) -> None:
    clinic.times.holds["s1"] = STINA
    status, _, page = await send(tolvan, f"{MINE}/hold", slot="s1")
    assert status == 409
    assert "Tiden är inte ledig längre. Välj en annan tid." in page
    assert 'name="slot" value="s2"' in page
    assert 'name="slot" value="s1"' not in page
    clinic.platform.held["Slot/s2"]["status"] = "busy"
    status, _, page = await send(tolvan, f"{MINE}/time/s2", slot="s2", id=str(uuid4()))
    assert (status, "inte ledig längre" in page) == (409, True)
    assert clinic.vis.acts == []


async def test_a_time_that_is_no_more_leads_back_to_where_one_books(clinic: Any, tolvan: Any) -> None:
    status, _, page = await send(tolvan, f"{MINE}/hold", slot="gone")
    assert (status, "Välj mottagning" in page) == (404, True)


async def test_when_nothing_is_free_the_first_day_that_is_stands_there(clinic: Any, tolvan: Any) -> None:
    for id in ("s1", "s2"):
        clinic.platform.held[f"Slot/{id}"]["status"] = "busy"
    far = AT + timedelta(days=30)
    clinic.platform.add(a_slot("s9", far))
    page = await text(tolvan, f"{MINE}/new/h1")
    assert "Inga lediga tider" in page
    assert f"?dag={far.date()}" in page
    assert 'value="s9"' in await text(tolvan, f"{MINE}/new/h1?dag={far.date()}")


async def test_a_booking_is_moved_and_the_old_time_stays_until_then(clinic: Any, tolvan: Any) -> None:
    booked(clinic)
    one = await text(tolvan, f"{MINE}/a1")
    assert f"{MINE}/new/h1?moves=a1" in one
    choose = await text(tolvan, f"{MINE}/new/h1?moves=a1")
    assert "den tiden är kvar tills du har bokat en ny" in choose
    _, held, _ = await send(tolvan, f"{MINE}/hold", slot="s2", moves="a1")
    confirm = await text(tolvan, held)
    assert clinic.platform.held["Appointment/a1"]["status"] == "booked"
    fields = {name: hidden(confirm, name) for name in ("slot", "moves", "id")}
    assert fields["moves"] == "a1"
    status, there, _ = await send(tolvan, f"{MINE}/time/s2", **fields)
    assert status == 303
    assert clinic.platform.held["Appointment/a1"]["status"] == "cancelled"
    page = await text(tolvan, there)
    assert "Tiden är ombokad." in page
    assert "Ombokad" in page


async def test_a_booking_is_called_off_once_and_the_way_back_is_said(clinic: Any, tolvan: Any) -> None:
    booked(clinic)
    version = hidden(await text(tolvan, f"{MINE}/a1"), "version")
    for _ in range(2):
        status, there, _ = await send(tolvan, f"{MINE}/a1/cancel", version=version)
        assert status == 303
    page = await text(tolvan, there)
    assert "Tiden är avbokad." in page
    assert "Ångrar du dig? Tryck på Boka tid och välj en ny." in page
    assert clinic.platform.held["Slot/s1"]["status"] == "free"


async def test_a_page_that_is_old_calls_nothing_off(clinic: Any, tolvan: Any) -> None:
    booked(clinic)["meta"]["versionId"] = "4"
    status, _, page = await send(tolvan, f"{MINE}/a1/cancel", version="1")
    assert (status, "har ändrats sedan du öppnade" in page) == (409, True)
    assert clinic.platform.held["Appointment/a1"]["status"] == "booked"


async def test_on_the_last_day_the_page_says_to_call_with_the_number(clinic: Any, tolvan: Any) -> None:
    booked(clinic, start=datetime.now(UTC) + timedelta(hours=20))
    page = await text(tolvan, f"{MINE}/a1")
    assert "Ring mottagningen på 0999-100 10" in page
    assert "Avboka tiden" not in page
    clinic.times.refusal = "Det är mindre än 24 timmar kvar. Ring mottagningen i stället"
    status, _, told = await send(tolvan, f"{MINE}/a1/cancel", version="1")
    assert (status, "Det är mindre än 24 timmar kvar. Ring mottagningen i stället." in told) == (409, True)


async def test_a_form_about_another_patient_does_nothing(clinic: Any, tolvan: Any, staff: Any) -> None:
    booked(clinic)
    for address, fields in (
        (f"{MINE}/hold", {"slot": "s2"}),
        (f"{MINE}/time/s2", {"slot": "s2", "id": "x"}),
        (f"{MINE}/a1/cancel", {"version": "1"}),
    ):
        assert (await send(tolvan, address, **fields, patient=STINA))[0] == 422
    for address, fields in (
        (f"{CHART}/hold", {"slot": "s2"}),
        (f"{CHART}/time/s2", {"slot": "s2", "id": "x"}),
        (f"{CHART}/a1", {"act": "cancel", "reason": "pat", "version": "1"}),
    ):
        status, _, page = await send(staff, address, **fields, patient=STINA)
        assert (status, "hör till en annan patient" in page) == (422, True)
    assert clinic.vis.acts == []


async def test_another_s_pages_are_not_shown(clinic: Any, tolvan: Any, staff: Any) -> None:
    booked(clinic, patient=STINA)
    await text(tolvan, f"/portal/mine/{STINA}/bookings", 404)
    await text(tolvan, f"{MINE}/a1", 404)
    await text(tolvan, CHART, 404)
    await text(staff, MINE, 404)
    await text(tolvan, "/portal/bookings", 404)


async def test_while_vis_is_away_the_page_says_so_and_keeps_the_words(clinic: Any, tolvan: Any, staff: Any) -> None:
    booked(clinic)
    clinic.vis.away = True
    page = await text(tolvan, MINE)
    assert "Gick inte att hämta: det som är bokat här" in page
    assert "Läkarbesök" in page  # the region's record answers
    seen = await text(staff, CHART)
    assert "EJ KONTROLLERAD: det som är bokat just nu" in seen
    assert "EJ KONTROLLERAD: enhetens lediga tider" in seen
    day = await text(staff, "/portal/bookings")
    assert "EJ KONTROLLERAD" in day
    assert "Inga tider den här dagen" not in day
    clinic.vis.away, clinic.vis.deaf = False, True
    status, _, kept = await send(staff, f"{CHART}/time/s2", slot="s2", id="n1", reason="Återbesök, EKG")
    assert (status, "Återbesök, EKG" in kept, 'value="n1"' in kept) == (503, True, True)
    clinic.vis.deaf = False
    assert (await send(staff, f"{CHART}/time/s2", slot="s2", id="n1", reason="Återbesök, EKG"))[0] == 303
    assert [key for key in clinic.platform.held if key.startswith("Appointment/")] == [
        "Appointment/a1",
        "Appointment/n1",
    ]


async def test_staff_book_from_the_chart_and_the_banner_names_the_patient(clinic: Any, staff: Any) -> None:
    page = await text(staff, CHART)
    assert "TOLVANSSON, Tolvan" in page
    assert 'value="s1"' in page
    status, held, _ = await send(staff, f"{CHART}/hold", slot="s1", moves="")
    assert status == 303
    confirm = await text(staff, held)
    assert "Boka TOLVANSSON, Tolvan" in confirm
    assert "Tiden hålls för TOLVANSSON, Tolvan till" in confirm
    status, there, _ = await send(staff, f"{CHART}/time/s1", slot="s1", id=hidden(confirm, "id"), reason="Återbesök")
    assert (status, "Tiden är bokad." in await text(staff, there)) == (303, True)
    clinic.times.holds["s2"] = STINA
    status, _, refused = await send(staff, f"{CHART}/hold", slot="s2")
    assert (status, "inte ledig längre" in refused) == (409, True)


async def test_staff_call_off_with_a_reason_and_the_comment_is_kept_without_one(clinic: Any, staff: Any) -> None:
    booked(clinic)
    status, _, page = await send(staff, f"{CHART}/a1", act="cancel", version="1", comment="Ringde 10:15")
    assert (status, "Välj varför bokningen avbokas." in page, "Ringde 10:15" in page) == (422, True, True)
    status, there, _ = await send(staff, f"{CHART}/a1", act="cancel", version="1", reason="pat", comment="Ringde 10:15")
    assert (status, "Bokningen är avbokad." in await text(staff, there)) == (303, True)
    assert clinic.vis.acts[-1] == (
        "cancel",
        {"patient": TOLVAN, "of": "a1", "reason": "pat", "comment": "Ringde 10:15"},
    )


async def test_a_unit_s_day_shows_who_comes_and_receives_them(clinic: Any, staff: Any) -> None:
    now = datetime.now(ZONE).replace(second=0, microsecond=0)
    booked(clinic, start=now - timedelta(minutes=1))
    clinic.platform.add(a_slot("s5", now, "busy"), a_slot("s6", now, "busy-unavailable"))
    day = (now - timedelta(minutes=1)).date()
    page = await text(staff, f"/portal/bookings?dag={day}")
    assert "TOLVANSSON, Tolvan" in page
    assert "Uteblev" in page
    if now.date() == day:
        assert "Upptagen. Vem visas för den som har en vårdrelation." in page
        assert "Stängd" in page
    status, there, _ = await send(staff, f"{CHART}/a1", act="arrive", version="1", day=str(day))
    assert (status, there) == (303, f"/portal/bookings?dag={day}&klar=arrive")
    after = await text(staff, there)
    assert "Patienten har kommit." in after
    assert "Avsluta besök" in after
    assert (await send(staff, f"{CHART}/a1", act="arrive", version="1"))[0] == 303  # the same press again


async def test_words_that_look_like_script_are_words(clinic: Any, tolvan: Any, staff: Any) -> None:
    booked(clinic)["description"] = "<script>alert(1)</script>"
    for session, address in (
        (tolvan, MINE),
        (tolvan, f"{MINE}/a1"),
        (staff, CHART),
        (staff, f"/portal/bookings?dag={AT.date()}"),
    ):
        page = await text(session, address)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


async def test_nonsense_in_the_address_is_a_page(clinic: Any, tolvan: Any, staff: Any) -> None:
    await text(tolvan, f"{MINE}/new/h1?dag=tomorrow")
    await text(tolvan, f"{MINE}/new/nowhere", 404)
    await text(tolvan, f"{MINE}/new/h1?moves=%3Cscript%3E", 400)
    await text(tolvan, f"{MINE}/time/gone", 404)
    await text(tolvan, f"{MINE}/time/s1?till=never")
    await text(staff, "/portal/bookings?dag=9999-99-99")
    await text(staff, f"{CHART}?fran=x&moves=nobody")


async def test_a_guardian_books_with_the_child_s_token_and_the_child_is_named(clinic: Any, tolvan: Any) -> None:
    clinic.platform.acting = [{"patient": STINA, "role": "guardian"}]
    theirs = f"/portal/mine/{STINA}/bookings"
    times = await text(tolvan, f"{theirs}/new/h1")
    assert "Tiden gäller Stina" in times
    own = await send(
        tolvan, f"{theirs}/hold", slot="s1", patient=TOLVAN
    )  # a form of one's own page, sent to the child's
    assert own[0] == 422
    status, held, _ = await send(tolvan, f"{theirs}/hold", slot="s1", patient=STINA)
    assert status == 303
    confirm = await text(tolvan, held)
    sent = await send(tolvan, f"{theirs}/time/s1", slot="s1", id=hidden(confirm, "id"), patient=STINA)
    assert (sent[0], sent[1].startswith(theirs)) == (303, True)
    assert [act["patient"] for _, act in clinic.vis.acts] == [STINA, STINA]
    clinic.platform.acting = []  # the thirteenth birthday
    await text(tolvan, theirs, 404)
    assert (await send(tolvan, f"{theirs}/hold", slot="s2", patient=STINA))[0] == 404
