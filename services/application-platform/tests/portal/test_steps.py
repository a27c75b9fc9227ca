"""Where a referral is, in five steps and words, whatever has happened to it."""

from datetime import date
from typing import Any

import pytest

from application_platform.portal.referrals import catalogue
from application_platform.portal.referrals.steps import steps

TODAY = date(2026, 11, 23)


def a_referral(
    state: str = "accepted", due: str = "2027-01-31T22:00:00+00:00", points: str = "ABC", **more: Any
) -> dict[str, Any]:
    at = {"A": "2026-10-30T09:00:00+00:00", "B": "2026-11-01T09:00:00+00:00", "C": "2026-11-02T09:00:00+00:00",
          "G": "2026-11-20T09:00:00+00:00"}  # fmt: skip
    parts: list[dict[str, Any]] = [{"url": "state", "valueCode": state}]
    parts += [{"url": "due", "valueDateTime": due}] if due else []
    parts.append({"url": "order", "valueReference": {"reference": "ServiceRequest/copy"}})
    flow = [
        {
            "url": "urn:fvm:flow",
            "extension": [{"url": "point", "valueCode": one}, {"url": "at", "valueDateTime": at[one]}],
        }
        for one in points
    ]
    return {
        "resourceType": "ServiceRequest", "id": "r", "status": "active", "intent": "order",
        "category": [{"coding": [{"code": "referral"}]}], "code": {"text": "Ögonbottenfoto"},
        "performer": [{"reference": "Organization/x", "display": "Ögonmottagningen"}],
        "extension": [{"url": "urn:fvm:referral", "extension": parts}, *flow], **more,
    }  # fmt: skip


def a_time(of: str = "ServiceRequest/copy", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Appointment", "status": "booked", "start": "2026-12-09T08:15:00+01:00", "basedOn": [{"reference": of}], **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "points", "words", "line"),
    [
        ("sent", "A", "Steg 1 av 5: remissen är skickad.", "Mottagningen bedömer den senast 31 januari 2027."),
        ("sent", "AB", "Steg 1 av 5: remissen är skickad.", "Remissen är skickad vidare hit från en annan mottagning. "
         "Mottagningen bedömer den senast 31 januari 2027."),
        ("received", "AB", "Steg 2 av 5: remissen har kommit fram.", "Mottagningen bedömer den senast 31 januari 2027."),
        ("accepted", "ABC", "Steg 3 av 5: du väntar på en tid.",
         "Remissen är godkänd 2 november. Du ska få en tid senast 31 januari 2027."),
        ("returned", "AB", "Steg 2 av 5: mottagningen har frågat den som skickade remissen.",
         "Du behöver inte göra något. Vården svarar på frågan."),
        ("answered", "ABCG", "Steg 5 av 5: remissen är klar.", "Mottagningen svarade 20 november. Svaret finns i journalen."),
        ("cancelled", "A", "Remissen är återtagen.", "Fråga den som skickade remissen om du undrar varför."),
    ],
)  # fmt: skip
def test_each_state_says_what_is_going_on_and_what_comes(state: str, points: str, words: str, line: str) -> None:
    (one,) = steps([a_referral(state, points=points)], [], TODAY)
    assert (one.heading, one.words, one.line, one.late) == ("Ögonbottenfoto, Ögonmottagningen", words, line, False)


def test_the_picture_has_a_segment_for_each_step_and_the_one_it_is_at_is_half() -> None:
    (one,) = steps([a_referral()], [], TODAY)
    assert one.segments == ("full", "full", "half", "empty", "empty")
    assert steps([a_referral("answered")], [], TODAY)[0].segments == ("full",) * 5


@pytest.mark.parametrize("of", ["ServiceRequest/r", "ServiceRequest/copy"])
def test_a_time_that_is_booked_because_of_it_is_the_fourth_step(of: str) -> None:
    (one,) = steps([a_referral()], [a_time(of), a_time(of, start="2027-01-09T08:15:00+01:00")], TODAY)
    assert (one.place, one.words, one.line) == (
        4,
        "Steg 4 av 5: du har en tid.",
        "Din tid är 9 december klockan 08:15.",
    )


@pytest.mark.parametrize("time", [a_time("ServiceRequest/another"), a_time(status="cancelled"), a_time(basedOn=[])])
def test_other_times_are_not_of_this_referral(time: dict[str, Any]) -> None:
    assert steps([a_referral()], [time], TODAY)[0].place == 3


@pytest.mark.parametrize(("state", "line"), [
    ("sent", "Mottagningen skulle ha bedömt den senast 10 november. Ring dem om du undrar."),
    ("accepted", "Remissen är godkänd 2 november. Du skulle ha fått en tid senast 10 november. Ring mottagningen."),
])  # fmt: skip
def test_a_latest_time_that_has_passed_is_said(state: str, line: str) -> None:
    points = "A" if state == "sent" else "ABC"
    (one,) = steps([a_referral(state, due="2026-11-10T22:00:00+00:00", points=points)], [], TODAY)
    assert (one.late, one.line) == (True, line)


def test_the_receivers_copy_orders_of_tests_drafts_and_what_was_a_mistake_are_no_referrals_of_their_own() -> None:
    others = [
        a_referral(intent="filler-order"), a_referral(category=[{"coding": [{"code": "laboratory"}]}]),
        a_referral(status="draft"), a_referral(status="entered-in-error"),
    ]  # fmt: skip
    assert steps(others, [], TODAY) == []


def test_a_referral_of_another_system_without_our_state_is_shown_as_sent() -> None:
    (one,) = steps([{**a_referral(), "extension": [], "authoredOn": "2026-11-02"}], [], TODAY)
    assert (one.place, one.line) == (1, "Mottagningen bedömer den. Sedan får du veta hur det blir.")


@pytest.mark.parametrize(("status", "ended"), [("active", False), ("completed", True), ("revoked", True)])
def test_another_systems_referral_is_known_by_snomed_ct_and_its_status(status: str, ended: bool) -> None:
    (one,) = steps(
        [{**a_referral(category=[{"coding": [{"code": "3457005"}]}], status=status), "extension": []}], [], TODAY
    )
    assert one.ended is ended


def test_those_under_way_come_first_the_newest_on_top() -> None:
    listed = [a_referral("answered", id="done"), a_referral(id="old"),
              {**a_referral("sent", points="", id="new"), "authoredOn": "2026-11-22"}]  # fmt: skip
    assert [one.id for one in steps(listed, [], TODAY)] == ["new", "old", "done"]


def test_every_panel_holds_analyses_with_a_code_and_no_two_lines_have_one_key() -> None:
    found = [item for group in catalogue.groups() for item in group.items]
    assert len({item.key for item in found}) == len({item.name for item in found}) == len(found)
    panels = [item for item in found if item.key.startswith("panel-")]
    assert all(item.holds and len(item.fields()["orderDetail"]) == len(item.codes) for item in panels)
    single = catalogue.by_key()["NPU03230"].fields()
    assert single == {
        "code": {"coding": [{"system": catalogue.NPU, "code": "NPU03230", "display": "P-Kalium"}], "text": "P-Kalium"}
    }
