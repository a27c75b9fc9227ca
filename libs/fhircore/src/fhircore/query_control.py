"""The control parameters of a search: how much, in which order, with what beside it, in what form.

http://hl7.org/fhir/R4/search.html#return; each may stand once, `_include` and `_revinclude` many times.
"""

from collections.abc import Callable, Mapping

from fhircore.outcome import InvalidFHIR
from fhircore.params import SearchParam, params_of
from fhircore.query_tree import Include, Sort
from fhircore.query_values import boolean, invalid, targets_of
from fhircore.types import TYPES

_FIELDS = {
    "_count": "count",
    "_sort": "sort",
    "_include": "include",
    "_revinclude": "revinclude",
    "_total": "total",
    "_summary": "summary",
    "_elements": "elements",
    "_format": "format",
    "_pretty": "pretty",
    "_cursor": "cursor",
    "_explain": "explain",
}
CONTROLS = frozenset(_FIELDS)
_SORTABLE = frozenset({"token", "reference", "string", "uri", "date", "number", "quantity"})
_CHOICES = {
    "_total": frozenset({"none", "estimate", "accurate"}),
    "_summary": frozenset({"true", "text", "data", "count", "false"}),
}


def control(
    made: dict[str, object], known: Mapping[str, SearchParam], type_name: str, name: str, modifier: str, text: str
) -> None:
    """Put one control parameter into `made` under its field of Query. Raises InvalidFHIR naming the parameter."""
    include = name in ("_include", "_revinclude")
    if modifier and not (include and modifier == "iterate"):
        raise InvalidFHIR(
            f"the modifier :{modifier} does not fit this parameter", f"{name}:{modifier}", "not-supported"
        )
    if not text:
        raise invalid(name, "an empty value")
    place = _FIELDS[name]
    if include:
        earlier = made.get(place, ())
        assert isinstance(earlier, tuple)
        made[place] = (*earlier, _include(name, type_name, text, modifier == "iterate"))
        return
    if place in made:
        raise invalid(name, "stands more than once")
    made[place] = _sort(known, text) if name == "_sort" else _READ.get(name, _text)(name, text)


def _text(name: str, text: str) -> object:
    if name in _CHOICES and text not in _CHOICES[name]:
        raise invalid(name, "must be one of " + ", ".join(sorted(_CHOICES[name])))
    return text


def _count(name: str, text: str) -> object:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise invalid(name, "must be a whole number, zero or more")
    return int(text)


def _elements(name: str, text: str) -> object:
    found = tuple(dict.fromkeys(text.split(",")))
    if not all(element.isidentifier() and element.isascii() for element in found):
        raise invalid(name, "must be names of elements, separated by commas")
    return found


def _sort(known: Mapping[str, SearchParam], text: str) -> tuple[Sort, ...]:
    found = []
    for item in text.split(","):
        name = item.removeprefix("-")
        param = known.get(name)
        if param is None or param.type not in _SORTABLE or not param.paths:
            raise InvalidFHIR(f"cannot sort by {name!r}", "_sort", "not-supported")
        found.append(Sort(param, item.startswith("-")))
    return tuple(found)


def _include(name: str, type_name: str, text: str, iterate: bool) -> Include:
    """`*`, `Type:*`, `Type:param` or `Type:param:Target`, checked against the definitions."""
    source, *rest = text.split(":")
    if source == "*" and not rest:
        return Include(None, None, None, iterate)
    if source not in TYPES or not 1 <= len(rest) <= 2:
        raise invalid(name, "must be Type:parameter, Type:parameter:Target, Type:* or *")
    if name == "_include" and not iterate and type_name not in (source, "Resource"):
        raise invalid(name, f"{source} is not what is searched ({type_name}); use {name}:iterate")
    target = rest[1] if len(rest) == 2 else None
    if rest[0] == "*":
        return Include(source, None, _target(name, target, tuple(TYPES)), iterate)
    param = params_of(source).get(rest[0])
    if param is None or param.type != "reference":
        raise InvalidFHIR(f"{source} has no reference parameter {rest[0]!r}", name, "not-supported")
    return Include(source, param, _target(name, target, targets_of(param)), iterate)


def _target(name: str, target: str | None, allowed: tuple[str, ...]) -> str | None:
    if target is not None and target not in allowed:
        raise invalid(name, f"does not refer to {target}")
    return target


_READ: dict[str, Callable[[str, str], object]] = {
    "_count": _count,
    "_elements": _elements,
    "_pretty": boolean,
    "_explain": boolean,
}
