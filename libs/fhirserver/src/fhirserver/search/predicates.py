"""Criteria as SQL predicates on `res` (and its side tables): one function per kind of parameter.

A predicate that cannot be made raises NotSupported and names the parameter: nothing is ever left out of a search.
"""

from collections.abc import Callable, Sequence
from typing import Any

from fhircore.params import SearchParam, params_of
from fhircore.query import AllOf, AnyOf, Chain, Criterion, Has, Id, LastUpdated, Listed, Match, Missing, Not, Words
from fhircore.types import TYPES
from fhirserver.index import SUBJECT
from fhirserver.problems import NotSupported
from fhirserver.search import ranges, tokens
from fhirserver.search.composites import composite
from fhirserver.search.finding import asks_more, known, protection
from fhirserver.search.ground import Ground, Place
from fhirserver.search.sql import Values, all_of, any_of, seen
from fhirserver.words import CONTENT, NARRATIVE, folded_words, hashed

__all__ = ["Ground", "predicate"]


def predicate(ground: Ground, values: Values, alias: str, type_name: str, criterion: Criterion) -> str:
    """One criterion as SQL on rows of `alias`, which are of this type; of patients only as far as they may be found by it."""
    found = _asked(ground, values, alias, type_name, criterion)
    if not (ground.sight.depends and asks_more(type_name, criterion)):
        return found
    protected = _asked(ground, values, alias, "Patient", protection())
    return f"({found} and {known(ground.sight, values, alias)} and not coalesce({protected}, false))"


def _asked(ground: Ground, values: Values, alias: str, type_name: str, criterion: Criterion) -> str:  # noqa: C901 (one case per kind)
    match criterion:
        case Id(ids):
            return f"{alias}.key = any({values.keys([ground.keys.of(f'{type_name}/{id}') for id in ids])})"
        case LastUpdated(times):
            return any_of(ranges.updated(values, alias, time) for time in times)
        case Match(SearchParam(type="token"), "text") | Match(SearchParam(type="uri"), "below"):
            return _carrying(ground, values, alias, type_name, criterion)
        case Match(param, modifier, found):
            return _match(ground, values, alias, type_name, param, modifier, found)
        case Missing():
            return _carrying(ground, values, alias, type_name, criterion)
        case Chain(param, targets):
            return any_of(_chain(ground, values, alias, type_name, param, target, inner) for target, inner in targets)
        case Has(source, _, inner) if criterion in ground.common:
            return _each_has(ground, values, alias, source, inner)
        case Has(source, param, inner):
            return _has(ground, values, alias, type_name, source, param, inner)
        case Listed(ids):
            return _listed(ground, values, alias, ids)
        case Words():
            return _words(ground, values, alias, criterion)
        case AllOf(criteria):
            return all_of(predicate(ground, values, alias, type_name, one) for one in criteria)
        case AnyOf(criteria):
            return any_of(predicate(ground, values, alias, type_name, one) for one in criteria)
        case Not(inner):
            return f"not coalesce({predicate(ground, values, alias, type_name, inner)}, false)"


def terms_of(ground: Ground, values: Values, type_name: str, criterion: Criterion) -> str | None:
    """A select of the terms that a criterion stands for; None for one that does not ask for terms."""
    match criterion:
        case Missing(param, missing):
            return tokens.shape_terms(_place(ground, values, "r", type_name, param), param, missing=missing)
        case Match(SearchParam(type="token") as param, "text", found):
            both = _parts_of(type_name, param)
            selects = [tokens.text_terms(_place(ground, values, "r", type_name, one), found) for one in both]  # type: ignore[arg-type]
            return " union all ".join(selects)
        case Match(SearchParam(type="token") as param, None | "not", found) if not param.name.startswith("combo-"):
            return tokens.meanings(_place(ground, values, "r", type_name, param), found)  # type: ignore[arg-type]
        case Match(SearchParam(type="uri") as param, "below", found):
            return ranges.uri_terms(_place(ground, values, "r", type_name, param), found)  # type: ignore[arg-type]
    return None


def _carrying(ground: Ground, values: Values, alias: str, type_name: str, criterion: Criterion) -> str:
    known = ground.terms.get((type_name, criterion))
    if known is not None:
        return f"{alias}.tok && {values.keys(known)}"
    return f"{alias}.tok && array({terms_of(ground, values, type_name, criterion)})"


def _parts_of(type_name: str, param: SearchParam) -> list[SearchParam]:
    """A `combo-` parameter is indexed as its two parts."""
    if not param.name.startswith("combo-"):
        return [param]
    known = params_of(type_name)
    return [known[param.name[6:]], known["component-" + param.name[6:]]]


