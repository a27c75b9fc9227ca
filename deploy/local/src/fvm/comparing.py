"""Compares every source with the region's record: sums per type and person first, then the resources of what differs."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fvm.asking import Services
from fvm.trouble import Trouble

SOURCES = ("vis", "exchange")
_MASK = (1 << 64) - 1
_AT_ONCE = 2_000  # groups or ids of one question
_SETTLE = 4.0  # seconds after which what was only on its way has arrived

Group = tuple[str, str]  # type, person ("" for none)


@dataclass(slots=True)
class Sums:
    """(count, sum) per group of one door."""

    of: dict[Group, tuple[int, int]] = field(default_factory=dict)

    def add(self, group: Group, count: int, total: int) -> None:
        known = self.of.get(group, (0, 0))
        self.of[group] = known[0] + count, (known[1] + total) & _MASK

    def resources(self) -> int:
        return sum(count for count, _ in self.of.values())


@dataclass(frozen=True, slots=True)
class Difference:
    """One resource that is not the same: `source` told it as `version`, or "" where only the region has it."""

    kind: str  # missing, differs, only in the region
    type: str
    id: str
    source: str
    version: int
    region: int | None  # the source's version that the region has


@dataclass(slots=True)
class Compared:
    """What was found: counts by type (sources, region), and the differences."""

    sources: dict[str, int] = field(default_factory=dict)
    types: dict[str, tuple[int, int]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)


class Comparison:
    """One comparison of a running region. `tell` hears of progress."""

    def __init__(self, services: Services, tell: Callable[[str], None]) -> None:
        self._services = services
        self._tell = tell
        self._ids: dict[Group, set[tuple[str, str]]] = {}  # group → (source, patient id there)

    def run(self) -> Compared:
        """Raises Trouble where a service does not answer."""
        told = Sums()
        found = Compared()
        for source in SOURCES:
            groups = self._sums(source)
            self._add(told, source, groups)
            found.sources[source] = groups.resources()
            self._tell(f"{source}: {groups.resources():,} resources")
        region = self._sums("information")
        self._tell(f"the region's record: {region.resources():,} resources of sources")
        found.types = _by_type(told, region)
        differing = sorted(
            group for group in told.of.keys() | region.of.keys() if told.of.get(group) != region.of.get(group)
        )
        if differing:
            self._tell(f"{len(differing):,} groups differ; looking at them again in {_SETTLE:.0f} s")
            time.sleep(_SETTLE)
            found.differences = list(self._differences(differing))
        return found

    def _sums(self, service: str) -> Sums:
        sums = Sums()
        whole = False
        for line in self._services.lines(service, "/sums", {}):
            if line is None:
                whole = True
                break
            name, patient, count, total = line
            sums.add((name, patient), count, total)
        if not whole:
            raise Trouble(f"{service} did not answer to the end; `fvm doctor` says what is wrong.")
        return sums

    def _add(self, told: Sums, source: str, sums: Sums) -> None:
        """Under the persons that the region knows the source's patients as."""
        persons = self._persons(sorted({patient for _, patient in sums.of if patient}))
        for (name, patient), (count, total) in sums.of.items():
            group = name, persons.get(patient, patient)
            told.add(group, count, total)
            self._ids.setdefault(group, set()).add((source, patient))

    def _persons(self, ids: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for start in range(0, len(ids), _AT_ONCE):
            found |= self._services.post("information", "/persons", {"of": ids[start : start + _AT_ONCE]})
        return found

    def _differences(self, groups: list[Group]) -> Iterator[Difference]:
        """Resource by resource, read anew: what has arrived meanwhile is no difference."""
        region = {(row[0], row[2]): row for row in self._rows("information", groups)}
        seen = set()
        for source in SOURCES:
            asked = [
                (name, id)
                for name, person in groups
                for place, id in self._ids.get((name, person), ())
                if place == source
            ]
            for name, _, id, version, hashed in self._rows(source, asked):
                seen.add((name, id))
                there = region.get((name, id))
                if there is None:
                    yield Difference("missing", name, id, source, version, None)
                elif there[4] != hashed:
                    yield Difference("differs", name, id, source, version, there[3])
        for (name, id), row in region.items():
            if (name, id) not in seen:
                yield Difference("only in the region", name, id, "", 0, row[3])

    def _rows(self, service: str, groups: list[Group]) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(groups), _AT_ONCE):
            found += self._services.post(service, "/rows", {"of": groups[start : start + _AT_ONCE]}, timeout=600)
        return found


def _by_type(told: Sums, region: Sums) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for place, sums in enumerate((told, region)):
        for (name, _), (count, _) in sums.of.items():
            known = found.get(name, (0, 0))
            found[name] = (known[0] + count, known[1]) if place == 0 else (known[0], known[1] + count)
    return dict(sorted(found.items()))


def counted(differences: list[Difference]) -> Mapping[str, int]:
    """How many of each kind."""
    found: dict[str, int] = {}
    for one in differences:
        found[one.kind] = found.get(one.kind, 0) + 1
    return found
