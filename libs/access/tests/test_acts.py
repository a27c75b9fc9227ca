"""The facts that follow from acts: what is cancelled, ended or over is gone, and the order of hearing does not matter."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from access import Acting, Block, Choice, Facts, Revoke
from access.acts import Act, added, compose, in_force

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def act(id: str, kind: Any, ago: int = 60, **more: Any) -> Act:
    return Act(id, kind, "p", NOW - timedelta(minutes=ago), "somebody", **more)


def a_block(id: str = "b", **more: Any) -> Act:
    return act(id, "block", block=Block("", "inner", "P", "U"), **more)


def test_a_block_has_the_id_of_its_act_and_the_lifts_that_are_in_force() -> None:
    lift = act("l", "lift", 30, target="b", unit="R", provider="P", until=LATER, ground="emergency")
    over = act("o", "lift", 50, target="b", unit="R2", provider="P", until=NOW)
    facts = compose([a_block(), lift, over], NOW)

    assert facts.blocks == (Block("b", "inner", "P", "U", revokes=(Revoke("R", LATER, None, "emergency"),)),)
    assert [one.unit for one in facts.relations] == ["R"]  # who opens in an emergency takes part in the care


def test_ended_cancelled_and_over_is_no_fact() -> None:
    ends = [act("1", "end", 10, target="b"), act("2", "cancel", 10, target="c"), act("3", "end", 10, target="m")]
    acts = [
        a_block(), a_block("c"), act("m", "mandate", who="x"), act("r", "relation", unit="R", until=NOW), *ends,
    ]  # fmt: skip

    assert compose(acts, NOW) == Facts()
    assert len(compose(acts[:3], NOW).blocks) == 2


def test_what_ends_later_holds_until_then() -> None:
    acts = [a_block(), act("e", "end", -10, target="b")]

    assert len(compose(acts, NOW).blocks) == 1
    assert compose(acts, NOW + timedelta(minutes=10)).blocks == ()


def test_the_facts_do_not_depend_on_the_order_in_which_acts_are_read() -> None:
    acts = [
        a_block(), act("l", "lift", 30, target="b", unit="R", until=LATER), act("c", "consent", 20, unit="R", provider="Q"),
        act("g", "guardian", 90, who="x"), act("s", "guardian-block", 5, who="x"), act("h", "choice", 4, session="S", until=LATER),
    ]  # fmt: skip
    wanted = compose(acts, NOW)
    dice = random.Random(1)
    for _ in range(20):
        dice.shuffle(acts)
        assert compose(acts, NOW) == wanted
    assert wanted.acting == (Acting("x", "guardian", NOW - timedelta(minutes=90), None, blocked=True),)


def test_pat_08_who_has_protected_data_acts_for_nobody() -> None:
    acts = [act("g", "guardian", who="x"), act("m", "mandate", who="y")]
    assert [one.blocked for one in compose(acts, NOW, hidden={"y"}).acting] == [False, True]


def test_two_choices_of_a_session_are_one_that_lasts_as_long_as_the_longer() -> None:
    acts = [
        act("1", "choice", 5, session="S", until=LATER),
        act("2", "choice", 1, session="S", until=NOW + timedelta(hours=1)),
    ]
    assert compose(acts, NOW).choices == (Choice("S", LATER),)
    assert added(compose(acts, NOW), acts, NOW).choices == (Choice("S", LATER),)


def test_what_a_copy_has_taken_stands_beside_what_the_owner_tells() -> None:
    told = compose([a_block(), act("r", "relation", unit="R", until=LATER)], NOW)
    mine = act("e", "consent", 1, unit="E", provider="Q", until=LATER, ground="emergency")
    both = added(told, [mine], NOW)

    assert both.blocks == told.blocks
    assert {one.unit for one in both.relations} == {"R", "E"}
    assert [one.ground for one in both.consents] == ["emergency"]
    assert added(told, [], NOW) == told


def test_an_act_that_has_been_cancelled_is_not_in_force_and_the_cancelling_is_none_itself() -> None:
    assert [one.id for one in in_force([a_block(), a_block("c"), act("x", "cancel", 1, target="b")], NOW)] == ["c"]


def test_an_act_travels_whole() -> None:
    one = a_block(reason="r", requested_by="patient", since=NOW, scope=("a",))
    assert msgspec.json.decode(msgspec.json.encode(one), type=Act) == one
