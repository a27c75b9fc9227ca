"""The decision: who sees what, rule by rule (sweden.md §4, §11.1), and that the sets of numbers say the same."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import (
    NO_RULES,
    NOTHING,
    REGISTER,
    Acting,
    Actor,
    Block,
    Choice,
    Consent,
    Decision,
    Facts,
    Known,
    Label,
    Opened,
    Revoke,
    Rules,
    Sight,
    decide,
    shown_to_patient,
    unlabelled,
    zones,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
BEFORE, LATER = NOW - timedelta(days=1), NOW + timedelta(days=1)
NURSE = Actor("staff", "nurse", unit="A-1", provider="A", purpose="care", session="s1")
MINE, COLLEAGUES, THEIRS = Label("A", "A-1", "und"), Label("A", "A-2", "und"), Label("B", "B-1", "und")
SHARING = Rules(sharing=frozenset(("A", "B")))
INNER = Block("b1", "inner", "A", "A-2")
OUTER = Block("b2", "outer", "B")
CHOSEN = (Choice("s1", LATER),)
CONSENT = (Consent("A", "A-1", BEFORE),)


def said(label: Label, facts: Facts = NOTHING, actor: Actor = NURSE, bond: str = "related", **more: object) -> Decision:
    return decide(actor, label, facts, now=NOW, bond=bond, rules=SHARING, **more)  # type: ignore[arg-type]


def test_acc_01_staff_need_a_relation_even_for_what_their_own_unit_wrote() -> None:
    assert said(MINE) is Decision.PERMIT
    assert said(MINE, bond="none") is Decision.NEED_RELATION


def test_acc_05_another_unit_of_the_provider_is_opened_by_an_active_choice_of_this_session() -> None:
    assert said(COLLEAGUES) is Decision.NEED_ACTIVE_CHOICE
    assert said(COLLEAGUES, Facts(choices=CHOSEN)) is Decision.PERMIT
    assert said(COLLEAGUES, Facts(choices=(Choice("another", LATER),))) is Decision.NEED_ACTIVE_CHOICE
    assert said(COLLEAGUES, Facts(choices=(Choice("s1", NOW),))) is Decision.NEED_ACTIVE_CHOICE


def test_acc_08_what_has_no_owner_is_shown_to_nobody_in_care() -> None:
    assert said(unlabelled("und")) is Decision.DENY


def test_acc_09_only_a_right_for_it_searches_beyond_the_relations() -> None:
    wide = replace(NURSE, population=True)
    assert said(MINE, actor=wide, bond="none") is Decision.PERMIT
    assert said(COLLEAGUES, actor=wide, bond="none") is Decision.NEED_RELATION


@pytest.mark.parametrize("purpose", ["quality", "administration", "planning", "statistics"])
def test_acc_10_following_up_reads_its_own_provider_with_a_right_and_never_others(purpose: str) -> None:
    plain = replace(NURSE, purpose=purpose)
    assert said(COLLEAGUES, actor=plain) is Decision.DENY
    allowed = replace(plain, population=True)
    assert said(COLLEAGUES, actor=allowed, bond="none") is Decision.PERMIT
    assert said(THEIRS, Facts(consents=CONSENT), actor=allowed) is Decision.DENY
    assert said(COLLEAGUES, Facts(blocks=(INNER,)), actor=allowed) is Decision.PERMIT  # BLK-16


def test_a_purpose_that_is_not_known_reads_nothing() -> None:
    assert said(MINE, actor=replace(NURSE, purpose="research")) is Decision.DENY
    assert said(MINE, actor=Actor("staff", "x")) is Decision.DENY


def test_blk_01_an_inner_block_hides_from_other_units_of_the_provider_and_from_other_providers() -> None:
    assert said(COLLEAGUES, Facts(choices=CHOSEN, blocks=(INNER,))) is Decision.BLOCKED
    other = Block("b", "inner", "B", "B-1")
    assert said(THEIRS, Facts(consents=CONSENT, blocks=(other,))) is Decision.BLOCKED


def test_blk_02_an_outer_block_hides_from_other_providers_only() -> None:
    assert said(THEIRS, Facts(consents=CONSENT, blocks=(OUTER,))) is Decision.BLOCKED
    own = Block("b", "outer", "A")
    assert said(COLLEAGUES, Facts(choices=CHOSEN, blocks=(own,))) is Decision.PERMIT


def test_blk_05_a_block_beats_a_consent() -> None:
    assert said(THEIRS, Facts(consents=CONSENT, blocks=(OUTER,))) is Decision.BLOCKED


def test_blk_06_the_unit_that_wrote_it_always_sees_it() -> None:
    assert said(MINE, Facts(blocks=(Block("b", "inner", "A", "A-1"),))) is Decision.PERMIT


def test_blk_08_a_type_that_is_excluded_stays_open() -> None:
    block = Block("b", "inner", "A", "A-2", excluded=("lak",))
    facts = Facts(choices=CHOSEN, blocks=(block,))
    assert said(Label("A", "A-2", "lak"), facts) is Decision.PERMIT
    assert said(Label("A", "A-2", "und"), facts) is Decision.BLOCKED


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ((100, 200), Decision.BLOCKED),
        ((50, 101), Decision.BLOCKED),
        ((199, 300), Decision.BLOCKED),
        ((50, 100), Decision.PERMIT),
        ((200, 300), Decision.PERMIT),
        (None, Decision.BLOCKED),
    ],
)
def test_blk_09_any_overlap_in_time_blocks_and_none_does_not(when: tuple[int, int] | None, expected: Decision) -> None:
    facts = Facts(choices=CHOSEN, blocks=(Block("b", "inner", "A", "A-2", start=100, end=200),))
    assert said(COLLEAGUES, facts, when=when) is expected


def test_blk_11_a_block_is_lifted_for_the_unit_or_the_employee_it_says_and_until_then() -> None:
    def lifted(**more: object) -> Decision:
        revoke = Revoke(**{"unit": "A-1", "until": LATER, **more})  # type: ignore[arg-type]
        return said(COLLEAGUES, Facts(choices=CHOSEN, blocks=(Block("b", "inner", "A", "A-2", revokes=(revoke,)),)))

    assert lifted() is Decision.PERMIT
    assert lifted(employee="nurse") is Decision.PERMIT
    assert lifted(employee="another") is Decision.BLOCKED
    assert lifted(unit="A-3") is Decision.BLOCKED
    assert lifted(until=NOW) is Decision.BLOCKED


def test_con_02_another_provider_needs_a_relation_and_a_consent() -> None:
    assert said(THEIRS) is Decision.NEED_CONSENT
    assert said(THEIRS, Facts(consents=CONSENT)) is Decision.PERMIT
    assert said(THEIRS, Facts(consents=CONSENT), bond="none") is Decision.NEED_RELATION


def test_con_04_a_consent_binds_to_the_reading_unit() -> None:
    assert said(THEIRS, Facts(consents=(Consent("A", "A-2", BEFORE),))) is Decision.NEED_CONSENT
    assert said(THEIRS, Facts(consents=(Consent("A", "A-1", BEFORE, employee="x"),))) is Decision.NEED_CONSENT
    assert said(THEIRS, Facts(consents=(Consent("A", "A-1", LATER),))) is Decision.NEED_CONSENT
    assert said(THEIRS, Facts(consents=(Consent("A", "A-1", BEFORE, NOW),))) is Decision.NEED_CONSENT


def test_emg_01_an_emergency_assertion_opens_what_is_not_blocked() -> None:
    emergency = (Consent("A", "A-1", BEFORE, LATER, "nurse", "emergency"),)
    assert said(THEIRS, Facts(consents=emergency)) is Decision.PERMIT
    assert said(THEIRS, Facts(consents=emergency, blocks=(OUTER,))) is Decision.BLOCKED


def test_blk_09_what_a_block_does_to_a_row_without_time_says_nothing_of_the_next_row() -> None:
    labels = {1: THEIRS}
    facts = Facts(consents=CONSENT, blocks=(Block("b2", "outer", "B", None, 100, 200),))
    sight = Sight(NURSE, labels, zones(NURSE, labels, SHARING), rules=SHARING, known={7: Known(facts, True)}, now=NOW)

    assert [sight.sees(1, 7, when) for when in (None, (300, 400), (150, 160), (300, 400))] == [False, True, False, True]


def test_emg_03_an_emergency_opens_only_what_may_matter() -> None:
    narrow = Facts(consents=(Consent("A", "A-1", BEFORE, LATER, None, "emergency", ("lak", "upp")),))
    opened = {info: said(Label("B", "B-1", info), narrow) for info in ("lak", "upp", "voo")}

    assert opened == {"lak": Decision.PERMIT, "upp": Decision.PERMIT, "voo": Decision.NEED_CONSENT}


def test_who_does_not_take_part_in_shared_care_does_not_exist_for_others() -> None:
    assert said(Label("C", "C-1", "und"), Facts(consents=CONSENT)) is Decision.DENY
    rules = Rules(sharing=frozenset("B"), not_sharing=frozenset(("B-1",)))
    assert decide(NURSE, THEIRS, Facts(consents=CONSENT), now=NOW, bond="related", rules=rules) is Decision.DENY


def me(years: int, who: str = "me", **facts: object) -> Decision:
    born = date(2026 - years, 11, 26)
    actor = Actor("patient", who, patient="me")
    return decide(actor, THEIRS, Facts(born=born, **facts), now=NOW, bond="own")  # type: ignore[arg-type]


def test_pat_03_own_record_from_sixteen() -> None:
    assert [me(years) for years in (12, 13, 15, 16, 80)] == [Decision.DENY] * 3 + [Decision.PERMIT] * 2
    assert decide(Actor("patient", "me", patient="me"), MINE, Facts(), now=NOW, bond="own") is Decision.DENY


def test_pat_04_a_guardian_sees_the_record_until_the_child_turns_thirteen() -> None:
    acting = (Acting("mother", "guardian", BEFORE),)
    assert me(12, "mother", acting=acting) is Decision.PERMIT
    assert me(13, "mother", acting=acting) is Decision.DENY
    assert me(12, "stranger", acting=acting) is Decision.DENY


def test_pat_05_between_thirteen_and_sixteen_only_what_a_unit_opened() -> None:
    acting, to_guardian = (Acting("mother", "guardian", BEFORE),), (Opened("B-1", "guardian"),)
    assert me(14, "mother", acting=acting, opened=to_guardian) is Decision.PERMIT
    assert me(14, opened=to_guardian) is Decision.DENY
    assert me(14, opened=(Opened("B-1", "child"),)) is Decision.PERMIT
    assert me(14, opened=(Opened("A-1", "child"),)) is Decision.DENY


def test_pat_07_a_blocked_guardian_sees_nothing() -> None:
    assert me(8, "father", acting=(Acting("father", "guardian", BEFORE, blocked=True),)) is Decision.DENY


@given(
    st.builds(
        Label,
        st.sampled_from(["", "A", "B"]),
        st.sampled_from(["A-1", "A-2", ""]),
        st.sampled_from(["register", "und", ""]),
    ),
    st.sampled_from([None, date(1960, 1, 1), date(2012, 1, 1), date(2020, 1, 1)]),
    st.sampled_from(["", "sekretessmarkering"]),
    st.lists(
        st.builds(
            Acting, st.sampled_from(["other", "somebody"]), st.sampled_from(["guardian", "mandate"]), st.just(BEFORE),
            st.just(NOW), st.booleans(),
        ), max_size=2,
    ).map(tuple),
)  # fmt: skip
def test_who_acts_as_nothing_for_a_patient_sees_nothing_of_theirs_not_even_the_register(
    label: Label, born: date | None, protected: str, acting: tuple[Acting, ...]
) -> None:
    """Whatever token they hold: no link, one that has ended, one that is blocked, or one that protection breaks."""
    facts = Facts(born=born, protected=protected, acting=acting, opened=(Opened("A-1", "guardian"),))
    other = Actor("patient", "other", patient="me")
    assert decide(other, label, facts, now=NOW, bond="own") is Decision.DENY
    assert shown_to_patient(other, {1: label}, facts, NO_RULES, NOW) == frozenset()


def test_pat_08_protected_identity_breaks_the_link() -> None:
    acting = (Acting("mother", "guardian", BEFORE),)
    assert me(8, "mother", acting=acting, protected="sekretessmarkering") is Decision.DENY


def test_pat_09_hidden_units_and_types_are_not_shown_to_the_patient() -> None:
    actor, facts = Actor("patient", "me", patient="me"), Facts(born=date(1960, 1, 1))
    hidden = Rules(hidden_units=frozenset(("A-2",)), hidden_types=frozenset(("voo",)))
    for label, expected in (
        (MINE, Decision.PERMIT),
        (COLLEAGUES, Decision.DENY),
        (Label("A", "A-1", "voo"), Decision.DENY),
    ):
        assert decide(actor, label, facts, now=NOW, bond="own", rules=hidden) is expected


def test_pat_11_a_mandate_holds_in_its_time() -> None:
    assert me(70, "son", acting=(Acting("son", "mandate", BEFORE, LATER),)) is Decision.PERMIT
    assert me(70, "son", acting=(Acting("son", "mandate", BEFORE, NOW),)) is Decision.DENY


def test_a_patient_sees_registers_that_are_about_nobody_and_no_other_patient() -> None:
    actor = Actor("patient", "me", patient="me")
    assert decide(actor, REGISTER, now=NOW, bond="nobody") is Decision.PERMIT
    assert decide(actor, REGISTER, now=NOW, bond="none") is Decision.DENY
    assert decide(actor, MINE, now=NOW, bond="none") is Decision.DENY


def test_a_system_reads_its_own_provider_and_everything_only_with_the_demo_scope() -> None:
    lab = Actor("system", "lab", unit="A-1", provider="A")
    assert said(COLLEAGUES, actor=lab, bond="none") is Decision.PERMIT
    assert said(THEIRS, actor=lab) is Decision.DENY
    assert said(THEIRS, actor=Actor("system", "lab")) is Decision.DENY
    assert said(unlabelled("und"), actor=Actor("system", "bench", everything=True), bond="none") is Decision.PERMIT


def test_what_is_about_no_patient_is_its_providers() -> None:
    assert said(COLLEAGUES, bond="nobody") is Decision.PERMIT
    assert said(THEIRS, bond="nobody") is Decision.DENY


names = st.sampled_from(["", "A", "B", "C"])
units = st.sampled_from(["A-1", "A-2", "B-1", ""])
some_labels = st.builds(Label, names, units, st.sampled_from(["register", "und", "lak", ""]))
actors = st.builds(
    Actor, st.sampled_from(["staff", "patient", "system"]), st.sampled_from(["nurse", "me"]), unit=units, provider=names,
    purpose=st.sampled_from(["care", "quality", "research"]), session=st.sampled_from(["s1", ""]), patient=st.just("me"),
    population=st.booleans(), everything=st.booleans(),
)  # fmt: skip
blocks = st.builds(
    Block, st.just("b"), st.sampled_from(["inner", "outer"]), names, units, st.sampled_from([None, 100]),
    st.sampled_from([None, 200]), st.sampled_from([(), ("lak",)]),
    st.lists(st.builds(Revoke, units, st.sampled_from([BEFORE, LATER]), st.sampled_from([None, "nurse", "x"])), max_size=1).map(tuple),
)  # fmt: skip
some_facts = st.builds(
    Facts,
    choices=st.lists(
        st.builds(Choice, st.sampled_from(["s1", "s2"]), st.sampled_from([BEFORE, LATER])), max_size=1
    ).map(tuple),
    blocks=st.lists(blocks, max_size=2).map(tuple),
    consents=st.lists(st.builds(Consent, names, units, st.sampled_from([BEFORE, LATER])), max_size=1).map(tuple),
    born=st.sampled_from([None, date(1960, 1, 1), date(2020, 1, 1)]),
)


@given(
    actors,
    st.dictionaries(st.integers(1, 9), some_labels),
    some_facts,
    st.booleans(),
    st.sampled_from([None, (150, 160), (1, 2)]),
)
def test_the_sets_of_numbers_and_the_function_agree(
    actor: Actor, labels: dict[int, Label], facts: Facts, related: bool, when: tuple[int, int] | None
) -> None:
    own = frozenset((7,)) if actor.kind == "patient" else frozenset()
    sight = Sight(actor, labels, zones(actor, labels, SHARING), own, rules=SHARING, now=NOW)
    if actor.kind == "patient" and not actor.everything:
        sight.own_labels = shown_to_patient(actor, labels, facts, SHARING, NOW)
    sight.known[7] = Known(facts, related)
    for number, label in labels.items():
        for patient in (0, 7, 8):
            mine = patient == 7
            bond = "nobody" if patient == 0 else "own" if mine and own else "related" if mine and related else "none"
            known = facts if mine else Facts()
            expected = decide(actor, label, known, now=NOW, bond=bond, when=when, rules=SHARING)  # type: ignore[arg-type]
            assert sight.sees(number, patient, when) == (expected is Decision.PERMIT)
