"""Each vital sign over time, all on one axis of time; what gives points in NEWS2 stands out (pure; spec look §8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from application_platform.portal.look.graphs import Dot, Graph, graph
from application_platform.portal.swedish import number
from application_platform.portal.vitals.panels import Panel
from fhircore.news2 import CALM, CALM_HYPERCAPNIC, Vitals, score
from fhircore.vitals import QUANTITIES


@dataclass(frozen=True, slots=True)
class Trend:
    """One vital sign: its graph, and the sentence that says the same."""

    name: str
    unit: str
    graph: Graph
    last: str
    first: str
    many: int

    @property
    def label(self) -> str:
        many = f"{self.many} värden" if self.many > 1 else "1 värde"
        return f"{self.name}, {many}, från {self.first} till {self.last} {self.unit}. Samma värden står i tabellen."


def trends(rows: Sequence[Panel], width: int, height: int) -> list[Trend]:
    """Of every vital sign with values, on the times of all of them together."""
    standing = [row for row in rows if not row.withdrawn]
    if not standing:
        return []
    times = min(row.at.at for row in standing), max(row.at.at for row in standing)
    found = (_trend(name, standing, width, height, times) for name in CALM)
    return [one for one in found if one is not None]


def _trend(name: str, rows: Sequence[Panel], width: int, height: int, times: tuple[datetime, datetime]) -> Trend | None:
    dots = [
        Dot(row.at.at, Decimal(typed.replace(",", ".")), _look(row, name, Decimal(typed.replace(",", "."))), typed)
        for row in rows
        if (typed := row.raw.get(name))
    ]
    drawn = graph(
        dots,
        width,
        height,
        limits=_band(name, rows),
        side=8,
        size=3.5,
        times=times,
    )
    if drawn is None:
        return None
    kind, ordered = QUANTITIES[name], sorted(dots, key=lambda dot: dot.at)
    return Trend(kind.text, kind.unit, drawn, number(ordered[-1].amount), number(ordered[0].amount), len(dots))


def _band(name: str, rows: Sequence[Panel]) -> tuple[Decimal, Decimal | None]:
    """What has no points, on the scale that the patient is on now."""
    scale = next((row.score.scale for row in rows if row.score), 1)
    return CALM_HYPERCAPNIC if (name, scale) == ("spo2", 2) else CALM[name]


def _look(row: Panel, name: str, amount: Decimal) -> str:
    """The points as they are stored with the set; of a loose value those of scale 1."""
    stored = row.score.points.get(name) if row.score else None
    if stored is None:
        whole = amount if name == "temperature" else int(amount)
        stored = score(Vitals(**{name: whole})).points.get(name)  # type: ignore[arg-type]
    return "critical" if stored == 3 else "abnormal" if stored else ""
