"""Composite parameters as SQL: values that stand together (http://hl7.org/fhir/R4/search.html#composite, groups.py)."""

from collections.abc import Callable, Sequence

from fhircore.params import params_of
from fhircore.query import (
    CompositeValue,
    Criterion,
    DateValue,
    Match,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    Value,
)
from fhirserver.problems import NotSupported
from fhirserver.search import ranges
from fhirserver.search.ground import Ground, Place
from fhirserver.search.sql import Values, all_of, any_of
from fhirserver.search.tokens import meant

Predicate = Callable[[Ground, Values, str, str, Criterion], str]


def composite(place: Place, found: Sequence[CompositeValue], predicate: Predicate) -> str:
    """Any of these combinations. Of the whole resource it is its components, each by itself."""
    if not any(path.steps for path in place.param.paths):
        return any_of(_whole(place, value, predicate) for value in found)
    return any_of(_group(place, value) for value in found)


def _whole(place: Place, value: CompositeValue, predicate: Predicate) -> str:
    known = params_of(place.type_name)
    asked = [
        Match(known[part.name], None, (one,)) for part, one in zip(place.param.components, value.parts, strict=True)
    ]
    return all_of(predicate(place.ground, place.values, place.alias, place.type_name, one) for one in asked)


def _group(place: Place, value: CompositeValue) -> str:
    """The code first, whichever component it is; then what stands beside it."""
    code = next(part for part in value.parts if isinstance(part, TokenValue))
    others = [part for part in value.parts if part is not code]
    if code.code is None:
        raise NotSupported(
            f"A whole code system in '{place.param.name}' is not supported; name the code", at=place.param.name
        )
    at = f"{place.at}|{code.code}" if code.system is None else f"{place.at}|{code.system}|{code.code}"
    return _beside(place, code, at, others)


def _beside(place: Place, code: TokenValue, at: str, others: list[Value]) -> str:
    keys, values = place.ground.keys, place.values
    match others:
        case [TokenValue() as token]:
            return _pair(place, code, at, token)
        case [ReferenceValue(types, id, url)]:
            local = id is not None and (url is None or url.startswith(place.ground.base + "/"))
            targets = [f"{target}/{id}" for target in types] if local else [str(url)]
            return place.tokens([keys.of(target) ^ keys.token(f"{at}>") for target in targets])
    h = _group_hash(place, code, at)
    match others:
        case [StringValue() as text]:
            return ranges.string_within(place, h, [text])
        case [DateValue() as time]:
            return place.inside("rng", f"h = {h} and {ranges.date_within(place, [time])}")
        case [QuantityValue() as quantity]:
            return place.inside("rng", f"h = {h} and {ranges.quantities_within(place, [quantity])}")
        case [NumberValue() as first, NumberValue() as last]:
            start, end = ranges.span(values, first, "lo", "lo"), ranges.span(values, last, "hi", "hi")
            return place.inside("rng", f"h = {h} and {start} and {end}")
    raise NotSupported(f"Searching by '{place.param.name}' is not supported here", at=place.param.name)


def _group_hash(place: Place, code: TokenValue, at: str) -> str:
    """What stands for a group with this code, as the right side of an equality."""
    keys, values = place.ground.keys, place.values
    if code.system is not None:
        return values.add(keys.token(at), "bigint")
    return f"any({meant(values, keys.token(at), [keys.token(f'{place.at}||{code.code}')])})"


def _pair(place: Place, code: TokenValue, at: str, token: TokenValue) -> str:
    if token.code is None:
        raise NotSupported(
            f"A whole code system in '{place.param.name}' is not supported; name the code", at=place.param.name
        )
    beside = token.code if token.system is None else f"{token.system}|{token.code}"
    h = place.ground.keys.token(f"{at}${beside}")
    if code.system is not None and token.system is not None:
        return place.tokens([h])
    return f"{place.alias}.tok && {meant(place.values, h)}"
