"""Puts a patient's chart together: who it is, what must be known first, and a page of the timeline."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from application_platform.portal import timeline
from application_platform.portal.entries import reactions
from application_platform.portal.entry import Entry
from application_platform.portal.person import Person, person
from application_platform.portal.record import NotAllowed, NotShown, Record, Unreadable
from application_platform.portal.timeline import Page, Source
from application_platform.portal.values import codes_of, text_of
from application_platform.portal.vitals import bedside
from kit.problems import Unavailable

_KEY = re.compile(r"[A-Z][A-Za-z]{1,40}/[A-Za-z0-9.\-]{1,64}")
_NAMED = 300  # resources that one look for news may name
_EMPTY_ROUNDS = 5  # a round may hold only what younger events have shown already; then the next one is asked


@dataclass(frozen=True, slots=True)
class Notice:
    """A chip of the banner: the words, its look (severe, amber, unknown) and icon."""

    text: str
    look: str
    icon: str


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above every page of the chart."""

    person: Person
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything of the chart page that comes from the record."""

    person: Person
    notices: tuple[Notice, ...]
    page: Page


async def load(
    record: Record, token: str, patient: str, kind: str, today: date, before: str = "", *, staff: bool = True
) -> Chart:
    """The chart from its top, or from `before`.

    Raises what `Record.patient` raises; an absent source only leaves its part unchecked.
    """
    head, rows = await asyncio.gather(
        load_head(record, token, patient, today, staff=staff),
        load_page(record, token, patient, kind, before),
    )
    return Chart(head.person, (*head.notices, *of_law(rows.withheld)), rows)


async def load_head(record: Record, token: str, patient: str, today: date, *, staff: bool = True) -> Head:
    """Who it is and what must be known first, for `staff` also where they lie and the latest NEWS2; raises what
    `Record.patient` raises."""
    if not staff:
        found, warned = await asyncio.gather(record.patient(token, patient), _notices(record, token, patient))
        return Head(person(found, today), warned)
    found, warned, here = await asyncio.gather(
        record.patient(token, patient),
        _notices(record, token, patient),
        bedside.load(record, token, patient, datetime.now(UTC)),
    )
    return Head(replace(person(found, today), bedside=here), warned)


def of_law(withheld: frozenset[str]) -> tuple[Notice, ...]:
    """The banner's chip for blocked information; what the other reasons ask for stands on the page itself."""
    return (Notice("Spärrad information finns", "law", "lock"),) if "blocked" in withheld else ()


async def load_page(record: Record, token: str, patient: str, kind: str, before: str = "") -> Page:
    """One page of events older than `before`."""
    for _ in range(_EMPTY_ROUNDS):
        asked = [(source, _pairs(source, patient, before)) for source in timeline.sources_for(kind)]
        found = timeline.page(await record.ask_all(token, asked), kind, before)
        if found.entries or not found.before:
            break
        before = found.before
    return found


async def load_named(record: Record, token: str, patient: str, keys: Sequence[str]) -> list[Entry]:
    """The events of these resources ("Type/id"), as far as the reader may see them."""
    by_type: dict[str, list[str]] = {}
    for type, _, id in (key.partition("/") for key in keys):
        by_type.setdefault(type, []).append(id)
    asked = [
        (source, [("_id", ",".join(by_type[source.type])), ("patient", f"Patient/{patient}"), ("_count", "200")])
        for source in timeline.SOURCES
        if source.type in by_type
    ]
    answers = await record.ask_all(token, asked)
    return timeline.entries_from(answer.bundle for answer in answers if answer.bundle is not None)


async def load_since(record: Record, token: str, patient: str, since: str) -> list[Entry]:
    """The events of everything stored since an instant: for a page that missed some notices."""
    pairs = [("_lastUpdated", f"gt{since}"), ("patient", f"Patient/{patient}"), ("_count", "200")]
    answers = await record.ask_all(token, [(source, pairs) for source in timeline.SOURCES])
    return timeline.entries_from(answer.bundle for answer in answers if answer.bundle is not None)


def keys(named: Iterable[str]) -> list[str]:
    """What a form named that can be a resource ("Type/id"), as many as one look for news may name."""
    return [key for key in named if _KEY.fullmatch(key)][:_NAMED]


def _pairs(source: Source, patient: str, before: str) -> list[tuple[str, str]]:
    pairs = [("patient", f"Patient/{patient}"), ("_count", str(source.count))]
    if source.order:
        pairs.append(("_sort", f"-{source.order}"))
        if before:
            pairs.append((source.order, f"lt{before}"))
    return pairs


async def _notices(record: Record, token: str, patient: str) -> tuple[Notice, ...]:
    try:
        found = await record.search(token, "AllergyIntolerance", [("patient", f"Patient/{patient}"), ("_count", "100")])
    except (Unavailable, NotAllowed, NotShown, Unreadable):
        return (Notice("Överkänslighet: ej kontrollerad", "unknown", "circle-dashed"),)
    known = notices(timeline.matches(found))
    if not timeline.reasons(found):
        return known
    unseen = Notice("Överkänslighet: andras uppgifter ej kontrollerade", "unknown", "circle-dashed")
    return (*(one for one in known if one.look != "unknown"), unseen)


def notices(allergies: Sequence[Mapping[str, Any]]) -> tuple[Notice, ...]:
    """Hypersensitivity by severity, in words; that nothing is recorded is not the same as that there is none."""
    valid = [found for found in allergies if _counts(found)]
    none = [found for found in valid if codes_of(found.get("code")) & {"716186003", "no-known-allergy"}]
    real = [found for found in valid if found not in none]
    if real:
        real.sort(key=lambda found: found.get("criticality") != "high")
        return tuple(_notice(found) for found in real)
    if none:
        asked = str(none[0].get("recordedDate", ""))[:10]
        return (Notice(f"Överkänslighet: inga kända{f', tillfrågad {asked}' if asked else ''}", "", ""),)
    return (Notice("Överkänslighet: inget registrerat", "unknown", "circle-dashed"),)


def _counts(found: Mapping[str, Any]) -> bool:
    ended = codes_of(found.get("clinicalStatus")) & {"inactive", "resolved"}
    return not ended and not codes_of(found.get("verificationStatus")) & {"entered-in-error", "refuted"}


def _notice(found: Mapping[str, Any]) -> Notice:
    severe = found.get("criticality") == "high"
    effect = reactions(found)
    words = f"Överkänslighet: {text_of(found.get('code'))}{f' – {effect}' if effect else ''}"
    return Notice(words, "severe" if severe else "amber", "octagon-alert" if severe else "triangle-alert")
