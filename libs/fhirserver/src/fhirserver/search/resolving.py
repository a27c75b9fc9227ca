"""Terms and hierarchies that a search names, looked up before it is planned (D16).

`:in` and `:not-in` become the codes of the value set; `:above` and `:below` of a token the codes above or below in its code
system, of a reference the resources above or below it (Location.partOf). A value set comes from this store, as an expansion
or an explicit compose, or from the definitions of R4 that are compiled here. What is neither is refused by name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fhircore.params import SearchParam
from fhircore.query import (
    AllOf,
    AnyOf,
    Chain,
    Criterion,
    Has,
    Match,
    Missing,
    Not,
    ReferenceValue,
    TokenValue,
    UriValue,
    Value,
)
from fhircore.types import TYPES
from fhirserver.problems import NotSupported
from fhirserver.search.ground import Ground
from fhirserver.search.predicates import terms_of
from fhirserver.search.sql import Values, seen
from fhirserver.search.termstore import TermStore
from fhirserver.terms import has_systems, is_open
from kit.db import Connection

_MOST = 20_000  # codes or resources that one value may stand for
_DEEP = 20  # value sets inside value sets, levels of a hierarchy
# How a resource says what it is part of.
_PARENTS = {
    "Location": "partof", "Organization": "partof", "Encounter": "part-of", "Procedure": "part-of", "Task": "part-of",
    "CarePlan": "part-of", "Communication": "part-of", "Observation": "part-of",
}  # fmt: skip


@dataclass(slots=True)
class Resolver:
    """Looks up what one search names, as its caller sees it."""

    con: Connection
    ground: Ground
    store: TermStore

    async def all(self, type_name: str, criteria: Iterable[Criterion]) -> tuple[Criterion, ...]:
        return tuple([await self.one(type_name, criterion) for criterion in criteria])

    async def one(self, type_name: str, criterion: Criterion) -> Criterion:
        """The same criterion with nothing left to look up."""
        match criterion:
            case Match(param, "in" | "not-in" | "above" | "below" as modifier, values) if param.type == "token":
                return await self._token(param, modifier, values)
            case Match(param, "above" | "below" as modifier, values) if param.type == "reference":
                found = [one for value in values for one in await self._reference(param, modifier, value)]
                return Match(param, None, tuple(found))
            case Chain(param, targets):
                return Chain(param, tuple([(target, await self.one(target, inner)) for target, inner in targets]))
            case Has(source, param, inner):
                return Has(source, param, await self.one(source, inner))
            case AllOf(criteria) | AnyOf(criteria):
                return replace(criterion, criteria=await self.all(type_name, criteria))
            case Not(inner):
                return Not(await self.one(type_name, inner))
        return criterion

    async def terms(self, type_name: str, criteria: Iterable[Criterion]) -> dict[tuple[str, Criterion], list[int]]:
        """The hashes of the terms that these criteria, and those inside them, stand for."""
        found: dict[tuple[str, Criterion], list[int]] = {}
        for name, criterion in (pair for one in criteria for pair in _leaves(type_name, one)):
            values = Values()
            select = terms_of(self.ground, values, name, criterion)
            if select is not None and (name, criterion) not in found:
                found[name, criterion] = [row[0] for row in await self.con.fetch(select, *values.all)]
        return found

    async def _token(self, param: SearchParam, modifier: str, values: Sequence[Value]) -> Criterion:
        found: list[TokenValue] = []
        for value in values:
            if isinstance(value, UriValue):
                codes = await self.store.value_set(param.name, value.uri)
                found += (_implied(param, system, code) for system, code in codes)
            elif isinstance(value, TokenValue):
                found += await self._hierarchy(param, modifier, value)
            if len(found) > _MOST:
                raise NotSupported(f"A value of '{param.name}' stands for more than {_MOST} codes", at=param.name)
        if not found:  # an empty value set: nothing is in it
            found = [TokenValue("urn:fvm:nothing", "nothing")]
        return Match(param, "not" if modifier == "not-in" else None, tuple(found))

    async def _hierarchy(self, param: SearchParam, modifier: str, value: TokenValue) -> list[TokenValue]:
        system = value.system or param.code_system
        if not system or value.code is None:
            raise NotSupported(f"The modifier :{modifier} of '{param.name}' needs system|code", at=param.name)
        if modifier == "below":
            codes = await self.store.codes_below(param.name, system, value.code)
        else:
            codes = await self.store.codes_above(param.name, system, value.code)
        return [_implied(param, system, code) for code in sorted(codes)]

    async def _reference(self, param: SearchParam, modifier: str, value: Value) -> list[ReferenceValue]:
        """The resource named, and those above or below it that may be seen."""
        assert isinstance(value, ReferenceValue)
        kinds = [name for name in value.types if name in _PARENTS]
        if value.id is None or len(kinds) != 1:
            ways = ", ".join(sorted(_PARENTS))
            raise NotSupported(
                f"The modifier :{modifier} of '{param.name}' needs one of Type/id: {ways}", at=param.name
            )
        (kind,) = kinds
        hash = self.ground.keys.token(f"{kind}.{_PARENTS[kind]}>")
        found = {self.ground.keys.of(f"{kind}/{value.id}"): value.id}
        front = list(found)
        for _ in range(_DEEP):
            rows = await self._next(kind, hash, front, up=modifier == "above")
            front = [key for key, _ in rows if key not in found]
            found |= dict(rows)
            if not front or len(found) > _MOST:
                break
        return [ReferenceValue((kind,), id, None) for id in found.values()]

    async def _next(self, kind: str, hash: int, front: list[int], *, up: bool) -> list[tuple[int, str]]:
        values = Values()
        parts = [f"r.rtype = {values.add(TYPES[kind].number, 'smallint')}", *seen(self.ground.sight, values, "r")]
        if up:
            child = " and ".join([f"c.key = any({values.keys(front)})", *seen(self.ground.sight, values, "c")])
            tokens = f"select t # {values.add(hash, 'bigint')} from res c, unnest(c.tok) t where {child}"
            parts.append(f"r.key = any(array({tokens}))")
        else:
            parts.append(f"r.tok && {values.keys([key ^ hash for key in front])}")
        rows = await self.con.fetch(
            f"select r.key, r.id from res r where {' and '.join(parts)} limit {_MOST}", *values.all
        )
        return [(row[0], row[1]) for row in rows]


Kinds = Mapping[str, Sequence[Criterion]]


async def resolved(
    con: Connection, ground: Ground, kinds: Kinds, unpack: Callable[[bytes, int], bytes]
) -> tuple[Ground, dict[str, tuple[Criterion, ...]]]:
    """The criteria of each type with nothing left to look up, and the ground with the terms that they stand for."""
    resolver = Resolver(con, ground, TermStore(con, ground, unpack))
    found = {name: await resolver.all(name, criteria) for name, criteria in kinds.items()}
    terms = [await resolver.terms(name, criteria) for name, criteria in found.items()]
    return replace(
        ground, terms={**ground.terms, **{key: hashes for one in terms for key, hashes in one.items()}}
    ), found


def needs_lookup(type_name: str, criterion: Criterion) -> bool:
    """Whether something in it must be looked up before it can be planned."""
    return any(_asks(one) for _, one in _leaves(type_name, criterion))


def _asks(criterion: Criterion) -> bool:
    match criterion:
        case Missing():
            return True
        case Match(param, None | "not", values) if param.type == "token":
            return has_systems(param) and not is_open(param) and any(map(_without_half, values))
        case Match(_, modifier, _):
            return modifier in ("in", "not-in", "above", "below", "text")
    return False


def _without_half(value: Value) -> bool:
    """Whether it is a code without its system, or a system without a code, which `means` tells the hashes of."""
    return isinstance(value, TokenValue) and (value.system is None or value.code is None)


def _leaves(type_name: str, criterion: Criterion) -> Iterator[tuple[str, Criterion]]:
    """Each criterion that has none inside, with the type it is asked of."""
    match criterion:
        case Chain(_, targets):
            for target, inner in targets:
                yield from _leaves(target, inner)
        case Has(source, _, inner):
            yield from _leaves(source, inner)
        case AllOf(criteria) | AnyOf(criteria):
            for one in criteria:
                yield from _leaves(type_name, one)
        case Not(inner):
            yield from _leaves(type_name, inner)
        case _:
            yield type_name, criterion


def _implied(param: SearchParam, system: str, code: str | None) -> TokenValue:
    """As the index has it: a plain `code` has no system of its own."""
    return TokenValue(None if system == param.code_system else system, code)
