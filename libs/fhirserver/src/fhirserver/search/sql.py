"""Pieces of SQL with their values: numbered parameters, never text put together from input."""

from collections.abc import Iterable
from typing import Any

from access import Sight, Zones
from fhirserver.entries import NO_DATE


class Values:
    """The parameters of one statement; `add` gives the placeholder."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def add(self, value: Any, cast: str) -> str:
        self.all.append(value)
        return f"${len(self.all)}::{cast}"

    def later(self, value: Any, cast: str) -> "Later":
        """A placeholder that is added where it is first used: PostgreSQL refuses a parameter that no text mentions."""
        return Later(self, value, cast)

    def keys(self, keys: list[int]) -> str:
        """A placeholder for an array of hashes, sorted so that the same search is the same statement and values."""
        return self.add(sorted(set(keys)), "bigint[]")


class Later:
    """A value that becomes a parameter when it is formatted into SQL, the same one each time."""

    def __init__(self, values: Values, value: Any, cast: str) -> None:
        self._values, self._value, self._cast = values, value, cast
        self._text = ""

    def __format__(self, _spec: str) -> str:
        self._text = self._text or self._values.add(self._value, self._cast)
        return self._text


def seen(sight: Sight, values: Values, alias: str) -> list[str]:
    """The legal predicate on rows of `alias`, as conjuncts; none for who may see everything. It says of every row what
    `access.decide` says, with the facts as they stand when the statement runs."""
    if sight.everything:
        return []
    zones = sight.zones if not sight.stale else Zones(sight.zones.free, sight.zones.unit)
    if sight.actor.kind == "patient":
        own, shown = values.keys(list(sight.own)), values.add(sorted(sight.own_labels), "int[]")
        free = values.add(sorted(zones.free), "int[]")
        return [
            f"(({alias}.pat = any({own}) and {alias}.lab = any({shown}))"
            f" or ({alias}.pat = 0 and {alias}.lab = any({free})))"
        ]
    ways = [f"{alias}.lab = any({values.add(sorted(zones.free), 'int[]')})"]
    if zones.unit or zones.provider or zones.shared:
        ways.append(_in_care(sight, zones, values, alias))
    return [any_of(ways)]


def _in_care(sight: Sight, zones: Zones, values: Values, alias: str) -> str:
    """Own unit: a relation. Other units of the provider: an active choice too. Other providers: a consent instead. The last
    two not where a block stands."""
    actor = sight.actor
    unit, employee = values.later(actor.unit, "text"), values.later(actor.subject, "text")
    mine = f"(a.employee is null or a.employee = {employee})"
    ways = []
    if zones.unit:
        ways.append(f"{alias}.lab = any({values.add(sorted(zones.unit), 'int[]')})")
    if zones.provider and actor.session:
        choice = _once(
            f"access_choice c where c.pat = {alias}.pat and c.session = {values.add(actor.session, 'text')}"
            f" and now() < c.until"
        )
        labels = values.add(sorted(zones.provider), "int[]")
        ways.append(
            f"({alias}.lab = any({labels}) and {choice} and not {_blocked(sight, values, alias, unit, employee)})"
        )
    if zones.shared:
        consent = _once(
            f"access_consent a where a.pat = {alias}.pat and a.unit = {unit}"
            f" and a.provider = {values.add(actor.provider, 'text')} and a.since <= now() and now() < a.until and {mine}"
        )
        labels = values.add(sorted(zones.shared), "int[]")
        ways.append(
            f"({alias}.lab = any({labels}) and {consent} and not {_blocked(sight, values, alias, unit, employee)})"
        )
    whose = any_of(ways) if ways else "false"
    nobodys = values.add(sorted(zones.unit | zones.provider), "int[]")
    return f"(({whose} and {_related(alias, unit, employee)}) or ({alias}.pat = 0 and {alias}.lab = any({nobodys})))"


def related(sight: Sight, values: Values, alias: str) -> str:
    """Whether the reader's unit, or the reader, has a relation to the patient of a row now."""
    return _related(alias, values.later(sight.actor.unit, "text"), values.later(sight.actor.subject, "text"))


def _related(alias: str, unit: Later, employee: Later) -> str:
    return _once(
        f"access_relation a where a.pat = {alias}.pat and a.unit = {unit} and a.since <= now() and now() < a.until"
        f" and (a.employee is null or a.employee = {employee})"
    )


def _blocked(sight: Sight, values: Values, alias: str, unit: Later, employee: Later) -> str:
    """A block that touches the row and is not lifted for the reader. Old versions have no time, so every block touches them."""
    time = "" if alias == "h" else (
        f" and ({alias}.dt = {NO_DATE} or ((b.hi is null or {alias}.dt < b.hi)"
        f" and (b.lo is null or {alias}.dte is null or {alias}.dte > b.lo)))"
    )  # fmt: skip
    return _once(
        f"access_block b join label l on l.id = {alias}.lab where b.pat = {alias}.pat and b.provider = l.provider"
        f" and (b.unit = l.unit or (b.unit is null and l.provider <> {values.add(sight.actor.provider, 'text')}))"
        f" and not l.info = any(b.excluded){time}"
        f" and not exists (select 1 from access_revoke v where v.pat = b.pat and v.block = b.id and v.unit = {unit}"
        f" and (v.employee is null or v.employee = {employee}) and now() < v.until)"
    )


def _once(tables: str) -> str:
    """Whether there is one, asked row by row: few rows of a page come so far, so the table is not read as a whole."""
    return f"coalesce((select true from {tables} limit 1), false)"


def any_of(parts: Iterable[str]) -> str:
    found = list(parts)
    return found[0] if len(found) == 1 else "(" + " or ".join(found) + ")"


def all_of(parts: Iterable[str]) -> str:
    found = list(parts)
    return found[0] if len(found) == 1 else "(" + " and ".join(found) + ")"
