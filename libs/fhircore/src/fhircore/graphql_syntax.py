"""A GraphQL query as a small tree (https://spec.graphql.org/October2021/#sec-Language); what it means is graphql.py's.

Only queries: FHIR's writes have their own interactions. Limits are checked here, before anything runs.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from fhircore.graphql_tree import Directive, Document, Field, GraphQLError, Operation, Selection, Spread, Variable

T = TypeVar("T")

MAX_LENGTH = 50_000  # characters
MAX_TOKENS = 10_000
MAX_NESTING = 30  # braces, brackets and parentheses

_TOKEN = re.compile(
    r"""(?P<skip>[\s,\ufeff]+|\#[^\n\r]*)
      |(?P<punct>\.\.\.|[!$&()\[\]{}:=@|])
      |(?P<name>[_A-Za-z][_0-9A-Za-z]*)
      |(?P<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![_A-Za-z0-9.]))
      |(?P<block>\"\"\"(?:[^"\\]|\\\"\"\"|\\(?!\"\"\")|"(?!""))*\"\"\")
      |(?P<text>"(?:[^"\\\n\r]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*")""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|(["\\/bfnrt]))')
_PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def parse(text: str) -> Document:
    """Raises GraphQLError with the place of what does not fit."""
    if len(text) > MAX_LENGTH:
        raise GraphQLError(f"The query has {len(text)} characters; at most {MAX_LENGTH} are taken", code="too-long")
    return _Parser(text).document()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _error("This is not GraphQL", text, place)
        if match.lastgroup != "skip":
            yield _Token(match.lastgroup or "", match.group(), place)
        place = match.end()
    yield _Token("end", "the end", place)


def _error(detail: str, text: str, at: int) -> GraphQLError:
    line = text.count("\n", 0, at) + 1
    return GraphQLError(detail, line, at - (text.rfind("\n", 0, at) + 1) + 1)


class _Parser:
    """Recursive descent over a list of tokens; one method per rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[_Token] = []
        for token in _tokens(text):
            self.tokens.append(token)
            if len(self.tokens) > MAX_TOKENS:
                raise GraphQLError(f"The query has more than {MAX_TOKENS} words", code="too-long")
        self.at = 0
        self.depth = 0

    @property
    def now(self) -> _Token:
        return self.tokens[self.at]

    def fail(self, wanted: str) -> GraphQLError:
        return _error(f"{wanted} was expected here, not {self.now.text[:40]!r}", self.text, self.now.at)

    def take(self, kind: str, text: str = "") -> str:
        found = self.now
        if found.kind != kind or (text and found.text != text):
            raise self.fail(repr(text) if text else f"A {kind}")
        self.at += 1
        return found.text

    def maybe(self, text: str) -> bool:
        if self.now.kind in ("punct", "name") and self.now.text == text:
            self.at += 1
            return True
        return False

    def several(self, begin: str, one: Callable[[], T], end: str) -> list[T]:
        self.take("punct", begin)
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise _error(f"The query is nested more than {MAX_NESTING} deep", self.text, self.now.at)
        found = []
        while not self.maybe(end):
            found.append(one())
        self.depth -= 1
        return found

    def document(self) -> Document:
        operations: list[Operation] = []
        fragments: dict[str, Spread] = {}
        while self.now.kind != "end":
            if self.now.text == "fragment":
                fragment = self.fragment()
                if fragment.name in fragments:
                    raise GraphQLError(f"The fragment {fragment.name} is there twice")
                fragments[fragment.name] = fragment
            else:
                operations.append(self.operation())
        names = [one.name for one in operations]
        if not operations or len(set(names)) < len(names) or ("" in names and len(names) > 1):
            raise GraphQLError("A document has one query, or several with names of their own")
        return Document(tuple(operations), fragments)

    def operation(self) -> Operation:
        if self.now.text == "{":
            return Operation("", {}, self.selections())
        if self.now.text in ("mutation", "subscription"):
            raise _error(f"A {self.now.text} is not served; only queries are", self.text, self.now.at)
        self.take("name", "query")
        name = self.take("name") if self.now.kind == "name" else ""
        variables = dict(self.several("(", self.variable, ")")) if self.now.text == "(" else {}
        self.directives()
        return Operation(name, variables, self.selections())

    def variable(self) -> tuple[str, tuple[str, Any, bool]]:
        self.take("punct", "$")
        name = self.take("name")
        self.take("punct", ":")
        kind = self.type()
        default = self.value() if self.maybe("=") else None
        return name, (kind, default, kind.endswith("!") and default is None)

    def type(self) -> str:
        if self.now.text == "[":
            inner = self.several("[", self.type, "]")
            if len(inner) != 1:
                raise self.fail("A list of one type")
            found = f"[{inner[0]}]"
        else:
            found = self.take("name")
        return found + ("!" if self.maybe("!") else "")

    def fragment(self) -> Spread:
        self.take("name", "fragment")
        name = self.take("name")
        self.take("name", "on")
        return Spread(name, self.take("name"), self.directives(), self.selections())

    def selections(self) -> tuple[Selection, ...]:
        found = self.several("{", self.selection, "}")
        if not found:
            raise self.fail("A field")
        return tuple(found)

    def selection(self) -> Selection:
        if self.maybe("..."):
            if self.now.kind == "name" and self.now.text != "on":
                return Spread(self.take("name"), "", self.directives())
            kind = self.take("name") if self.maybe("on") else ""
            return Spread("", kind, self.directives(), self.selections())
        at = self.now.at
        key = name = self.take("name")
        if self.maybe(":"):
            name = self.take("name")
        arguments = self.arguments()
        directives = self.directives()
        selections = self.selections() if self.now.text == "{" else ()
        place = _error("", self.text, at)
        return Field(name, key, arguments, directives, selections, place.line, place.column)

    def arguments(self) -> dict[str, Any]:
        found = self.several("(", self.argument, ")") if self.now.text == "(" else []
        names = [name for name, _ in found]
        if len(set(names)) < len(names):
            raise self.fail("Each argument once")
        return dict(found)

    def argument(self) -> tuple[str, Any]:
        name = self.take("name")
        self.take("punct", ":")
        return name, self.value()

    def directives(self) -> tuple[Directive, ...]:
        found = []
        while self.maybe("@"):
            found.append(Directive(self.take("name"), self.arguments()))
        return tuple(found)

    def value(self) -> Any:
        token = self.now
        if self.maybe("$"):
            return Variable(self.take("name"))
        if token.text == "[" and token.kind == "punct":
            return self.several("[", self.value, "]")
        if token.text == "{" and token.kind == "punct":
            return dict(self.several("{", self.argument, "}"))
        self.at += 1
        match token.kind:
            case "text":
                return self.unescaped(token)
            case "block":
                return token.text[3:-3].replace('\\"""', '"""').strip()
            case "number":
                whole = token.text.lstrip("-").isdigit() and len(token.text) < 20
                return int(token.text) if whole else Decimal(token.text)
            case "name":
                return {"true": True, "false": False, "null": None}.get(token.text, token.text)
        self.at -= 1
        raise self.fail("A value")

    def unescaped(self, token: _Token) -> str:
        text = _ESCAPE.sub(_unescaped, token.text[1:-1])
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")  # two escapes may be one character
        except UnicodeDecodeError:
            raise _error("The text has half a character", self.text, token.at) from None


def _unescaped(match: re.Match[str]) -> str:
    code, letter = match.groups()
    return chr(int(code, 16)) if code else _PLAIN.get(letter, letter)
