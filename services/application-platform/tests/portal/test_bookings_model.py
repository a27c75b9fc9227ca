"""Bookings as pages show them: what is to come and what has been, times by day, and a unit's day (pure)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from application_platform.portal.bookings import times, upcoming
from application_platform.portal.bookings.days import a_day, window
from application_platform.portal.bookings.diary import arranged

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
ANNA = {"reference": "Practitioner/p1", "display": "Anna Lind, läkare"}
CLINIC = {"reference": "HealthcareService/h1", "display": "Vårdcentralen Almvik"}


def an_appointment(id: str, start: datetime, status: str = "booked", **more: Any) -> dict[str, Any]:
    coming = {"actor": {"reference": "Patient/tolvan"}}
    return {
        "resourceType": "Appointment", "id": id, "meta": {"versionId": "3"}, "status": status,
        "serviceType": [{"text": "Läkarbesök"}], "slot": [{"reference": f"Slot/s-{id}"}], "start": start.isoformat(),
        "end": (start + timedelta(minutes=30)).isoformat(),
        "participant": [coming, {"actor": ANNA}, {"actor": CLINIC}], **more,
    }  # fmt: skip


def a_slot(id: str, start: datetime, status: str = "free", book: str = "k1") -> dict[str, Any]:
    end = (start + timedelta(minutes=30)).isoformat()
    return {
        "resourceType": "Slot", "id": id, "status": status, "schedule": {"reference": f"Schedule/{book}"},
        "start": start.isoformat(), "end": end,
    }  # fmt: skip


def a_bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    modes = {"Slot": "match", "Appointment": "match"}
    return {
        "entry": [{"resource": one, "search": {"mode": modes.get(one["resourceType"], "include")}} for one in resources]
    }


BOOK = {
    "resourceType": "Schedule", "id": "k1", "actor": [CLINIC, ANNA], "serviceType": [{"text": "Läkarbesök"}],
}  # fmt: skip


def test_what_is_to_come_is_nearest_first_and_what_is_over_latest_first() -> None:
    listed = [
        an_appointment("later", NOW + timedelta(days=9)),
        an_appointment("next", NOW + timedelta(days=2)),
        an_appointment("going-on", NOW - timedelta(minutes=10), "arrived"),
        an_appointment("called-off", NOW + timedelta(days=3), "cancelled"),
        an_appointment("been", NOW - timedelta(days=30), "fulfilled"),
        an_appointment("missed", NOW - timedelta(days=3), "noshow"),
        an_appointment("forgotten", NOW - timedelta(days=1)),
    ]
    assert [one.id for one in upcoming.next_bookings(listed, NOW)] == ["going-on", "next", "later"]
    assert [one.id for one in upcoming.earlier(listed, NOW)] == ["called-off", "forgotten", "missed", "been"]


def test_a_booking_says_what_where_when_and_to_whom() -> None:
    one = upcoming.read(an_appointment("a", datetime(2026, 12, 9, 7, 15, tzinfo=UTC)))
    assert (one.title, one.who, one.service, one.version) == (
        "Läkarbesök, Vårdcentralen Almvik", "Anna Lind, läkare", "h1", "3",
    )  # fmt: skip
    assert (one.when(TODAY), one.clock, one.leaf) == ("onsdag 9 december 08:15", "08:15–08:45", ("dec.", "9"))
    assert one.patient == "tolvan"


@pytest.mark.parametrize(
    ("day", "words"),
    [(0, "i dag 10:00"), (1, "i morgon 10:00"), (-1, "i går 10:00"), (2, "onsdag 25 november 10:00"),
     (60, "fredag 22 januari 2027 10:00")],
)  # fmt: skip
def test_a_day_is_said_as_one_says_it(day: int, words: str) -> None:
    assert upcoming.read(an_appointment("a", NOW + timedelta(days=day))).when(TODAY) == words


def test_short_months_are_written_whole_on_the_leaf() -> None:
    months = [upcoming.read(an_appointment("a", datetime(2026, n, 3, 9, tzinfo=UTC))).leaf[0] for n in range(1, 13)]
    assert months == ["jan.", "feb.", "mars", "apr.", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "dec."]


def test_the_patient_may_change_until_24_hours_before_and_staff_until_it_begins() -> None:
    exactly, late = NOW + timedelta(hours=24), NOW + timedelta(hours=23, minutes=59)
    assert upcoming.read(an_appointment("a", exactly)).patient_may_change(NOW)
    assert not upcoming.read(an_appointment("a", late)).patient_may_change(NOW)
    assert upcoming.read(an_appointment("a", late)).may_change(NOW)
    for status in ("arrived", "cancelled", "fulfilled", "noshow"):
        assert not upcoming.read(an_appointment("a", exactly, status)).may_change(NOW)


def test_a_booking_that_lacks_nearly_everything_is_shown_with_what_it_has() -> None:
    bare = {"resourceType": "Appointment", "id": "a", "status": "booked", "participant": [{"status": "accepted"}]}
    one = upcoming.read(bare)
    assert (one.title, one.when(TODAY), one.leaf, one.in_schedule, one.is_coming(NOW)) == (
        "Besök", "utan tid", ("", "?"), False, False,
    )  # fmt: skip
    assert [found.id for found in upcoming.earlier([bare], NOW)] == ["a"]  # nothing is dropped


def test_what_was_moved_says_so() -> None:
    reason = {"coding": [{"system": "urn:fvm:booking", "code": "rebooked"}], "text": "Ombokad"}
    one = upcoming.read(an_appointment("a", NOW, "cancelled", cancelationReason=reason))
    assert (one.state, one.moved, one.ended) == ("Ombokad", True, "Ombokad")


def test_times_are_by_day_in_sweden_and_by_book() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # 00:30 the 24th
    found = times.times(a_bundle(a_slot("b", late), a_slot("a", NOW), a_slot("c", NOW, book="other"), BOOK))
    days = times.by_day(found)
    assert [day.day for day in days] == [date(2026, 11, 23), date(2026, 11, 24)]
    assert [(book.name, [one.slot for one in listed]) for book, listed in days[0].books] == [
        ("Anna Lind, läkare", ["a"]), ("Tidbok utan namn", ["c"]),
    ]  # fmt: skip
    assert found[1].what == "Läkarbesök"


def test_equal_times_of_the_same_person_are_one_choice() -> None:
    found = times.times(a_bundle(a_slot("a", NOW), a_slot("b", NOW), BOOK))
    assert [one.slot for one in times.once(found)] == ["a"]


def test_a_window_begins_today_at_the_earliest_and_has_a_way_back() -> None:
    assert window("", today=TODAY).first == TODAY
    assert window("2020-01-01", today=TODAY).first == TODAY
    assert window("nonsense", today=TODAY).first == TODAY
    assert window("2099-01-01", today=TODAY).first == TODAY
    ahead = window("2026-11-26", today=TODAY)
    assert (ahead.before, ahead.after, len(ahead.days)) == (TODAY, date(2026, 12, 3), 7)
    assert window("", today=TODAY).before is None
    assert ahead.since.isoformat() == "2026-11-26T00:00:00+01:00"
    assert a_day("2026-11-20", TODAY) == date(2026, 11, 20)
    assert a_day("1900-01-01", TODAY) == TODAY


def test_a_unit_s_day_joins_times_with_who_has_them() -> None:
    slots = times.times(a_bundle(
        a_slot("s-a", NOW, "busy"), a_slot("s-b", NOW + timedelta(hours=1)), a_slot("s-c", NOW + timedelta(hours=2), "busy"), BOOK,
    ))  # fmt: skip
    tolvan = {"resourceType": "Patient", "id": "tolvan", "name": [{"family": "Tolvansson", "given": ["Tolvan"]}]}
    loose = an_appointment("x", NOW + timedelta(hours=3), slot=[])
    off = an_appointment("b", NOW + timedelta(hours=1), "cancelled")
    page = arranged(slots, a_bundle(an_appointment("a", NOW), off, loose, tolvan), TODAY, (), NOW)
    [(book, rows)] = page.books
    assert book.name == "Anna Lind, läkare"
    assert [(row.booking.id if row.booking else None, row.person.family if row.person else None) for row in rows] == [
        ("a", "Tolvansson"), (None, None), (None, None),
    ]  # fmt: skip
    assert [row.booking.id for row in page.loose if row.booking] == ["x"]
    assert (page.free, page.booked) == (1, 2)
    later = arranged(slots, a_bundle(), TODAY, (), NOW + timedelta(hours=1))
    assert later.free == 0  # a time that has begun is not free
