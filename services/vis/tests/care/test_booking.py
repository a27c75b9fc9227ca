"""At VIS's own door: times are found, held, booked, moved and called off; nobody is booked twice, whatever door it came by."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from fhircore.moments import SWEDEN
from kit.caller import Commission

NORRBY = Commission("c-1", "SE0000000001-N1", "Norrby", "SE0000000001-N", "Region Norr", "Läkare")
SJOVIK = Commission("c-2", "SE0000000002-S1", "Sjövik", "SE0000000002-S", "Hälsoakuten", "Läkare")
OPEN = {"system": "urn:fvm:slot", "code": "open-to-patients"}
SOON = (datetime.now(SWEDEN) + timedelta(days=5)).replace(hour=9, minute=0, second=0, microsecond=0)


@pytest.fixture
async def anna(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-ANNA", scope="user/*.cruds", commission=NORRBY) as found:
        yield found


@pytest.fixture
async def sjovik(ward: Any) -> Any:
    async with ward.client("staff", subject="SE-SVEN", scope="user/*.cruds", commission=SJOVIK) as found:
        yield found


class Clinic:
    """A unit with one Schedule of its own; every test makes one, so that no test meets another's times."""

    def __init__(self, ward: Any, commission: Commission) -> None:
        self.ward, self.unit, self.provider = ward, commission.unit, commission.provider
        self.service, self.schedule = str(uuid4()), str(uuid4())

    async def stand(self) -> "Clinic":
        unit, above = {"reference": f"Organization/{self.unit}"}, {"reference": f"Organization/{self.provider}"}
        for one in (
            {"resourceType": "Organization", "id": self.provider, "name": "Region"},
            {"resourceType": "Organization", "id": self.unit, "name": "Mottagning", "partOf": above},
            {"resourceType": "HealthcareService", "id": self.service, "name": "Mottagning", "providedBy": unit},
            {
                "resourceType": "Schedule", "id": self.schedule, "active": True,
                "actor": [{"reference": f"HealthcareService/{self.service}", "display": "Mottagning"}],
            },
        ):  # fmt: skip
            await self.ward.add(one)
        return self

    async def slot(self, start: datetime = SOON, *, open: bool = True, minutes: int = 30, **more: Any) -> str:
        return str(await self.ward.add({
            "resourceType": "Slot", "id": str(uuid4()), "status": "free", "schedule": {"reference": f"Schedule/{self.schedule}"},
            "meta": {"tag": [OPEN]} if open else {"source": "urn:fvm:clinic"},
            "start": start.isoformat(), "end": (start + timedelta(minutes=minutes)).isoformat(), **more,
        }))  # fmt: skip


@pytest.fixture
async def clinic(ward: Any) -> Clinic:
    return await Clinic(ward, NORRBY).stand()


async def act(who: httpx2.AsyncClient, patient: str, address: str, **values: Any) -> httpx2.Response:
    kinds = {"reason": "valueCode" if "$cancel" in address else "valueString", "most": "valueInteger"}
    kinds |= {"from_": "valueDateTime", "until": "valueDateTime"}
    named = [{"name": name.strip("_"), kinds.get(name, "valueString"): value} for name, value in values.items()]
    body = {"resourceType": "Parameters", "parameter": named}
    headers = {"fvm-patient": patient} if patient else {}
    return await who.post(address, json=body, headers=headers)


def reason(answer: httpx2.Response) -> tuple[int, str]:
    coding = answer.json()["issue"][0].get("details", {}).get("coding", [{}])
    return answer.status_code, str(coding[0].get("code", ""))


async def found(who: httpx2.AsyncClient, clinic: Clinic, patient: str = "", **values: Any) -> list[str]:
    answer = await act(who, patient, "/Slot/$find", service=clinic.service, **values)
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", [])
    assert {one["search"]["mode"] for one in entries} <= {"match", "include"}
    return [one["resource"]["id"] for one in entries if one["resource"]["resourceType"] == "Slot"]


def mine(ward: Any, patient: str, subject: str = "") -> httpx2.AsyncClient:
    """The patient's own pages, or those of who acts for them."""
    client: httpx2.AsyncClient = ward.client(
        "patient", subject=subject or patient, patient=patient, scope="patient/*.rs"
    )
    return client


