"""Pieces of SQL with their values: numbered parameters, never text put together from input."""

from collections.abc import Iterable
from typing import Any

from access import Sight, Zones
from fhirserver.entries import NO_DATE


class Values:
    """The parameters of one statement; `add` gives the placeholder."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._labels: dict[frozenset[int], str] = {}

    def add(self, value: Any, cast: str) -> str:
        self.all.append(value)
        return f"${len(self.all)}::{cast}"

    def later(self, value: Any, cast: str) -> "Later":
        """A placeholder that is added where it is first used: PostgreSQL refuses a parameter that no text mentions."""
        return Later(self, value, cast)

    def labels(self, labels: frozenset[int]) -> str:
        """A placeholder for an array of label numbers; the same labels are sent once, for the driver looks at each element."""
        found = self._labels.get(labels)
        if found is None:
            found = self._labels[labels] = self.add(sorted(labels), "int[]")
        return found

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


def seen(sight: Sight, values: Values, alias: str, patient: str | None = None) -> list[str]:
    """The legal predicate on rows of `alias`, as conjuncts; none for who may see everything. It says of every row what
    `access.decide` says, with the facts as they stand when the statement runs. `patient` is the placeholder of the one patient
    (not 0) whom all these rows are about, where there is one: what depends on nothing else is then asked once, not row by row."""
    if sight.everything:
        return []
    zones = sight.zones if not sight.stale else Zones(sight.zones.free, sight.zones.unit)
    if sight.actor.kind == "patient":
        own, shown = values.keys(list(sight.own)), values.labels(sight.own_labels)
        free = values.labels(zones.free)
        return [
            f"(({alias}.pat = any({own}) and {alias}.lab = any({shown}))"
            f" or ({alias}.pat = 0 and {alias}.lab = any({free})))"
        ]
    ways = [f"{alias}.lab = any({values.labels(zones.free)})"]
    if zones.unit or zones.provider or zones.shared:
        ways.append(_in_care(sight, zones, values, alias, patient))
    return [any_of(ways)]


def _in_care(sight: Sight, zones: Zones, values: Values, alias: str, patient: str | None) -> str:
    """Own unit: a relation. Other units of the provider: an active choice too. Other providers: a consent instead. The last
    two not where a block stands."""
    actor = sight.actor
    unit, employee = values.later(actor.unit, "text"), values.later(actor.subject, "text")
    mine = f"(a.employee is null or a.employee = {employee})"
    whom = patient or f"{alias}.pat"
    ways = []
    if zones.unit:
        ways.append(f"{alias}.lab = any({values.labels(zones.unit)})")
    if zones.provider and actor.session:
        choice = _once(
            f"access_choice c where c.pat = {whom} and c.session = {values.add(actor.session, 'text')}"
            f" and now() < c.until"
        )
        labels = values.labels(zones.provider)
        ways.append(
            f"({alias}.lab = any({labels}) and {choice} and not {_blocked(sight, values, alias, unit, employee)})"
        )
    if zones.shared:
        held = (
            f"access_consent a where a.pat = {whom} and a.unit = {unit}"
            f" and a.provider = {values.add(actor.provider, 'text')} and a.since <= now() and now() < a.until and {mine}"
        )
        # About everything, asked once where the rows are one patient's; else about this row's kind of information (EMG-03).
        kind = f"(select l.info from label l where l.id = {alias}.lab)"
        consent = f"({_once(f'{held} and a.info is null')} or {_once(f'{held} and {kind} = any(a.info)')})"
        labels = values.labels(zones.shared)
        ways.append(
            f"({alias}.lab = any({labels}) and {consent} and not {_blocked(sight, values, alias, unit, employee)})"
        )
    whose = any_of(ways) if ways else "false"
    theirs = f"({whose} and {_related(whom, unit, employee)})"
    if patient is not None:
        return theirs
    return f"({theirs} or ({alias}.pat = 0 and {alias}.lab = any({values.labels(zones.unit | zones.provider)})))"


def related(sight: Sight, values: Values, alias: str) -> str:
    """Whether the reader's unit, or the reader, has a relation to the patient of a row now."""
    return _related(f"{alias}.pat", values.later(sight.actor.unit, "text"), values.later(sight.actor.subject, "text"))


def _related(whom: str, unit: Later, employee: Later) -> str:
    return _once(
        f"access_relation a where a.pat = {whom} and a.unit = {unit} and a.since <= now() and now() < a.until"
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
