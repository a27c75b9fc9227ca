"""A query as one statement: which rows, in what order, from where on (keyset), how many.

Two conditions drive: the patient it is about and the main code, which are columns of `res`. What they cannot say (a
second subject, a second code) stands in `alt`; so a search with one of them is the union of two ordered, limited branches.
A search over several types is the union of the branches of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from access import Sight
from fhircore.params import SearchParam
from fhircore.query import Criterion, Match, Query, ReferenceValue
from fhircore.types import TYPES
from fhirserver.index import SUBJECT
from fhirserver.law import Looked
from fhirserver.search.cursor import Position
from fhirserver.search.finding import finds, known
from fhirserver.search.ground import Ground
from fhirserver.search.order import beyond, by, columns, names, orders
from fhirserver.search.predicates import predicate
from fhirserver.search.sql import Values, seen
from fhirserver.search.tokens import main_codes

_SHOWN = "r.key, r.rtype, r.id, r.ver, r.upd, r.pat, r.lab, r.body"
COLUMNS = f"{_SHOWN}, r.tok, r.refs"  # with what _include follows; reading the arrays costs as much as the rest
ALSO_COMPARTMENT = "1, 3"  # alt.also: further subjects, and who else it concerns


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and its values."""

    text: str
    values: list[object]


@dataclass(slots=True)
class Part:
    """What is asked of one type: its driving conditions apart from the rest. `compartment` drives instead of both."""

    type_name: str
    patients: list[int]
    codes: list[int]
    rest: list[Criterion]
    compartment: list[int] = field(default_factory=list)
    looked: Looked | None = None  # at the one patient whom it is about

    @property
    def driven(self) -> bool:
        return bool(self.patients or self.codes or self.compartment)

    def branches(self) -> list[bool]:
        """Whether each branch goes through `alt`."""
        alone = self.looked is not None and self.looked.alone
        return [False, True] if self.driven and not alone else [False]

    def where(self, ground: Ground, values: Values, *, further: bool) -> str:
        """`res r where …`, or the same rows through `alt` where the driving conditions hold for another combination."""
        number = values.add(TYPES[self.type_name].number, "smallint")
        source, parts = "res r", [f"r.rtype = {number}"]
        if further:
            source = "alt a join res r on r.key = a.key"
            parts += [f"a.rtype = {number}", f"a.also in ({self._also()})"]
        driving = self._driving(ground, values, "a" if further else "r", further=further)
        parts += driving
        parts += self._seen(ground.sight, values, driving, further=further)
        if not self.patients and not self.compartment and ground.sight.around is not None and self._of_patients:
            parts.append(_equal(values, f"{'a' if further else 'r'}.pat", list(ground.sight.around) or [0]))
        if self.type_name == "Patient" and ground.sight.depends and not (self.patients or finds(self.rest)):
            parts.append(known(ground.sight, values, "r"))
            if ground.sight.around is not None:  # the same patients by their keys, which drive
                parts.append(_equal(values, "r.pat", list(ground.sight.around) or [0]))
        rest = [predicate(ground, values, "r", self.type_name, criterion) for criterion in self.rest]
        parts += [_filter(one) for one in rest] if self.patients or self.compartment else rest
        return f"{source} where {' and '.join(parts)}"

    def _seen(self, sight: Sight, values: Values, driving: list[str], *, further: bool) -> list[str]:
        """The legal predicate. The rows of the first branch are all about one patient, where only one was named."""
        if further or len(set(self.patients or self.compartment)) != 1:
            return seen(sight, values, "r")
        if self.looked is not None and self.looked.shown is not None:
            return [f"r.lab = any({values.labels(self.looked.shown)})"]
        return seen(sight, values, "r", driving[0].removeprefix("r.pat = "))

    @property
    def _of_patients(self) -> bool:
        """Whether all that may be seen of this type is about a patient with a relation."""
        return TYPES[self.type_name].kind == "patient"

    def _also(self) -> str:
        if self.compartment:
            return ALSO_COMPARTMENT
        return "1" if not self.codes else "2" if not self.patients else "1, 2"

    def _driving(self, ground: Ground, values: Values, alias: str, *, further: bool) -> list[str]:
        if self.compartment:
            return [_equal(values, f"{alias}.pat", self.compartment)]
        parts = []
        if self.patients:
            parts.append(_equal(values, f"{alias}.pat", self.patients))
            if not further and self.type_name != "Patient":
                other = values.add([ground.keys.token(f"{self.type_name}!subject")], "bigint[]")
                parts.append(f"not coalesce(r.tok @> {other}, false)")
        if self.codes:
            parts.append(_equal(values, f"{alias}.code", self.codes))
        return parts


