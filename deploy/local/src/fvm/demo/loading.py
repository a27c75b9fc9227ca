"""Tells the region everything of the demo through its doors: VIS as staff of each unit, the laboratory by HL7 \
v2, events."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from application_platform.demo import cast
from fhircore.identifiers import HSA
from fvm.demo import bookable, generate, laboratory, law, measured, referred
from fvm.demo.chart import Chart
from fvm.demo.doors import Doors
from fvm.demo.facts import SWEDEN, Fact
from fvm.demo.persons import everybody
from fvm.demo.staff import Colleague, Resource, colleagues
from fvm.trouble import Trouble

Tell = Callable[[str], None]

AT_ONCE = 6  # patients written at the same time
SAY_EVERY = 2.0  # seconds between two words about progress
ARRIVED_WITHIN = 60.0  # seconds until everybody must be in the region's record
HOME_CARE = "hemsjukvard"  # system of the demo people's file, and its unit


_COUNTED = {
    "Patient": "people",
    "Encounter": "visits and stays",
    "Observation": "values",
    "DocumentReference": "notes",
    "DiagnosticReport": "answers",
    "Appointment": "bookings",
    "Slot": "times to book",
}


class Interrupted(Exception):
    """Whoever asked for the demo does not want it any more."""


def load(doors: Doors, tell: Tell, stopping: Callable[[], bool] = lambda: False, seed: int = generate.SEED) -> None:
    """Writes the whole demo region. Raises Trouble, or Interrupted between two patients. Told twice, true once."""
    began = time.monotonic()
    region = generate.region(datetime.now(UTC), seed)
    facts = sum(len(chart.facts) for chart in region.charts)
    tell(f"demo region: {len(region.charts)} people with {facts:,} facts are on their way")
    bench = doors.token("bench")
    doors.transaction(region.registers, bench)
    register_senders(doors, bench)
    *most, last = region.charts
    _charts(doors, most, tell, stopping)
    _await_arrival(doors, bench, most, stopping)
    decided = law.tell(doors, most, bench)
    sent_on = referred.tell(doors, most)
    times = bookable.fill(doors, region.now.date(), region.charts)
    sets = measured.keep(doors, region.now)
    told = doors.hl7(_messages(region.charts, region.now))
    sent = _events(doors, region.charts)
    _chart(doors, last)  # its Patient says that the demo is whole
    tell(
        f"demo region: {told} laboratory answers by HL7 v2, {sent} events of home care, {decided} acts of the law, "
        f"{times:,} times to book, {sets} sets of vital signs, {sent_on} referrals; "
        f"all told in {time.monotonic() - began:.1f} s"
    )


def is_loaded(doors: Doors, seed: int = generate.SEED) -> bool:
    """Whether a load of this seed has come to its end here."""
    last = everybody(datetime.now(UTC).date(), seed)[-1]
    status, _ = doors.ask("GET", f"/vis/fhir/Patient/{last.id}", doors.token("bench"), taken=(200, 404, 410))
    return status == 200


def go_on(doors: Doors) -> None:
    """What a region that is loaded needs each time it starts: times to book around today, vital signs of the shifts since. Raises
    Trouble."""
    bookable.fill(doors, datetime.now(SWEDEN).date())
    measured.keep(doors, datetime.now(SWEDEN))


def counts(doors: Doors) -> list[tuple[str, int, int]]:
    """What there is, in words: how many in VIS, how many in the region's record."""
    token = doors.token("bench")
    found = []
    for kind, words in _COUNTED.items():
        vis, region = (
            doors.ask("GET", f"{base}/{kind}?_total=accurate&_count=1", token)[1]["total"]
            for base in ("/vis/fhir", "/fhir")
        )
        found.append((words, int(vis), int(region)))
    return found


def register_senders(doors: Doors, token: str) -> None:
    """The laboratory's and the municipality's systems as senders of their own units (D3); known ones stay as \
they are."""
    lab = {"id": "labmed", "name": "Laboratoriets system (demo)", **cast.place("labmed")}
    lab |= {"port": doors.settings.mllp_port, "application": laboratory.APPLICATION, "facility": laboratory.FACILITY}
    home = {"id": HOME_CARE, "name": "Kommunens verksamhetssystem (demo)", **cast.place(HOME_CARE), "client": HOME_CARE}
    for sender in (lab, home):
        doors.ask("POST", "/exchange/senders", token, sender, taken=(201, 409))


