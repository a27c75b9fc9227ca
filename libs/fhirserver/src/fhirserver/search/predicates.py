"""Criteria as SQL predicates on `res` (and its side tables): one function per kind of parameter.

A predicate that cannot be made raises NotSupported and names the parameter: nothing is ever left out of a search.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from access import Sight
from fhircore.identifiers import NotAnIdentifier, canonical, is_known
from fhircore.params import SearchParam
from fhircore.query import (
    Chain,
    Criterion,
    DateValue,
    Has,
    Id,
    LastUpdated,
    Match,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)
from fhircore.types import TYPES
from fhirserver.index import NO_DATE, SUBJECT, folded, leads_to
from fhirserver.keys import Keys
from fhirserver.problems import NotSupported
from fhirserver.search.sql import Values, seen

_LAST = "\U0010ffff"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = 253_370_764_800_000_000  # µs: year 9999


@dataclass(frozen=True, slots=True)
class Ground:
    """What predicates stand on: hashes, who is asking, our own base address, and the keys of a person."""

    keys: Keys
    sight: Sight
    base: str
    person: Callable[[str], list[int]]  # Patient id → every key of that person


def predicate(ground: Ground, values: Values, alias: str, type_name: str, criterion: Criterion) -> str:
    """One criterion as SQL on rows of `alias`, which are of this type."""
    match criterion:
        case Id(ids):
            return f"{alias}.key = any({values.keys([ground.keys.of(f'{type_name}/{id}') for id in ids])})"
        case LastUpdated(times):
            return _any(_updated(values, alias, time) for time in times)
        case Match(param, modifier, found):
            return _match(ground, values, alias, type_name, param, modifier, found)
        case Chain(param, targets):
            return _any(_chain(ground, values, alias, type_name, param, target, inner) for target, inner in targets)
        case Has(source, param, inner):
            return _has(ground, values, alias, type_name, source, param, inner)
    raise NotSupported(
        f"The modifier :missing of '{criterion.param.name}' is not supported yet", at=criterion.param.name
    )


def _any(parts: Any) -> str:
    found = list(parts)
    return found[0] if len(found) == 1 else "(" + " or ".join(found) + ")"


def _match(
    ground: Ground, values: Values, alias: str, type_name: str, param: SearchParam, modifier: str | None,
    found: Sequence[Any],
) -> str:  # fmt: skip
    if param.name.startswith("combo-"):  # indexed as its two parts
        parts = [_renamed(param, name) for name in (param.name[6:], "component-" + param.name[6:])]
        return _any(_match(ground, values, alias, type_name, part, modifier, found) for part in parts)
    at = f"{type_name}.{param.name}"
    handler = _HANDLERS.get((param.type, modifier))
    if handler is None:
        what = f"The modifier :{modifier} of" if modifier else "Searching by"
        raise NotSupported(f"{what} '{param.name}' is not supported yet", at=param.name)
    return handler(_Place(ground, values, alias, type_name, param, at), found)


def _renamed(param: SearchParam, name: str) -> SearchParam:
    return SearchParam(name, param.type, param.expression, param.target, (), param.url, param.paths, param.code_system)


@dataclass(frozen=True, slots=True)
class _Place:
    ground: Ground
    values: Values
    alias: str
    type_name: str
    param: SearchParam
    at: str

    def tokens(self, hashes: list[int]) -> str:
        return f"{self.alias}.tok && {self.values.keys(hashes)}"

    def inside(self, table: str, condition: str, *, among: bool = False) -> str:
        """`among`: one of several ways that are OR'ed. There an array, looked up once, keeps the indexes of the others."""
        keys = f"select key from {table} where {condition}"
        return f"{self.alias}.key = any(array({keys}))" if among else f"{self.alias}.key in ({keys})"