@dataclass(slots=True)
class Plan:
    """A query made ready, one part per type that is searched."""

    ground: Ground
    query: Query
    parts: list[Part]

    @property
    def patients(self) -> list[int]:
        """The patients that were asked about."""
        return sorted({patient for part in self.parts for patient in part.patients or part.compartment})

    @property
    def driven(self) -> bool:
        """Whether patients or codes drive all of it."""
        return len(self.parts) == 1 and self.parts[0].driven

    @property
    def by_time(self) -> bool:
        """Whether it is read best in stretches of time: in the order of last updates, over more than the rows of somebody."""
        return bool(self.query.sort) and self.query.sort[0].param.name == "_lastUpdated" and not self.driven

    @property
    def _columns(self) -> str:
        return COLUMNS if self.query.include else _SHOWN

    def page(self, limit: int, after: Position | None, within: tuple[datetime, datetime] | None = None) -> Statement:
        """The rows of one page plus one (so that one knows whether there are more), with their sort values as s0, s1 …

        `within`: only what was last updated in this half-open stretch.
        """
        values = Values()
        back = after is not None and after.back
        branches = [
            self._branch(values, part, limit + 1, after, within, further=further)
            for part in self.parts
            for further in part.branches()
        ]
        if self.driven and len(branches) == 1:  # few rows, read in order: they need not be found by key once more
            return Statement(branches[0].replace("select r.key, ", f"select {self._columns}, ", 1), values.all)
        made = orders(self.ground, Values(), self.parts[0].type_name, self.query.sort)
        keys = " union ".join(f"({branch})" for branch in branches)
        shown = "".join(f", f.{name}" for name in names(made))
        text = (
            f"select {self._columns}{shown} from (select * from ({keys}) u order by {by(made, 'key', back=back)}"
            f" limit {limit + 1}) f join res r on r.key = f.key order by {by(made, 'f.key', 'f.', back=back)}"
        )
        return Statement(text, values.all)

    def some(self, limit: int) -> Statement:
        """Up to so many rows in no order: what is sorted outside SQL."""
        values = Values()
        keys = self._keys(values, limit)
        return Statement(f"select {self._columns} from ({keys}) f join res r on r.key = f.key", values.all)

    def count(self, limit: int | None = None) -> Statement:
        """How many rows there are in all, or up to a limit."""
        values = Values()
        return Statement(f"select count(*) from ({self._keys(values, limit)}) found", values.all)

    def _keys(self, values: Values, limit: int | None) -> str:
        most = "" if limit is None else f" limit {limit}"
        branches = [
            f"(select r.key from {part.where(self.ground, values, further=further)}{most})"
            for part in self.parts
            for further in part.branches()
        ]
        return f"select key from ({' union '.join(branches)}) k{most}" if len(branches) > 1 else branches[0][1:-1]

    def _branch(
        self,
        values: Values,
        part: Part,
        limit: int,
        after: Position | None,
        within: tuple[datetime, datetime] | None,
        *,
        further: bool,
    ) -> str:
        made = orders(self.ground, values, part.type_name, self.query.sort)
        where = part.where(self.ground, values, further=further)
        if after is not None:
            where += f" and {beyond(values, made, after)}"
        if within is not None:
            low, high = (values.add(at, "timestamptz") for at in within)
            where += f" and r.upd >= {low} and r.upd < {high}"
        ordered = by(made, "r.key", back=after is not None and after.back)
        return f"select r.key, {columns(made)} from {where} order by {ordered} limit {limit}"


def plan(ground: Ground, query: Query) -> Plan:
    """A search of one type."""
    return Plan(ground, query, [part(ground, query.type, query.criteria)])


def part(ground: Ground, type_name: str, criteria: Sequence[Criterion], compartment: Sequence[int] = ()) -> Part:
    """Sorts the criteria into the two that drive and the rest; a compartment drives alone."""
    if compartment:
        return Part(type_name, [], [], list(criteria), list(compartment))
    made = Part(type_name, [], [], [])
    for criterion in criteria:
        match criterion:
            case Match(SearchParam(type="reference", name=name), None, found) if name in SUBJECT and not made.patients:
                patients = _only_patients(ground, found)
                if patients:
                    made.patients = patients
                    continue
            case _ if not made.codes and (codes := main_codes(ground, type_name, criterion)):
                made.codes = codes
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


def _filter(condition: str) -> str:
    """The same condition where no index answers it: of one patient's rows it is quicker to look at each than to gather
    all rows of the region with a common code, which the database thinks rare when it does not know the values."""
    return f"coalesce({condition}, false)" if condition.startswith("r.tok && ") else condition


def _equal(values: Values, column: str, keys: list[int]) -> str:
    """Equality with one value keeps the index order; an array would not."""
    if len(set(keys)) == 1:
        return f"{column} = {values.add(keys[0], 'bigint')}"
    return f"{column} = any({values.keys(keys)})"
