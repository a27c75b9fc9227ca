"""Keeps a demo region's events coming: laboratory answers by HL7 v2, vital signs at VIS, values from home, \
admissions."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random

from fvm.demo import codes, generate, laboratory, loading, present
from fvm.demo.chart import Chart
from fvm.demo.doors import Doors
from fvm.demo.facts import SWEDEN, LabAnswer
from fvm.demo.staff import DOCTOR, NURSE
from fvm.demo.values import measured, pressure

Tell = Callable[[str], None]
Event = Callable[["Player"], str]

TOKENS_LAST = 45 * 60  # seconds


class Player:
    """Who may have something happen to them now, and how it is told."""

    def __init__(self, doors: Doors, seed: int = generate.SEED) -> None:
        region = generate.region(datetime.now(UTC), seed)
        self.doors = doors
        self.rng = Random()  # noqa: S311 - what happens next is nobody's secret
        hidden = (
            "protected",
            "unidentified",
            "visitor",
            "reserve",
        )  # no personnummer to send, or nothing to show around
        self.people = [
            chart
            for chart in region.charts
            if "deceasedDateTime" not in chart.person.patient and chart.person.story not in hidden and chart.age >= 18
        ]
        self.told = 0
        self.mark = f"{datetime.now(UTC):%Y%m%d%H%M%S}"  # so that today's ids are nobody else's

    def someone(self) -> Chart:
        """A chart without its facts: only what happens now is written."""
        chart = self.rng.choice(self.people)
        self.told += 1
        chart.facts.clear()
        chart.rng, chart.salt = self.rng, f"{self.mark}/{self.told}/"
        return chart

    def now(self) -> datetime:
        return datetime.now(SWEDEN).replace(microsecond=0)

    def write(self, chart: Chart) -> None:
        """What stands in the chart, by VIS."""
        author = chart.facts[0].author
        token = self.doors.token(author.id, author.commission)
        self.doors.transaction([fact.resource for fact in chart.facts], token, chart.person.id)


def answer(player: Player) -> str:
    """The laboratory is ready with blood samples."""
    chart = player.someone()
    now = player.now()
    found = LabAnswer(now, present.panel(chart, player.rng))
    player.doors.hl7([laboratory.message(chart.person, found, now)])
    return f"laboratory answer, {len(found.values)} analyses"


def vitals(player: Player) -> str:
    """A nurse has measured, at a visit or on the ward."""
    chart = player.someone()
    unit = player.rng.choice(["avd52", "norrby", chart.person.home])
    visit = chart.at(unit).visit(player.now(), "Kontroll av vitalparametrar", role=NURSE, hours=0.1)
    visit.vitals(
        bp=(chart.about(130, 12), chart.about(76, 8)), pulse=chart.about(78, 10), resp=chart.about(17, 2),
        sat=min(99, chart.about(96, 2)), temp=chart.about(37.0, 0.4, 1), later=0,
    )  # fmt: skip
    player.write(chart)
    return f"vital signs at {unit}"


def home(player: Player) -> str:
    """The municipality's system tells a blood pressure taken at home."""
    chart = player.someone()
    name = f"play-{player.mark}-{player.told}"
    shared = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": f"{codes.HL7}observation-category", "code": "vital-signs"}]}],
        "effectiveDateTime": player.now().isoformat(),
    }
    values = [
        shared | {"id": f"{name}-1"} | pressure(chart.about(134, 9), chart.about(76, 6)),
        shared | {"id": f"{name}-2"} | measured(codes.VITALS["pulse"], chart.about(72, 7)),
    ]
    event = loading.home_event(chart, values, name)
    player.doors.ask(
        "POST", "/exchange/events", player.doors.token(loading.HOME_CARE), event, "application/cloudevents+json"
    )
    return "values from home"


def admission(player: Player) -> str:
    """Somebody comes to the emergency department."""
    chart = player.someone()
    why, text = player.rng.choice([("R07.4", "Bröstsmärta"), ("R55.9", "Svimning"), ("J18.9", "Feber och hosta")])
    visit = chart.at("akuten").visit(player.now(), text, why=why, role=DOCTOR, kind="EMER", hours=None)
    visit.vitals(
        bp=(chart.about(138, 14), chart.about(82, 8)), pulse=chart.about(94, 12), sat=chart.about(95, 2), later=0
    )
    visit.note("Akutanteckning", f"Kontaktorsak: {text}. Bedöms av läkare, prover tagna.", signed=False, hour_later=0)
    player.write(chart)
    return "arrival at the emergency department"


HAPPENINGS: Sequence[tuple[Event, int]] = ((answer, 12), (vitals, 5), (home, 2), (admission, 1))


def play(doors: Doors, tell: Tell, per_minute: float, minutes: float | None) -> None:
    """Tells events at that rate until the time is over or Ctrl-C. Raises Trouble when a door stays away."""
    player = Player(doors)
    events, weights = zip(*HAPPENINGS, strict=True)
    began = renewed = time.monotonic()
    told = 0
    tell(f"playing: {per_minute:g} events a minute{f' for {minutes:g} minutes' if minutes else ', until Ctrl-C'}")
    try:
        while minutes is None or time.monotonic() - began < minutes * 60:
            happened = player.rng.choices(events, weights)[0]
            tell(happened(player))
            told += 1
            if time.monotonic() - renewed > TOKENS_LAST:
                doors.forget_tokens()
                renewed = time.monotonic()
            time.sleep(max(0.0, began + told * 60 / per_minute - time.monotonic()))
    except KeyboardInterrupt:
        pass
    tell(f"played {told} events")
