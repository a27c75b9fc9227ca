"""Test results in a patient's words: only what the figures and the acknowledgement say, never what they mean (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from application_platform.portal.entry import Entry, reference
from application_platform.portal.results.series import Point, Series
from application_platform.portal.swedish import Moment, moment, short_day
from application_platform.portal.values import Result

Resource = Mapping[str, Any]

FRESH = timedelta(days=14)
_POSITION = {
    "up": "Högre än referensintervallet",
    "down": "Lägre än referensintervallet",
    "": "Markerat som avvikande av laboratoriet",
}
_INFORMED = "Patienten informerad."  # what vis.care.results puts before the words to the patient


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysis of an answer with what can be said of it from figures alone."""

    result: Result
    lines: tuple[str, ...]
    series: Series | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What care has done with an answer: when it was read, by whom, and the words that were meant for the patient.

    `again` is that the answer has been changed since.
    """

    at: Moment | None = None
    by: str = ""
    comment: str = ""
    again: bool = False

    @property
    def read(self) -> bool:
        return self.at is not None


NOTHING = Said()


@dataclass(frozen=True, slots=True)
class Row:
    """An answer in the list. `path` is below the patient's results."""

    entry: Entry
    path: str
    line: str
    fresh: bool


def analyses(entry: Entry, known: Sequence[Series], today: date) -> tuple[Analysis, ...]:
    """Every analysis of an answer, with the values before it where they are known."""
    return tuple(_analysis(one, known, today) for one in entry.results)


def _analysis(one: Result, known: Sequence[Series], today: date) -> Analysis:
    for series in known:
        for nth, point in enumerate(series.points):
            if point.key == one.key and (series.name == one.name or len(series.points) == 1):
                before = next((older for older in series.points[nth + 1 :] if older.at.at < point.at.at), None)
                return Analysis(one, lines(point, before, today), series)
    return Analysis(one, _position(one.value.look, one.value.arrow, one.reference))


def lines(point: Point, before: Point | None, today: date) -> tuple[str, ...]:
    """Inside or outside the reference interval, and higher or lower than last time: facts of two figures."""
    if point.note in ("makulerad", "avbruten"):
        return ()
    found = list(_position(point.value.look, point.value.arrow, point.reference, inside=_inside(point)))
    if before is not None and point.amount is not None and before.amount is not None:
        then = f"{before.value.plain} {short_day(before.at.day, today)}"
        if point.amount == before.amount:
            found.append(f"Samma som sist ({then})")
        else:
            found.append(f"{'Högre' if point.amount > before.amount else 'Lägre'} än sist ({then})")
    return tuple(found)


def _inside(point: Point) -> bool:
    low, high = point.limits
    if point.amount is None or (low is None and high is None):
        return False
    return (low is None or point.amount >= low) and (high is None or point.amount <= high)


def _position(look: str, arrow: str, interval: str, *, inside: bool = False) -> tuple[str, ...]:
    if look:
        return (_POSITION[arrow],)
    if inside:
        return ("Inom referensintervallet",)
    return () if interval else ("Laboratoriet har inte angett något referensintervall",)


def said(tasks: Iterable[Resource], key: str, version: str) -> Said:
    """What the acknowledgement of an answer ("Type/id") tells its patient; NOTHING where care has not read it yet."""
    task = next((one for one in tasks if reference(one.get("focus")) == key), None)
    if task is None or task.get("status") != "completed":
        return NOTHING
    note = (task.get("note") or [{}])[-1]
    read = {str(one.get("type", {}).get("text")): one for one in task.get("input", ())}
    outcome = {str(one.get("type", {}).get("text")): one for one in task.get("output", ())}
    informed = outcome.get("outcome", {}).get("valueCode") == "informed"
    words = str(note.get("text", "")).removeprefix(_INFORMED).strip() if informed else ""
    return Said(
        at=moment(note.get("time")) or moment(task.get("lastModified")),
        by=str(note.get("authorReference", {}).get("display", "")),
        comment="" if words == _INFORMED.rstrip(".") else words,
        again=str(read.get("version", {}).get("valueString", "")) != version,
    )


def rows(entries: Iterable[Entry], today: date) -> list[Row]:
    """The list of answers, newest first as they came; a single value leads to its own analysis."""
    return [_row(entry, today) for entry in entries]


def path(entry: Entry) -> str:
    """Where an answer is, below the patient's results."""
    type, _, id = entry.key.partition("/")
    return id if type == "DiagnosticReport" else f"value/{id}"


def _row(entry: Entry, today: date) -> Row:
    fresh = entry.at is not None and entry.at.day > today - FRESH and not entry.struck
    return Row(entry, path(entry), _summary(entry), fresh)


def _summary(entry: Entry) -> str:
    if len(entry.results) == 1:
        one = entry.results[0]
        told = _position(one.value.look, one.value.arrow, one.reference) if one.value.look else ()
        return ". ".join((one.value.plain, *told))
    outside = len(entry.outside)
    if outside:
        return f"{outside} av {len(entry.results)} analyser utanför referensintervallet"
    return f"{len(entry.results)} analyser" if entry.results else entry.line
