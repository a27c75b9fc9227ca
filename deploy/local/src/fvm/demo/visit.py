"""A visit or a stay: the Encounter, and what is written during it (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fvm.demo import codes, staff
from fvm.demo.staff import Colleague, Resource
from fvm.demo.values import coding, ends, measured, plain, pressure, reference_to

if TYPE_CHECKING:
    from fvm.demo.desk import Desk

# LOINC's names of the kinds of notes.
_NOTES = {
    "Inskrivningsanteckning": ("34117-2", "History and physical note"),
    "Epikris": ("18842-5", "Discharge summary"),
    "Operationsberättelse": ("11504-8", "Surgical operation note"),
    "Daganteckning": ("11506-3", "Progress note"),
}


@dataclass(slots=True)
class Visit:
    """An Encounter, and what is written during it."""

    desk: "Desk"
    encounter: Resource
    start: datetime
    author: Colleague

    @property
    def reference(self) -> dict[str, str]:
        return {"reference": f"Encounter/{self.encounter['id']}"}

    @property
    def day(self) -> date:
        return self.start.date()

    def problem_here(self, code: str, text: str = "") -> Resource:
        """A Condition that was found at this visit."""
        return self.desk.problem(code, self.day, visit=self, text=text)

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
        return self._report(title, "LAB", at, later, result=[reference_to(one) for one in found])

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
                "period": {"start": self.day.isoformat()} | ends(until),
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
