"""What the pages of bookings ask of VIS by plain search is answered as they need it, to staff and to the patient's own pages."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fhircore.moments import SWEDEN
from kit.caller import Commission

UNIT, PROVIDER = "SE0000000001-N1", "SE0000000001-N"
NORRBY = Commission("c-1", UNIT, "Norrby", PROVIDER, "Region Norr", "Läkare")
OPEN = {"system": "urn:fvm:slot", "code": "open-to-patients"}
SOON = (datetime.now(SWEDEN) + timedelta(days=5)).replace(hour=9, minute=0, second=0, microsecond=0)


async def searched(who: httpx2.AsyncClient, type_name: str, *pairs: tuple[str, str]) -> list[tuple[str, str, str]]:
    """(mode, type, id) of every entry, as the portal asks: by POST, without a patient in a header."""
    form = "&".join(f"{name}={httpx2.QueryParams({'v': value})!s}".replace("=v=", "=") for name, value in pairs)
    answer = await who.post(
        f"/{type_name}/_search", content=form, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 200, answer.text
    return [
        (one["search"]["mode"], one["resource"]["resourceType"], one["resource"].get("id", ""))
        for one in answer.json().get("entry", ())
    ]


@pytest.fixture
async def clinic(ward: Any) -> str:
    """A HealthcareService of Norrby with a Schedule of the same id and one Slot of that id too."""
    id = str(uuid4())
    unit, above = {"reference": f"Organization/{UNIT}"}, {"reference": f"Organization/{PROVIDER}"}
    actor = {"reference": f"HealthcareService/{id}", "display": "Norrby"}
    for one in (
        {"resourceType": "Organization", "id": PROVIDER, "name": "Region Norr"},
        {"resourceType": "Organization", "id": UNIT, "name": "Norrby", "partOf": above},
        {"resourceType": "HealthcareService", "id": id, "active": True, "meta": {"tag": [OPEN]}, "providedBy": unit},
        {"resourceType": "Schedule", "id": id, "active": True, "actor": [actor]},
        {
            "resourceType": "Slot", "id": id, "status": "free", "schedule": {"reference": f"Schedule/{id}"},
            "meta": {"tag": [OPEN]}, "start": SOON.isoformat(), "end": (SOON + timedelta(minutes=30)).isoformat(),
        },
    ):  # fmt: skip
        await ward.add(one)
    return id


async def test_staff_see_the_day_of_their_unit_whoever_has_a_time(ward: Any, clinic: str) -> None:
    patient = await ward.patient(birthDate="1980-05-01")
    since, until = SOON.replace(hour=0), SOON.replace(hour=0) + timedelta(days=1)
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=NORRBY) as anna:
        made = await anna.post(f"/Slot/{clinic}/$book", headers={"fvm-patient": patient})
        id = made.json()["id"]
        services = await searched(
            anna, "HealthcareService", ("organization", f"Organization/{UNIT}"), ("_count", "100")
        )
        assert ("match", "HealthcareService", clinic) in services
        named = f"HealthcareService/none,HealthcareService/{clinic}"
        assert await searched(anna, "Schedule", ("actor", named), ("_count", "200")) == [("match", "Schedule", clinic)]
        slots = await searched(
            anna, "Slot", ("schedule", f"Schedule/{clinic}"), ("start", f"ge{since.isoformat()}"),
            ("start", f"lt{until.isoformat()}"), ("_include", "Slot:schedule"), ("_sort", "start"), ("_count", "1000"),
        )  # fmt: skip
        assert slots == [("match", "Slot", clinic), ("include", "Schedule", clinic)]
        day = await searched(
            anna, "Appointment", ("date", f"ge{since.isoformat()}"), ("date", f"lt{until.isoformat()}"),
            ("_include", "Appointment:patient"), ("_count", "500"),
        )  # fmt: skip
        assert {("match", "Appointment", id), ("include", "Patient", patient)} <= set(day)
        one = await searched(anna, "Appointment", ("_id", id), ("patient", f"Patient/{patient}"))
        assert one == [("match", "Appointment", id)]


async def test_a_patient_s_pages_find_where_to_book_and_what_is_booked(ward: Any, clinic: str) -> None:
    patient = await ward.patient(birthDate="1980-05-01")
    async with ward.client("patient", subject=patient, patient=patient, scope="patient/*.rs") as me:
        made = await me.post(f"/Slot/{clinic}/$book")
        assert made.status_code == 201, made.text
        places = await searched(
            me, "HealthcareService", ("_tag", "urn:fvm:slot|open-to-patients"), ("active", "true"), ("_count", "200")
        )
        assert ("match", "HealthcareService", clinic) in places
        assert await searched(me, "HealthcareService", ("_id", clinic), ("active", "true")) == [
            ("match", "HealthcareService", clinic)
        ]
        assert await searched(me, "Slot", ("_id", clinic), ("_include", "Slot:schedule")) == [
            ("match", "Slot", clinic), ("include", "Schedule", clinic),
        ]  # fmt: skip
        own = await searched(
            me, "Appointment", ("patient", f"Patient/{patient}"), ("_count", "200"), ("_sort", "-date")
        )
        assert own == [("match", "Appointment", made.json()["id"])]
