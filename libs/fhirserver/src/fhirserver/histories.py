"""The versions of resources in a stretch of time, as SQL: what histories are made of (http://hl7.org/fhir/R4/http.html#history)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fhircore.moments import moment
from fhirserver.engine import Engine
from fhirserver.messages import Request
from fhirserver.problems import Invalid
from fhirserver.search.asked import stored_types
from fhirserver.search.cursor import Position
from fhirserver.search.sql import Values, seen
from fhirserver.search.stretches import lifetime, stretches
from kit.db import Connection

DEFAULT = 100  # entries of a page when nothing is asked
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = "key, rtype, id, ver, upd, pat, lab, op, body"
# The latest version of what {0} is the key of, a deletion too.
LATEST = """
select n.pat, n.lab from res n where n.key = {0}
union all (select n.pat, n.lab from hist n where n.key = {0} and not exists (select from res r where r.key = {0})
           order by n.ver desc limit 1)"""


@dataclass(slots=True)
class Asked:
    """`address` is below the base; `since` and `at` in µs, half-open."""

    address: str
    count: int = DEFAULT
    since: int | None = None
    at: tuple[int, int] | None = None
    cursor: str | None = None
    key: int | None = None
    rtypes: list[int] | None = None

    def identity(self) -> str:
        return f"history/{self.address}?{self.since}&{self.at}"


def _where(values: Values, request: Request, asked: Asked, alias: str) -> list[str]:
    parts = seen(request.sight, values, alias)
    if alias == "h" and request.sight.actor.kind == "patient":
        # What a patient is kept from now, or what is another's now, is so in its earlier versions (PAT-02, REC-08).
        now = " and ".join(seen(request.sight, values, "now")) or "true"
        parts.append(f"exists (select from ({LATEST.format('h.key')}) now where {now})")
    if asked.key is not None:
        parts.append(f"{alias}.key = {values.add(asked.key, 'bigint')}")
    if asked.rtypes is not None and len(asked.rtypes) < len(stored_types()):
        parts.append(f"{alias}.rtype = any({values.add(asked.rtypes, 'smallint[]')})")
    if asked.since is not None:
        parts.append(f"{alias}.upd >= {values.add(datetime_of(asked.since), 'timestamptz')}")
    if asked.at is not None:
        parts += _current_at(values, alias, *asked.at)
    return parts


def _current_at(values: Values, alias: str, low: int, high: int) -> list[str]:
    """Versions that were current at some time in the period: begun before its end, not followed before its beginning."""
    parts = [f"{alias}.upd < {values.add(datetime_of(high), 'timestamptz')}"]
    if alias == "h":
        start = values.add(datetime_of(low), "timestamptz")
        after = "n.key = h.key and n.ver = h.ver + 1"
        parts += [
            "h.op <> 'D'",
            f"not exists (select 1 from hist n where {after} and n.upd <= {start})",
            f"not exists (select 1 from res n where {after} and n.upd <= {start})",
        ]
    return parts


def _union(values: Values, request: Request, asked: Asked, more: Sequence[str], order: str) -> str:
    """The rows of both tables; each half is ordered and cut, since one of them may be all there is to see."""
    halves = []
    for table, alias, op in (("res", "r", "'P'::text as op"), ("hist", "h", "h.op::text as op")):
        where = [*_where(values, request, asked, alias), *(part.replace("@", alias) for part in more)] or ["true"]
        columns = ", ".join(op if name == "op" else f"{alias}.{name}" for name in _COLUMNS.split(", "))
        halves.append(f"(select {columns} from {table} {alias} where {' and '.join(where)} {order})")
    return " union all ".join(halves)


def time_of(name: str, value: str) -> tuple[int, int]:
    """A parameter that is a date or a time, µs, half-open. Raises Invalid."""
    try:
        return moment(value.replace(" ", "+"))
    except (ValueError, TypeError, OverflowError):
        raise Invalid(f"{name} is a date or a time", at=name) from None


async def page(con: Connection, engine: Engine, request: Request, asked: Asked) -> list[Any]:
    """Up to one more than a page."""
    after = engine.seal.open(asked.cursor, asked.identity()) if asked.cursor else None
    wanted = asked.count + 1
    if asked.key is not None:
        return await _rows(con, request, asked, after, None, None, wanted)
    begin, end = await lifetime(con)
    if after is not None:
        end = min(end, datetime_of(after.values[0]))
    if asked.since is not None:
        begin = max(begin, datetime_of(asked.since))
    rows: list[Any] = []
    for low, high in stretches(begin, end, newest_first=True):
        rows += await _rows(con, request, asked, after, low, high, wanted - len(rows))
        if len(rows) >= wanted:
            break
    return rows


async def _rows(
    con: Connection,
    request: Request,
    asked: Asked,
    after: Position | None,
    low: datetime | None,
    high: datetime | None,
    most: int,
) -> list[Any]:
    values, more = Values(), []
    names = ("upd", "key", "ver") if asked.key is None else ("ver",)  # clocks may differ, versions of one do not
    if low is not None:
        more.append(f"@.upd >= {values.add(low, 'timestamptz')} and @.upd < {values.add(high, 'timestamptz')}")
    if after is not None:
        at, ver = after.values_for(["bigint", "bigint"])
        bounds = [values.add(ver, "int")]
        if asked.key is None:
            bounds = [values.add(datetime_of(at), "timestamptz"), values.add(after.key, "bigint"), *bounds]
        more.append(f"({', '.join('@.' + name for name in names)}) < ({', '.join(bounds)})")
    order = f"order by {', '.join(name + ' desc' for name in names)} limit {most}"
    return list(await con.fetch(f"{_union(values, request, asked, more, order)} {order}", *values.all))


async def counted(
    con: Connection, engine: Engine, asked: Asked, request: Request, id: str
) -> tuple[int, set[tuple[int, int, int]]]:
    """How many versions may be seen, and where the others are from."""
    values = Values()
    parts = [f"select count(*) from {table} {alias} where {' and '.join(_where(values, request, asked, alias))} and"
             f" {alias}.id = {values.add(id, 'text')}" for table, alias in (("res", "r"), ("hist", "h"))]  # fmt: skip
    total = int(await con.fetchval(f"select ({parts[0]}) + ({parts[1]})", *values.all))
    if total:
        return total, set()
    every = "select pat, rtype, lab from {} where key = $1 and rtype = $2 and id = $3"
    assert asked.rtypes is not None
    rows = await con.fetch(f"{every.format('res')} union {every.format('hist')}", asked.key, asked.rtypes[0], id)
    seen = await engine.law.sees(con, request.sight, rows)
    return 0, {(row[0], row[1], row[2]) for row, shown in zip(rows, seen, strict=True) if row[0] and not shown}


def datetime_of(micros: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if micros > 0 else datetime.min.replace(tzinfo=UTC)
