"""`_filter` in its own grammar becomes criteria (http://hl7.org/fhir/R4/search_filter.html)."""

import pytest

from fhircore.outcome import InvalidFHIR
from fhircore.query import AllOf, AnyOf, Chain, Id, Match, Missing, Not, parse


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("gender eq male", "gender=male"), ("gender ne male", "not(gender=male)"), ("name eq x", "name:equals=x"),
        ("name co x", "name:contains=x"), ("name ew x", "name:ends=x"), ('name sw "a,b c"', "name=a,b c"),
        ("gender eq male and (name eq a or name eq b)", "(gender=male and (name:equals=a or name:equals=b))"),
        ("name sw a or name sw b and gender eq c", "(name=a or (name=b and gender=c))"),
        ("not (gender pr true)", "not(gender:missing=False)"), ("gender pr false", "gender:missing=True"),
        ("_id eq 7", "_id=7"), ("_id ne 7", "not(_id=7)"), ("general-practitioner:Organization.name eq x", "chain(name:equals=x)"),
        ("gender sb x", "gender:below=x"), ("gender in urn:x", "gender:in=urn:x"), ("gender ni urn:x", "gender:not-in=urn:x"),
    ],
)  # fmt: skip
def test_a_filter_becomes_criteria(text: str, meaning: str):
    def said(criterion) -> str:
        match criterion:
            case AllOf(parts) | AnyOf(parts):
                return f"({(' and ' if isinstance(criterion, AllOf) else ' or ').join(map(said, parts))})"
            case Not(inner):
                return f"not({said(inner)})"
            case Missing(param, missing):
                return f"{param.name}:missing={missing}"
            case Chain(_, ((_, inner),)):
                return f"chain({said(inner)})"
            case Id(ids):
                return f"_id={ids[0]}"
            case Match(param, modifier, (value,)):
                shown = getattr(value, "text", None) or getattr(value, "code", None) or getattr(value, "uri", None)
                return f"{param.name}{':' + modifier if modifier else ''}={shown}"
        raise AssertionError(criterion)

    (criterion,) = parse("Patient", [("_filter", text)]).criteria
    assert said(criterion) == meaning


@pytest.mark.parametrize(
    "text",
    ["name", "name co", "co x", "(name co x", "name co x)", "name co x or", "not name co x", 'name co "x', "name xx y",
     "name gt x", "birthdate co 2020", "nonsense eq 1", "name eq x birthdate", "gender[x eq y] eq z", "()", "name eq (",
     "gender eq a|b|c", "_lastUpdated co x", "(" * 40 + "name eq x" + ")" * 40, " or ".join(["name eq x"] * 300)],
)  # fmt: skip
def test_a_filter_that_is_not_understood_is_refused(text: str):
    with pytest.raises(InvalidFHIR):
        parse("Patient", [("_filter", text)])


@pytest.mark.parametrize(
    "text", ["birthdate po 2020", "birthdate sa 2020", "birthdate ne 2020", "_lastUpdated ge 2020"]
)
def test_a_filter_compares_times(text: str):
    (criterion,) = parse("Patient", [("_filter", text)]).criteria
    assert criterion.values[0].prefix == text.split()[1]
