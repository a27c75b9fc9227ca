"""Who lies where right now: stays in progress on the wards, and the emergency department today (pure)."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple

from fvm.demo import codes
from fvm.demo.chart import Chart
from fvm.demo.staff import NURSE, beds, organization
from fvm.demo.visit import Visit

# Story, how many, unit, why, text, the words of the ward round.
_STAYS = (
    ("heart_failure", 4, "avd52", "I50.9", "Akut inskrivning, hjärtsvikt",
     """Dag {day}. Mindre andfådd, sovit med en kudde. Vikt ner {kilo} kg sedan inkomst. Lungor: enstaka rassel \
basalt. Plan: Fortsatt furosemid intravenöst i dag, övergång till tablett i morgon. Kontroll av elektrolyter."""),
    ("copd", 3, "avd52", "J44.1", "Akut inskrivning, KOL-försämring",
     """Dag {day}. Avlastad på inhalationer, syrgas 1 liter. Hostar upp. Lungor: förlängt exspirium, färre \
ronki. Plan: Prednisolon till och med dag fem, fysioterapeut, planera hemgång."""),
    ("stroke", 2, "avd52", "I63.9", "Inskrivning, misstänkt återinsjuknande",
     """Dag {day}. MR utan färsk infarkt. Arm som tidigare. Sväljer utan problem. Plan: Telemetri ett dygn till, \
därefter hem om inget flimmer."""),
    ("hypertension", 2, "avd52", "J18.9", "Akut inskrivning, lunginflammation",
     """Dag {day}. Feberfri sedan i natt. Saturation 94 % på rumsluft. CRP i sjunkande. Plan: Byte till \
tablettbehandling, hemgång i morgon."""),
    ("atrial_fibrillation", 1, "avd52", "I48.9", "Akut inskrivning, snabbt förmaksflimmer",
     "Dag {day}. Frekvens 84 på metoprolol. Besvärsfri. Plan: Hemgång efter lunch, kontroll på vårdcentral."),
    ("hip_fracture", 2, "kirort", "S72.0", "Inskrivning, höftfraktur andra sidan",
     """Dag {day} efter operation. Smärtlindrad, uppe i stol. Sår torrt. Hb stabilt. Plan: Mobilisering med \
fysioterapeut, samordnad vårdplanering i morgon."""),
    ("arthrosis", 2, "kirort", "M17.9", "Planerad operation, knäprotes",
     "Dag {day} efter operation. Går med kryckor. Flexion 80 grader. Plan: Träning, hemgång när trappan klaras."),
    ("colon_cancer", 1, "kirort", "C18.9", "Inskrivning, buksmärta",
     "Dag {day}. DT utan ileus. Tarmen har kommit igång. Plan: Fri kost, hemgång i eftermiddag."),
)  # fmt: skip

_TODAY = (
    ("unidentified", "R40.0", "Medvetandesänkt, oidentifierad", 3.2,
     """Man i 50-årsåldern, funnen vid busstationen. Inga identitetshandlingar. GCS 11, inga yttre skador. DT \
hjärna utan blödning. Reservnummer använt. Polis kontaktad för identifiering. Får vätska, observation."""),
    ("infection", "", "Buksmärta", 1.6,
     "Smärta höger fossa sedan i går kväll. Temp 38,0. Lätt palpationsömhet. Prover tagna, kirurg kontaktad."),
    ("healthy_adult", "R55.9", "Svimning", 2.4, """Svimmade i kö. EKG normalt. Vaken och orienterad. Väntar på \
