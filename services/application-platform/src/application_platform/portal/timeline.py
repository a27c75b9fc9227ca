"""The timeline: from the answers of several FHIR searches to one page of events, newest first (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from application_platform.portal import entries as shown
from application_platform.portal.entry import Entry
from application_platform.portal.swedish import Moment, day_heading, moment, month_heading
from application_platform.portal.values import codes_of, key_of

Resource = Mapping[str, Any]
Bundle = Mapping[str, Any]

PAGE = 30

# The filters, in the order of their chips. "allt" is every kind.
KINDS = {
    "allt": "Allt",
    "besok": "Besök",
    "anteckningar": "Anteckningar",
    "svar": "Svar",
    "matvarden": "Mätvärden",
    "lakemedel": "Läkemedel",
    "diagnoser": "Diagnoser",
    "atgarder": "Åtgärder",
    "vaccinationer": "Vaccinationer",
}


# Those that wait behind "Fler".
FEWER = ("matvarden", "diagnoser", "atgarder", "vaccinationer")


@dataclass(frozen=True, slots=True)
class Source:
    """One search behind the timeline: the type, the parameter that orders it, and the kinds it feeds.

    Without `order` everything is fetched at once (there are few), and paging is done here.
    """

    type: str
    order: str
    kinds: frozenset[str]
    word: str  # what is not checked when this search gets no answer
    count: int = PAGE + 10
    extra: tuple[tuple[str, str], ...] = ()


def _source(type: str, order: str, kinds: str, word: str, *, count: int = PAGE + 10, extra: str = "") -> Source:
    pairs = tuple((name, value) for name, _, value in (part.partition("=") for part in extra.split()))
    return Source(type, order, frozenset(kinds.split()), word, count, pairs)


SOURCES = (
    _source("Encounter", "date", "besok", "besök"),
    _source("DiagnosticReport", "date", "svar anteckningar", "svar", extra="_include=DiagnosticReport:result"),
    _source(
        "Observation",
        "date",
        "svar matvarden",
        "mätvärden",
        count=150,
        extra="_revinclude=DiagnosticReport:result",
    ),
    _source("DocumentReference", "date", "anteckningar", "dokument"),
    _source("Condition", "", "diagnoser", "diagnoser", count=500),
    _source("AllergyIntolerance", "", "diagnoser", "överkänslighet", count=500),
    _source("MedicationRequest", "authoredon", "lakemedel", "läkemedel"),
    _source("MedicationStatement", "", "lakemedel", "läkemedelslista", count=500),
    _source("MedicationAdministration", "effective-time", "lakemedel", "givna läkemedel"),
    _source("Procedure", "date", "atgarder", "åtgärder"),
    _source("Immunization", "date", "vaccinationer", "vaccinationer"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source gave: its bundle, or None when it could not be asked."""

    source: Source
    bundle: Bundle | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the timeline. `before` continues it: the search parameter of the next page, "" at the end."""

    entries: tuple[Entry, ...]
    before: str = ""
    withheld: frozenset[str] = frozenset()  # why something is not shown, whatever the filter
    unchecked: tuple[str, ...] = ()  # what could not be asked, in words
    undated: tuple[Entry, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.entries and not self.undated


@dataclass(frozen=True, slots=True)
class Group:
    """Events under one heading: a day for staff, a month for patients."""

    id: str
    heading: str
    entries: tuple[Entry, ...] = field(default_factory=tuple)


def resources(bundle: Bundle) -> list[Resource]:
    """Every resource of the bundle, matches and what was included, outcomes left out."""
    return [found for entry in bundle.get("entry", ()) if (found := entry.get("resource")) and not _is_outcome(entry)]


def matches(bundle: Bundle) -> list[Resource]:
    """Only what the search itself found."""
    return [
        entry["resource"]
        for entry in bundle.get("entry", ())
        if "resource" in entry and entry.get("search", {}).get("mode", "match") == "match"
    ]


def reasons(bundle: Bundle) -> frozenset[str]:
    """Why something of this patient is not shown to this reader (D10): names of docs/reference/problems.md, without `law/`."""
    issues = (
        issue
        for entry in bundle.get("entry", ())
        if _is_outcome(entry)
        for issue in entry.get("resource", {}).get("issue", ())
        if issue.get("code") == "suppressed"
    )
    return frozenset(code.removeprefix("law/") for issue in issues for code in codes_of(issue.get("details")))


def entries_from(bundles: Iterable[Bundle], kind: str = "allt") -> list[Entry]:
    """Every event in the bundles of one patient, newest first, undated last; each resource is shown once."""
    held: dict[str, Resource] = {}
    for bundle in bundles:
        held |= {key_of(found): found for found in resources(bundle)}
    built = [shown.SHOWN[name](found, held) for found in held.values() if (name := _type(found)) in shown.SHOWN]
    taken = {key for entry in built if entry.key.startswith("DiagnosticReport/") for key in entry.keys}
    loose = [found for key, found in held.items() if _type(found) == "Observation" and key not in taken]
    built += _grouped(loose)
    chosen = [entry for entry in _without_twins(built) if kind in ("allt", entry.kind)]
    return sorted(chosen, key=_order, reverse=True)


def page(answers: Sequence[Answer], kind: str = "allt", before: str = "", size: int = PAGE) -> Page:
    """One page of events older than `before`.

    A source that has more to give than it gave is only known down to its oldest resource, so nothing at or below the
    youngest of those ends is shown yet. Events of one instant always stay on the same page, so `lt` continues exactly.
    A page may be empty and still have a `before`: what was fetched belonged to events already shown.
    """
    given = [answer.bundle for answer in answers if answer.bundle is not None]
    limit = moment(before)
    floor = max((end for answer in answers if (end := _end(answer)) is not None), default=None)
    every = entries_from(given, kind)
    dated = [entry for entry in every if entry.at is not None and (limit is None or entry.at.at < limit.at)]
    known = [entry for entry in dated if floor is None or (entry.at is not None and entry.at.at > floor.at)]
    rows = _cut(known or [entry for entry in dated if floor and entry.at and entry.at.at == floor.at], size)
    more = len(rows) < len(dated) or floor is not None
    last = rows[-1].at if rows else floor
    return Page(
        entries=tuple(rows),
        before=last.iso if more and last is not None else "",
        withheld=frozenset().union(*map(reasons, given)),
        unchecked=tuple(dict.fromkeys(answer.source.word for answer in answers if answer.bundle is None)),
        undated=() if more else tuple(entry for entry in every if entry.at is None),
    )


def by_day(rows: Iterable[Entry], today: date) -> list[Group]:
    """Grouped under the Swedish calendar day."""
    return _groups(rows, lambda at: (at.day.isoformat(), day_heading(at.day, today)))


def by_month(rows: Iterable[Entry]) -> list[Group]:
    """Grouped under the month."""
    return _groups(rows, lambda at: (at.day.isoformat()[:7], month_heading(at.day)))


def sources_for(kind: str) -> tuple[Source, ...]:
    """The searches that feed a filter."""
    return tuple(source for source in SOURCES if kind == "allt" or kind in source.kinds)


def _groups(rows: Iterable[Entry], heading: Any) -> list[Group]:
    found: dict[str, tuple[str, list[Entry]]] = {}
    for row in rows:
        id, words = heading(row.at) if row.at is not None else ("utan-datum", "Utan datum")
        found.setdefault(id, (words, []))[1].append(row)
    return [Group(id, words, tuple(listed)) for id, (words, listed) in found.items()]


def _cut(rows: list[Entry], size: int) -> list[Entry]:
    """The first `size` rows, and the rest of the last one's instant."""
    if len(rows) <= size:
        return rows
    last = rows[size - 1].at
    end = size
    while end < len(rows) and rows[end].at == last:
        end += 1
    return rows[:end]