def _charts(doors: Doors, charts: Sequence[Chart], tell: Tell, stopping: Callable[[], bool]) -> None:
    whole, done, said = sum(len(chart.facts) for chart in charts), 0, time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {pool.submit(_chart, doors, chart): chart for chart in charts}
        try:
            for one in as_completed(running):
                one.result()
                done += len(running[one].facts)
                if stopping():
                    raise Interrupted
                if time.monotonic() - said > SAY_EVERY:
                    tell(f"demo region: {done:,} of {whole:,} facts")
                    said = time.monotonic()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _chart(doors: Doors, chart: Chart) -> None:
    """The Patient first, then each author's facts in a transaction of their own: they own them by their commission."""
    patient = chart.person.id
    for nth, (author, facts) in enumerate(_by_author(chart)):
        first = [chart.person.patient] if nth == 0 else []
        token = doors.token(author.id, author.commission)
        doors.transaction([*first, *(fact.resource for fact in facts)], token, patient)


def _by_author(chart: Chart) -> Iterator[tuple[Colleague, list[Fact]]]:
    """Facts by who wrote them where; at least one group, so that the Patient is written."""
    if not chart.facts:
        yield colleagues(chart.person.home, chart.today)[0], []
    ordered = sorted(chart.facts, key=_in_order)
    for _, group in groupby(ordered, key=_in_order):
        facts = list(group)
        yield facts[0].author, facts


def _in_order(fact: Fact) -> tuple[bool, str, str]:
    """Tasks last: they are about what somebody else has asked for, which must be there before them."""
    return fact.resource["resourceType"] == "Task", fact.author.id, fact.author.commission


def _await_arrival(doors: Doors, token: str, charts: Sequence[Chart], stopping: Callable[[], bool]) -> None:
    """Waits until the region knows everybody, so that what other systems say finds the person who is meant."""
    until = time.monotonic() + ARRIVED_WITHIN
    for chart in reversed(charts):
        while doors.ask("GET", f"/fhir/Patient/{chart.person.id}", token, taken=(200, 404))[0] == 404:
            if stopping():
                raise Interrupted
            if time.monotonic() > until:
                raise Trouble(
                    "The region's record did not take up the demo people in time; `fvm doctor` says what is wrong."
                )
            time.sleep(0.1)


def _messages(charts: Sequence[Chart], now: datetime) -> Iterator[str]:
    """What the laboratory says, in the order in which it was ready."""
    every = sorted(((answer, chart) for chart in charts for answer in chart.answers), key=lambda one: one[0].at)
    for answer, chart in every:
        yield laboratory.message(chart.person, answer, min(now, answer.at + timedelta(hours=1, minutes=20)))


def _events(doors: Doors, charts: Sequence[Chart]) -> int:
    """What the municipality's system says: one event per person with the values taken at home."""
    events = [home_event(chart) for chart in charts if chart.home_values]
    kind = "application/cloudevents-batch+json"
    _, answer = doors.ask("POST", "/exchange/events", doors.token(HOME_CARE), events, kind)
    refused = [one for one in answer["results"] if one["status"] != 202]
    if refused:
        raise Trouble(
            f"The events door refused an event of the demo: {refused[0].get('problem', {}).get('detail', '')}"
        )
    return len(events)


def home_event(chart: Chart, values: Sequence[Resource] | None = None, name: str = "") -> dict[str, Any]:
    """A CloudEvent with Observations about somebody whom the sender knows by personnummer only."""
    identifier = chart.person.patient["identifier"][0]
    who = {"type": "Patient", "identifier": {"system": identifier["system"], "value": identifier["value"]}}
    place = cast.place(HOME_CARE)
    unit = {
        "type": "Organization",
        "identifier": {"system": HSA, "value": place["unit"]},
        "display": place["unit_name"],
    }
    told = chart.home_values if values is None else values
    entries = [{"resource": one | {"subject": who, "performer": [unit]}} for one in told]
    return {
        "specversion": "1.0",
        "id": name or f"home-{chart.person.key}-{chart.today.isoformat()}",
        "source": "urn:fvm:demo:hemsjukvard",
        "type": "se.fvm.demo.home-values",
        "datacontenttype": "application/fhir+json",
        "data": {"resourceType": "Bundle", "type": "collection", "entry": entries},
    }