provsvar."""),
    ("diabetes2", "R07.4", "Bröstsmärta", 0.9,
     "Tryck över bröstet i vila, gick över på 20 minuter. EKG utan akuta tecken. Troponin efter 0 och 1 timme."),
)  # fmt: skip


_PLANNED_END = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate"
_MEASURED = timedelta(hours=32)  # the shifts that `measured` records with their NEWS2
# Who is waited for on a ward: story, unit, why, text.
_AWAITED = (
    ("heart_failure", "avd52", "I50.9", "Planerad inläggning, titrering av läkemedel"),
    ("arthrosis", "kirort", "M17.9", "Planerad operation, knäprotes"),
)


class Stay(NamedTuple):
    """A kind of stay; `{day}` and `{kilo}` of its words are filled in by the day of the round."""

    story: str
    many: int
    unit: str
    why: str
    text: str
    words: str


class Arrival(NamedTuple):
    """Somebody at the emergency department, so many hours ago."""

    story: str
    why: str
    text: str
    hours: float
    words: str


def wards(charts: Sequence[Chart], now: datetime, rng: Random) -> None:
    """Stays with beds; each bed holds one patient, each patient one bed."""
    free = {unit: iter(rng.sample(range(1, beds(unit) + 1), beds(unit))) for unit in ("avd52", "kirort", "akuten")}
    for kind in map(Stay._make, _STAYS):
        for chart in rng.sample([one for one in charts if one.person.story == kind.story], kind.many):
            _stay(chart, kind, next(free[kind.unit]), now, rng)
    for story, unit, why, text in _AWAITED:
        here = [one for one in charts if one.person.story == story and not _staying(one)]
        _awaited(here[-1], unit, why, text, (now + timedelta(days=4)).date())
    for nth, arrival in enumerate(map(Arrival._make, _TODAY)):
        chart = rng.choice([one for one in charts if one.person.story == arrival.story])
        _at_the_door(chart, arrival, next(free["akuten"]), now, signed=nth % 2 == 0)


def _stay(chart: Chart, kind: Stay, bed: int, now: datetime, rng: Random) -> None:
    days = rng.randint(1, 6)
    came = (now - timedelta(days=days)).replace(hour=rng.randint(9, 20), minute=25, second=0, microsecond=0)
    stay = chart.at(kind.unit).visit(came, kind.text, why=kind.why, kind="IMP", hours=None, bed=bed)
    stay.labs(
        "Inskrivningsprover", later=2, crp=max(1, chart.about(48, 30)), hb=chart.about(128, 9),
        k=chart.about(4.0, 0.3, 1), na=chart.about(137, 3), krea=chart.about(92, 14),
    )  # fmt: skip
    for hours in range(1, days * 24, 8):
        if came + timedelta(hours=hours) < now - _MEASURED:
            _round(stay, chart, hours)
    if bed % 4:  # of the others nobody knows yet
        leaves = max((now + timedelta(days=bed % 4 - 1)).date(), came.date())
        stay.encounter["extension"] = [{"url": _PLANNED_END, "valueDateTime": leaves.isoformat()}]
    for day in range(1, days):
        last = day == days - 1
        said = kind.words.format(day=day + 1, kilo=f"{day * 0.9:.1f}".replace(".", ","))
        stay.note("Daganteckning", said, signed=not last or rng.random() < 0.3, hour_later=day * 24 - 6)


def _staying(chart: Chart) -> bool:
    held = (fact.resource for fact in chart.facts if fact.resource["resourceType"] == "Encounter")
    return any(one["status"] == "in-progress" for one in held)


def _awaited(chart: Chart, unit: str, why: str, text: str, leaves: date) -> None:
    """A stay that is planned: the patient stands on the ward's board among those who are waited for."""
    desk = chart.at(unit)
    author = desk.who(NURSE)
    desk.put(
        {
            "resourceType": "Encounter",
            "status": "planned",
            "class": {"system": f"{codes.HL7}v3-ActCode", "code": "IMP"},
            "type": [{"text": text}],
            "subject": chart.subject,
            "participant": [{"individual": author.reference}],
            "reasonCode": [codes.diagnosis(why)],
            "extension": [{"url": _PLANNED_END, "valueDateTime": leaves.isoformat()}],
            "serviceProvider": organization(unit),
        },
        author,
    )


def _round(stay: Visit, chart: Chart, hours: int) -> None:
    """What the nurse measures each shift."""
    nurse = Visit(stay.desk, stay.encounter, stay.start, stay.desk.who(NURSE))
    nurse.vitals(
        bp=(chart.about(128, 10), chart.about(74, 7)), pulse=chart.about(82, 9), resp=chart.about(18, 2),
        sat=min(99, chart.about(94, 2)), temp=chart.about(37.2, 0.4, 1), later=hours,
    )  # fmt: skip


def _at_the_door(chart: Chart, arrival: Arrival, room: int, now: datetime, *, signed: bool) -> None:
    came = (now - timedelta(hours=arrival.hours)).replace(second=0, microsecond=0)
    visit = chart.at("akuten").visit(came, arrival.text, why=arrival.why, kind="EMER", hours=None, bed=room)
    visit.vitals(
        bp=(chart.about(136, 12), chart.about(80, 7)), pulse=chart.about(92, 10), resp=chart.about(18, 2),
        sat=min(99, chart.about(96, 1)), temp=chart.about(37.1, 0.4, 1),
    )  # fmt: skip
    visit.note("Akutanteckning", arrival.words, signed=signed, hour_later=0.7)
