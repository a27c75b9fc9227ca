"""Tokens and references as SQL: hashes in arrays, however many are asked for at once (http://hl7.org/fhir/R4/search.html#token)."""

from collections.abc import Sequence
from typing import cast

from fhircore.identifiers import is_known, kept
from fhircore.params import SearchParam, params_of
from fhircore.query import Criterion, Match, ReferenceValue, StringValue, TokenValue, TypedIdentifier
from fhircore.types import TYPES
from fhirserver.index import SUBJECT, folded, leads_to
from fhirserver.keys import Keys
from fhirserver.search.ground import Ground, Place
from fhirserver.search.sql import Values, all_of, any_of
from fhirserver.terms import has_systems, is_open


def token_hash(place_at: str, keys: Keys, value: TokenValue) -> int:
    """The hash a token value is asked as: `system|code`, `|code`, `system|` or `code` in any system."""
    if value.system is None:
        return keys.token(f"{place_at}|{value.code}")
    return keys.token(f"{place_at}|{value.system}|{value.code or ''}")


def main_codes(ground: Ground, type_name: str, criterion: Criterion) -> list[int]:
    """The hashes of the codes asked for, where it is the type's main code, each with its system; else none."""
    match criterion:
        case Match(SearchParam(type="token", name=name), None, found) if (
            name == TYPES[type_name].main_code and name != "identifier" and _all_full(found)
        ):
            return [token_hash(f"{type_name}.{name}", ground.keys, v) for v in found if isinstance(v, TokenValue)]
    return []


def _all_full(found: Sequence[object]) -> bool:
    return all(isinstance(v, TokenValue) and v.system is not None and v.code is not None for v in found)


def token(place: Place, found: Sequence[TokenValue]) -> str:
    """Any of these codes."""
    if any(value.code is None and value.system is None for value in found):
        return carrying(place, shape_terms(place, place.param))  # any code of the one system that this parameter has
    if place.param.name == "identifier":
        return _identifiers(place, found)
    if is_open(place.param):
        return place.tokens([token_hash(place.at, place.ground.keys, value) for value in found])
    full, asked = _hashes(place, found)
    codes = _meaning(place, found, full, asked)
    if place.param.name != TYPES[place.type_name].main_code:
        return f"{place.alias}.tok && {codes}"
    number = place.values.add(TYPES[place.type_name].number, "smallint")
    further = place.inside("alt", f"rtype = {number} and code = any({codes}) and also = 2", among=True)
    parts = [f"({place.alias}.code = any({codes}) or {further})"]
    if asked:  # rows of an index that is not made again yet carry each way to ask as a token
        parts.append(place.tokens(asked))
    return any_of(parts)


def meanings(place: Place, found: Sequence[TokenValue]) -> str | None:
    """A select of the hashes that rows carry of these codes; None where it need not be looked up."""
    plain = any(value.code is None and value.system is None for value in found)
    if plain or is_open(place.param) or not (hashes := _hashes(place, found))[1]:
        return None
    return _selected(place.values, *hashes)


def meant(values: Values, asked: int, also: Sequence[int] = ()) -> str:
    """The hashes that are meant by one, and itself: rows of an index that is not made again yet carry it."""
    return f"array({_selected(values, list(also), [asked])})"


def _selected(values: Values, full: list[int], asked: list[int]) -> str:
    hashes = values.keys(asked)
    return f"select h from means where asked = any({hashes}) union all select unnest({hashes} || {values.keys(full)})"


def _meaning(place: Place, found: Sequence[TokenValue], full: list[int], asked: list[int]) -> str:
    """An array of the hashes that rows carry of these codes."""
    if not asked:
        return place.values.keys(full)
    for modifier in (None, "not"):
        known = place.ground.terms.get((place.type_name, Match(place.param, modifier, tuple(found))))
        if known is not None:
            return place.values.keys(known)
    return f"array({_selected(place.values, full, asked)})"


def _hashes(place: Place, found: Sequence[TokenValue]) -> tuple[list[int], list[int]]:
    """Those that rows carry as they are, and those that `means` has the hashes of."""
    keys, at, open_ended = place.ground.keys, place.at, has_systems(place.param)
    full = [token_hash(at, keys, value) for value in found if value.system is not None and value.code is not None]
    full += [keys.token(f"{at}||{value.code}") for value in found if value.system is None]
    asked = [token_hash(at, keys, v) for v in found if v.code is None or (v.system is None and open_ended)]
    return full, asked


