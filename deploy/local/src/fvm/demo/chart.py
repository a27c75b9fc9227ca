"""A patient's record while it is being written: every fact remembers the unit and the colleague it belongs to (pure)."""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from fvm.demo import codes, staff
from fvm.demo.persons import Person
from fvm.demo.staff import Colleague, Resource

SWEDEN = ZoneInfo("Europe/Stockholm")
_NAMESPACE = UUID("5a4c3d52-0f9b-5c1e-8a61-7f6f3c2b9d10")  # of the demo's facts, for ever
_CLINICAL = f"{codes.HL7}condition-clinical"
_VERIFIED = f"{codes.HL7}condition-ver-status"


@dataclass(frozen=True, slots=True)
class Fact:
    """A resource, and who wrote it where: the unit owns it (D3)."""

    unit: str
    author: Colleague
    resource: Resource


@dataclass(frozen=True, slots=True)
class LabAnswer:
    """An answer that the laboratory sends itself, by HL7 v2: analyses with their values, taken at an instant."""

    at: datetime
    values: dict[str, float]
    comment: str = ""


@dataclass(slots=True)
class Chart:
    """All facts of one person. `rng` makes the same choices for the same person each time."""

    person: Person
    today: date
    seed: int
    facts: list[Fact] = field(default_factory=list)
    answers: list[LabAnswer] = field(default_factory=list)  # told by the laboratory, not by VIS
    home_values: list[Resource] = field(default_factory=list)  # told by the municipality's system as events
    rng: Random = field(init=False)
    _ids: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = Random(f"{self.seed}/{self.person.key}/story")  # noqa: S311 - invented, the same each time

    @property
    def subject(self) -> dict[str, str]:
        return {"reference": f"Patient/{self.person.id}"}

    @property
    def age(self) -> int:
        return (self.today - self.person.born).days // 365

    @property
    def is_woman(self) -> bool:
        return self.person.sex == "female"

    def new_id(self, kind: str) -> str:
        self._ids[kind] += 1
        return str(uuid5(_NAMESPACE, f"{self.seed}/{self.person.id}/{kind}/{self._ids[kind]}"))

    def ago(self, *, years: float = 0, days: int = 0) -> date:
        """A working day so long ago, moved by up to a fortnight when it is years, never before birth."""
        back = int(years * 365.25) + days
        moved = self.rng.randint(-14, 14) if back > 60 else 0
        return max(weekday(self.today - timedelta(days=back + moved)), self.person.born)

    def about(self, value: float, spread: float, decimals: int = 0) -> float:
        """The value, a little different each time."""
        found = round(self.rng.gauss(value, spread), decimals)
        return found if decimals else int(found)

    def at(self, unit: str) -> "Desk":
        """The unit's desk, from which facts are written."""
        return Desk(self, unit)


def weekday(day: date) -> date:
    """The day itself, or the Friday before a weekend."""
    return day - timedelta(days=max(0, day.weekday() - 4))


def coding(system: str, code: str, text: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"coding": [{"system": system, "code": code}]}
    return found | ({"text": text} if text else {})


def plain(text: str) -> dict[str, str]:
    """A note's words as an attachment."""
    return {
        "contentType": "text/plain; charset=utf-8",
        "language": "sv",
        "data": base64.b64encode(text.strip().encode()).decode(),
    }


