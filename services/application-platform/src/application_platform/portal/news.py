"""The live line: what has just come to a patient's record, in one sentence, and the rows that go with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from application_platform.portal.entry import Entry
from application_platform.portal.values import Value

_WORDS = {
    "besok": ("Ny vårdkontakt", "Nya vårdkontakter"),
    "anteckningar": ("Ny anteckning", "Nya anteckningar"),
    "svar": ("Nytt provsvar", "Nya provsvar"),
    "matvarden": ("Nya mätvärden", "Nya mätvärden"),
    "lakemedel": ("Nytt om läkemedel", "Nytt om läkemedel"),
    "diagnoser": ("Ny diagnos", "Nya diagnoser"),
    "atgarder": ("Ny åtgärd", "Nya åtgärder"),
    "vaccinationer": ("Ny vaccination", "Nya vaccinationer"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """Nytt provsvar 09:12 · P-Kalium 5,6 mmol/L ▲ · och 2 till."""

    lead: str
    what: str
    value: Value | None
    more: str


def line(rows: Sequence[Entry], clock: str) -> Line:
    """The sentence for rows that have just come, the one that arrived last first. `clock` when none says its own."""
    latest = max(rows, key=lambda entry: (found.iso if (found := entry.arrived or entry.at) else "", entry.key))
    kinds = {entry.kind for entry in rows}
    words = _WORDS.get(latest.kind, ("Nytt i journalen", "Nytt i journalen"))
    lead = words[len(rows) > 1] if len(kinds) == 1 else f"{len(rows)} nya händelser"
    at = (latest.arrived.clock if latest.arrived else "") or clock
    # What differs is told first; a result that is fine is told as it is.
    shown = next(iter(latest.outside or latest.results), None)
    others = len(latest.results) - 1 if shown else 0
    more = [f"{others} analyser till" if others > 1 else "1 analys till"] if others else []
    more += [f"senast av {len(rows)}"] if len(rows) > 1 else []
    what = shown.name if shown else latest.title
    return Line(f"{lead} {at}", what, shown.value if shown else None, " · ".join(more))
