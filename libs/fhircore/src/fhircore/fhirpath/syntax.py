"""The syntax tree of FHIRPath (http://hl7.org/fhirpath/N1/grammar.html)."""

from typing import Any

import msgspec


class Literal(msgspec.Struct, frozen=True):
    """A constant: bool, int, Decimal, str, Moment or Quantity; `{}` is the literal without value."""

    value: Any = None


class Name(msgspec.Struct, frozen=True):
    """An element of what stands before it, or of the focus; a type's name at the beginning of a path."""

    name: str


class Variable(msgspec.Struct, frozen=True):
    """`%resource`, `%sct`, `%'vs-…'`, or one that the caller gives."""

    name: str


class Dollar(msgspec.Struct, frozen=True):
    """`$this`, `$index` or `$total`."""

    name: str


class Call(msgspec.Struct, frozen=True):
    """A function with its arguments."""

    name: str
    arguments: tuple["Expression", ...] = ()


class Path(msgspec.Struct, frozen=True):
    """`target.step.step`: each step works on what the one before it gave."""

    target: "Expression"
    steps: tuple["Name | Call | Index", ...]


class Index(msgspec.Struct, frozen=True):
    """`[n]`."""

    at: "Expression"


class Unary(msgspec.Struct, frozen=True):
    """`+x` or `-x`."""

    sign: str
    operand: "Expression"


class Binary(msgspec.Struct, frozen=True):
    """Two operands with an operator between them."""

    operator: str
    left: "Expression"
    right: "Expression"


class TypeTest(msgspec.Struct, frozen=True):
    """`x is T` or `x as T`; the type as written, with its namespace when there is one."""

    operator: str
    operand: "Expression"
    type: str


Expression = Literal | Name | Variable | Dollar | Call | Path | Unary | Binary | TypeTest
Step = Name | Call | Index