@dataclass(slots=True)
class Desk:
    """Writes facts of one chart at one unit. `when` is a day (a time of the day is chosen) or an instant."""

    chart: Chart
    unit: str

    def who(self, role: str = staff.DOCTOR) -> Colleague:
        """A colleague with that role, else whoever is first."""
        present = staff.colleagues(self.unit, self.chart.today)
        fitting = [one for one in present if one.role == role]
        return self.chart.rng.choice(fitting) if fitting else present[0]

    def moment(self, when: date | datetime, hour: int | None = None) -> datetime:
        """An instant in Swedish time; office hours unless `hour` is given. Never in the future of the chart."""
        if isinstance(when, datetime):
            return when
        rng = self.chart.rng
        clock = time(hour if hour is not None else rng.randint(8, 15), rng.choice([0, 10, 15, 20, 30, 40, 45, 50]))
        return datetime.combine(when, clock, SWEDEN)

    def put(self, resource: Resource, author: Colleague) -> Resource:
        """Keeps the fact; gives it an id and whom it is about."""
        kind = resource["resourceType"]
        found = {"resourceType": kind, "id": self.chart.new_id(kind)} | {
            name: part for name, part in resource.items() if part not in (None, [], {})
        }
        self.chart.facts.append(Fact(self.unit, author, found))
        return found

    def visit(
        self,
        when: date | datetime,
        text: str,
        *,
        why: str = "",
        role: str = staff.DOCTOR,
        kind: str = "AMB",
        hours: float = 0.5,
        status: str = "finished",
        bed: int = 0,
    ) -> "Visit":
        """An Encounter: AMB a visit, IMP a stay, EMER, VR at a distance, HH at home. Without an end while in progress."""
        start = self.moment(when)
        author = self.who(role)
        end = None if status == "in-progress" else (start + timedelta(hours=hours)).isoformat()
        place = [{"location": staff.bed(self.unit, bed), "status": "active" if end is None else "completed"}]
        encounter = self.put(
            {
                "resourceType": "Encounter",
                "status": status,
                "class": {"system": f"{codes.HL7}v3-ActCode", "code": kind},
                "type": [{"text": text}],
                "subject": self.chart.subject,
                "participant": [{"individual": author.reference}],
                "period": {"start": start.isoformat()} | ({"end": end} if end else {}),
                "reasonCode": [codes.diagnosis(why)] if why else [],
                "location": place if bed else [],
                "serviceProvider": staff.organization(self.unit),
            },
            author,
        )
        return Visit(self, encounter, start, author)

    def problem(
        self, code: str, since: date, *, visit: "Visit | None" = None, ended: date | None = None, text: str = ""
    ) -> Resource:
        """A Condition, active unless it has ended."""
        author = visit.author if visit else self.who()
        status = "resolved" if ended else "active"
        return self.put(
            {
                "resourceType": "Condition",
                "clinicalStatus": coding(_CLINICAL, status),
                "verificationStatus": coding(_VERIFIED, "confirmed"),
                "category": [coding(f"{codes.HL7}condition-category", "problem-list-item")],
                "code": codes.diagnosis(code, text),
                "subject": self.chart.subject,
                "encounter": visit.reference if visit else None,
                "onsetDateTime": since.isoformat(),
                "abatementDateTime": ended.isoformat() if ended else None,
                "recordedDate": since.isoformat(),
                "recorder": author.reference,
            },
            author,
        )

    def drug(
        self,
        word: str,
        strength: str,
        dose: str,
        since: date,
        *,
        why: str = "",
        ended: date | None = None,
        status: str = "",
        as_needed: bool = False,
        visit: "Visit | None" = None,
    ) -> Resource:
        """A MedicationRequest; `ended` says when it was put out (stopped) or, with `status`, completed."""
        author = visit.author if visit else self.who()
        return self.put(
            {
                "resourceType": "MedicationRequest",
                "status": status or ("stopped" if ended else "active"),
                "intent": "order",
                "medicationCodeableConcept": codes.drug(word, strength),
                "subject": self.chart.subject,
                "encounter": visit.reference if visit else None,
                "authoredOn": (visit.start if visit else self.moment(since)).isoformat(),
                "requester": author.reference,
                "reasonCode": [codes.diagnosis(why)] if why else [],
                "dosageInstruction": [{"text": dose} | ({"asNeededBoolean": True} if as_needed else {})],
                "dispenseRequest": {"validityPeriod": {"start": since.isoformat()} | _ends(ended)},
            },
            author,
        )

    def vaccine(self, word: str, when: date, dose: int = 0) -> Resource:
        """An Immunization."""
        code, name = codes.VACCINES[word]
        author = self.who(staff.NURSE)
        return self.put(
            {
                "resourceType": "Immunization",
                "status": "completed",
                "vaccineCode": codes.concept(codes.ATC, code, name),
                "patient": self.chart.subject,
                "occurrenceDateTime": when.isoformat(),
                "primarySource": True,
                "performer": [{"actor": author.reference}],
                "lotNumber": f"{self.chart.rng.choice('ABCDEF')}{self.chart.rng.randint(1000, 9999)}",
                "protocolApplied": [{"doseNumberPositiveInt": dose}] if dose else [],
            },
            author,
        )

    def allergy(
        self, text: str, effect: str, since: date, *, severe: bool = False, kind: str = "medication", atc: str = ""
    ) -> Resource:
        """An AllergyIntolerance, in words; a medicine also by its ATC code."""
        author = self.who()
        system = f"{codes.HL7}allergyintolerance"
        return self.put(
            {
                "resourceType": "AllergyIntolerance",
                "clinicalStatus": coding(f"{system}-clinical", "active"),
                "verificationStatus": coding(f"{system}-verification", "confirmed"),
                "category": [kind],
                "criticality": "high" if severe else "low",
                "code": codes.concept(codes.ATC, atc, text) if atc else {"text": text},
                "patient": self.chart.subject,
                "recordedDate": since.isoformat(),
                "recorder": author.reference,
                "reaction": [{"manifestation": [{"text": effect}], "severity": "severe" if severe else "moderate"}],
            },
            author,
        )

    def no_allergies(self, asked: date) -> Resource:
        """That there are no known ones, and when it was asked."""
        author = self.who(staff.NURSE)
        system = f"{codes.HL7}allergyintolerance"
        return self.put(
            {
                "resourceType": "AllergyIntolerance",
                "clinicalStatus": coding(f"{system}-clinical", "active"),
                "verificationStatus": coding(f"{system}-verification", "confirmed"),
                "code": codes.concept(codes.SNOMED, "716186003", "No known allergy", "Ingen känd överkänslighet"),
                "patient": self.chart.subject,
                "recordedDate": asked.isoformat(),
                "recorder": author.reference,
            },
            author,
        )


