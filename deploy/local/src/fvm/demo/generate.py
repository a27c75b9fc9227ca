"""The whole demo region in memory: registers and charts, from a seed and the present moment (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from fvm.demo import present, staff
from fvm.demo.chart import Chart
from fvm.demo.facts import SWEDEN
from fvm.demo.persons import everybody
from fvm.demo.staff import Resource
from fvm.demo.stories import STORIES

SEED = 1  # the demo region that everybody sees


@dataclass(frozen=True, slots=True)
class Region:
    """Everything the demo region holds. `now` is the moment it is built around."""

    now: datetime
    registers: list[Resource]
    charts: list[Chart]

    def resources(self) -> Iterator[Resource]:
        """Every resource that is written by itself: registers, patients, facts."""
        yield from self.registers
        for chart in self.charts:
            yield chart.person.patient
            yield from (fact.resource for fact in chart.facts)


def region(now: datetime, seed: int = SEED) -> Region:
    """Builds it. `now` may be in any zone; dates follow the calendar in Sweden."""
    here = now.astimezone(SWEDEN)
    today = here.date()
    charts = [Chart(person, today, seed) for person in everybody(today, seed)]
    for chart in charts:
        STORIES[chart.person.story](chart)
    present.unfold(charts, here, seed)
    return Region(here, staff.registers(today), charts)
