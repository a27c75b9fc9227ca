"""A query becomes one statement: its values are parameters, each used, and what may not be seen is not in it."""

import re
from typing import Any

import pytest

from access import Actor, Sight, Zones, all_seeing
from fhircore.query import parse
from fhirserver.keys import Keys
from fhirserver.problems import NotSupported
from fhirserver.search.cursor import Position
from fhirserver.search.plan import plan
from fhirserver.search.predicates import Ground
from fhirserver.search.sql import Values

KEYS = Keys(b"secret")
EVERYTHING = all_seeing()
NURSE = Actor("staff", "nurse", unit="A-1", provider="A", purpose="care", session="s")
SOME = Sight(NURSE, {}, Zones(frozenset({1}), frozenset({3}), frozenset({4}), frozenset({5})))
PATIENT = Sight(Actor("patient", "77"), {}, Zones(frozenset({1})), frozenset({77}), frozenset({1, 3}))


def made(search: str, sight: Sight = EVERYTHING, same: dict[str, list[int]] | None = None) -> Any:
    type_name, _, query = search.partition("?")
    pairs = [tuple(pair.split("=", 1)) for pair in query.split("&") if pair]
    ground = Ground(KEYS, sight, "http://here", lambda id: (same or {}).get(id, [KEYS.of(f"Patient/{id}")]))
    return plan(ground, parse(type_name, pairs))  # type: ignore[arg-type]


def statements(search: str, sight: Sight = EVERYTHING) -> list[Any]:
    found = made(search, sight)
    return [found.page(20, None), found.count()]


SEARCHES = [
    "Patient?", "Patient?family=x", "Patient?identifier=a|b", "Patient?birthdate=2000", "Observation?patient=1",
    "Observation?patient=1&code=http://loinc.org|1", "Observation?code=1", "Observation?patient=1,2&date=ge2020&date=lt2021",
    "Observation?value-quantity=5", "Observation?value-quantity=ne5|a|b", "Observation?value-quantity=ap5", "Observation?combo-code=1",
    "Observation?patient.name=x", "Patient?_has:Observation:patient:code=1", "Patient?_lastUpdated=ge2020", "Patient?_id=1",
    "Observation?code:missing=true", "Patient?family:exact=x", "Patient?family=x,y&_sort=family,-birthdate", "Patient?_list=1",
    "Observation?code-value-quantity=1$5", "Observation?combo-code-value-quantity=1$gt5", "Location?near=1|2|3",
    "Observation?component-code-value-concept=1$x", "ValueSet?url:above=x", "ValueSet?url:below=x", "Patient?gender:missing=false",
    "Observation?combo-code:not=1", "Observation?_filter=code eq 1 or not (status eq 1)", "Patient?identifier:of-type=1|b|c",
    "Patient?_filter=name eq x and birthdate po 2020", "Patient?identifier=urn:1|", "Patient?_lastUpdated=ap2020",
    "Observation?code:not=1", "Observation?subject=1", "Observation?encounter.patient.name=x", "RiskAssessment?probability=lt1",
    *(f"Observation?date={prefix}2020" for prefix in ("", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")),
    *(f"Observation?_lastUpdated={prefix}2020" for prefix in ("", "ne", "gt", "lt", "ge", "le", "sa", "eb")),
    *(f"Observation?value-quantity={prefix}5" for prefix in ("", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")),
]  # fmt: skip


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("sight", [EVERYTHING, SOME, PATIENT])
def test_every_value_is_a_parameter_that_the_statement_uses(search: str, sight: Sight) -> None:
    for statement in statements(search, sight):
        used = {int(number) for number in re.findall(r"\$(\d+)", statement.text)}
        assert used == set(range(1, len(statement.values) + 1)), statement.text


@pytest.mark.parametrize("search", SEARCHES)
def test_no_text_of_the_client_stands_in_the_statement(search: str) -> None:
    hostile = search.replace("=x", "=x'; drop table res; --").replace("=1", "=o'x") if "=x" in search else search
    for statement in statements(hostile):
        assert "drop" not in statement.text
        assert "'" not in statement.text.replace("''", "")


@pytest.mark.parametrize("search", SEARCHES)
def test_every_look_at_res_asks_the_law(search: str) -> None:
    for statement in statements(search, SOME):
        # each alias that scans rows of res for a criterion carries the labels; the outer join by key is of rows already chosen
        scans = set(re.findall(r"res (\w+)(?: where|,| on r\.key = a| on \w+\.key = a)", statement.text))
        assert scans
        for alias in scans:
            assert f"{alias}.lab = any(" in statement.text, (alias, statement.text)
    for statement in statements(search, PATIENT):
        assert "r.pat = any(" in statement.text
    for statement in statements(search, EVERYTHING):
        assert ".lab = any(" not in statement.text


def test_patient_and_code_drive_and_the_rest_filters() -> None:
    found = made("Observation?patient=1&code=http://loinc.org|1&status=final")
    assert found.patients == [KEYS.of("Patient/1")]
    assert found.parts[0].codes == [KEYS.token("Observation.code|http://loinc.org|1")]
    assert len(found.parts[0].rest) == 1
    assert made("Observation?subject=1").patients == []  # may be a group or a device as well
    assert made("Observation?subject=Patient/1").patients == [KEYS.of("Patient/1")]
    assert made("Observation?code=1").parts[0].codes == []  # in any system: a token
    assert made("Observation?subject=http://elsewhere/Patient/1").patients == []
    assert made("Observation?subject=http://here/Patient/1").patients == [KEYS.of("Patient/1")]


def test_a_person_with_several_records_is_found_under_all() -> None:
    found = made("Observation?patient=1", same={"1": [11, 12]})
    assert found.patients == [11, 12]


def test_a_page_after_another_continues_in_the_same_order() -> None:
    found = made("Observation?patient=1&_sort=date")
    text = found.page(5, Position((7,), 8)).text
    assert "order by f.s0 asc, f.key asc" in text
    assert "limit 6" in text
    assert 7 in found.page(5, Position((7,), 8)).values
    assert "order by f.s0 desc, f.key desc" in found.page(5, Position((7,), 8, back=True)).text


@pytest.mark.parametrize(
    ("search", "named"),
    [("Patient?_text=x", "_text"), ("Patient?_content=x", "_content"), ("Observation?code:in=urn:x", "code"),
     ("Patient?_source:below=urn:x", "_source"), ("Observation?component-code-value-quantity=urn:x|$5", "component-code-value-quantity")],
)  # fmt: skip
def test_what_cannot_be_planned_is_refused_by_name(search: str, named: str) -> None:
    with pytest.raises(NotSupported) as refused:
        statements(search)
    assert refused.value.at == named


def test_a_later_value_is_one_parameter_where_it_is_used_and_none_where_not() -> None:
    values = Values()
    one, other = values.later(1, "bigint"), values.later(2, "bigint")
    assert f"{other} {other}" == "$1::bigint $1::bigint"
    assert values.all == [2]
    assert f"{one}" == "$2::bigint"