def token_hash(place_at: str, keys: Keys, value: TokenValue) -> int:
    """The index hash of a token value: `system|code`, `|code` or `code` in any system."""
    if value.code is None:
        raise NotSupported(f"A search for a whole code system ({place_at}=system|) is not supported yet", at=place_at)
    if value.system is None:
        return keys.token(f"{place_at}|{value.code}")
    return keys.token(f"{place_at}|{value.system}|{value.code}")


def _token(place: _Place, found: Sequence[TokenValue]) -> str:
    hashes = [token_hash(place.at, place.ground.keys, value) for value in found]
    if place.param.name == "identifier":
        hashes += [h for value in found for h in _canonical(place, value)]
        return place.inside("idt", f"h = any({place.values.keys(hashes)})")
    if place.param.name != TYPES[place.type_name].main_code:
        return place.tokens(hashes)
    full = [h for h, value in zip(hashes, found, strict=True) if value.system is not None]
    alone = [h for h, value in zip(hashes, found, strict=True) if value.system is None]
    parts = [place.tokens(alone)] if alone else []
    if full:
        codes, number = place.values.keys(full), place.values.add(TYPES[place.type_name].number, "smallint")
        further = place.inside("alt", f"rtype = {number} and code = any({codes}) and also = 2", among=True)
        parts.append(f"({place.alias}.code = any({codes}) or {further})")
    return _any(parts)


def _canonical(place: _Place, value: TokenValue) -> list[int]:
    """The value under the canonical name of its system, when it is one we know (FHR-05)."""
    if value.system is None or value.code is None or not is_known(value.system):
        return []
    try:
        known = canonical(value.system, value.code)
    except NotAnIdentifier:
        return []
    return [place.ground.keys.token(f"{place.at}|{known.system}|{known.value}")]


def _token_not(place: _Place, found: Sequence[TokenValue]) -> str:
    return f"not coalesce({_token(place, found)}, false)"


def _reference_identifier(place: _Place, found: Sequence[TokenValue]) -> str:
    return place.tokens([token_hash(place.at + ":identifier", place.ground.keys, value) for value in found])


def _reference(place: _Place, found: Sequence[ReferenceValue]) -> str:
    patients: list[int] = []
    hashes: list[int] = []
    keys = place.ground.keys
    for value in found:
        local = value.id is not None and (value.url is None or value.url.startswith(place.ground.base + "/"))
        if not local:
            hashes.append(keys.of(f"{place.at}|{value.url}"))
            continue
        for target in value.types:
            if target == "Patient" and place.param.name in SUBJECT:
                patients += place.ground.person(cast("str", value.id))
            elif target == "Patient":
                hashes += [leads_to(keys, place.at, key) for key in place.ground.person(cast("str", value.id))]
            else:
                hashes.append(leads_to(keys, place.at, keys.of(f"{target}/{value.id}")))
    parts = [place.tokens(hashes)] if hashes else []
    if patients:
        parts.append(about(place.ground, place.values, place.alias, place.type_name, patients))
    return _any(parts)


def about(ground: Ground, values: Values, alias: str, type_name: str, patients: list[int]) -> str:
    """Rows whose subject is one of these patients; for rows with several subjects see `alt`."""
    own, number = values.keys(patients), values.add(TYPES[type_name].number, "smallint")
    other = values.add([ground.keys.token(f"{type_name}!subject")], "bigint[]")
    first = f"({alias}.pat = any({own}) and not coalesce({alias}.tok @> {other}, false))"
    further = f"select key from alt where rtype = {number} and pat = any({own}) and also = 1"
    return f"({first} or {alias}.key = any(array({further})))"


def _string(place: _Place, found: Sequence[StringValue]) -> str:
    h = place.values.add(place.ground.keys.token(place.at), "bigint")
    parts = []
    for value in found:
        text = folded(value.text)
        low, high = place.values.add(text, "text"), place.values.add(text + _LAST, "text")
        parts.append(f"(val ~>=~ {low} and val ~<~ {high})")
    return place.inside("str", f"h = {h} and {_any(parts)}")