def _end(answer: Answer) -> Moment | None:
    """The oldest instant that a source with more to give has given."""
    if answer.bundle is None or not answer.source.order:
        return None
    found = matches(answer.bundle)
    linked = any(link.get("relation") == "next" for link in answer.bundle.get("link", ()))
    if not linked and len(found) < answer.source.count:
        return None
    times = [at for entry in entries_from([{"entry": [{"resource": item} for item in found]}]) if (at := entry.at)]
    return min(times, default=None)


def _grouped(loose: Iterable[Resource]) -> list[Entry]:
    groups: dict[tuple[object, ...], list[Resource]] = {}
    for found in loose:
        category = tuple(sorted(codes_of(found.get("category"))))
        encounter = found.get("encounter", {}).get("reference", "")
        at = found.get("effectiveDateTime") or found.get("effectivePeriod", {}).get("start") or found.get("issued")
        struck = found.get("status") == "entered-in-error"
        groups.setdefault((at, category, encounter, struck), []).append(found)
    return [shown.observations(listed) for listed in groups.values()]


def _without_twins(built: list[Entry]) -> list[Entry]:
    """A note that comes both as a report and as a document (same words, same second) is one event."""
    notes = {_words(entry): entry for entry in built if entry.text and entry.key.startswith("DiagnosticReport/")}
    kept: list[Entry] = []
    for entry in built:
        twin = notes.get(_words(entry))
        if twin is None or twin is entry or not entry.key.startswith("DocumentReference/"):
            kept.append(entry)
    return kept


def _words(entry: Entry) -> tuple[str, str]:
    return (entry.at.iso[:19] if entry.at else "", entry.text)


def _order(entry: Entry) -> tuple[float, str]:
    return (entry.at.at.timestamp() if entry.at else float("-inf"), entry.key)


def _type(found: Resource) -> str:
    return str(found.get("resourceType"))


def _is_outcome(entry: Mapping[str, Any]) -> bool:
    found = entry.get("resource", {})
    outcome = entry.get("search", {}).get("mode") == "outcome"
    return bool(outcome or found.get("resourceType") == "OperationOutcome")