def _ends(ended: date | None) -> dict[str, str]:
    return {"end": ended.isoformat()} if ended else {}


@dataclass(slots=True)
class Visit:
    """An Encounter, and what is written during it."""

    desk: Desk
    encounter: Resource
    start: datetime
    author: Colleague

    @property
    def reference(self) -> dict[str, str]:
        return {"reference": f"Encounter/{self.encounter['id']}"}

    @property
    def day(self) -> date:
        return self.start.date()

    def _shared(self) -> dict[str, Any]:
        return {"subject": self.desk.chart.subject, "encounter": self.reference}

    def note(self, kind: str, text: str, *, signed: bool = True, hour_later: float = 0.4, by: str = "") -> Resource:
        """A DocumentReference with the words of a note; unsigned ones are preliminary."""
        author = self.desk.who(by) if by else self.author
        at = (self.start + timedelta(hours=hour_later)).isoformat()
        loinc, display = _NOTES.get(kind, ("34109-9", "Note"))
        return self.desk.put(
            {
                "resourceType": "DocumentReference",
                "status": "current",
                "docStatus": "final" if signed else "preliminary",
                "type": codes.concept(codes.LOINC, loinc, display, kind),
                "subject": self.desk.chart.subject,
                "date": at,
                "author": [author.reference],
                "authenticator": author.reference if signed else None,
                "custodian": staff.organization(self.desk.unit),
                "content": [{"attachment": plain(text) | {"title": kind, "creation": at}}],
                "context": {"encounter": [self.reference], "period": {"start": self.start.isoformat()}},
            },
            author,
        )

    def vitals(self, *, bp: tuple[float, float] | None = None, later: float = 0.1, **values: float) -> None:
        """Blood pressure and the quantities of `codes.VITALS` by name."""
        at = self.start + timedelta(hours=later)
        author = self.author
        if bp:
            self.desk.put(self._observed(at, "vital-signs") | pressure(*bp), author)
        for name, value in values.items():
            category = "survey" if name in ("phq9", "apgar1", "apgar5", "apgar10") else "vital-signs"
            self.desk.put(self._observed(at, category) | measured(codes.VITALS[name], value), author)

    def labs(self, title: str = "Provsvar", later: float = 3, **values: float) -> Resource:
        """A DiagnosticReport of the unit's own laboratory with its Observations, ordered by the visit's author."""
        at = self.start + timedelta(minutes=10)
        author = self.author
        found = [
            self.desk.put(self._observed(at, "laboratory") | measured(codes.LABS[name], value), author)
            for name, value in values.items()
        ]
        return self._report(title, "LAB", at, later, result=[_reference(one) for one in found])

    def imaging(self, title: str, answer: str, words: str = "", section: str = "RAD", later: float = 20) -> Resource:
        """An examination with its answer in one line, and the radiologist's words."""
        return self._report(
            title, section, self.start + timedelta(hours=1), later, conclusion=answer,
            presentedForm=[plain(words)] if words else [],
        )  # fmt: skip

    def _report(self, title: str, section: str, at: datetime, later: float, **more: Any) -> Resource:
        return self.desk.put(
            {
                "resourceType": "DiagnosticReport",
                "status": "final",
                "category": [coding(f"{codes.HL7}v2-0074", section)],
                "code": {"text": title},
                **self._shared(),
                "effectiveDateTime": at.isoformat(),
                "issued": (at + timedelta(hours=later)).isoformat(),
                "performer": [staff.organization(self.desk.unit)],
                **more,
            },
            self.author,
        )

    def procedure(self, word: str, *, why: str = "", later: float = 0.2) -> Resource:
        """A Procedure by its KVÅ code where it is one of the table, else in words."""
        known = codes.PROCEDURES.get(word)
        return self.desk.put(
            {
                "resourceType": "Procedure",
                "status": "completed",
                "code": codes.concept(codes.KVA, word, known) if known else {"text": word},
                **self._shared(),
                "performedDateTime": (self.start + timedelta(hours=later)).isoformat(),
                "performer": [{"actor": self.author.reference}],
                "reasonCode": [codes.diagnosis(why)] if why else [],
            },
            self.author,
        )

    def plan(self, title: str, goals: str, activities: Sequence[str], *, until: date | None = None) -> Resource:
        """A CarePlan; each activity is a line of words."""
        return self.desk.put(
            {
                "resourceType": "CarePlan",
                "status": "completed" if until else "active",
                "intent": "plan",
                "title": title,
                "description": goals,
                **self._shared(),
                "period": {"start": self.day.isoformat()} | _ends(until),
                "author": self.author.reference,
                "activity": [
                    {"detail": {"status": "completed" if until else "in-progress", "description": words}}
                    for words in activities
                ],
            },
            self.author,
        )

    def refer(
        self, to: str, text: str, question: str, *, why: str = "", status: str = "completed", urgent: bool = False
    ) -> Resource:
        """A ServiceRequest to another unit: active while it is on its way."""
        return self.desk.put(
            {
                "resourceType": "ServiceRequest",
                "status": status,
                "intent": "order",
                "priority": "urgent" if urgent else "routine",
                "category": [codes.concept(codes.SNOMED, "3457005", "Patient referral", "Remiss")],
                "code": {"text": text},
                **self._shared(),
                "authoredOn": (self.start + timedelta(hours=0.5)).isoformat(),
                "requester": self.author.reference,
                "performer": [staff.organization(to)],
                "reasonCode": [codes.diagnosis(why)] if why else [],
                "note": [{"text": question}],
            },
            self.author,
        )

    def _observed(self, at: datetime, category: str) -> Resource:
        return {
            "resourceType": "Observation",
            "status": "final",
            "category": [coding(f"{codes.HL7}observation-category", category)],
            **self._shared(),
            "effectiveDateTime": at.isoformat(),
            "performer": [staff.organization(self.desk.unit)],
        }


