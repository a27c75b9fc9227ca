"""Waiting for a time: a patient stands in a queue and leaves it; staff see who waits longest and book from the queue."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from application_platform.portal.bookings import upcoming
from application_platform.portal.swedish import ZONE

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
MINE, CHART = f"/portal/mine/{TOLVAN}/bookings", f"/portal/patients/{TOLVAN}/bookings"
FROM = {"Origin": "http://127.0.0.1"}
UNIT = {"reference": "Organization/SE0000000001-1001"}
OPEN = {"tag": [{"system": "urn:fvm:slot", "code": "open-to-patients"}]}
CLINIC = {"reference": "HealthcareService/h1", "display": "Medicinmottagningen Norrby"}
AT = (datetime.now(ZONE) + timedelta(days=2)).replace(hour=9, minute=0, second=0, microsecond=0)


@pytest.fixture
def clinic(served: Any) -> Any:
    """The unit with one free time."""
    served.platform.add(
        {"resourceType": "HealthcareService", "id": "h1", "name": "Medicinmottagningen Norrby", "meta": OPEN, "providedBy": UNIT},
        {"resourceType": "Schedule", "id": "k1", "meta": {}, "serviceType": [{"text": "Läkarbesök"}], "actor": [CLINIC]},
        {
            "resourceType": "Slot", "id": "s1", "status": "free", "schedule": {"reference": "Schedule/k1"}, "meta": OPEN,
            "start": AT.isoformat(), "end": (AT + timedelta(minutes=30)).isoformat(),
        },
    )  # fmt: skip
    return served


def waits(served: Any, id: str = "w1", patient: str = TOLVAN, days: int = 12, why: str = "Yrsel") -> dict[str, Any]:
    made = {
        "resourceType": "Appointment", "id": id, "status": "waitlist", "description": why, "meta": {"versionId": "1"},
        "created": (datetime.now(UTC) - timedelta(days=days, hours=1)).isoformat(),
        "participant": [{"actor": {"reference": f"Patient/{patient}"}}, {"actor": CLINIC}],
    }  # fmt: skip
    served.platform.held[f"Appointment/{id}"] = made
    return made


async def text(session: Any, address: str, status: int = 200) -> str:
    async with session.get(address) as answer:
        assert answer.status == status, (answer.status, await answer.text())
        return str(await answer.text())


async def send(session: Any, address: str, **fields: str) -> tuple[int, str, str]:
    """Status, where it leads, and the page."""
    form = {"csrf": "proof", "patient": TOLVAN, **fields}
    async with session.post(address, data=form, headers=FROM, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", ""), str(await answer.text())


async def test_a_patient_stands_in_the_queue_says_why_and_leaves_it(clinic: Any, tolvan: Any) -> None:
    page = await text(tolvan, f"{MINE}/new/h1")
    id = re.findall(r'name="id" value="([^"]+)"', page)[0]
    status, _, refused = await send(tolvan, f"{MINE}/wait", service="h1", id=id, reason="  ")
    assert (status, "Skriv med några ord vad det gäller." in refused, f'value="{id}"' in refused) == (422, True, True)
    for _ in range(2):
        status, there, _ = await send(tolvan, f"{MINE}/wait", service="h1", id=id, reason="Yrsel sedan i våras")
        assert status == 303
    listed = await text(tolvan, there)
    assert "Mottagningen hör av sig när det finns en tid." in listed
    assert "I kö sedan i dag" in listed
    assert listed.count("Yrsel sedan i våras") == 1
    one = await text(tolvan, f"{MINE}/{id}")
    assert "Lämna kön" in one
    assert f"{MINE}/new/h1?moves={id}" in one
    status, there, _ = await send(tolvan, f"{MINE}/{id}/cancel", version="1", waits="1")
    assert (status, "Du står inte längre i kö." in await text(tolvan, there)) == (303, True)
    assert clinic.platform.held[f"Appointment/{id}"]["status"] == "cancelled"


async def test_a_patient_who_waits_takes_a_time_and_the_wait_ends(clinic: Any, tolvan: Any) -> None:
    waits(clinic)
    assert "Du står kvar i kön tills du har bokat en tid" in await text(tolvan, f"{MINE}/new/h1?moves=w1")
    _, held, _ = await send(tolvan, f"{MINE}/hold", slot="s1", moves="w1")
    confirm = await text(tolvan, held)
    assert "Yrsel" in confirm
    id = re.findall(r'name="id" value="([^"]+)"', confirm)[0]
    status, there, _ = await send(tolvan, f"{MINE}/time/s1", slot="s1", moves="w1", id=id)
    assert status == 303
    page = await text(tolvan, there)
    assert "Väntar på tid" not in page
    assert "utan tid" not in page  # the place in the queue is no visit that has been


async def test_staff_see_who_has_waited_longest_and_book_from_the_queue(clinic: Any, staff: Any) -> None:
    waits(clinic)
    waits(clinic, "w2", STINA, 120, "Hudutslag")
    elsewhere = waits(clinic, "w3", STINA, 300, "Hos en annan enhet")
    elsewhere["participant"][1] = {"actor": {"reference": "HealthcareService/other", "display": "Annan"}}
    page = await text(staff, "/portal/bookings/waiting")
    assert page.index("Hudutslag") < page.index("Yrsel")
    assert "120 dygn" in page
    assert "12 dygn" in page
    assert "Hos en annan enhet" not in page
    chosen = await text(staff, f"{CHART}?moves=w1")
    assert "Boka tid från kön: Yrsel" in chosen
    _, held, _ = await send(staff, f"{CHART}/hold", slot="s1", moves="w1")
    confirm = await text(staff, held)
    assert "Från kön" in confirm
    id = re.findall(r'name="id" value="([^"]+)"', confirm)[0]
    assert (await send(staff, f"{CHART}/time/s1", slot="s1", moves="w1", id=id))[0] == 303
    assert clinic.platform.held["Appointment/w1"]["status"] == "cancelled"


async def test_staff_put_a_patient_in_the_queue_and_take_them_out(clinic: Any, staff: Any) -> None:
    status, _, page = await send(
        staff, f"{CHART}/wait", service="h1", id="n1", reason="Återbesök om ett år", patient=STINA
    )
    assert (status, "hör till en annan patient" in page) == (422, True)
    status, there, _ = await send(staff, f"{CHART}/wait", service="h1", id="n1", reason="Återbesök om ett år")
    assert (status, "Patienten står i kö." in await text(staff, there)) == (303, True)
    assert (await send(staff, f"{CHART}/n1", act="cancel", version="1", waits="1"))[0] == 422  # without a reason
    status, there, _ = await send(staff, f"{CHART}/n1", act="cancel", version="1", waits="1", reason="pat")
    assert (status, "Patienten står inte längre i kö." in await text(staff, there)) == (303, True)


async def test_while_vis_is_away_an_empty_queue_is_not_shown_as_empty(clinic: Any, staff: Any, tolvan: Any) -> None:
    clinic.vis.away = True
    page = await text(staff, "/portal/bookings/waiting")
    assert "EJ KONTROLLERAD: kön" in page
    assert "Ingen väntar på tid" not in page
    clinic.vis.away = False
    assert "Ingen väntar på tid" in await text(staff, "/portal/bookings/waiting")
    await text(tolvan, "/portal/bookings/waiting", 404)


def test_places_in_queues_are_neither_to_come_nor_past(served: Any) -> None:
    now = datetime.now(UTC)
    listed = [waits(served, "new", days=1), waits(served, "old", days=9)]
    moved = waits(served, "given") | {
        "status": "cancelled", "cancelationReason": {"coding": [{"system": "urn:fvm:booking", "code": "rebooked"}]},
    }  # fmt: skip
    assert [one.id for one in upcoming.waiting([*listed, moved])] == ["old", "new"]
    assert upcoming.next_bookings([*listed, moved], now) == []
    assert upcoming.earlier([*listed, moved], now) == []
    assert upcoming.waiting(listed)[0].waited(now) == 9
