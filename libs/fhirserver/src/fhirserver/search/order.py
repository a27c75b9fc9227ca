"""The order of a page: sort keys as SQL, and where a page goes on (keyset), forward and backward."""

from collections.abc import Sequence
from dataclasses import dataclass

from fhircore.query import Sort
from fhircore.types import TYPES
from fhirserver.search.cursor import Position
from fhirserver.search.ground import Ground
from fhirserver.search.sql import Values

_FAR = 9_000_000_000_000_000_000
IN_SQL = frozenset({"string", "date", "number", "quantity"})


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key: a SQL expression that is never null, its type, and the direction.

    What has no value comes last; only what has no main date is as if it were before all time, as the index has it.
    """

    expression: str
    kind: str
    descending: bool

    def direction(self, *, back: bool) -> str:
        return "desc" if self.descending != back else "asc"


def in_sql(sort: Sequence[Sort]) -> bool:
    """Whether every sort key can be read by SQL; codes and references stand there only as hashes."""
    return all(one.param.type in IN_SQL or one.param.name == "_id" for one in sort)


def orders(ground: Ground, values: Values, type_name: str, sort: Sequence[Sort]) -> list[Order]:
    """The sort keys asked for; newest first when none is."""
    if not sort:
        return [Order("r.dt", "bigint", descending=True)]
    return [_order(ground, values, type_name, one) for one in sort]


def _order(ground: Ground, values: Values, type_name: str, sort: Sort) -> Order:
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
    pick, last = ("max(s.hi)", f"-{_FAR}") if sort.descending else ("min(s.lo)", str(_FAR))
    chosen = f"(select {pick} from rng s where s.key = r.key and s.h = {h})"
    return Order(f"coalesce({chosen}, {last}::float8)", "float8", sort.descending)


def columns(made: Sequence[Order]) -> str:
    """The sort keys as columns s0, s1 …"""
    return ", ".join(f"{order.expression} as s{place}" for place, order in enumerate(made))


def names(made: Sequence[Order]) -> list[str]:
    return [f"s{place}" for place in range(len(made))]


def by(made: Sequence[Order], key: str, prefix: str = "", *, back: bool = False) -> str:
    """What follows `order by`; the key last, so that no two rows are equal."""
    keys = [f"{prefix}{name} {order.direction(back=back)}" for name, order in zip(names(made), made, strict=True)]
    return ", ".join([*keys, f"{key} {'desc' if back else 'asc'}"])


def beyond(values: Values, made: Sequence[Order], position: Position) -> str:
    """Rows after this position (before it, when it looks back), the first key also as a bound that an index knows."""
    found = position.values_for([order.kind for order in made])
    bounds = [values.add(value, order.kind) for value, order in zip(found, made, strict=True)]
    key = values.add(position.key, "bigint")
    after = f"r.key {'<' if position.back else '>'} {key}"
    for order, bound in zip(reversed(made), reversed(bounds), strict=True):
        sign = "<" if order.descending != position.back else ">"
        after = f"({order.expression} {sign} {bound} or ({order.expression} = {bound} and {after}))"
    first = made[0]
    sign = "<" if first.descending != position.back else ">"
    return f"{first.expression} {sign}= {bounds[0]} and {after}"