async def test_a_time_is_found_held_and_booked_and_then_free_to_nobody(ward: Any, anna: Any, clinic: Clinic) -> None:
    patient, other = await ward.patient(), await ward.patient()
    slot, later = await clinic.slot(), await clinic.slot(SOON + timedelta(hours=1))
    assert await found(anna, clinic, patient) == [slot, later]
    held = await act(anna, patient, f"/Slot/{slot}/$hold")
    assert held.status_code == 200, held.text
    until = next(one["valueInstant"] for one in held.json()["parameter"] if one["name"] == "until")
    assert timedelta(minutes=4) < datetime.fromisoformat(until) - datetime.now(UTC) <= timedelta(minutes=5)
    assert await found(anna, clinic, patient) == [slot, later]  # one's own
    assert await found(anna, clinic, other) == [later]
    for act_ in ("$hold", "$book"):
        refused = await act(anna, other, f"/Slot/{slot}/{act_}")
        assert reason(refused) == (409, "care/not-now")
    done = await act(anna, patient, f"/Slot/{slot}/$book", id=str(uuid4()), reason="Återbesök")
    assert (done.status_code, done.json()["status"], done.json()["description"]) == (201, "booked", "Återbesök")
    assert await found(anna, clinic, patient) == [later]
    assert (await anna.get(f"/Slot/{slot}")).json()["status"] == "busy"


async def test_a_hold_ends_by_itself_and_may_be_given_back(ward: Any, anna: Any, clinic: Clinic, engine: Any) -> None:
    patient, other = await ward.patient(), await ward.patient()
    slot = await clinic.slot()
    await act(anna, patient, f"/Slot/{slot}/$hold")
    assert (await act(anna, patient, f"/Slot/{slot}/$release")).status_code == 200
    assert (await act(anna, other, f"/Slot/{slot}/$hold")).status_code == 200
    over = "update booked set until = now() - interval '1 second' where slot = $1"
    await engine.db.pool.execute(over, engine.keys.of(f"Slot/{slot}"))
    assert await found(anna, clinic, patient) == [slot]
    assert (await act(anna, patient, f"/Slot/{slot}/$book", id=str(uuid4()))).status_code == 201


async def test_who_holds_another_time_for_the_patient_lets_go_of_the_first(
    ward: Any, anna: Any, clinic: Clinic
) -> None:
    patient, other = await ward.patient(), await ward.patient()
    first, second = await clinic.slot(), await clinic.slot(SOON + timedelta(hours=1))
    await act(anna, patient, f"/Slot/{first}/$hold")
    await act(anna, patient, f"/Slot/{second}/$hold")
    assert await found(anna, clinic, other) == [first]


async def test_sixty_four_who_book_one_time_at_once_one_gets_it_and_all_others_are_told(
    ward: Any, anna: Any, clinic: Clinic, engine: Any
) -> None:
    slot = await clinic.slot()
    people = [await ward.patient() for _ in range(64)]
    tries = await asyncio.gather(*(act(anna, one, f"/Slot/{slot}/$book", id=str(uuid4())) for one in people))
    assert sorted(one.status_code for one in tries) == [201] + [409] * 63
    assert {reason(one) for one in tries if one.status_code == 409} == {(409, "care/not-now")}
    assert {one.json()["issue"][0]["diagnostics"] for one in tries if one.status_code == 409} == {
        "Tiden är inte ledig längre. Välj en annan tid"
    }
    row = await engine.db.pool.fetch("select pat from booked where slot = $1", engine.keys.of(f"Slot/{slot}"))
    assert len(row) == 1
    [winner] = [one for one, answer in zip(people, tries, strict=True) if answer.status_code == 201]
    assert row[0]["pat"] == engine.keys.of(f"Patient/{winner}")
    assert await ward.ids(f"/Appointment?slot=Slot/{slot}&status=booked") != []


