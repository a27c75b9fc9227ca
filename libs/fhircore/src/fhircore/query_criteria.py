"""One name=value pair as a criterion: plain, chained or reversed (http://hl7.org/fhir/R4/search.html#chaining)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from fhircore.outcome import InvalidFHIR
from fhircore.params import SearchParam, params_of
from fhircore.query_filter import Expression, Joined, Negated, Test, expression
from fhircore.query_tree import (
    AllOf,
    AnyOf,
    Chain,
    Criterion,
    DateValue,
    Has,
    Id,
    LastUpdated,
    Match,
    Missing,
    Not,
    NumberValue,
    QuantityValue,
    Value,
)
from fhircore.query_values import ID, MODIFIERS, boolean, invalid, not_too_many, targets_of, unescape, values_of
from fhircore.query_whole import WHOLE, whole
from fhircore.types import TYPES

DEPTH = 8  # chains and _has, one inside the other
BREADTH = 200  # criteria that one chain may mean, over all types its references may lead to
_OFFERED = frozenset(MODIFIERS)
_COMPARED = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
# What an operator of `_filter` is as a modifier; "" for none.
_OPERATORS = {
    ("string", "eq"): "equals", ("string", "co"): "contains", ("string", "sw"): "", ("string", "ew"): "ends",
    ("token", "eq"): "", ("token", "in"): "in", ("token", "ni"): "not-in", ("token", "ss"): "above",
    ("token", "sb"): "below", ("reference", "eq"): "", ("reference", "re"): "", ("uri", "eq"): "",
    ("uri", "sw"): "below", ("uri", "ss"): "above", ("uri", "sb"): "below",
}  # fmt: skip


class NotOffered(InvalidFHIR):
    """A parameter that does not exist here or is not offered: what a lenient parse leaves out."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail, name, "not-supported")


def supported(param: SearchParam) -> bool:
    """Whether values of this parameter are indexed and can be searched."""
    return bool(param.paths) and param.type in _OFFERED and all(part.type in _OFFERED for part in param.components)


@dataclass(slots=True)
class _Asked:
    """One name=value pair, and how many criteria it may still make."""

    name: str
    text: str
    operator: str = ""  # of `_filter`; "" elsewhere
    left: int = BREADTH

    def spend(self, depth: int) -> None:
        self.left -= 1
        if depth > DEPTH:
            raise InvalidFHIR(f"more than {DEPTH} references one after the other", self.at(), "too-costly")
        if self.left < 0:
            raise InvalidFHIR(
                "may lead to too many types; name them as in subject:Patient.name", self.at(), "too-costly"
            )

    def at(self) -> str:
        return self.name[:64]

    def wrong_modifier(self, modifier: str) -> InvalidFHIR:
        return InvalidFHIR(f"the modifier :{modifier[:64]} does not fit this parameter", self.at(), "not-supported")

    def refused(self, detail: str) -> InvalidFHIR:
        return InvalidFHIR(detail, self.at(), "not-supported")

    def unknown(self, detail: str) -> NotOffered:
        return NotOffered(self.at(), detail)


def criterion(type_name: str, known: Mapping[str, SearchParam], name: str, text: str) -> Criterion:
    """What the pair asks of resources of this type, whose parameters are `known`.

    Raises NotOffered for a parameter that is unknown or not offered, InvalidFHIR for everything else that is wrong.
    """
    if name == "_filter":
        return _filtered(type_name, known, expression(text))
    if name in WHOLE and (name != "_text" or "_text" in known):
        return whole(name, text)
    return _criterion(_Asked(name, text), type_name, known, name, 0)


def _filtered(type_name: str, known: Mapping[str, SearchParam], asked: Expression) -> Criterion:
    match asked:
        case Negated(inner):
            return Not(_filtered(type_name, known, inner))
        case Joined(word, left, right):
            both = (_filtered(type_name, known, left), _filtered(type_name, known, right))
            return AllOf(both) if word == "and" else AnyOf(both)
        case Test(path, operator, value):
            return _criterion(_Asked(path, value, operator), type_name, known, path, 0)


def _criterion(asked: _Asked, type_name: str, known: Mapping[str, SearchParam], key: str, depth: int) -> Criterion:
    """The criterion that `key`, the part of the name that is left to read, makes for this type."""
    asked.spend(depth)
    if key.startswith("_has:"):
        return _has(asked, type_name, key, depth)
    head, dot, rest = key.partition(".")
    base, _, modifier = head.partition(":")
    param = _param(asked, type_name, known, base)
    if dot:
        return _chain(asked, param, modifier, rest, depth)
    if base in ("_id", "_lastUpdated"):
        if modifier:
            raise asked.wrong_modifier(modifier)
        if asked.operator:
            return _tested_column(asked, param)
        return _id(asked) if base == "_id" else LastUpdated(_dates(values_of(param, None, asked.name, asked.text)))
    return _plain(asked, param, modifier or None)


def _dates(values: Iterable[Value]) -> tuple[DateValue, ...]:
    return tuple(value for value in values if isinstance(value, DateValue))


