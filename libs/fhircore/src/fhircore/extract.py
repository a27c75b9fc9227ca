"""What a resource can be found by: one compiled function per type gives every search value at once, as flat tuples.

    (TOKEN, param, system | None, code)                        codes, codings, identifiers, contact points, booleans
    (REFERENCE, param, "Type/id" | absolute url | urn | url)   as written, without version; `#contained` is left out
    (TOKEN, "param:identifier", system | None, value)          the identifier of a reference
    (STRING, param, text)                                      part by part, as written; `phonetic`: its sound
    (DATE, param, lo, hi)                                      half-open, microseconds since 1970 UTC (see moments.py)
    (NUMBER, param, lo, hi)                                    floats, closed; a plain number is a point (see values.py)
    (QUANTITY, param, system | None, code | None, lo, hi)      floats, closed; once more by unit where that differs
    (URI, param, uri)                                          a canonical with version: with and without it
    (TEXT, param, text)                                        what a code is called (text, display), for `:text`
    (TYPED, param, "system|code", value)                       an identifier by its type, for `:of-type`

`_id`, `_lastUpdated`, composite parameters and `near` are not among them (see groups.py). Rules: http://hl7.org/fhir/R4/search.html.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from fhircore import codegen, values
from fhircore.moments import MEMO, Range, moment, period, timing
from fhircore.outcome import InvalidFHIR
from fhircore.params import SearchParam, params_of
from fhircore.phonetic import phonetic
from fhircore.readers import DATE, NUMBER, QUANTITY, REFERENCE, STRING, TEXT, TOKEN, TYPED, URI
from fhircore.types import TYPES

__all__ = [
    "DATE",
    "NUMBER",
    "QUANTITY",
    "REFERENCE",
    "STRING",
    "TEXT",
    "TOKEN",
    "TYPED",
    "URI",
    "compiled",
    "extractor",
    "indexed",
    "main_code",
    "main_date",
]

Extract = Callable[[Mapping[str, Any]], list[tuple[Any, ...]]]
WRONG = (AttributeError, TypeError, ValueError, KeyError, IndexError)
COLUMNS = frozenset({"_id", "_lastUpdated"})  # kept with the row itself


@cache
def extractor(type_name: str) -> Extract:
    """The function that reads a resource of this type; compiled once (about a millisecond).

    It raises InvalidFHIR, naming the parameter, for a resource whose elements do not have their FHIR form. Raises
    KeyError for what is not an R4 resource type.
    """
    return compiled(type_name, indexed(type_name))


def indexed(type_name: str) -> tuple[SearchParam, ...]:
    """The search parameters that `extractor` reads for this type."""
    return tuple(p for p in params_of(type_name).values() if p.paths and p.type in _KINDS and p.name not in COLUMNS)


def main_date(type_name: str) -> str | None:
    """The search parameter of a type's main clinical date (Observation: date); None when it has none."""
    return TYPES[type_name].main_date


def main_code(type_name: str) -> str | None:
    """The search parameter of a type's main code (Observation: code); None when it has none."""
    return TYPES[type_name].main_code


def compiled(type_name: str, params: Sequence[SearchParam]) -> Extract:
    """A function that reads exactly these parameters; `extractor` is the one for all of a type."""
    scope = dict(_SCOPE)
    scope["blame"] = lambda resource: _blame(type_name, params, resource)
    sounding = [p for p in params if p.name == "phonetic"]
    exec(compile(codegen.source(params), f"<search values of {type_name}>", "exec"), scope)  # noqa: S102
    made: Extract = scope["extract"]
    return _with_sounds(made) if sounding else made


def _with_sounds(made: Extract) -> Extract:
    """`made`, with the texts of `phonetic` turned into their sound, each once."""

    def extract(resource: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        found = made(resource)
        sounds = {phonetic(entry[2]) for entry in found if entry[1] == "phonetic"} - {""}
        return [entry for entry in found if entry[1] != "phonetic"] + [(STRING, "phonetic", s) for s in sorted(sounds)]

    return extract


def _blame(type_name: str, params: Sequence[SearchParam], resource: Mapping[str, Any]) -> InvalidFHIR:
    """Which parameter's element is wrong, found by reading them one by one; no value is repeated."""
    if len(params) > 1:
        for param in sorted(params, key=lambda param: len(param.paths)):
            try:
                compiled(type_name, (param,))(resource)
            except InvalidFHIR as found:
                return found
    name = params[0].name if len(params) == 1 else "?"
    at = params[0].expression if len(params) == 1 else type_name
    return InvalidFHIR(
        f"an element that the search parameter {name} reads does not have its FHIR form", at, "structure"
    )


def _named(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Iterator[tuple[str]]]:
    return lambda value: ((text,) for text in values.parts(value, names))


def _ranged(read: Callable[[Mapping[str, Any]], Range | None]) -> Callable[[Mapping[str, Any]], Iterator[Range]]:
    def ranges(value: Mapping[str, Any]) -> Iterator[Range]:
        found = read(value)
        if found is not None:
            yield found

    return ranges


def _identifier_type(identifier: Mapping[str, Any], of: Mapping[str, Any], params: tuple[str, ...]) -> list[Any]:
    """An identifier by each coding of its type, and what the type is called."""
    found: list[Any] = []
    value, texts = identifier.get("value"), {of.get("text")}
    for coding in of.get("coding", ()):
        texts.add(coding.get("display"))
        if value is not None and "code" in coding:
            found += ((TYPED, param, f"{coding.get('system') or ''}|{coding['code']}", value) for param in params)
    found += ((TEXT, param, text) for param in params for text in texts if text.__class__ is str)
    return found


def _number(value: Any) -> Iterator[tuple[float, float]]:
    point = values.number(value)
    yield point, point


_KINDS = frozenset({"token", "reference", "string", "date", "number", "quantity", "uri"})
_SCOPE: dict[str, Any] = {
    "__builtins__": {"list": list, "str": str, "bool": bool, "len": len, "TypeError": TypeError},
    "WRONG": WRONG,
    "TEXT": (str, type(None)),
    "MEMO": MEMO,
    "identifier_type": _identifier_type,
    "moment": moment,
    "reference": values.reference,
    "refers_to": values.refers_to,
    "string_name": _named(values.HUMAN_NAME),
    "string_address": _named(values.ADDRESS),
    "date_period": _ranged(period),
    "date_timing": _ranged(timing),
    "number": _number,
    "number_span": lambda value: ((lo, hi) for _, _, lo, hi in values.span(value)),
    "quantity_quantity": values.quantity,
    "quantity_span": values.span,
    "quantity_money": values.money,
    "quantity_samples": values.samples,
}
