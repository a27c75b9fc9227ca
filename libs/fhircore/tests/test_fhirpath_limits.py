"""What an expression may cost: no FHIRPath keeps the machine busy, fills its memory or overflows its stack."""

import re
import time
from random import Random

import pytest

from fhircore.fhirpath import PathError, compile_path
from fhircore.fhirpath.functions.linear import linear
from fhircore.fhirpath.functions.patterns import PIECE, pattern


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "name.",
        "name..given",
        "name[",
        "'open",
        "@2020-13-01",
        "@T25",
        "1 +",
        "name.where()",
        "nofunction()",
        "name as",
        "is(",
        "%",
        "$that",
        "((((",
        "a b",
        "{1}",
        "ofType(1)",
        "name.ofType(Nothing)",
        "1 is Foo.Bar",
        "\x00",
    ],
)
def test_what_is_no_fhirpath_is_refused_when_it_is_compiled(expression: str) -> None:
    with pytest.raises(PathError):
        compile_path(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "-" * 5000 + "1",
        "a." * 20_000 + "a",
        "a[" * 3000 + "0" + "]" * 3000,
        "iif(" * 1000 + "true" + ",1)" * 1000,
    ],
)
def test_an_expression_nested_too_deep_or_too_long_is_refused(expression: str) -> None:
    with pytest.raises(PathError):
        compile_path(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "name.repeat($this & 'x')",
        "('ab' | 'cd').select($this & $this).aggregate($total & $total & 'aaaaaaaaaa', 'aaaa')",
        "'a'.replace('', 'bbbbbbbbbb').replace('', 'bbbbbbbbbbbbbbbbbbbbbb').replace('b', 'cccccccccccccccccccccccccccc')"
        ".replace('c', 'dddddddddddddddddddddddddddddddd').replace('d', 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee')",
        "9999999999.power(9999999999)",
        "1000000.exp()",
        "2.power(64).power(64).power(64)",
        "descendants().where(%resource.descendants().where(%resource.descendants().where(%resource.descendants()"
        ".where(%resource.descendants().where(%resource.descendants().exists()).exists()).exists()).exists()).exists())",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a|aa)*$')",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(?=(a+)+$)')",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.replaceMatches('(a|a?)+$', '')",
    ],
)
def test_no_expression_keeps_the_machine_busy(expression: str) -> None:
    big = {"resourceType": "Patient", "name": [{"given": [str(number)]} for number in range(200)]}
    begun = time.process_time()
    try:
        found = compile_path(expression)(big)
    except PathError:
        found = []
    assert time.process_time() - begun < 5
    assert len(str(found)) < 1_100_000


def test_a_risky_pattern_gives_the_same_answer_as_pythons_engine() -> None:
    random = Random(7)

    def made(depth: int = 0) -> str:
        kind = random.random()
        if depth > 3 or kind < 0.35:
            return random.choice(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "1"])
        if kind < 0.55:
            return made(depth + 1) + made(depth + 1)
        if kind < 0.7:
            return f"({made(depth + 1)}|{made(depth + 1)})"
        if kind < 0.9:
            return f"({made(depth + 1)}){random.choice(['*', '+', '?', '{2}', '{1,2}', '{0,}', '*?'])}"
        return random.choice(["^", "$", r"\b"]) + made(depth + 1)

    for _ in range(1500):
        source, text = made(), "".join(random.choice("ab1 ") for _ in range(random.randint(0, 7)))
        machine, compiled = linear(PIECE.findall(source)), re.compile(source, re.DOTALL)
        assert machine.found(text, whole=False) == bool(compiled.search(text)), (source, text)
        assert machine.found(text, whole=True) == bool(compiled.fullmatch(text)), (source, text)


def test_the_pattern_of_element_paths_is_matched_without_pythons_engine() -> None:
    paths = pattern(r"^[^\s.,]{1,16}(\.[^\s.,]{1,16}(\[x\])?(\:[^\s\.]+)?)*$")
    assert not paths.safe("Patient")
    assert paths.matches("Patient.value[x]:foo.name", whole=False)
    assert not paths.matches("Patient..name", whole=False)
