"""A query as one statement: which rows, in what order, from where on (keyset), how many.

Two conditions drive: the patient it is about and the main code, which are columns of `res`. What they cannot say (a
second subject, a second code) stands in `alt`; so a search with one of them is the union of two ordered, limited branches.
"""

from dataclasses import dataclass

from fhircore.params import SearchParam
from fhircore.query import Criterion, Match, Query, ReferenceValue, Sort, TokenValue
from fhircore.types import TYPES
from fhirserver.index import SUBJECT
from fhirserver.problems import NotSupported
from fhirserver.search.cursor import Position
from fhirserver.search.predicates import Ground, predicate, token_hash
from fhirserver.search.sql import Values, seen

COLUMNS = "r.key, r.rtype, r.id, r.ver, r.upd, r.pat, r.lab, r.body, r.tok, r.refs"
_FAR = 9_000_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and its values."""

    text: str
    values: list[object]


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key: a SQL expression that is never null, its type, and the direction."""

    expression: str
    kind: str
    descending: bool


@dataclass(slots=True)
class Plan:
    """A query made ready: its driving conditions apart from the rest."""

    ground: Ground
    query: Query
    patients: list[int]
    codes: list[int]
    rest: list[Criterion]

    @property
    def type_name(self) -> str:
        return self.query.type

    def page(self, limit: int, after: Position | None) -> Statement:
        """The rows of one page plus one (so that one knows whether there are more), with their sort value as `sv`."""
        values = Values()
        order = self._order(values)
        branches = [self._branch(values, order, limit + 1, after, further=False)]
        if self.patients or self.codes:
            branches.append(self._branch(values, order, limit + 1, after, further=True))
        direction = "desc" if order.descending else "asc"
        keys = " union ".join(f"({branch})" for branch in branches)
        text = (
            f"select {COLUMNS}, f.sv from (select * from ({keys}) u order by sv {direction}, key"
            f" limit {limit + 1}) f join res r on r.key = f.key order by f.sv {direction}, f.key"
        )
        return Statement(text, values.all)

    def count(self) -> Statement:
        """How many rows there are in all."""
        values = Values()
        branches = [self._where(values, further=False)]
        if self.patients or self.codes:
            branches.append(self._where(values, further=True))
        keys = " union ".join(f"select r.key from {branch}" for branch in branches)
        return Statement(f"select count(*) from ({keys}) found", values.all)

    def _branch(self, values: Values, order: Order, limit: int, after: Position | None, *, further: bool) -> str:
        where = self._where(values, further=further)
        if after is not None:
            value, key = values.add(after.value_for(order.kind), order.kind), values.add(after.key, "bigint")
            sign = "<" if order.descending else ">"
            same = f"({order.expression} {sign} {value} or r.key > {key})"
            where += f" and {order.expression} {sign}= {value} and {same}"
        direction = "desc" if order.descending else "asc"
        return f"select r.key, {order.expression} as sv from {where} order by sv {direction}, r.key limit {limit}"

    def _where(self, values: Values, *, further: bool) -> str:
        """`res r where …`, or the same rows through `alt` where the driving conditions hold for another combination."""
        number = values.add(TYPES[self.type_name].number, "smallint")
        source, parts = "res r", [f"r.rtype = {number}"]
        if further:
            also = "1" if not self.codes else "2" if not self.patients else "1, 2"
            source = "alt a join res r on r.key = a.key"
            parts += [f"a.rtype = {number}", f"a.also in ({also})"]
        parts += self._driving(values, "a" if further else "r", further=further)
        parts += seen(self.ground.sight, values, "r")
        parts += [predicate(self.ground, values, "r", self.type_name, criterion) for criterion in self.rest]
        return f"{source} where {' and '.join(parts)}"

    def _driving(self, values: Values, alias: str, *, further: bool) -> list[str]:
        parts = []
        if self.patients:
            parts.append(_equal(values, f"{alias}.pat", self.patients))
            if not further and self.type_name != "Patient":
                other = values.add([self.ground.keys.token(f"{self.type_name}!subject")], "bigint[]")
                parts.append(f"not coalesce(r.tok @> {other}, false)")
        if self.codes:
            parts.append(_equal(values, f"{alias}.code", self.codes))
        return parts

    def _order(self, values: Values) -> Order:
        if not self.query.sort:
            return Order("r.dt", "bigint", descending=True)
        if len(self.query.sort) > 1:
            raise NotSupported("Sorting by more than one parameter is not supported yet", at="_sort")
        return _order_by(self.ground, values, self.type_name, self.query.sort[0])


def plan(ground: Ground, query: Query) -> Plan:
    """Sorts the criteria into the two that drive and the rest."""
    made = Plan(ground, query, [], [], [])
    for criterion in query.criteria:
        match criterion:
            case Match(SearchParam(type="reference", name=name), None, found) if name in SUBJECT and not made.patients:
                patients = _only_patients(ground, found)
                if patients:
                    made.patients = patients
                    continue
            case Match(SearchParam(type="token", name=name), None, found) if (
                name == TYPES[query.type].main_code and name != "identifier" and not made.codes and _all_full(found)
            ):
                made.codes = [
                    token_hash(f"{query.type}.{name}", ground.keys, v) for v in found if isinstance(v, TokenValue)
                ]
                continue
        made.rest.append(criterion)
    return made


def _only_patients(ground: Ground, found: tuple[object, ...]) -> list[int]:
    """The keys of the patients named, or nothing when something else may be meant as well."""
    keys: list[int] = []
    for value in found:
        if not isinstance(value, ReferenceValue) or value.types != ("Patient",) or value.id is None:
            return []
        if value.url is not None and not value.url.startswith(ground.base + "/"):
            return []
        keys += ground.person(value.id)
    return keys


def _all_full(found: tuple[object, ...]) -> bool:
    return all(isinstance(v, TokenValue) and v.system is not None and v.code is not None for v in found)


def _equal(values: Values, column: str, keys: list[int]) -> str:
    """Equality with one value keeps the index order; an array would not."""
    if len(set(keys)) == 1:
        return f"{column} = {values.add(keys[0], 'bigint')}"
    return f"{column} = any({values.keys(keys)})"


def _order_by(ground: Ground, values: Values, type_name: str, sort: Sort) -> Order:
    name, kind = sort.param.name, sort.param.type
    if name == "_id":
        return Order("r.id", "text", sort.descending)
    if name == "_lastUpdated":
        return Order("(extract(epoch from r.upd) * 1000000)::bigint", "bigint", sort.descending)
    if name == TYPES[type_name].main_date:
        return Order("r.dt", "bigint", sort.descending)
    h = values.add(ground.keys.token(f"{type_name}.{name}"), "bigint")
    if kind == "string":
        pick, last = ("max", "''") if sort.descending else ("min", "chr(1114111)")
        chosen = f"(select {pick}(s.val) from str s where s.key = r.key and s.h = {h})"
        return Order(f"coalesce({chosen}, {last})", "text", sort.descending)
    if kind in ("date", "number", "quantity"):
        pick, last = ("max(s.hi)", f"-{_FAR}") if sort.descending else ("min(s.lo)", str(_FAR))
        chosen = f"(select {pick} from rng s where s.key = r.key and s.h = {h})"
        return Order(f"coalesce({chosen}, {last}::float8)", "float8", sort.descending)
    raise NotSupported(f"Sorting by '{name}' ({kind}) is not supported yet", at="_sort")
