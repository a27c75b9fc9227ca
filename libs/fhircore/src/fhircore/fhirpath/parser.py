"""FHIRPath tokens → syntax tree, by precedence (http://hl7.org/fhirpath/N1/index.html#operator-precedence)."""

from decimal import Decimal

from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.lexer import Token, tokens
from fhircore.fhirpath.moments import Moment, literal
from fhircore.fhirpath.quantity import WORDS, Quantity
from fhircore.fhirpath.syntax import (
    Binary,
    Call,
    Dollar,
    Expression,
    Index,
    Literal,
    Name,
    Path,
    Step,
    TypeTest,
    Unary,
    Variable,
)

MAX_LENGTH = 10_000
MAX_DEPTH = 60

_LEVELS = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("in", "contains"),
    ("=", "~", "!=", "!~"),
    ("<", ">", "<=", ">="),
    ("|",),
    ("is", "as"),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)
_PRECEDENCE = {operator: level for level, operators in enumerate(_LEVELS, 1) for operator in operators}
_NEVER_NAMES = frozenset(("implies", "or", "xor", "and", "div", "mod", "true", "false"))


def parse(expression: str) -> Expression:
    """The tree of this expression. Raises PathError with the position of what is wrong."""
    if len(expression) > MAX_LENGTH:
        raise PathError(f"An expression may have at most {MAX_LENGTH} characters.")
    parser = _Parser(expression)
    tree = parser.expression(0)
    if parser.token.kind != "end":
        raise parser.unexpected()
    return tree


class _Parser:
    """Precedence climbing; `token` is the next token, not yet taken."""

    def __init__(self, expression: str) -> None:
        self.tokens = tokens(expression)
        self.token = next(self.tokens)
        self.depth = 0

    def take(self) -> Token:
        taken, self.token = self.token, next(self.tokens, Token("end", "", self.token.at))
        return taken

    def unexpected(self) -> PathError:
        found = f"“{self.token.text}”" if self.token.kind != "end" else "the end"
        return PathError(f"The expression is not FHIRPath: {found} is not expected at position {self.token.at}.")

    def sign(self, text: str) -> None:
        if self.token.kind != "sign" or self.token.text != text:
            raise self.unexpected()
        self.take()

    def at_sign(self, text: str) -> bool:
        return self.token.kind == "sign" and self.token.text == text

    def expression(self, least: int) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise PathError(f"An expression may be nested at most {MAX_DEPTH} deep.")
        left = self.unary()
        while self.token.kind in ("sign", "word"):
            level = _PRECEDENCE.get(self.token.text, 0)
            if not level or level < least:
                break
            operator = self.take().text
            if operator in ("is", "as"):
                left = TypeTest(operator, left, self.type_name())
            else:
                left = Binary(operator, left, self.expression(level + 1))
        self.depth -= 1
        return left

    def unary(self) -> Expression:
        if self.token.kind == "sign" and self.token.text in "+-":
            sign = self.take().text
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise PathError(f"An expression may be nested at most {MAX_DEPTH} deep.")
            operand = self.unary()
            self.depth -= 1
            return Unary(sign, operand)
        return self.path()

    def path(self) -> Expression:
        target = self.term()
        steps: list[Step] = []
        while self.token.kind == "sign" and self.token.text in ".[":
            if self.take().text == ".":
                steps.append(self.invocation())
            else:
                steps.append(Index(self.expression(0)))
                self.sign("]")
        return Path(target, tuple(steps)) if steps else target

    def invocation(self) -> Name | Call:
        if self.token.kind == "quoted":
            return Name(self.take().text)
        if self.token.kind != "word":
            raise self.unexpected()
        name = self.take().text
        if not self.at_sign("("):
            return Name(name)
        self.take()
        return Call(name, self.arguments(name))

    def arguments(self, function: str) -> tuple[Expression, ...]:
        if function in ("is", "as", "ofType") and not self.at_sign(")"):
            found: list[Expression] = [Literal(self.type_name())]
        else:
            found = [] if self.at_sign(")") else [self.expression(0)]
        while self.at_sign(","):
            self.take()
            found.append(self.expression(0))
        self.sign(")")
        return tuple(found)

    def type_name(self) -> str:
        parts = [self.identifier()]
        while self.at_sign(".") and len(parts) < 2:
            self.take()
            parts.append(self.identifier())
        return ".".join(parts)

    def identifier(self) -> str:
        if self.token.kind not in ("word", "quoted"):
            raise self.unexpected()
        return self.take().text

    def term(self) -> Expression:
        kind, text = self.token.kind, self.token.text
        match kind:
            case "number":
                return self.number()
            case "string":
                return Literal(self.take().text)
            case "moment":
                return Literal(self.moment())
            case "dollar":
                return Dollar(self.take().text)
            case "word" if text in ("true", "false"):
                return Literal(self.take().text == "true")
            case "word" if text in _NEVER_NAMES:
                raise self.unexpected()
            case "word" | "quoted":
                return self.invocation()
        return self.bracketed()

    def bracketed(self) -> Expression:
        if self.at_sign("("):
            self.take()
            inner = self.expression(0)
            self.sign(")")
            return inner
        if self.at_sign("{"):
            self.take()
            self.sign("}")
            return Literal()
        if self.at_sign("%"):
            self.take()
            return Variable(self.take().text if self.token.kind == "string" else self.identifier())
        raise self.unexpected()

    def number(self) -> Literal:
        text = self.take().text
        if self.token.kind == "string":
            return Literal(Quantity(Decimal(text), self.take().text))
        if self.token.kind == "word" and self.token.text in WORDS:
            return Literal(Quantity(Decimal(text), self.take().text, True))
        return Literal(Decimal(text) if "." in text else int(text))

    def moment(self) -> Moment:
        text = self.take().text
        found = literal(text[1:])
        if found is None:
            raise PathError(f"{text} is no date or time.")
        return found