def _string_contains(place: _Place, found: Sequence[StringValue]) -> str:
    h = place.values.add(place.ground.keys.token(place.at), "bigint")
    parts = [f"strpos(val, {place.values.add(folded(value.text), 'text')}) > 0" for value in found]
    return place.inside("str", f"h = {h} and {_any(parts)}")


def _uri(place: _Place, found: Sequence[UriValue]) -> str:
    return place.tokens([place.ground.keys.token(f"{place.at}|{value.uri}") for value in found])


def _date(place: _Place, found: Sequence[DateValue]) -> str:
    if place.param.name == TYPES[place.type_name].main_date:
        a, values = place.alias, place.values
        return _any(_times(values, f"{a}.dt", f"{a}.dte", value, "bigint") for value in found)
    h = place.values.add(place.ground.keys.token(place.at), "bigint")
    parts = [_times(place.values, "lo", "hi", value, "float8") for value in found]
    return place.inside("rng", f"h = {h} and {_any(parts)}")


def _times(values: Values, low: str, high: str, value: DateValue, kind: str) -> str:
    """A resource's time [low, high) against a search time [lo, hi), by prefix (search.html#prefix)."""
    lo, hi = values.later(value.lo, kind), values.later(value.hi, kind)
    exists = f"{low} > {NO_DATE}"
    match value.prefix:
        case "eq":
            return f"({low} >= {lo} and {low} < {hi} and {high} <= {hi})"
        case "ne":
            return f"({exists} and not ({low} >= {lo} and {high} <= {hi}))"
        case "gt":
            return f"{high} > {hi}"
        case "lt":
            return f"({exists} and {low} < {lo})"
        case "ge":
            return f"({low} >= {lo} or {high} > {hi})"
        case "le":
            return f"({exists} and ({low} < {lo} or ({low} >= {lo} and {high} <= {hi})))"
        case "sa":
            return f"{low} >= {hi}"
        case "eb":
            return f"({exists} and {high} <= {lo})"
    wide = int(
        abs((datetime.now(UTC) - _EPOCH) / timedelta(microseconds=1) - value.lo) * 0.1
    )  # ap: 10 % of its distance
    around, until = values.add(value.lo - wide, kind), values.add(value.hi + wide, kind)
    return f"({exists} and {low} < {until} and {high} > {around})"


def _instant(micros: int) -> datetime:
    """Nothing was updated before 1970 or will be in year 9999, so what is further away is as good as that."""
    return _EPOCH + timedelta(microseconds=min(max(micros, 0), _END))


def _updated(values: Values, alias: str, value: DateValue) -> str:
    lo, hi = (values.later(_instant(micros), "timestamptz") for micros in (value.lo, value.hi))
    upd = f"{alias}.upd"
    match value.prefix:
        case "eq":
            return f"({upd} >= {lo} and {upd} < {hi})"
        case "ne":
            return f"({upd} < {lo} or {upd} >= {hi})"
        case "gt" | "sa":
            return f"{upd} >= {hi}"
        case "lt" | "eb":
            return f"{upd} < {lo}"
        case "ge":
            return f"{upd} >= {lo}"
        case "le":
            return f"{upd} < {hi}"
    raise NotSupported("The prefix 'ap' of _lastUpdated is not supported", at="_lastUpdated")


def _number(place: _Place, found: Sequence[NumberValue]) -> str:
    h = place.values.add(place.ground.keys.token(place.at), "bigint")
    return place.inside("rng", f"h = {h} and {_any(_span(place.values, value) for value in found)}")


def _quantity(place: _Place, found: Sequence[QuantityValue]) -> str:
    h = place.values.add(place.ground.keys.token(place.at), "bigint")
    parts = []
    for value in found:
        part = _span(place.values, value)
        if value.code is not None:
            of = f"unit|{value.code}" if value.system is None else f"unit|{value.system}|{value.code}"
            column = "n" if value.system is None else "u"
            part = f"({part} and {column} = {place.values.add(place.ground.keys.token(of), 'bigint')})"
        parts.append(part)
    return place.inside("rng", f"h = {h} and {_any(parts)}")