def _identifiers(place: Place, found: Sequence[TokenValue]) -> str:
    """A whole system is a token; a value stands in its table."""
    hashes = [token_hash(place.at, place.ground.keys, value) for value in found if value.code is None]
    parts = [place.tokens(hashes)] if hashes else []
    single = [value for value in found if value.code is not None]
    if single:
        each = [token_hash(place.at, place.ground.keys, value) for value in single]
        each += [h for value in single for h in _canonical(place, value)]
        parts.append(place.inside("idt", f"h = any({place.values.keys(each)})"))
    return any_of(parts)


def _canonical(place: Place, value: TokenValue) -> list[int]:
    """The value under the canonical name of its system, when it is one we know (FHR-05)."""
    if value.system is None or value.code is None or not is_known(value.system):
        return []
    known = kept(value.system, value.code)
    return [place.ground.keys.token(f"{place.at}|{known.system}|{known.value}")]


def token_not(place: Place, found: Sequence[TokenValue]) -> str:
    """None of these codes; what has no code at all has none of them."""
    return f"not coalesce({token(place, found)}, false)"


def text_terms(place: Place, found: Sequence[StringValue]) -> str:
    """A select of the terms that begin with this, or have a word that does."""
    texts = place.values.add([" " + folded(value.text) for value in found], "text[]")
    fits = f"exists (select from unnest({texts}) t where strpos(' ' || val, t) > 0)"
    return f"select h from term where at = {place.hash(':text')} and {fits}"


def shape_terms(place: Place, param: SearchParam, *, missing: bool = False) -> str:
    """A select of the shapes of resources that have a value of this parameter, or have none (see terms.py)."""
    has = f"({_has(place, param)})"
    shape = place.values.add(place.ground.keys.token(f"{place.type_name}!shape"), "bigint")
    return f"select h from term where at = {shape} and {f'not {has}' if missing else has}"


def carrying(place: Place, terms: str) -> str:
    """Rows with one of these terms."""
    return f"{place.alias}.tok && array({terms})"


def _has(place: Place, param: SearchParam) -> str:
    """Whether a shape `val` names the parameter; a composite of the whole resource is there when its components are."""
    known = params_of(place.type_name)
    whole = param.type == "composite" and not any(path.steps for path in param.paths)
    if param.type == "composite" and param.name.startswith("combo-"):
        parts = (known[param.name[6:]], known["component-" + param.name[6:]])
        return any_of(_has(place, part) for part in parts)
    if whole:
        return all_of(_has(place, known[part.name]) for part in param.components)
    return f"strpos(val, {place.values.add(f' {param.name} ', 'text')}) > 0"


def of_type(place: Place, found: Sequence[TypedIdentifier]) -> str:
    """An identifier of this type with this value."""
    at, keys = place.at + ":of-type", place.ground.keys
    hashes = [keys.token(f"{at}|{value.system}|{value.code}|{value.value}") for value in found]
    return place.inside("idt", f"h = any({place.values.keys(hashes)})")


def reference_identifier(place: Place, found: Sequence[TokenValue]) -> str:
    """A reference that names its target by identifier."""
    return place.tokens([token_hash(place.at + ":identifier", place.ground.keys, value) for value in found])


def reference(place: Place, found: Sequence[ReferenceValue]) -> str:
    """A reference to any of these."""
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
    return any_of(parts)


def about(ground: Ground, values: Values, alias: str, type_name: str, patients: list[int]) -> str:
    """Rows whose subject is one of these patients; for rows with several subjects see `alt`."""
    own, number = values.keys(patients), values.add(TYPES[type_name].number, "smallint")
    other = values.add([ground.keys.token(f"{type_name}!subject")], "bigint[]")
    first = f"({alias}.pat = any({own}) and not coalesce({alias}.tok @> {other}, false))"
    further = f"select key from alt where rtype = {number} and pat = any({own}) and also = 1"
    return f"({first} or {alias}.key = any(array({further})))"
