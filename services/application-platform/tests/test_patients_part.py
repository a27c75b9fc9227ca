"""Conversations, own entries and the health form, as they rest in PostgreSQL and as rules: sent twice, true once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from application_platform.forms import model as form
from application_platform.forms import store as forms
from application_platform.forms.model import Filled
from application_platform.messages import model, store
from application_platform.messages.model import Author, Message, Thread
from application_platform.own import model as own_model
from application_platform.own import store as own
from application_platform.own.model import MEASURES, Entry

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
UNIT = "SE0000000001-1001"
ANNA = Author("staff", "SE0000000001-C001", "Anna Lind", "Läkare")


def a_patient() -> str:
    return str(uuid4())


def wrote(patient: str) -> Author:
    return Author("patient", patient, "Stina Bergström", "", "self")


def a_thread(patient: str, **more: Any) -> Thread:
    return replace(
        Thread(
            uuid4(),
            patient,
            "Stina Bergström",
            UNIT,
            "Norrby",
            "question",
            "Svimfärdig",
            "",
            "patient",
            NOON,
            NOON,
            NOON,
        ),
        **more,
    )


async def test_a_conversation_is_begun_once_and_its_turns_are_told(demo: Any) -> None:
    patient = a_patient()
    talk, author = a_thread(patient), wrote(patient)
    async with demo.db.transaction() as tx:
        assert [await store.begin(tx, talk, author, "Hej") for _ in range(2)] == [True, False]
        waits = await store.of_unit(tx, UNIT, talk.id)
        reply = Message(uuid4(), ANNA, "Kom in i dag", NOON + timedelta(hours=1))
        assert [await store.answer(tx, talk.id, reply) for _ in range(2)] == [True, False]
        new = (await store.unread(tx, patient), (await store.of_patient(tx, patient, talk.id)).unread)
        await store.seen_by_patient(tx, talk.id, NOON + timedelta(hours=2))
        found = await store.of_patient(tx, patient, talk.id)
    assert (waits.waiting, new, found.unread, found.waiting) == (True, (1, True), False, False)
    assert [(one.author.name, one.body) for one in found.messages] == [
        ("Stina Bergström", "Hej"),
        ("Anna Lind", "Kom in i dag"),
    ]


async def test_another_patient_and_another_unit_find_no_such_conversation(demo: Any) -> None:
    patient = a_patient()
    talk = a_thread(patient)
    async with demo.db.transaction() as tx:
        await store.begin(tx, talk, wrote(patient), "Hej")
        for find, who in ((store.of_patient, a_patient()), (store.of_unit, "SE0000000001-1002")):
            with pytest.raises(model.NoSuchThread):
                await find(tx, who, talk.id)
        with pytest.raises(model.NoSuchThread):
            await store.answer(tx, uuid4(), Message(uuid4(), ANNA, "Hej", NOON))


async def test_an_id_used_for_other_words_is_refused_and_the_first_words_stand(demo: Any) -> None:
    patient = a_patient()
    talk, author = a_thread(patient), wrote(patient)
    async with demo.db.transaction() as tx:
        await store.begin(tx, talk, author, "Hej")
        with pytest.raises(model.IdTaken):
            await store.begin(tx, talk, author, "Något annat")
        with pytest.raises(model.IdTaken):
            await store.answer(tx, talk.id, Message(talk.id, ANNA, "Något annat", NOON))
        assert [one.body for one in (await store.of_patient(tx, patient, talk.id)).messages] == ["Hej"]


async def test_an_ended_conversation_takes_no_more_and_leaves_the_units_list(demo: Any) -> None:
    patient, unit = a_patient(), f"unit-{uuid4()}"
    talk = a_thread(patient, unit=unit)
    async with demo.db.transaction() as tx:
        await store.begin(tx, talk, wrote(patient), "Hej")
        before = (await store.waiting(tx, unit), len(await store.units(tx, unit)))
        await store.close(tx, talk.id, NOON)
        after = (await store.waiting(tx, unit), len(await store.units(tx, unit)))
        with pytest.raises(model.ThreadClosed):
            await store.answer(tx, talk.id, Message(uuid4(), wrote(patient), "Mer", NOON))
        listed = await store.patients(tx, patient)
    assert (before, after, listed[0].closed_at) == ((1, 1), (0, 0), NOON)


@pytest.mark.parametrize(("text", "words"), [("  \n", "Skriv något"), ("x" * 5001, "5001 tecken"), ("<script>", "")])
def test_a_message_is_written_and_not_too_long(text: str, words: str) -> None:
    found = model.wrong(text)
    assert found.startswith(words) or words in found
    assert bool(found) == bool(words)


@pytest.mark.parametrize(
    ("kind", "typed", "numbers", "wrong"),
    [
        ("blood-pressure", {"systolic": "128", "diastolic": " 82 "}, {"systolic": "128", "diastolic": "82"}, {}),
        ("temperature", {"temperature": "37,4"}, {"temperature": "37.4"}, {}),
        ("blood-pressure", {"systolic": "82", "diastolic": "128"}, None, {"diastolic": "lägre än det övre"}),
        ("weight", {"weight": "7200"}, None, {"weight": "mellan 0,3 och 400 kg"}),
        ("weight", {"weight": "72,55"}, None, {"weight": "högst en decimal"}),
        ("pulse", {"pulse": "NaN"}, None, {"pulse": "mellan 20 och 250"}),
        ("pulse", {"pulse": "sjuttio"}, None, {"pulse": "bara siffror"}),
        ("pulse", {}, None, {"pulse": "Skriv puls i slag/min."}),
    ],
)
def test_own_values_are_read_the_swedish_way(kind: str, typed: Any, numbers: Any, wrong: dict[str, str]) -> None:
    found, said = own_model.read(MEASURES[kind], typed)
    assert set(said) == set(wrong)
    assert all(words in said[name] for name, words in wrong.items())
    assert numbers is None or found == numbers


async def test_an_own_value_is_kept_once_with_its_provenance_and_is_struck_by_its_patient_only(demo: Any) -> None:
    patient, mother = a_patient(), a_patient()
    numbers = {"systolic": "128", "diastolic": "82"}
    entry = Entry(uuid4(), patient, "blood-pressure", numbers, "", NOON, mother, "Maja Sjögren", "guardian", NOON)
    async with demo.db.transaction() as tx:
        await own.add(tx, entry)
        await own.add(tx, entry)
        with pytest.raises(model.IdTaken):
            await own.add(tx, replace(entry, note="något annat"))
        struck = [await own.withdraw(tx, who, entry.id, NOON) for who in (mother, patient)]
        found = await own.listed(tx, patient)
    assert struck == [False, True]
    assert [(one.by_id, one.by_role, one.withdrawn_at) for one in found] == [(mother, "guardian", NOON)]
    assert own_model.said(found[0]) == "128/82\u00a0mmHg"


ANSWERS = {"hur": "Bra", "besvar": "Ont i knät", "sjukdom": "false", "overkanslig": "false", "rokning": "Nej, aldrig"}


def a_form(patient: str, **more: Any) -> Filled:
    return replace(Filled(uuid4(), patient, form.form_id(), {"hur": "Bra"}, 0, patient, "Stina", "self", NOON), **more)


async def test_a_form_is_saved_resumed_and_sent_once(demo: Any) -> None:
    patient = a_patient()
    first = a_form(patient)
    async with demo.db.transaction() as tx:
        saved = await forms.save(tx, first, send=False, at=NOON)
        resumed = await forms.draft(tx, patient, form.form_id())
        whole = replace(saved, answers=ANSWERS)
        sent = [await forms.save(tx, whole, send=True, at=NOON) for _ in range(2)]
        with pytest.raises(form.Submitted):
            await forms.save(tx, replace(whole, answers={"hur": "Dåligt"}), send=True, at=NOON)
        assert await forms.draft(tx, patient, form.form_id()) is None
        assert await forms.find(tx, a_patient(), first.id) is None
    assert resumed == saved
    assert sent[0] == sent[1]
    assert form.response(sent[0])["status"] == "completed"


async def test_a_stale_window_never_writes_over_what_was_saved_elsewhere(demo: Any) -> None:
    patient = a_patient()
    async with demo.db.transaction() as tx:
        saved = await forms.save(tx, a_form(patient), send=False, at=NOON)
        await forms.save(tx, replace(saved, answers={"hur": "Dåligt"}), send=False, at=NOON)
        for stale in (replace(saved, answers={"hur": "Mycket bra"}), a_form(patient)):
            with pytest.raises(form.Stale):
                await forms.save(tx, stale, send=False, at=NOON)
        kept = await forms.draft(tx, patient, form.form_id())
    assert kept is not None
    assert kept.answers == {"hur": "Dåligt"}


def test_a_question_is_asked_when_the_answer_before_it_says_so() -> None:
    assert "vilken" not in {item["linkId"] for item in form.asked(ANSWERS)}
    assert "vilken" in {item["linkId"] for item in form.asked({**ANSWERS, "sjukdom": "true"})}
    assert form.progress(ANSWERS) == (5, 8)


@pytest.mark.parametrize(
    ("changes", "whole", "wrong"),
    [
        ({}, True, {}),
        ({"besvar": ""}, True, {"besvar"}),
        ({"besvar": ""}, False, set()),
        ({"hur": "Sådär"}, False, {"hur"}),
        ({"sjukdom": "kanske"}, False, {"sjukdom"}),
        ({"langd": "1,75"}, False, {"langd"}),
        ({"langd": "300"}, False, {"langd"}),
        ({"besvar": "x" * 2001}, False, {"besvar"}),
    ],
)
def test_what_is_wrong_in_a_form_is_said_at_its_question(changes: dict[str, str], whole: bool, wrong: Any) -> None:
    assert set(form.wrong({**ANSWERS, **changes}, whole=whole)) == set(wrong)


def test_only_answers_of_the_form_are_kept() -> None:
    assert form.kept({"hur": " Bra ", "csrf": "x", "ovrigt": "a\r\nb"}) == {"hur": "Bra", "ovrigt": "a\nb"}