def _span(values: Values, value: NumberValue | QuantityValue) -> str:
    """A stored range [lo, hi] against a number with its implicit precision, by prefix."""
    at = values.later(value.value, "float8")
    match value.prefix:
        case "gt":
            return f"hi > {at}"
        case "lt":
            return f"lo < {at}"
        case "ge":
            return f"hi >= {at}"
        case "le":
            return f"lo <= {at}"
        case "sa":
            return f"lo > {at}"
        case "eb":
            return f"hi < {at}"
    wide = abs(value.value) * 0.1 if value.prefix == "ap" else 0.0
    lo, hi = values.add(value.lo - wide, "float8"), values.add(value.hi + wide, "float8")
    if value.prefix == "ap":
        return f"(lo < {hi} and hi >= {lo})"
    inside = f"(lo >= {lo} and hi < {hi})"
    return f"not {inside}" if value.prefix == "ne" else inside


def _chain(
    ground: Ground, values: Values, alias: str, type_name: str, param: SearchParam, target: str, inner: Criterion
) -> str:
    found = _keys_of(ground, values, target, inner, "c" + alias)
    if target == "Patient" and param.name in SUBJECT:
        other = values.add([ground.keys.token(f"{type_name}!subject")], "bigint[]")
        number = values.add(TYPES[type_name].number, "smallint")
        further = f"select a.key from alt a where a.rtype = {number} and a.also = 1 and a.pat in ({found})"
        return (
            f"(({alias}.pat = any(array({found})) and not coalesce({alias}.tok @> {other}, false))"
            f" or {alias}.key = any(array({further})))"
        )
    h = values.add(ground.keys.token(f"{type_name}.{param.name}>"), "bigint")
    return f"{alias}.tok && array(select found.key # {h} from ({found}) found)"


def _keys_of(ground: Ground, values: Values, type_name: str, criterion: Criterion, alias: str) -> str:
    """A select of the keys of this type that meet the criterion and may be seen."""
    number = values.add(TYPES[type_name].number, "smallint")
    parts = [f"{alias}.rtype = {number}", *seen(ground.sight, values, alias)]
    parts.append(predicate(ground, values, alias, type_name, criterion))
    return f"select {alias}.key from res {alias} where {' and '.join(parts)}"


def _has(
    ground: Ground, values: Values, alias: str, type_name: str, source: str, param: SearchParam, inner: Criterion
) -> str:
    inside = "h" + alias
    number = values.add(TYPES[source].number, "smallint")
    parts = [f"{inside}.rtype = {number}", *seen(ground.sight, values, inside)]
    parts.append(predicate(ground, values, inside, source, inner))
    where = " and ".join(parts)
    if type_name == "Patient" and param.name in SUBJECT:
        other = values.add([ground.keys.token(f"{source}!subject")], "bigint[]")
        first = f"select {inside}.pat from res {inside} where {where} and not coalesce({inside}.tok @> {other}, false)"
        joined = f"alt a{inside} join res {inside} on {inside}.key = a{inside}.key"
        further = (
            f"select a{inside}.pat from {joined} where a{inside}.rtype = {number} and a{inside}.also = 1 and {where}"
        )
        return f"{alias}.key in ({first} union all {further})"
    h = values.add(ground.keys.token(f"{source}.{param.name}>"), "bigint")
    leads = f"{inside}.tok @> array[target # {h}]"
    return f"{alias}.key in (select target from res {inside}, unnest({inside}.refs) target where {where} and {leads})"


_HANDLERS: dict[tuple[str, str | None], Callable[[_Place, Sequence[Any]], str]] = {
    ("token", None): _token,
    ("token", "not"): _token_not,
    ("reference", None): _reference,
    ("reference", "identifier"): _reference_identifier,
    ("string", None): _string,
    ("string", "contains"): _string_contains,
    ("uri", None): _uri,
    ("date", None): _date,
    ("number", None): _number,
    ("quantity", None): _quantity,
}
