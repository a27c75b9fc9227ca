"""The states of a booking (pure): what may be booked, moved, called off, begun and missed, and by whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.caller import Caller, Commission
from vis.care import bookings
from vis.care.asking import NotNow, NotYours

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
STAFF = Caller("SE-ANNA", "staff", "portal", commission=Commission("c", "u", "U", "p", "P", "Läkare"))
PATIENT = Caller("tolvan", "patient", "portal", patient="tolvan")
TAG = {"meta": {"tag": [{"system": "urn:fvm:slot", "code": "open-to-patients"}]}}


def a_slot(start: datetime = NOW + timedelta(days=3), **more: Any) -> dict[str, Any]:
    end = start + timedelta(minutes=30)
    return {
        "resourceType": "Slot", "id": "s1", "status": "free", "schedule": {"reference": "Schedule/k1"},
        "start": start.isoformat(), "end": end.isoformat(), **more,
    }  # fmt: skip


def an_appointment(start: datetime = NOW + timedelta(days=3), status: str = "booked", **more: Any) -> dict[str, Any]:
    made = bookings.booked(a_slot(start), {"actor": []}, "tolvan", "a1", "Hosta", STAFF, NOW)
    return made | {"status": status} | more


def test_a_free_time_that_is_to_come_may_be_booked() -> None:
    bookings.bookable(a_slot(), STAFF, NOW)
    for slot in (
        a_slot(status="busy"),
        a_slot(status="busy-unavailable"),
        a_slot(NOW),
        a_slot(NOW - timedelta(hours=1)),
    ):
        with pytest.raises(NotNow):
            bookings.bookable(slot, STAFF, NOW)


def test_a_patient_books_only_what_is_open_to_patients() -> None:
    with pytest.raises(NotYours, match="Ring"):
        bookings.bookable(a_slot(), PATIENT, NOW)
    bookings.bookable(a_slot(**TAG), PATIENT, NOW)


def test_a_booking_says_who_comes_to_whom_when_and_who_booked_it() -> None:
    doctor = {"reference": "Practitioner/p1", "display": "Anna Lind"}
    made = bookings.booked(a_slot(), {"actor": [doctor]}, "tolvan", "a1", "Hosta", STAFF, NOW)
    assert [one["actor"] for one in made["participant"]] == [{"reference": "Patient/tolvan"}, doctor]
    assert (made["status"], made["description"], made["minutesDuration"]) == ("booked", "Hosta", 30)
    assert (bookings.patient(made), bookings.slots(made), bookings.takes(made)) == ("tolvan", ("s1",), ("s1",))
    assert bookings.is_by(made, STAFF)
    assert not bookings.is_by(made, PATIENT)
    assert bookings.is_by(bookings.booked(a_slot(), {}, "tolvan", "a1", "", PATIENT, NOW), PATIENT)
    assert "description" not in bookings.booked(a_slot(), {}, "tolvan", "a1", "", PATIENT, NOW)


def test_what_is_called_off_takes_no_time() -> None:
    for status in ("cancelled", "noshow", "entered-in-error", "proposed", "waitlist"):
        assert bookings.takes(an_appointment(status=status)) == ()
    for status in ("booked", "pending", "arrived", "checked-in", "fulfilled"):
        assert bookings.takes(an_appointment(status=status)) == ("s1",)
    assert bookings.takes(None) == ()


@pytest.mark.parametrize("written", ["Slot/s1", "Slot/s1/_history/3", "https://fvm.example/vis/fhir/Slot/s1"])
def test_a_time_is_known_however_it_is_written(written: str) -> None:
    assert bookings.slots({"slot": [{"reference": written}, {"reference": "Slot/s1"}]}) == ("s1",)
    assert bookings.slots({"slot": [{"reference": "PractitionerSlot/s1"}, {"display": "?"}]}) == ()


def test_a_patient_calls_off_until_24_hours_before_and_staff_until_it_begins() -> None:
    exactly, late = an_appointment(NOW + timedelta(hours=24)), an_appointment(NOW + timedelta(hours=23, minutes=59))
    assert bookings.cancelled(exactly, "", "", PATIENT, NOW)["status"] == "cancelled"
    with pytest.raises(NotNow, match="24 timmar"):
        bookings.cancelled(late, "", "", PATIENT, NOW)
    done = bookings.cancelled(late, "prov", "Läkaren är sjuk", STAFF, NOW)
    assert done["cancelationReason"]["text"] == "Mottagningen avbokade. Läkaren är sjuk"
    assert done["cancelationReason"]["coding"][0]["code"] == "prov"
    assert bookings.cancelled(exactly, "", "", PATIENT, NOW)["cancelationReason"]["coding"][0]["code"] == "pat-cpp"


@pytest.mark.parametrize("status", ["cancelled", "arrived", "fulfilled", "noshow", "entered-in-error", "checked-in"])
def test_what_is_over_or_begun_is_neither_called_off_nor_moved(status: str) -> None:
    for caller in (STAFF, PATIENT):
        with pytest.raises(NotNow):
            bookings.cancelled(an_appointment(status=status), "pat", "", caller, NOW)
        with pytest.raises(NotNow):
            bookings.moved(an_appointment(status=status), caller, NOW)


def test_a_visit_begins_on_its_day_is_missed_after_its_time_and_is_kept() -> None:
    today = an_appointment(NOW + timedelta(minutes=10))
    assert bookings.arrived(today, NOW)["status"] == "arrived"
    with pytest.raises(NotNow, match="inte i dag"):
        bookings.arrived(an_appointment(), NOW)
    with pytest.raises(NotNow):
        bookings.missed(today, NOW)
    assert bookings.missed(today, NOW + timedelta(hours=1))["status"] == "noshow"
    with pytest.raises(NotNow):
        bookings.kept(today, NOW)
    assert bookings.kept(bookings.arrived(today, NOW), NOW)["status"] == "fulfilled"
    for act in (bookings.arrived, bookings.missed, bookings.kept):
        with pytest.raises(NotNow):
            act(an_appointment(NOW, status="cancelled"), NOW + timedelta(hours=1))


def test_the_day_of_a_visit_is_the_day_in_sweden() -> None:
    just_after_midnight = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # 00:30 the 23rd in Sweden
    assert bookings.arrived(an_appointment(NOW), just_after_midnight)["status"] == "arrived"
    with pytest.raises(NotNow):
        bookings.arrived(an_appointment(NOW), just_after_midnight - timedelta(hours=1))


def test_a_time_is_taken_once_and_what_the_clinic_closed_stays_closed() -> None:
    assert bookings.taken(a_slot())["status"] == "busy"
    with pytest.raises(NotNow):
        bookings.taken(a_slot(status="busy"))
    assert bookings.freed(a_slot(status="busy"))["status"] == "free"
    assert bookings.freed(a_slot(status="busy-unavailable"))["status"] == "busy-unavailable"


def test_a_patient_who_books_alone_has_no_two_times_at_once_and_not_too_many() -> None:
    half = timedelta(minutes=30)
    coming = [(NOW + timedelta(days=n), NOW + timedelta(days=n) + half) for n in range(1, 5)]
    bookings.room_for(coming, NOW, NOW + half)
    bookings.room_for(coming, coming[0][1], coming[0][1] + half)  # right after another
    with pytest.raises(NotNow, match="redan en bokad tid då"):
        bookings.room_for(coming, coming[0][0] + half / 2, coming[0][1] + half)
    with pytest.raises(NotNow, match="5 tider är redan bokade"):
        bookings.room_for([*coming, (NOW - half, NOW)], NOW, NOW + half)