# Loinc's names of the kinds of notes.
_NOTES = {
    "Inskrivningsanteckning": ("34117-2", "History and physical note"),
    "Epikris": ("18842-5", "Discharge summary"),
    "Operationsberättelse": ("11504-8", "Surgical operation note"),
    "Daganteckning": ("11506-3", "Progress note"),
}


def _reference(resource: Resource) -> dict[str, str]:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def measured(analysis: codes.Analysis, value: float) -> Resource:
    """Code, value, limits and judgement of one quantity."""
    found: Resource = {
        "code": codes.concept(analysis.system, analysis.code, analysis.name),
        "valueQuantity": quantity(analysis, value),
    }
    if analysis.low is not None or analysis.high is not None:
        limits = {"low": analysis.low, "high": analysis.high}
        found["referenceRange"] = [
            {side: quantity(analysis, limit) for side, limit in limits.items() if limit is not None}
        ]
        found["interpretation"] = [coding(f"{codes.HL7}v3-ObservationInterpretation", judged(analysis, value))]
    return found


def judged(analysis: codes.Analysis, value: float) -> str:
    """H above the interval, L below it, N within."""
    if analysis.high is not None and value > analysis.high:
        return "H"
    return "L" if analysis.low is not None and value < analysis.low else "N"


def quantity(analysis: codes.Analysis, value: float) -> dict[str, Any]:
    amount = round(value, analysis.decimals) if analysis.decimals else round(value)
    return {"value": amount, "unit": analysis.unit, "system": codes.UCUM, "code": analysis.unit}


def pressure(systolic: float, diastolic: float) -> Resource:
    """Blood pressure as LOINC's panel with its two parts."""
    parts = (("8480-6", "Systoliskt blodtryck", systolic), ("8462-4", "Diastoliskt blodtryck", diastolic))
    return {
        "code": codes.concept(codes.LOINC, "85354-9", "Blodtryck"),
        "component": [
            {
                "code": codes.concept(codes.LOINC, code, name),
                "valueQuantity": {"value": round(value), "unit": "mmHg", "system": codes.UCUM, "code": "mm[Hg]"},
            }
            for code, name, value in parts
        ],
    }
