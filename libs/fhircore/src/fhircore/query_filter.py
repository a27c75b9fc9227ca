"""The grammar of `_filter`: text becomes a tree of tests, not yet checked against parameters (http://hl7.org/fhir/R4/search_filter.html).

    filter = all ("or" all)*     all = one ("and" one)*     one = "not" "(" filter ")" | "(" filter ")" | path op value

`and` binds closer than `or`. A path is a parameter, or a chain of them (`subject:Patient.name`); a value is a JSON string,
or a word without spaces and parentheses.
"""

import re
from dataclasses import dataclass

import msgspec

from fhircore.outcome import InvalidFHIR

OPERATORS = frozenset(
    {"eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in", "ni", "re"}
)
_TOKEN = re.compile(r'\s*(?:([()])|("(?:[^"\\]|\\.)*")|([^\s()"]+))')
_MOST = 200  # tests in one filter
_DEEP = 32  # parentheses inside parentheses


@dataclass(frozen=True, slots=True)
class Test:
    """`path op value`; the value without its quotes."""

    __test__ = False  # not a test of pytest

    path: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Joined:
    """`left and right`, `left or right`."""

    word: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Negated:
    """`not (inner)`."""

    inner: "Expression"


Expression = Test | Joined | Negated


def expression(text: str) -> Expression:
    """The tree of a filter. Raises InvalidFHIR that says where it is not understood; values are not repeated."""
    reader = _Reader(_tokens(text))
    found = reader.any_of(0)
    if reader.at < len(reader.tokens):
        raise _wrong(reader.at, "the filter goes on where it should end")
    return found


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    at, text = 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong(len(found), "a string does not end")
        found.append(match.group(1) or match.group(2) or match.group(3))
        at = match.end()
    return found


def _wrong(place: int, detail: str) -> InvalidFHIR:
    return InvalidFHIR(f"_filter: {detail} (word {place + 1})", "_filter", "value")


class _Reader:
    """Recursive descent over the words."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.tests = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, what: str = "more") -> str:
        token = self.peek()
        if not token:
            raise _wrong(self.at, f"{what} is missing")
        self.at += 1
        return token

    def any_of(self, depth: int) -> Expression:
        found = self.all_of(depth)
        while self.peek() == "or":
            self.take()
            found = Joined("or", found, self.all_of(depth))
        return found

    def all_of(self, depth: int) -> Expression:
        found = self.one(depth)
        while self.peek() == "and":
            self.take()
            found = Joined("and", found, self.one(depth))
        return found

    def one(self, depth: int) -> Expression:
        if self.peek() == "not" and self.tokens[self.at + 1 : self.at + 2] == ["("]:
            self.take()
            return Negated(self.inside(depth))
        return self.inside(depth) if self.peek() == "(" else self.test()

    def inside(self, depth: int) -> Expression:
        if depth >= _DEEP:
            raise InvalidFHIR(f"_filter: more than {_DEEP} parentheses inside each other", "_filter", "too-costly")
        self.take()
        found = self.any_of(depth + 1)
        if self.take("a closing parenthesis") != ")":
            raise _wrong(self.at - 1, "a closing parenthesis is missing")
        return found

    def test(self) -> Test:
        self.tests += 1
        if self.tests > _MOST:
            raise InvalidFHIR(f"_filter: more than {_MOST} tests", "_filter", "too-costly")
        place = self.at
        path, operator, value = self.take("a parameter"), self.take("an operator"), self.take("a value")
        if path[0] in '()"':
            raise _wrong(place, "a parameter is missing")
        if "[" in path:
            raise InvalidFHIR("_filter: a condition inside a path ([…]) is not supported", "_filter", "not-supported")
        if operator not in OPERATORS:
            raise _wrong(place + 1, "the operator must be one of " + ", ".join(sorted(OPERATORS)))
        if value in ("(", ")"):
            raise _wrong(place + 2, "a value is missing")
        return Test(path, operator, _unquoted(value, place + 2))


def _unquoted(value: str, place: int) -> str:
    if value[0] != '"':
        return value
    try:
        found: str = msgspec.json.decode(value.encode(), type=str)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise _wrong(place, "a string is not a JSON string") from None
    if not found:
        raise _wrong(place, "an empty value")
    return found