def _place(ground: Ground, values: Values, alias: str, type_name: str, param: SearchParam) -> Place:
    return Place(ground, values, alias, type_name, param, f"{type_name}.{param.name}")


def _match(
    ground: Ground, values: Values, alias: str, type_name: str, param: SearchParam, modifier: str | None,
    found: Sequence[Any],
) -> str:  # fmt: skip
    both = _parts_of(type_name, param)
    if len(both) > 1:
        parts = [_match(ground, values, alias, type_name, one, modifier, found) for one in both]
        return all_of(parts) if modifier == "not" else any_of(parts)
    place = _place(ground, values, alias, type_name, param)
    if param.type == "composite":
        return composite(place, found, predicate)
    handler = _HANDLERS.get((param.type, modifier))
    if handler is None:
        what = f"The modifier :{modifier} of" if modifier else "Searching by"
        raise NotSupported(f"{what} '{param.name}' is not supported here", at=param.name)
    return handler(place, found)


def _listed(ground: Ground, values: Values, alias: str, ids: Sequence[str]) -> str:
    """An item of one of these Lists, of those that may be seen."""
    lists = values.keys([ground.keys.of(f"List/{id}") for id in ids])
    item = values.add(ground.keys.token("List.item>"), "bigint")
    number = values.add(TYPES["List"].number, "smallint")
    inside = "l" + alias
    where = " and ".join(
        [f"{inside}.key = any({lists})", f"{inside}.rtype = {number}", *seen(ground.sight, values, inside)]
    )
    items = f"select target from res {inside}, unnest({inside}.refs) target"
    return f"{alias}.key = any(array({items} where {where} and {inside}.tok @> array[target # {item}]))"


def _words(ground: Ground, values: Values, alias: str, asked: Words) -> str:
    """Resources with all words of one of the ways."""
    name = "_content" if asked.whole else "_text"
    if not ground.full_text:
        text = f"{name} is not supported here: the words of resources are not kept (setting FVM_FULL_TEXT)"
        raise NotSupported(text, at=name)
    part = values.add(CONTENT if asked.whole else NARRATIVE, "smallint")
    ways = [hashed([word for text in way for word in folded_words(text)], ground.keys.token) for way in asked.ways]
    found = any_of(f"words @> {values.keys(list(way))}" for way in ways)
    return f"{alias}.key in (select key from txt where part = {part} and {found})"


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
    return f"{alias}.key in (select distinct target from res {inside}, unnest({inside}.refs) target where {where} and {leads})"


def _each_has(ground: Ground, values: Values, alias: str, source: str, inner: Criterion) -> str:
    """Whether the patient of `alias` has one of these main codes: asked of each, by the index over patient, type and code."""
    inside, number = "h" + alias, values.add(TYPES[source].number, "smallint")
    codes = values.keys(tokens.main_codes(ground, source, inner))
    other = values.add([ground.keys.token(f"{source}!subject")], "bigint[]")
    first = [f"{inside}.pat = {alias}.key", f"{inside}.rtype = {number}", f"{inside}.code = any({codes})"]
    first += [f"not coalesce({inside}.tok @> {other}, false)", *seen(ground.sight, values, inside)]
    a = "a" + inside
    further = [f"{a}.pat = {alias}.key", f"{a}.rtype = {number}", f"{a}.also in (1, 2)", f"{a}.code = any({codes})"]
    further += seen(ground.sight, values, inside)
    joined = f"alt {a} join res {inside} on {inside}.key = {a}.key"
    # `offset 0` keeps it a question about each row; otherwise the database gathers first, which this is to avoid.
    return any_of(
        f"exists (select from {source_of} where {' and '.join(parts)} offset 0)"
        for source_of, parts in ((f"res {inside}", first), (joined, further))
    )


_HANDLERS: dict[tuple[str, str | None], Callable[[Place, Sequence[Any]], str]] = {
    ("token", None): tokens.token,
    ("token", "not"): tokens.token_not,
    ("token", "of-type"): tokens.of_type,
    ("reference", None): tokens.reference,
    ("reference", "identifier"): tokens.reference_identifier,
    ("string", None): ranges.string,
    ("string", "contains"): ranges.string_contains,
    ("string", "exact"): ranges.string_exact,
    ("string", "equals"): ranges.string_equals,
    ("string", "ends"): ranges.string_ends,
    ("uri", None): ranges.uri,
    ("uri", "above"): ranges.uri_above,
    ("date", None): ranges.date,
    ("number", None): ranges.number,
    ("quantity", None): ranges.quantity,
    ("special", None): ranges.near,
}
