"""A unit's desk: everything that can be written into a chart from there, by a colleague of that unit (pure)."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from fvm.demo import codes, staff
from fvm.demo.facts import SWEDEN, Fact
from fvm.demo.staff import Colleague, Resource
from fvm.demo.values import coding, ends, weekday
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
        return self.chart.rng.choice(staff.fitting(fitting, self.chart.person.story)) if fitting else present[0]

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
        hours: float | None = 0.5,
        bed: int = 0,
    ) -> Visit:
        """An Encounter: AMB a visit, IMP a stay, EMER, VR at a distance, HH at home. Without `hours` it goes on."""
        start = self.moment(weekday(when) if kind in ("AMB", "VR") and not isinstance(when, datetime) else when)
        author = self.who(role)
        end = None if hours is None else (start + timedelta(hours=hours)).isoformat()
        place = {"location": staff.bed(self.unit, bed), "status": "completed" if end else "active"} if bed else None
        encounter = self.put(
            {
                "resourceType": "Encounter",
                "status": "finished" if end else "in-progress",
                "class": {"system": f"{codes.HL7}v3-ActCode", "code": kind},
                "type": [{"text": text}],
                "subject": self.chart.subject,
                "participant": [{"individual": author.reference}],
                "period": {"start": start.isoformat()} | ({"end": end} if end else {}),
                "reasonCode": [codes.diagnosis(why)] if why else [],
                "location": [place] if place else [],
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
        since: date | Visit,
        *,
        why: str = "",
        ended: date | None = None,
        course: int = 0,
    ) -> Resource:
        """A MedicationRequest since a day or a visit; `ended`: put out that day; `course`: taken for so many days."""
        visit = since if isinstance(since, Visit) else None
        author = visit.author if visit else self.who()
        day = since.day if isinstance(since, Visit) else since
        last = day + timedelta(days=course) if course else ended
        return self.put(
            {
                "resourceType": "MedicationRequest",
                "status": "completed" if course else "stopped" if ended else "active",
                "intent": "order",
                "medicationCodeableConcept": codes.drug(word, strength),
                "subject": self.chart.subject,
                "encounter": visit.reference if visit else None,
                "authoredOn": (visit.start if visit else self.moment(day)).isoformat(),
                "requester": author.reference,
                "reasonCode": [codes.diagnosis(why)] if why else [],
                "dosageInstruction": [{"text": dose} | ({"asNeededBoolean": True} if "vid behov" in dose else {})],
                "dispenseRequest": {"validityPeriod": {"start": day.isoformat()} | ends(last)},
            },
            author,
        )

    def own_remedy(self, word: str, strength: str, dose: str, since: date) -> Resource:
        """A MedicationStatement: what the patient says that they take themselves, without a prescription."""
        author = self.who(staff.NURSE)
        return self.put(
            {
                "resourceType": "MedicationStatement",
                "status": "active",
                "category": coding(f"{codes.HL7}medication-statement-category", "patientspecified", "Egenvård"),
                "medicationCodeableConcept": codes.drug(word, strength),
                "subject": self.chart.subject,
                "effectivePeriod": {"start": since.isoformat()},
                "dateAsserted": since.isoformat(),
                "informationSource": {**self.chart.subject, "display": "Patienten själv, receptfritt"},
                "dosage": [{"text": dose}],
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
