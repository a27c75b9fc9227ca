"""Whatever is asked of whatever data, the engine answers or refuses with a PathError; XML comes back as it was or is refused."""

import copy
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhircore.fhirpath import PathError, compile_nodes, compile_path
from fhircore.fhirpath.functions import FUNCTIONS
from fhircore.outcome import InvalidFHIR
from fhircore.xml import from_xml, to_xml

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o",
    "contained": [
        {"resourceType": "Patient", "id": "p", "name": [{"given": ["A", "B"], "_given": [None, {"id": "x"}]}]}
    ],
    "extension": [{"url": "u", "valuePeriod": {"start": "2020-01-01", "end": "2021"}}],
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}], "text": "pulse"},
    "subject": {"reference": "#p"},
    "effectiveDateTime": "2020-02-03T04:05:06+01:00",
    "valueQuantity": {"value": Decimal("1.50"), "system": "http://unitsofmeasure.org", "code": "/min"},
    "component": [{"code": {"text": "x"}, "valueInteger": 3}, {"code": {"text": "y"}, "valueString": "7"}],
}
ATOMS = st.sampled_from(
    ("$this", "$index", "$total", "%resource", "%context", "%x", "{}", "true", "1", "0", "-2.50", "'a'", "'2020'", "''",
     "4 days", "1 'mg'", "@2020", "@2020-01-02T03:04Z", "@T10:00", "Observation", "status", "code", "code.coding", "value",
     "effective", "subject", "component", "component.value", "contained", "contained.name.given", "extension", "id", "nome",
     "'10*3'", "1000000", "name", "Resource", "descendants()", "children()", "now()", "today()")
)  # fmt: skip
TYPES = st.sampled_from(
    ("Quantity", "string", "System.String", "FHIR.Patient", "Resource", "Element", "Integer", "dateTime")
)
OPERATORS = st.sampled_from(
    ("+", "-", "*", "/", "div", "mod", "&", "|", "=", "!=", "~", "!~", "<", ">", "<=", ">=", "and", "or", "xor", "implies",
     "in", "contains")
)  # fmt: skip


def called(target: str, name: str, arguments: list[str]) -> str:
    known = FUNCTIONS[name]
    return (
        f"({target}).{name}({', '.join((arguments * known.most)[: max(known.least, min(known.most, len(arguments)))])})"
    )


EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds(called, inner, st.sampled_from(sorted(FUNCTIONS)), st.lists(inner, min_size=1, max_size=2)),
        st.builds("({} {} {})".format, inner, OPERATORS, inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(("is", "as")), TYPES),
        st.builds("({}).ofType({})".format, inner, TYPES),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({}).{}".format, inner, st.sampled_from(("value", "code", "text", "id", "unit", "extension"))),
        st.builds("-({})".format, inner),
    ),
    max_leaves=6,
)
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=4), st.just([]), st.just({}), st.just([None, 1, "a", {}]),
    st.just({"resourceType": 1}), st.just(Decimal("1E+300")), st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
quick = settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *[place for key, part in inner for place in places(part, (*path, key))]]


PLACES = [place for place in places(OBSERVATION) if place and place != ("resourceType",)]


def broken(place: tuple[Any, ...], odd: Any) -> dict[str, Any]:
    """The observation with something else at one place."""
    resource = copy.deepcopy(OBSERVATION)
    holder: Any = resource
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = odd
    return resource


@quick
@given(EXPRESSIONS)
def test_any_expression_answers_or_is_refused(expression: str) -> None:
    before = copy.deepcopy(OBSERVATION)
    with suppress(PathError):
        compile_nodes(expression)(OBSERVATION, x=[1, "a"])
    assert before == OBSERVATION


@quick
@given(EXPRESSIONS)
def test_any_expression_can_be_checked_strictly(expression: str) -> None:
    with suppress(PathError):
        compile_path(expression, type_name="Observation", strict=True)


@quick
@given(st.text(alphabet="()[]{}.,'`%$@|&<>=!~+-*/ \\\nab1T:$this", max_size=25))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    with suppress(PathError):
        compile_path(text)(OBSERVATION)


@quick
@given(st.sampled_from(PLACES), ODD, EXPRESSIONS)
def test_data_that_is_not_valid_fhir_is_answered_too(place: tuple[Any, ...], odd: Any, expression: str) -> None:
    with suppress(PathError):
        compile_nodes(expression)(broken(place, odd), x=1)
    with suppress(PathError):
        compile_nodes("descendants().select(type().name | extension('u').value | id)")(broken(place, odd))


@quick
@given(st.sampled_from(PLACES), ODD)
def test_data_that_is_not_valid_fhir_becomes_xml_or_is_refused(place: tuple[Any, ...], odd: Any) -> None:
    resource = broken(place, odd)
    with suppress(InvalidFHIR):
        from_xml(to_xml(resource))


@quick
@given(st.text(alphabet=[chr(code) for code in range(1, 0x300)] + ["\ufffe", "\U0001f600"], max_size=20))
def test_any_text_comes_back_from_xml_as_it_was_or_is_refused(text: str) -> None:
    resource = {"resourceType": "Patient", "language": text}
    with suppress(InvalidFHIR):
        assert from_xml(to_xml(resource)) == resource


@quick
@given(st.binary(max_size=60) | st.text(alphabet="<>/=\"'&;ab x!-[]?", max_size=60))
def test_any_bytes_are_a_resource_or_are_refused(data: bytes | str) -> None:
    for text in (data, f'<Patient xmlns="http://hl7.org/fhir">{data}</Patient>'):
        with suppress(InvalidFHIR):
            from_xml(text)
