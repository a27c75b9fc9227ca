"""The search grammar: every form of every value, and clear refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhircore.moments import moment
from fhircore.outcome import InvalidFHIR
from fhircore.params import SearchParam, params_of
from fhircore.phonetic import phonetic
from fhircore.query import (
    Chain,
    DateValue,
    Has,
    Id,
    Include,
    LastUpdated,
    Listed,
    Match,
    Missing,
    NumberValue,
    QuantityValue,
    Query,
    ReferenceValue,
    StringValue,
    TokenValue,
    TypedIdentifier,
    UriValue,
    Words,
    parse,
)
from fhircore.types import TYPES


def criterion(type_name: str, name: str, text: str):
    (found,) = parse(type_name, [(name, text)]).criteria
    return found


def values(type_name: str, name: str, text: str) -> tuple:
    return criterion(type_name, name, text).values


def refused(type_name: str, name: str, text: str):
    with pytest.raises(InvalidFHIR) as found:
        parse(type_name, [(name, text)])
    return found.value.issues[0]


def test_a_planner_can_match_on_the_tree():
    match criterion("Observation", "code:not", "http://loinc.org|1-8"):
        case Match(SearchParam(name="code", type="token"), "not", (TokenValue(system, code),)):
            assert (system, code) == ("http://loinc.org", "1-8")
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a", (None, "a")),
        ("s|a", ("s", "a")),
        ("|a", ("", "a")),
        ("s|", ("s", None)),
        (r"a\|b\,c\\", (None, r"a|b,c" + "\\")),
        (r"s\|1|a", ("s|1", "a")),
    ],
)
def test_a_token_is_code_system_or_both(text: str, found: tuple):
    assert values("Observation", "code", text) == (TokenValue(*found),)


def test_values_between_commas_are_an_or_and_repeated_parameters_an_and():
    query = parse("Observation", [("code", "a,b"), ("code", "c")])
    assert [len(c.values) for c in query.criteria] == [2, 1]


def test_two_thousand_values_are_parsed():
    assert len(values("Patient", "identifier", ",".join(f"urn:x|{n}" for n in range(2000)))) == 2000


def test_the_system_that_a_code_implies_may_be_said():
    gender = "http://hl7.org/fhir/administrative-gender"
    assert values("Patient", "gender", f"{gender}|male") == (TokenValue(None, "male"),)
    assert values("Patient", "gender", "http://else|male") == (TokenValue("http://else", "male"),)


def test_token_modifiers_have_their_own_values():
    assert values("Patient", "identifier:of-type", "s|MR|1") == (TypedIdentifier("s", "MR", "1"),)
    assert values("Observation", "code:text", "blood") == (StringValue("blood"),)
    assert values("Observation", "code:in", "http://x/vs") == (UriValue("http://x/vs"),)
    assert criterion("Observation", "code:missing", "true") == Missing(params_of("Observation")["code"], True)


def test_references_are_local_absolute_or_bare():
    subjects = params_of("Observation")["subject"].target
    assert values("Observation", "subject", "Patient/1") == (ReferenceValue(("Patient",), "1", None),)
    assert values("Observation", "subject", "Patient/1/_history/2") == (ReferenceValue(("Patient",), "1", None),)
    assert values("Observation", "subject", "1") == (ReferenceValue(subjects, "1", None),)
    assert values("Observation", "patient", "1") == (ReferenceValue(("Patient",), "1", None),)
    assert values("Observation", "subject:Group", "1") == (ReferenceValue(("Group",), "1", None),)
    url = "https://x.se/fhir/Patient/1"
    assert values("Observation", "subject", url) == (ReferenceValue(("Patient",), "1", url),)
    assert values("Observation", "subject", "urn:uuid:1") == (ReferenceValue((), None, "urn:uuid:1"),)
    canonical = "http://x/Questionnaire/q|1"
    assert values("QuestionnaireResponse", "questionnaire", canonical) == (ReferenceValue((), None, canonical),)
    assert values("Observation", "subject:identifier", "urn:p|1") == (TokenValue("urn:p", "1"),)


def test_strings_and_uris_are_unescaped():
    assert values("Patient", "name:exact", r"A\,B,C") == (StringValue("A,B"), StringValue("C"))
    assert values("ValueSet", "url:below", "http://x/") == (UriValue("http://x/"),)
    assert values("Patient", "phonetic", "Carlsson") == (StringValue(phonetic("Karlsson")),)


@pytest.mark.parametrize("prefix", ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
def test_dates_and_numbers_have_prefixes(prefix: str):
    kind = prefix or "eq"
    assert values("Observation", "date", prefix + "2024-03") == (DateValue(kind, *moment("2024-03")),)
    assert values("RiskAssessment", "probability", prefix + "0.5") == (NumberValue(kind, 0.5, 0.45, 0.55),)


@pytest.mark.parametrize(
    ("text", "lo", "hi"),
    [
        ("100", 99.5, 100.5),
        ("100.00", 99.995, 100.005),
        ("1e2", 95, 105),
        ("-5.4", -5.45, -5.35),
        ("5.40e-3", 0.005395, 0.005405),
        ("0", -0.5, 0.5),
    ],
)
def test_a_number_is_as_wide_as_its_last_digit(text: str, lo: float, hi: float):
    (found,) = values("RiskAssessment", "probability", text)
    assert (found.lo, found.hi) == (pytest.approx(lo, abs=1e-12), pytest.approx(hi, abs=1e-12))
    assert found.value == float(text)


@pytest.mark.parametrize(
    ("text", "system", "code"),
    [("gt5.4", None, None), ("gt5.4|u|mg", "u", "mg"), ("gt5.4||mg", None, "mg"), ("gt5.4|u|", "u", None)],
)
def test_a_quantity_has_a_system_and_a_code_where_said(text: str, system: str | None, code: str | None):
    (found,) = values("Observation", "value-quantity", text)
    assert found == QuantityValue("gt", 5.4, 5.35, 5.45, system, code)


def test_id_and_last_updated_are_criteria_of_their_own():
    assert criterion("Patient", "_id", "a,b") == Id(("a", "b"))
    assert criterion("Patient", "_lastUpdated", "ge2024") == LastUpdated((DateValue("ge", *moment("2024")),))


def test_a_chain_keeps_the_types_that_know_the_rest():
    found = criterion("Observation", "subject.name", "Eva")
    assert [target for target, _ in found.targets] == ["Location", "Patient"]
    assert criterion("Observation", "subject:Patient.name", "Eva").targets == found.targets[1:]
    assert [target for target, _ in criterion("Observation", "patient.name", "Eva").targets] == ["Patient"]


def test_chains_have_any_depth_and_modifiers_at_the_end():
    found = criterion("Observation", "encounter:Encounter.subject:Patient.name:exact", "Eva")
    match found:
        case Chain(_, (("Encounter", Chain(_, (("Patient", Match(_, "exact", (StringValue("Eva"),))),))),)):
            pass
        case _:
            pytest.fail(str(found))


def test_has_is_parsed_nested_and_chained():
    found = criterion("Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent", "Practitioner/1")
    assert isinstance(found, Has)
    assert isinstance(found.criterion, Has)
    assert (found.type, found.criterion.type, found.criterion.param.name) == ("Observation", "AuditEvent", "entity")
    chained = criterion("Encounter", "patient._has:Group:member:_id", "102")
    assert chained.targets[0][1].criterion == Id(("102",))
    inside = criterion("Patient", "_has:Observation:patient:encounter.status", "finished")
    assert isinstance(inside.criterion, Chain)


def test_control_parameters():
    query = parse(
        "Observation",
        [
            ("_count", "20"),
            ("_sort", "-date,_id"),
            ("_include", "Observation:subject:Patient"),
            ("_include:iterate", "Patient:general-practitioner"),
            ("_revinclude", "Provenance:target"),
            ("_total", "accurate"),
            ("_summary", "false"),
            ("_elements", "code,subject"),
            ("_format", "json"),
            ("_pretty", "true"),
            ("_cursor", "x"),
        ],
    )
    subject, doctor = params_of("Observation")["subject"], params_of("Patient")["general-practitioner"]
    assert [(s.param.name, s.descending) for s in query.sort] == [("date", True), ("_id", False)]
    assert query.include == (
        Include("Observation", subject, "Patient", False),
        Include("Patient", doctor, None, True),
    )
    assert query.revinclude == (Include("Provenance", params_of("Provenance")["target"], None, False),)
    assert (query.count, query.total, query.summary, query.elements) == (20, "accurate", "false", ("code", "subject"))
    assert (query.format, query.pretty, query.cursor, query.criteria) == ("json", True, "x", ())


def test_everything_can_be_included():
    found = parse("Observation", [("_include", "*"), ("_revinclude", "Provenance:*")])
    assert (found.include, found.revinclude) == (
        (Include(None, None, None, False),),
        (Include("Provenance", None, None, False),),
    )


def test_a_search_over_several_types_knows_what_they_share():
    query = parse("Resource", [("_type", "Observation,Condition"), ("patient", "1"), ("_tag", "s|t")])
    assert query.types == ("Observation", "Condition")
    assert [c.param.name for c in query.criteria] == ["patient", "_tag"]
    with pytest.raises(InvalidFHIR):
        parse("Resource", [("_type", "Observation,Organization"), ("patient", "1")])
    with pytest.raises(InvalidFHIR):
        parse("Resource", [("patient", "1")])


def test_lenient_drops_what_is_unknown_and_tells():
    query = parse("Patient", [("foo", "1"), ("name", "Eva"), ("_query", "x"), ("foo", "2")], lenient=True)
    assert query.ignored == ("foo", "_query")
    assert len(query.criteria) == 1


@pytest.mark.parametrize("name", ["code:exakt", "date:exact", "subject:Medication"])
def test_lenient_does_not_drop_a_wrong_modifier(name: str):
    with pytest.raises(InvalidFHIR):
        parse("Observation", [(name, "x")], lenient=True)


@pytest.mark.parametrize(
    ("type_name", "name"),
    [
        *(("Patient", name) for name in ("foo", "_query", "_contained")),
        *(("Observation", name) for name in ("value", "subject.foo", "focus.foo.bar")),
        ("Bundle", "_text"),
    ],
)
def test_what_is_not_offered_is_refused_by_name(type_name: str, name: str):
    issue = refused(type_name, name, "x")
    assert (issue.code, issue.at) == ("not-supported", name)


def test_every_composite_parameter_takes_one_value_for_each_component():
    for name in TYPES:
        for param in params_of(name).values():
            if param.type != "composite":
                continue
            values = {"quantity": "5", "number": "5", "date": "2024", "reference": "Patient/1"}
            text = "$".join(values.get(part.type, "x") for part in param.components)
            (criterion,) = parse(name, [(param.name, text)]).criteria
            assert len(criterion.values[0].parts) == len(param.components)
            for wrong in (text + "$1", text.partition("$")[0], "$" + text):
                assert refused(name, param.name, wrong).at == param.name


def test_a_place_has_a_distance_in_metres():
    def metres(text: str) -> float:
        (criterion,) = parse("Location", [("near", text)]).criteria
        return criterion.values[0].metres

    assert metres("59.3|18.1|2.5|km") == metres("59.3|18.1|2.5") == metres("59.3|18.1|2500|m") == 2500
    assert metres("59.3|18.1") == 10_000
    for wrong in ("59.3", "91|0|1|km", "0|181|1|km", "1|2|-1|km", "1|2|3|parsec", "a|b", "1|2|3|km|x", "|2|3"):
        assert refused("Location", "near", wrong).at == "near"


def test_a_list_is_named_by_its_id_and_words_are_sets_of_words():
    assert parse("Patient", [("_list", "1,List/2")]).criteria == (Listed(("1", "2")),)
    assert parse("Patient", [("_content", "Hjärta svikt OR lunga")]).criteria == (
        Words(True, (("hjärta", "svikt"), ("lunga",))),
    )
    for name, text in (("_list", "$current-problems"), ("_list", "a b"), ("_text", "!"), ("_list", " ")):
        assert refused("Patient", name, text).at == name


@pytest.mark.parametrize(
    ("type_name", "name", "text"),
    [
        ("Observation", "date", "zz2024"),
        ("Observation", "date", "2024-13"),
        ("Observation", "date", "1950-secret"),
        ("Observation", "value-quantity", "1|2"),
        ("Observation", "value-quantity", "one"),
        ("RiskAssessment", "probability", "1,"),
        ("RiskAssessment", "probability", "nan"),
        ("Observation", "subject", "Medication/1"),
        ("Observation", "subject", "a/b/c"),
        ("Observation", "code", "|"),
        ("Observation", "code", "a|b|c"),
        ("Patient", "identifier:of-type", "a|b"),
        ("Patient", "name", ""),
        ("Patient", "name:missing", "maybe"),
        ("Patient", "_id", "a b"),
        ("Patient", "_count", "-1"),
        ("Patient", "_count", "²"),
        ("Patient", "_total", "all"),
        ("Patient", "_summary", "x"),
        ("Patient", "_pretty", "x"),
        ("Patient", "_elements", "a b"),
        ("Patient", "_include", "Observation:subject"),
        ("Patient", "_include", "Patient"),
        ("Patient", "_revinclude", "Observation:subject:Medication"),
        ("Patient", "_type", "Patient"),
        ("Resource", "_type", "Pasient"),
    ],
)
def test_a_wrong_value_is_refused_naming_the_parameter_and_not_the_value(type_name: str, name: str, text: str):
    issue = refused(type_name, name, text)
    assert (issue.code, issue.at) == ("value", name)
    assert "secret" not in issue.detail


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("name:below", "x"),
        ("name.given", "x"),
        ("_id:not", "x"),
        ("_lastUpdated:exact", "2024"),
        ("_count:x", "1"),
        ("_has:Nope:patient:code", "x"),
        ("_has:Observation:code:code", "x"),
        ("_has:Practitioner:name:code", "x"),
        ("_has:Observation:performer", "x"),
        ("_has:Medication:manufacturer:code", "x"),
        ("general-practitioner:Nope.name", "x"),
        ("_sort", "nope"),
        ("_revinclude", "Observation:code"),
    ],
)
def test_what_does_not_fit_a_parameter_is_refused_by_name(name: str, text: str):
    issue = refused("Patient", name, text)
    assert issue.code == "not-supported"
    assert issue.at in (name, name.partition(":")[0])


def test_a_control_parameter_may_stand_once():
    with pytest.raises(InvalidFHIR, match="more than once"):
        parse("Patient", [("_count", "1"), ("_count", "2")])


def test_endless_and_exploding_chains_are_refused():
    assert refused("Patient", "link." * 3000 + "name", "x").code == "too-costly"
    assert refused("QuestionnaireResponse", "subject." * 7 + "_id", "x").code == "too-costly"


def test_an_unknown_type_is_a_mistake_of_the_caller():
    with pytest.raises(KeyError):
        parse("Pasient", [])


@given(
    st.sampled_from(["Patient", "Observation", "Resource"]),
    st.one_of(
        st.text(max_size=30), st.sampled_from(["code", "date", "value-quantity", "subject", "_sort", "_include", "_id"])
    ),
    st.one_of(st.text(max_size=40), st.from_regex(r"[a-z]{2}[0-9.eE+\-]{1,12}(\|[a-z\\|$,]*)?", fullmatch=True)),
)
def test_whatever_is_asked_is_a_query_or_a_refusal(type_name: str, name: str, text: str):
    try:
        found: object = parse(type_name, [(name, text)])
    except InvalidFHIR as refusal:
        found = refusal.issues
    assert isinstance(found, Query) or found
