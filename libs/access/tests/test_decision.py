"""The decision, and that its set form for SQL says the same."""

from hypothesis import given
from hypothesis import strategies as st

from access import ALL_SEEING, REGISTER, Decision, Label, allows, decide, sight, unlabelled
from kit.caller import Caller, Commission


def a_commission(provider: str = "SE-A", purpose: str = "care") -> Commission:
    return Commission("c1", "SE-A-1", "Enheten", provider, "Givaren", "Läkare", purpose)


def a_nurse(provider: str = "SE-A", purpose: str = "care") -> Caller:
    return Caller("SE-nurse", "staff", "portal", commission=a_commission(provider, purpose))


def test_staff_see_what_their_own_provider_owns_and_the_registers() -> None:
    assert decide(a_nurse(), Label("SE-A", "SE-A-2", "dia"), own=False) is Decision.PERMIT
    assert decide(a_nurse(), REGISTER, own=False) is Decision.PERMIT
    assert decide(a_nurse(), Label("SE-B", "SE-B-1", "dia"), own=False) is Decision.DENY


def test_a_fact_without_an_owner_is_shown_to_nobody_but_its_patient() -> None:
    assert decide(a_nurse(), unlabelled("dia"), own=False) is Decision.DENY
    assert decide(a_nurse(provider=""), unlabelled("dia"), own=False) is Decision.DENY
    assert decide(Caller("p", "patient", "app"), unlabelled("dia"), own=True) is Decision.PERMIT


def test_staff_without_a_commission_for_care_see_nothing() -> None:
    assert decide(Caller("x", "staff", "portal"), REGISTER, own=False) is Decision.DENY
    assert decide(a_nurse(purpose="research"), Label("SE-A", "SE-A-1", "dia"), own=False) is Decision.DENY


def test_a_patient_sees_their_own_and_not_other_patients_register_rows() -> None:
    seen = sight(Caller("p", "patient", "app"), {1: REGISTER, 2: Label("SE-A", "u", "dia")}, own=[7])
    assert seen.sees(2, 7)
    assert seen.sees(1, 7)
    assert seen.sees(1, 0)
    assert not seen.sees(1, 8)
    assert not seen.sees(2, 8)


def test_a_system_sees_all_only_with_the_demo_scope() -> None:
    label = Label("SE-A", "u", "dia")
    assert (
        decide(Caller("bench", "system", "bench", scopes=frozenset({ALL_SEEING})), label, own=False) is Decision.PERMIT
    )
    assert (
        decide(Caller("lab", "system", "lab", scopes=frozenset({"system/*.cruds"})), label, own=False) is Decision.DENY
    )


names = st.sampled_from(["", "SE-A", "SE-B"])
labels = st.builds(Label, names, names, st.sampled_from(["register", "dia", ""]))
callers = st.one_of(
    st.builds(a_nurse, names, st.sampled_from(["care", "research"])),
    st.just(Caller("p", "patient", "app")),
    st.builds(lambda c: Caller("s", "system", "s", commission=c), st.one_of(st.none(), st.builds(a_commission, names))),
)


@given(callers, st.dictionaries(st.integers(1, 9), labels), st.sampled_from([0, 7, 8]))
def test_the_set_for_sql_and_the_function_agree(caller: Caller, known: dict[int, Label], patient: int) -> None:
    own = [7] if caller.kind == "patient" else []
    seen = sight(caller, known, own)
    for number, label in known.items():
        is_own = patient in own
        allowed = decide(caller, label, own=is_own) is Decision.PERMIT
        if caller.kind == "patient" and patient and not is_own:
            allowed = False  # another patient's row is never a patient's to see, whatever its label
        assert seen.sees(number, patient) == allowed


def test_scopes_of_both_versions_say_what_a_token_may_do() -> None:
    assert allows(frozenset({"user/*.cruds"}), "Observation", "c")
    assert allows(frozenset({"user/Observation.rs"}), "Observation", "s")
    assert not allows(frozenset({"user/Observation.rs"}), "Observation", "c")
    assert not allows(frozenset({"user/Observation.rs"}), "Patient", "r")
    assert allows(frozenset({"patient/*.read"}), "Patient", "r")
    assert not allows(frozenset({"patient/Observation.rs?category=laboratory"}), "Observation", "s")
    assert not allows(frozenset({"openid"}), "Observation", "r")