async def test_plain_writes_and_transactions_cannot_book_twice_either(ward: Any, anna: Any, clinic: Clinic) -> None:
    patient, other = await ward.patient(), await ward.patient()
    slot, overlapping = await clinic.slot(), await clinic.slot(SOON + timedelta(minutes=15))
    await act(anna, patient, f"/Slot/{slot}/$book", id=str(uuid4()))

    def plain(who: str, slot: str, status: str = "booked") -> dict[str, Any]:
        coming = {"actor": {"reference": f"Patient/{who}"}, "status": "accepted"}
        return {
            "resourceType": "Appointment", "id": str(uuid4()), "status": status, "slot": [{"reference": f"Slot/{slot}"}],
            "start": SOON.isoformat(), "end": (SOON + timedelta(minutes=30)).isoformat(), "participant": [coming],
        }  # fmt: skip

    for taken in (slot, overlapping):
        one = plain(other, taken)
        refused = await anna.put(f"/Appointment/{one['id']}", json=one, headers={"fvm-patient": other})
        assert reason(refused) == (409, "care/not-now"), refused.text
        created = {name: value for name, value in one.items() if name != "id"}
        posted = await anna.post("/Appointment", json=created, headers={"fvm-patient": other})
        assert posted.status_code == 409
        entry = {"resource": one, "request": {"method": "PUT", "url": f"Appointment/{one['id']}"}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        assert (await anna.post("/", json=bundle, headers={"fvm-patient": other})).status_code == 409
    wish = plain(other, slot, "proposed")  # a wish takes nothing
    assert (await anna.put(f"/Appointment/{wish['id']}", json=wish, headers={"fvm-patient": other})).status_code == 201
    raised = wish | {"status": "booked"}
    again = await anna.put(f"/Appointment/{wish['id']}", json=raised, headers={"fvm-patient": other})
    assert again.status_code == 409
    assert await ward.ids(f"/Appointment?patient={other}&status=booked") == []


async def test_the_database_itself_lets_one_of_many_plain_writes_have_a_time(
    ward: Any, bench: Any, clinic: Clinic, engine: Any
) -> None:
    slot, people = await clinic.slot(), [await ward.patient() for _ in range(24)]

    async def write(patient: str) -> int:
        coming = {"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}
        one = {
            "resourceType": "Appointment", "status": "booked", "slot": [{"reference": f"Slot/{slot}"}],
            "start": SOON.isoformat(), "end": (SOON + timedelta(minutes=30)).isoformat(), "participant": [coming],
        }  # fmt: skip
        return int((await bench.post("/Appointment", json=one)).status_code)

    assert sorted(await asyncio.gather(*map(write, people))) == [201] + [409] * 23
    assert len(await ward.ids(f"/Appointment?slot=Slot/{slot}")) == 1


async def test_of_many_who_move_to_one_time_one_gets_it_and_all_others_keep_theirs(
    ward: Any, anna: Any, clinic: Clinic, engine: Any
) -> None:
    wanted = await clinic.slot(SOON + timedelta(hours=9))
    had: dict[str, str] = {}
    for n in range(8):
        patient, slot = await ward.patient(), await clinic.slot(SOON + timedelta(minutes=30 * n))
        had[patient] = (await act(anna, patient, f"/Slot/{slot}/$book", id=str(uuid4()))).json()["id"]
    tries = await asyncio.gather(
        *(act(anna, patient, f"/Appointment/{id}/$rebook", slot=wanted, id=str(uuid4())) for patient, id in had.items())
    )
    assert sorted(one.status_code for one in tries) == [201] + [409] * 7
    for patient in had:
        assert len(await ward.ids(f"/Appointment?patient={patient}&status=booked")) == 1
    taken = await engine.db.pool.fetchval(
        "select count(*) from booked where schedule = $1", engine.keys.of(f"Schedule/{clinic.schedule}")
    )
    assert taken == 8


async def test_a_time_that_somebody_has_is_neither_moved_nor_taken_away(
    ward: Any, anna: Any, clinic: Clinic, bench: Any
) -> None:
    patient = await ward.patient()
    slot, free = await clinic.slot(), await clinic.slot(SOON + timedelta(hours=2))
    await act(anna, patient, f"/Slot/{slot}/$book", id=str(uuid4()))
    body = (await anna.get(f"/Slot/{slot}")).json()
    moved = body | {"end": (SOON + timedelta(minutes=45)).isoformat()}
    assert reason(await anna.put(f"/Slot/{slot}", json=moved)) == (409, "care/not-now")
    assert (await bench.delete(f"/Slot/{slot}")).status_code == 409
    assert (await anna.put(f"/Slot/{slot}", json=body | {"comment": "Ta med listan"})).status_code == 200
    assert (await bench.delete(f"/Slot/{free}")).status_code == 204


async def test_the_same_press_twice_books_once(ward: Any, anna: Any, clinic: Clinic) -> None:
    patient, slot, id = await ward.patient(), await clinic.slot(), str(uuid4())
    other = await clinic.slot(SOON + timedelta(hours=1))
    both = await asyncio.gather(*(act(anna, patient, f"/Slot/{slot}/$book", id=id) for _ in range(2)))
    assert sorted(one.status_code for one in both) == [200, 201]
    assert {one.json()["id"] for one in both} == {id}
    elsewhere = await act(anna, patient, f"/Slot/{other}/$book", id=id)
    assert reason(elsewhere) == (409, "care/not-now")


async def test_moving_a_booking_is_one_step_and_who_cannot_move_keeps_what_they_had(
    ward: Any, anna: Any, clinic: Clinic
) -> None:
    patient, other = await ward.patient(), await ward.patient()
    first, second, third = [await clinic.slot(SOON + timedelta(hours=n)) for n in range(3)]
    old = (await act(anna, patient, f"/Slot/{first}/$book", id=str(uuid4()), reason="Hosta")).json()["id"]
    await act(anna, other, f"/Slot/{third}/$book", id=str(uuid4()))
    referral = {"basedOn": [{"reference": "ServiceRequest/referral"}]}
    await ward.add((await anna.get(f"/Appointment/{old}")).json() | referral, anna, **{"fvm-patient": patient})
    refused = await act(anna, patient, f"/Appointment/{old}/$rebook", slot=third, id=str(uuid4()))
    assert reason(refused) == (409, "care/not-now")
    assert (await anna.get(f"/Appointment/{old}")).json()["status"] == "booked"
    new = str(uuid4())
    both = await asyncio.gather(
        *(act(anna, patient, f"/Appointment/{old}/$rebook", slot=second, id=new) for _ in range(2))
    )
    assert sorted(one.status_code for one in both) == [200, 201], [one.text for one in both]
    assert both[0].json()["description"] == "Hosta"
    assert both[0].json()["supportingInformation"] == [{"reference": f"Appointment/{old}"}]
    assert both[0].json()["basedOn"] == referral["basedOn"]
    before = (await anna.get(f"/Appointment/{old}")).json()
    assert (before["status"], before["cancelationReason"]["coding"][0]["code"]) == ("cancelled", "rebooked")
    assert await found(anna, clinic, other) == [first]
    same = await act(anna, patient, f"/Appointment/{new}/$rebook", slot=second, id=str(uuid4()))
    assert reason(same) == (409, "care/not-now")


async def test_what_is_called_off_frees_its_time_once(ward: Any, anna: Any, clinic: Clinic) -> None:
    patient, other, slot = await ward.patient(), await ward.patient(), await clinic.slot()
    id = (await act(anna, patient, f"/Slot/{slot}/$book", id=str(uuid4()))).json()["id"]
    assert (await act(anna, patient, f"/Appointment/{id}/$cancel", reason="because")).status_code == 400
    wrong = await act(anna, other, f"/Appointment/{id}/$cancel", reason="pat")
    assert wrong.status_code in (403, 422)
    done = await act(anna, patient, f"/Appointment/{id}/$cancel", reason="pat", comment="Frisk igen")
    assert (done.status_code, done.json()["cancelationReason"]["text"]) == (200, "Patienten avbokade. Frisk igen")
    again = await act(anna, patient, f"/Appointment/{id}/$cancel", reason="pat")
    assert (again.status_code, again.headers["etag"]) == (200, done.headers["etag"])
    assert (await act(anna, other, f"/Slot/{slot}/$book", id=str(uuid4()))).status_code == 201


async def test_staff_book_at_their_own_unit_and_a_visit_has_its_steps(
    ward: Any, anna: Any, sjovik: Any, clinic: Clinic
) -> None:
    patient = await ward.patient()
    now = datetime.now(SWEDEN) + timedelta(seconds=20)
    slot = await clinic.slot(now)
    assert reason(await act(sjovik, patient, f"/Slot/{slot}/$hold")) == (403, "care/not-yours")
    assert reason(await act(sjovik, patient, f"/Slot/{slot}/$book")) == (403, "care/not-yours")
    id = (await act(anna, patient, f"/Slot/{slot}/$book", id=str(uuid4()))).json()["id"]
    assert reason(await act(anna, patient, f"/Appointment/{id}/$noshow")) == (409, "care/not-now")
    if now.astimezone(SWEDEN).date() == datetime.now(SWEDEN).date():
        here = await act(anna, patient, f"/Appointment/{id}/$arrive")
        assert (here.status_code, here.json()["status"]) == (200, "arrived")
        twice = await act(anna, patient, f"/Appointment/{id}/$arrive")
        assert twice.headers["etag"] == here.headers["etag"]
        kept = await act(anna, patient, f"/Appointment/{id}/$fulfil")
        assert (kept.status_code, kept.json()["status"]) == (200, "fulfilled")
        assert reason(await act(anna, patient, f"/Appointment/{id}/$cancel", reason="pat")) == (409, "care/not-now")
