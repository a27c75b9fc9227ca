"""The ward's board and a patient's stay: what is seen, what is never shown, and every act once about the right patient."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientResponse, ClientSession

from application_platform.portal.hearing import Ears
from application_platform.portal.person import person
from application_platform.portal.swedish import ZONE
from application_platform.portal.ward.board import PLANNED_END, Found, board, leaving, natural, short
from application_platform.portal.ward.model import Board, Stay
from application_platform.testing_ward import UNIT, a_bed, a_score, a_stay

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
STAY = f"/portal/patients/{TOLVAN}/stay"
TODAY = date(2026, 11, 23)
HEADERS = {"Origin": "http://127.0.0.1"}


def now() -> datetime:
    return datetime.now(UTC)


def a_board(*stays: dict[str, Any], **more: Any) -> Board:
    held = {"resourceType": "Patient", "id": TOLVAN, "name": [{"family": "Tolvansson", "given": ["Tolvan"]}]}
    people = {f"Patient/{TOLVAN}": person(held, now().date())}
    known: dict[str, Any] = {"beds": [a_bed(1), a_bed(2), a_bed(10)], "encounters": list(stays), "people": people}
    return board(Found(**(known | more)), "SE-NORA", now(), now().date())


def only(*stays: dict[str, Any], **more: Any) -> Stay:
    [found] = a_board(*stays, **more).stays
    return found


def flags(stay: Stay) -> list[str]:
    return [flag.text.replace("\xa0", " ") for flag in stay.flags]


@pytest.fixture
async def served(platform: Any, serve: Any, demo: Any) -> AsyncIterator[Any]:
    """The portal with a database, through which the boards are told; two beds and a third that is cleaned."""
    platform.held.pop("Encounter/enc-1")
    platform.add(a_bed(1), a_bed(2), a_bed(3, operationalStatus={"code": "H"}))
    async with serve(platform, db=demo.db) as found:
        ears = Ears(demo.db, found.hub)
        listening = asyncio.create_task(ears.run())
        await asyncio.wait_for(ears.listening.wait(), 5)
        yield found
        listening.cancel()


async def words(response: ClientResponse, status: int = 200) -> str:
    body = await response.text()
    assert response.status == status, body[:300]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body.split("<main")[-1])).replace("\xa0", " ").split())


async def sent(staff: ClientSession, act: str, *, follow: bool = True, **more: str) -> ClientResponse:
    form = {"csrf": "proof", "patient": TOLVAN, "act": act, **more}
    return await staff.post(STAY, data=form, headers=HEADERS, allow_redirects=follow)


def test_beds_stand_in_their_order_and_a_ward_is_not_repeated_on_each() -> None:
    assert [bed.name for bed in a_board().beds] == ["Sal 1, säng 1", "Sal 2, säng 1", "Sal 10, säng 1"]
    assert (short("Plats 4"), short("Akuten, rum 3")) == ("Plats 4", "Rum 3")
    assert natural("Säng 2") < natural("Säng 10")


@pytest.mark.parametrize(
    ("planned", "told"),
    [
        ("", ("oklart", False)), ("2026-11-23", ("hem i dag", True)), ("2026-11-24", ("hem i morgon", False)),
        ("2026-11-27", ("hem fredag", False)), ("2026-11-30", ("hem 2026-11-30", False)),
        ("2026-11-22", ("skulle hem 2026-11-22", False)), ("snart", ("oklart", False)),
    ],
)  # fmt: skip
def test_when_the_patient_leaves_in_words(planned: str, told: tuple[str, bool]) -> None:
    assert leaving(planned, TODAY) == told


def test_who_lies_in_a_bed_who_is_without_and_who_is_waited_for() -> None:
    found = a_board(a_stay(TOLVAN, 2), a_stay("x", None), a_stay("y", None, status="planned"))
    assert [bed.stay.person.id if bed.stay else None for bed in found.beds] == [None, TOLVAN, None]
    assert [one.person.id for one in found.unplaced] == ["x"]
    assert [one.person.id for one in found.awaited] == ["y"]
    numbers = {told: number for number, told, _ in found.metrics}
    assert (numbers["belagda vårdplatser"], numbers["lediga"], numbers["väntas in"]) == ("1 av 3", "2", "1")


def test_an_emergency_visit_in_a_bed_is_on_the_board_and_one_without_is_not() -> None:
    found = a_board(a_stay("x", 1, **{"class": {"code": "EMER"}}), a_stay("y", None, **{"class": {"code": "EMER"}}))
    assert [one.person.id for one in found.stays] == ["x"]


def test_the_top_edge_begins_at_five_and_a_late_score_has_none() -> None:
    def edge(score: dict[str, Any]) -> str:
        return only(a_stay(TOLVAN, 1), scores=[score]).edge

    assert edge(a_score(TOLVAN, "s", 4)) == ""
    assert edge(a_score(TOLVAN, "s", 5)) == "amber"
    assert edge(a_score(TOLVAN, "s", 7)) == "red"
    assert edge(a_score(TOLVAN, "s", 7, 13)) == ""
    assert edge(a_score(TOLVAN, "s", None, spo2=3, respirations=3, oxygen=2, pulse=None)) == "red"


def test_late_missing_and_not_asked_are_three_different_things() -> None:
    late = only(a_stay(TOLVAN, 1), scores=[a_score(TOLVAN, "s", 7, 14.5)])
    assert (late.news2, flags(late), late.overdue) == (("7", "unknown"), ["Senast 7 poäng", "NEWS2 2 tim sen"], True)
    missing = only(a_stay(TOLVAN, 1))
    assert (missing.news2, flags(missing), missing.overdue) == (("ej tagen", "unknown"), ["NEWS2 ej tagen"], True)
    unasked = only(a_stay(TOLVAN, 1), scores=None)
    assert (unasked.news2, flags(unasked), unasked.overdue) == (("?", "unknown"), ["NEWS2 ej kontrollerad"], False)
    assert ("?", "NEWS2 från 5", "unknown") in a_board(a_stay(TOLVAN, 1), scores=None).metrics


def test_the_latest_score_counts_and_of_this_patient_only() -> None:
    scores = [a_score(TOLVAN, "old", 9, 5), a_score(TOLVAN, "new", 2, 1), a_score("other", "theirs", 12, 0.1)]
    assert only(a_stay(TOLVAN, 1), scores=scores).news2 == ("2", "")


def test_what_must_be_seen_is_flagged_by_danger() -> None:
    subject = {"subject": {"reference": f"Patient/{TOLVAN}"}}
    allergy = {"criticality": "high", "code": {"text": "penicillin"}, "patient": {"reference": f"Patient/{TOLVAN}"}}
    over = allergy | {"code": {"text": "jod"}, "clinicalStatus": {"coding": [{"code": "resolved"}]}}
    task = {"code": {"coding": [{"code": "result"}]}, "for": {"reference": f"Patient/{TOLVAN}"}}
    unsigned = task | {"code": {"coding": [{"code": "unsigned"}]}}
    stay = only(
        a_stay(TOLVAN, 1),
        scores=[a_score(TOLVAN, "s", 1)],
        allergies=[allergy, over],
        flags=[{"status": "active", "code": {"text": "Isolering: MRSA"}, **subject}],
        tasks=[task, task, unsigned],
    )
    assert flags(stay) == ["Penicillin", "Isolering: MRSA", "2 svar", "Osignerad"]
    assert "Överkänslighet ej kontrollerad" in flags(only(a_stay(TOLVAN, 1), allergies=None))


def test_whose_patient_it_is_however_they_are_named() -> None:
    for individual in ({"identifier": {"value": "SE-NORA"}}, {"reference": "Practitioner/SE-NORA"}):
        assert only(a_stay(TOLVAN, 1, participant=[{"individual": individual}])).mine
    assert not only(a_stay(TOLVAN, 1)).mine


async def test_the_board_shows_beds_patients_and_the_way_to_everything(
    staff: ClientSession, platform: Any, served: Any
) -> None:
    planned = [{"url": PLANNED_END, "valueDateTime": f"{now().astimezone(ZONE).date() + timedelta(days=1)}"}]
    platform.add(a_stay(TOLVAN, 1, extension=planned), a_score(TOLVAN, "s", 6, 1, spo2=3, pulse=3))
    page = await words(await staff.get("/portal/ward"))
    assert "belagda vårdplatser 1 av 3" in page
    assert re.search(r"Sal 1, säng 1 NEWS2 6 TOLVANSSON, Tolvan .* Hjärtsvikt Penicillin", page)
    assert "hem i morgon" in page
    assert "Sal 2, säng 1 Ledig" in page
    assert "Sal 3, säng 1 Städas" in page
    body = await (await staff.get("/portal/ward")).text()
    assert 'href="/portal/ward"' in body.split('aria-label="Huvudmeny"')[1].split("</nav>")[0]
    assert f'href="/portal/patients/{TOLVAN}/vitals"' in body


async def test_a_protected_person_has_no_name_age_or_cause_on_the_board(
    staff: ClientSession, platform: Any, served: Any
) -> None:
    platform.held[f"Patient/{TOLVAN}"]["meta"]["security"] = [{"code": "PROTECTED"}]
    platform.add(a_stay(TOLVAN, 1), a_stay(STINA, 2), a_score(TOLVAN, "s", 1))
    page = await words(await staff.get("/portal/ward"))
    assert "Skyddade personuppgifter" in page
    card = page.split("Sal 1, säng 1")[1].split("Sal 2")[0]
    assert [word for word in ("TOLVANSSON", "Hjärtsvikt", "år", "Penicillin") if word in card] == []


async def test_on_the_wall_there_are_no_names_causes_or_links_to_patients(
    staff: ClientSession, platform: Any, served: Any
) -> None:
    platform.add(a_stay(TOLVAN, 1), a_stay(STINA, None, status="planned"), a_score(TOLVAN, "s", 8, 1, spo2=3))
    answer = await staff.get("/portal/ward?vagg=1")
    body = (await answer.text()).split("<main")[1].split("</main>")[0]
    assert [
        word for word in ("TOLVANSSON", "BERGSTRÖM", "Hjärtsvikt", "Penicillin", "/portal/patients/") if word in body
    ] == []
    assert "news2--red" in body


async def test_the_choices_show_some_of_the_beds(staff: ClientSession, platform: Any, served: Any) -> None:
    platform.add(a_stay(TOLVAN, 1), a_stay(STINA, 2), a_score(TOLVAN, "s", 8, 1, spo2=3))
    page = await words(await staff.get("/portal/ward?visa=news2"))
    assert "TOLVANSSON" in page
    assert "BERGSTRÖM" not in page


async def test_what_vis_does_not_answer_is_named_and_never_looks_empty(
    staff: ClientSession, platform: Any, served: Any
) -> None:
    platform.add(a_stay(TOLVAN, 1))
    served.vis.broken.add("Observation")
    page = await words(await staff.get("/portal/ward"))
    assert "EJ KONTROLLERAD: NEWS2" in page
    served.vis.away = True
    page = await words(await staff.get("/portal/ward"))
    assert "EJ KONTROLLERAD: vårdplatser, inskrivna patienter" in page
    assert "inga vårdplatser" not in page
    assert "Inget kan göras här just nu" in await words(await staff.get(STAY))


async def test_a_patient_has_no_board(tolvan: ClientSession, served: Any) -> None:
    assert (await tolvan.get("/portal/ward")).status == 404
    assert (await tolvan.get(STAY)).status == 404
    assert (await sent(tolvan, "discharge", stay="s", to="home")).status == 404
    assert served.vis.acts == []


async def test_a_patient_is_admitted_from_the_chart_and_the_form_is_one_stay(
    staff: ClientSession, platform: Any, served: Any
) -> None:
    assert f'href="{STAY}"' in await (await staff.get(f"/portal/patients/{TOLVAN}/results")).text()
    page = await (await staff.get(STAY)).text()
    new = re.findall(r'name="new" value="([0-9a-f-]{36})"', page)[0]
    answer = await sent(staff, "admit", new=new, bed="b1", cause=" Feber ", day="2026-12-01", follow=False)
    assert (answer.status, answer.headers["location"]) == (303, f"{STAY}?klar=admit")
    values = {"id": new, "bed": "b1", "cause": "Feber", "planned-end": "2026-12-01"}
    assert served.vis.acts == [("admit", {"key": f"Patient/{TOLVAN}", **values})]
    assert served.vis.contexts == [TOLVAN]
    awaited = await sent(staff, "admit", new=new, cause="Feber", bed="awaited", follow=False)
    assert awaited.headers["location"] == f"{STAY}?klar=await"
    assert served.vis.acts[-1] == ("admit", {"key": f"Patient/{TOLVAN}", "id": new, "cause": "Feber"})


@pytest.mark.parametrize(
    ("act", "more", "operation", "values"),
    [
        ("admit", {"bed": "b2"}, "admit", {"bed": "b2"}),
        ("move", {"bed": "b2", "was": "b1"}, "move", {"bed": "b2", "from": "b1"}),
        ("swap", {"other": f"stay-2 {STINA}"}, "swap", {"with": "stay-2", "patient": STINA}),
        ("leave", {}, "leave-of-absence", {}),
        ("return", {}, "return", {}),
        ("plan", {"day": "2026-12-01"}, "plan-discharge", {"planned-end": "2026-12-01"}),
        ("plan", {"day": ""}, "plan-discharge", {}),
        ("discharge", {"to": "home"}, "discharge", {"to": "home"}),
        ("cancel", {}, "cancel-admission", {}),
    ],
)
async def test_every_act_is_asked_of_vis_about_this_patient(
    staff: ClientSession, served: Any, act: str, more: dict[str, str], operation: str, values: dict[str, str]
) -> None:
    answer = await sent(staff, act, stay="stay-1", follow=False, **more)
    assert answer.status == 303, await answer.text()
    assert served.vis.acts == [(operation, {"key": "Encounter/stay-1", **values})]
    assert served.vis.contexts == [TOLVAN]


@pytest.mark.parametrize(
    ("act", "told"),
    [
        ("move", "Välj en plats."),
        ("swap", "Välj vem patienten byter plats med."),
        ("discharge", "Välj vart patienten skrivs ut."),
    ],
)
async def test_what_is_not_chosen_is_asked_for(staff: ClientSession, served: Any, act: str, told: str) -> None:
    assert told in await words(await sent(staff, act, stay="stay-1"), 422)
    assert "eller att patienten väntas in" in await words(await sent(staff, "admit"), 422)
    assert served.vis.acts == []


async def test_another_patients_form_is_refused(staff: ClientSession, served: Any) -> None:
    assert "hör till en annan patient" in await words(await sent(staff, "leave", stay="s", patient=STINA), 422)
    assert (await sent(staff, "leave", stay="s", csrf="wrong")).status == 403
    assert served.vis.acts == []


async def test_what_vis_refuses_is_told_and_what_was_chosen_is_kept(
    staff: ClientSession, platform: Any, served: Any
) -> None:
    platform.add(a_stay(TOLVAN, 1))
    served.vis.refusal = "Sal 2, säng 1 är upptagen. Läs om sidan och välj en annan plats"
    answer = await sent(staff, "move", stay=f"stay-{TOLVAN}", bed="b2", was="b1")
    assert "är upptagen" in await words(answer, 422)
    assert '<option value="b2" selected>' in await answer.text()


async def test_when_vis_is_away_nothing_is_done_and_it_is_loud(
    staff: ClientSession, platform: Any, served: Any
) -> None:
    served.vis.away = True
    assert "INTE GJORT" in await words(await sent(staff, "discharge", stay="s", to="home"), 503)


async def test_after_a_discharge_the_board_says_of_whom_without_the_name_in_the_address(
    staff: ClientSession, platform: Any, served: Any
) -> None:
    platform.add(a_stay(TOLVAN, 1))
    answer = await sent(staff, "discharge", stay=f"stay-{TOLVAN}", to="home", follow=False)
    assert answer.headers["location"] == f"/portal/ward?klar=stay-{TOLVAN}&akt=discharge"
    assert "TOLVANSSON, Tolvan är utskriven" in await words(await staff.get(answer.headers["location"]))
    platform.held[f"Encounter/stay-{TOLVAN}"]["status"] = "finished"  # no longer on the board
    assert "TOLVANSSON, Tolvan är utskriven" in await words(await staff.get(answer.headers["location"]))
    served.vis.broken.add("Encounter")
    assert "Patienten är utskriven" in await words(await staff.get("/portal/ward?klar=nobody&akt=discharge"))


async def test_a_swap_names_the_other_but_not_a_protected_one(staff: ClientSession, platform: Any, served: Any) -> None:
    platform.held[f"Patient/{STINA}"]["meta"]["security"] = [{"code": "PROTECTED"}]
    platform.add(a_stay(TOLVAN, 1), a_stay(STINA, 2))
    page = await words(await staff.get(STAY))
    assert "Sal 2, säng 1: Skyddade personuppgifter" in page
    assert "BERGSTRÖM" not in page


async def test_a_script_in_a_cause_is_text(staff: ClientSession, platform: Any, served: Any) -> None:
    platform.add(a_stay(TOLVAN, 1, reasonCode=[{"text": "<script>alert(1)</script>"}]))
    for address in ("/portal/ward", STAY):
        body = await (await staff.get(address)).text()
        assert "<script>alert" not in body
        assert "&lt;script&gt;alert(1)" in body


async def test_who_has_died_is_not_admitted(staff: ClientSession, platform: Any, served: Any) -> None:
    platform.held[f"Patient/{TOLVAN}"]["deceasedDateTime"] = "2026-11-20"
    page = await words(await staff.get(STAY))
    assert "Patienten är avliden och kan inte skrivas in" in page
    assert "Skriv in" not in page


async def test_every_open_board_of_the_ward_hears_an_act_and_no_other_ward_does(
    staff: ClientSession, platform: Any, served: Any
) -> None:
    with (
        served.hub.listen(frozenset((f"ward:{UNIT}",))) as mine,
        served.hub.listen(frozenset(("ward:other",))) as others,
    ):
        new = str(uuid4())
        await sent(staff, "admit", new=new, bed="b1", follow=False)
        notice = await asyncio.wait_for(mine.queue.get(), 5)
        assert (notice.what, others.queue.empty()) == ((f"Encounter/{new}",), True)


async def test_the_boards_ticket_opens_its_own_stream_only(staff: ClientSession, platform: Any, served: Any) -> None:
    platform.add(a_stay(TOLVAN, 1))
    body = await (await staff.get("/portal/ward")).text()
    watch = re.findall(r'data-watch="([^"]+)"', body)[0].split()
    assert [pair.split("~")[0] for pair in watch] == [f"ward:{UNIT}", TOLVAN]
    pairs = [("patient", watch[0]), ("patient", "ward:SE0000000009-1~" + watch[0].split("~")[1])]
    async with staff.get("/portal/events", params=pairs) as stream:
        begun = await stream.content.readuntil(b"}\n\n")
    assert f'"patients":["ward:{UNIT}"]'.encode() in begun