def _param(asked: _Asked, type_name: str, known: Mapping[str, SearchParam], base: str) -> SearchParam:
    param = known.get(base)
    if param is None:
        raise asked.unknown(f"{type_name} has no search parameter {base[:64]!r}")
    if not supported(param):
        raise asked.unknown(f"searching by {base!r} ({param.type}) is not offered here")
    return param


def _id(asked: _Asked) -> Id:
    ids = tuple(unescape(item) for item in asked.text.split(","))
    not_too_many(asked.name, ids)
    if not all(ID.fullmatch(item) for item in ids):
        raise invalid(asked.name, "must be ids: letters, digits, - and ., 64 at most")
    return Id(ids)


def _tested_column(asked: _Asked, param: SearchParam) -> Criterion:
    """`_id` and `_lastUpdated` in `_filter`."""
    if param.name == "_id" and asked.operator in ("eq", "ne"):
        found = Id((asked.text,)) if ID.fullmatch(asked.text) else None
        if found is None:
            raise invalid(asked.name, "must be an id")
        return Not(found) if asked.operator == "ne" else found
    if param.name == "_lastUpdated" and asked.operator in _COMPARED:
        return LastUpdated(_dates(values_of(param, None, asked.name, asked.operator + asked.text)))
    raise asked.refused(f"the operator {asked.operator} does not fit {param.name}")


def _tested(asked: _Asked, param: SearchParam, modifier: str | None) -> Criterion:
    """One test of `_filter`: the operator as a modifier or a prefix (http://hl7.org/fhir/R4/search_filter.html)."""
    operator, negated = asked.operator, asked.operator == "ne"
    if operator == "pr":
        return Missing(param, not boolean(asked.name, asked.text))
    narrowed = () if modifier is None else _only(asked, param, modifier) if param.type == "reference" else None
    if narrowed is None:
        raise asked.wrong_modifier(str(modifier))
    if param.type in ("date", "number", "quantity") and operator in (*_COMPARED, "po"):
        values = values_of(
            param, None, asked.name, ("eq" if operator == "po" else operator) + _escaped(asked.text, "|")
        )
        return Match(param, None, tuple(_overlapping(value) for value in values) if operator == "po" else values)
    how = _OPERATORS.get((param.type, "eq" if negated else operator))
    if how is None:
        raise asked.refused(f"the operator {operator} does not fit {param.name} ({param.type})")
    text = _escaped(asked.text, "" if param.type in ("string", "uri") else "|")
    found = Match(param, how or None, values_of(param, how or None, asked.name, text, narrowed))
    return Not(found) if negated else found


def _overlapping(value: Value) -> Value:
    return replace(value, prefix="po") if isinstance(value, DateValue | NumberValue | QuantityValue) else value


def _escaped(text: str, kept: str) -> str:
    return "".join("\\" + sign if sign in "\\,$|" and sign not in kept else sign for sign in text)


def _plain(asked: _Asked, param: SearchParam, modifier: str | None) -> Criterion:
    if asked.operator:
        return _tested(asked, param, modifier)
    if modifier == "missing":
        return Missing(param, boolean(asked.name, asked.text))
    if modifier is None or modifier in MODIFIERS[param.type]:
        return Match(param, modifier, values_of(param, modifier, asked.name, asked.text))
    if param.type == "reference" and modifier in TYPES:
        return Match(param, None, values_of(param, None, asked.name, asked.text, _only(asked, param, modifier)))
    raise asked.wrong_modifier(modifier)


def _only(asked: _Asked, param: SearchParam, type_name: str) -> tuple[str, ...]:
    """The one type that a reference is narrowed to (`subject:Patient`)."""
    if type_name not in TYPES:
        raise asked.wrong_modifier(type_name)
    if type_name not in targets_of(param):
        raise asked.refused(f"{param.name} does not refer to {type_name}")
    return (type_name,)


def _chain(asked: _Asked, param: SearchParam, modifier: str, rest: str, depth: int) -> Chain:
    """One criterion for each type that the reference may lead to and that knows the rest."""
    if param.type != "reference":
        raise asked.refused(f"{param.name} is not a reference, so nothing can be chained to it")
    types = _only(asked, param, modifier) if modifier else targets_of(param)
    found: list[tuple[str, Criterion]] = []
    refusals: list[NotOffered] = []
    for target in types:
        try:
            found.append((target, _criterion(asked, target, params_of(target), rest, depth + 1)))
        except NotOffered as refusal:
            refusals.append(refusal)
    if found:
        return Chain(param, tuple(found))
    raise refusals[0] if len(refusals) == 1 else asked.unknown(f"no type that {param.name} refers to has {rest[:64]!r}")


def _has(asked: _Asked, type_name: str, key: str, depth: int) -> Has:
    parts = key.split(":", 3)
    if len(parts) != 4 or parts[1] not in TYPES:
        raise asked.refused("must be _has:Type:reference:parameter")
    _, source, reference, rest = parts
    param = _param(asked, source, params_of(source), reference)
    if param.type != "reference" or type_name not in targets_of(param):
        raise asked.refused(f"{source}.{reference} does not refer to {type_name}")
    return Has(source, param, _criterion(asked, source, params_of(source), rest, depth + 1))
