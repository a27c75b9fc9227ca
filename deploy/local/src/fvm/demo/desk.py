"""A unit's desk: everything that can be written into a chart from there, by a colleague of that unit (pure)."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from fvm.demo import codes, staff
from fvm.demo.facts import SWEDEN, Fact
from fvm.demo.staff import Colleague, Resource
from fvm.demo.values import coding, ends
from fvm.demo.visit import Visit

if TYPE_CHECKING:
    from fvm.demo.chart import Chart

_CLINICAL = f"{codes.HL7}condition-clinical"
_VERIFIED = f"{codes.HL7}condition-ver-status"


@dataclass(slots=True)
class Desk:
    """Writes facts of one chart at one unit. `when` is a day (a time of the day is chosen) or an instant."""

    chart: "Chart"
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
    ) -> Visit:
        """An Encounter: AMB a visit, IMP a stay, EMER, VR at a distance, HH at home. Without an end while in progress."""
        start = self.moment(when)
        author = self.who(role)
        end = None if status == "in-progress" else (start + timedelta(hours=hours)).isoformat()
        state = "active" if end is None else "completed"
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
                "location": [{"location": staff.bed(self.unit, bed), "status": state}] if bed else [],
                "serviceProvider": staff.organization(self.unit),
            },
            author,
        )
        return Visit(self, encounter, start, author)

    def problem(
        self, code: str, since: date, *, visit: Visit | None = None, ended: date | None = None, text: str = ""
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
        visit: Visit | None = None,
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
                "dispenseRequest": {"validityPeriod": {"start": since.isoformat()} | ends(ended)},
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
