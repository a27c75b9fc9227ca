"""Thirty days of a living present around now: wards, bookings, answers, referrals, unsigned notes and tasks (pure)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import NamedTuple

from fvm.demo import referrals, staff
from fvm.demo.chart import Chart
from fvm.demo.facts import SWEDEN, LabAnswer
from fvm.demo.staff import DOCTOR, NURSE
from fvm.demo.values import weekday
from fvm.demo.wards import wards

BEFORE, AHEAD = 16, 14  # days of bookings before and after today


class Booked(NamedTuple):
    """A kind of booking: for people of these stories, with somebody of that role, for so many minutes."""

    text: str
    stories: str
    role: str
    minutes: int


# Unit → what is booked there.
_CLINICS = {
    "norrby": (
        Booked("Hjärtsviktsmottagning", "heart_failure", NURSE, 45), Booked("Strokemottagning", "stroke", DOCTOR, 40),
        Booked("Ekokardiografi", "atrial_fibrillation", DOCTOR, 30), Booked("Diabetesmottagning", "diabetes1", DOCTOR, 30),
    ),
    "kirort": (
        Booked("Återbesök ortopedi", "hip_fracture arthrosis", DOCTOR, 20),
        Booked("SVF-besök", "breast_cancer colon_cancer", DOCTOR, 45),
        Booked("Kontaktsjuksköterska", "breast_cancer prostate_cancer", NURSE, 30),
    ),
    "kvinno": (Booked("Barnmorskebesök", "pregnancy", "Barnmorska", 30), Booked("Efterkontroll", "mother", "Barnmorska", 40)),
    "barn": (Booked("Astmamottagning barn", "asthma_child", DOCTOR, 45), Booked("Sjuksköterskebesök", "asthma_child", NURSE, 30)),
    "home": (
        Booked("Årskontroll diabetes", "diabetes2", NURSE, 45), Booked("Blodtryckskontroll", "hypertension", NURSE, 20),
        Booked("Läkarbesök", "depression exhaustion thyroid copd dementia infection healthy_adult", DOCTOR, 30),
        Booked("Vaccination", "heart_failure copd old_and_well hypertension", NURSE, 15),
        Booked("Barnhälsovård", "healthy_child", NURSE, 30),
    ),
}  # fmt: skip
_A_DAY = {"norrby": 4, "kirort": 4, "kvinno": 3, "barn": 2, "home": 8}


def unfold(charts: Sequence[Chart], now: datetime, seed: int) -> None:
    """Adds everything that is going on now to the charts. `now` is an instant in Swedish time."""
    rng = Random(f"{seed}/present")  # noqa: S311 - invented, the same each time
    wards(charts, now, rng)
    present = Present([chart for chart in charts if "deceasedDateTime" not in chart.person.patient], now, rng)
    present.bookings()
    present.answers()
    present.referrals()
    present.unsigned()
    present.tasks()


_UNSIGNED = (
    ("infection", "Läkarbesök", "J06.9", """Kontaktorsak: Hosta sedan två veckor. Status: Lungor utan \
anmärkning, saturation 98 %. Bedömning: Postinfektiös hosta. Plan: Exspektans, åter vid feber eller hosta mer än \
fyra veckor till."""),
    ("hypertension", "Läkarbesök", "I10.9", """Kontaktorsak: Yrsel. Blodtryck 118/70 liggande, 98/62 stående. \
Bedömning: Ortostatism av läkemedel. Plan: Halverar kandesartan, blodtryckskontroll hos sjuksköterska om två \
veckor."""),
    ("depression", "Telefonkontakt", "F32.1", """Ringer om biverkningar av sertralin: illamående första veckan, \
nu bättre. Sover bättre. Inga suicidtankar. Fortsatt samma dos, besök om tre veckor."""),
    ("asthma_child", "Läkarbesök", "J45.0", """Akut tid. Hostat nattetid en vecka efter förkylning. Lungor: \
lätta ronki. PEF 85 % av förväntat. Plan: Budesonid dubbel dos i två veckor, enligt behandlingsplanen."""),
)  # fmt: skip


_TASKS = (
    ("Ring patienten", "Vill ha besked om provsvar.", "hypertension diabetes2 thyroid"),
    ("Förnya recept", "Begäran via 1177: metoprolol 50 mg.", "atrial_fibrillation heart_failure"),
    ("Skriv intyg", "Läkarintyg för sjukpenning, nuvarande slutar på fredag.", "depression exhaustion"),
    ("Kalla till återbesök", "Uteblev från planerat besök, kallas på nytt.", "copd diabetes2"),
    ("Komplettera journal", "Vaccinationer från annan region saknas.", "healthy_child"),
)


@dataclass(frozen=True, slots=True)
class Present:
    """What goes on around `now` among those who live."""

    charts: Sequence[Chart]
    now: datetime
    rng: Random

    def _of(self, stories: str) -> list[Chart]:
        return [chart for chart in self.charts if chart.person.story in stories.split()]

    def _days(self) -> Iterator[date]:
        """The working days of the thirty."""
        for ahead in range(-BEFORE, AHEAD + 1):
            day = self.now.date() + timedelta(days=ahead)
            if day.weekday() < 5:
                yield day

    def bookings(self) -> None:
        """Appointments of each clinic on every working day; what has passed was kept, missed or called off."""
        for unit, kinds in _CLINICS.items():
            for day in self._days():
                slots = self.rng.sample(range(8 * 6, 16 * 6), _A_DAY[unit])  # ten-minute steps of the day
                for slot in sorted(slots):
                    kind = self.rng.choice(kinds)
                    chart = self.rng.choice(self._of(kind.stories))
                    start = datetime.combine(day, time(slot // 6, slot % 6 * 10), SWEDEN)
                    self._book(chart, chart.person.home if unit == "home" else unit, kind, start)

    def _book(self, chart: Chart, unit: str, kind: Booked, start: datetime) -> None:
        desk = chart.at(unit)
        with_ = desk.who(kind.role)
        end = start + timedelta(minutes=kind.minutes)
        passed = end < self.now
        status = self.rng.choices(["fulfilled", "noshow", "cancelled"], [88, 5, 7])[0] if passed else "booked"
        desk.put(
            {
                "resourceType": "Appointment",
                "status": status,
                "serviceType": [{"text": kind.text}],
                "appointmentType": {"text": self.rng.choice(["Återbesök", "Återbesök", "Nybesök"])},
                "description": kind.text,
                "start": start.isoformat(),
                "end": end.isoformat(),
                "minutesDuration": kind.minutes,
                "created": (min(start, self.now) - timedelta(days=self.rng.randint(3, 40))).isoformat(),
                "participant": [
                    {"actor": chart.subject, "required": "required", "status": "accepted"},
                    {"actor": with_.reference, "required": "required", "status": "accepted"},
                ],
            },
            with_,
        )

    def answers(self) -> None:
        """Samples of the last days whose answers the laboratory sends itself: nobody has read them yet."""
        for chart in self.rng.sample(
            self._of("diabetes2 hypertension heart_failure copd thyroid atrial_fibrillation"), 36
        ):
            day = datetime.combine(weekday(self.now.date() - timedelta(days=self.rng.randint(0, 6))), time(), SWEDEN)
            latest = self.now - timedelta(minutes=self.rng.randint(90, 119))
            taken = min(day + timedelta(minutes=self.rng.randint(7 * 60, 11 * 60)), latest)
            chart.answers.append(LabAnswer(taken, panel(chart, self.rng)))

    def referrals(self) -> None:
        """Referrals that are sent and not answered; some of them not read either."""
        planned = referrals.planned(self.charts, self.rng)
        for place, (chart, one) in enumerate(planned):
            visit = chart.at(chart.person.home).visit(self._lately(21), "Läkarbesök", why=one.why)
            referrals.send(chart, visit.author, one, place, self.rng)

    def unsigned(self) -> None:
        """Notes of the last days that wait for their author's signature."""
        for story, kind, why, words in _UNSIGNED:
            for chart in self.rng.sample(self._of(story), 3):
                desk = chart.at("barn" if story == "asthma_child" else chart.person.home)
                desk.visit(self._lately(9), kind, why=why, kind="VR" if "Telefon" in kind else "AMB").note(
                    kind, words, signed=False
                )

    def tasks(self) -> None:
        """Small things to do at each health centre, some of them late."""
        for text, words, stories in _TASKS:
            for chart in self.rng.sample(self._of(stories), 5):
                status = self.rng.choice(["requested", "requested", "in-progress", "completed"])
                self._task(chart, chart.person.home, text, words, status)

    def _lately(self, days: int) -> date:
        """One of the last working days, not today."""
        return weekday(self.now.date() - timedelta(days=self.rng.randint(1, days)))

    def _task(self, chart: Chart, unit: str, text: str, words: str, status: str) -> None:
        days = self.rng.randint(-3, 8)
        desk = chart.at(unit)
        author = desk.who(self.rng.choice([DOCTOR, NURSE]))
        made = self.now - timedelta(days=self.rng.randint(1, 5), hours=self.rng.randint(0, 5))
        desk.put(
            {
                "resourceType": "Task",
                "status": status,
                "intent": "order",
                "priority": "routine",
                "code": {"text": text},
                "description": words,
                "for": chart.subject,
                "authoredOn": made.isoformat(timespec="seconds"),
                "lastModified": made.isoformat(timespec="seconds"),
                "requester": author.reference,
                "owner": staff.organization(unit),
                "restriction": {"period": {"end": (self.now.date() + timedelta(days=days)).isoformat()}},
            },
            author,
        )


def panel(chart: Chart, rng: Random) -> dict[str, float]:
    """Values that fit the story; one in four has something to act on."""
    odd = rng.random() < 0.25
    values: dict[str, float] = {
        "hb": chart.about(104 if odd else 136, 6),
        "krea": chart.about(148 if odd else 84, 8),
        "k": chart.about(5.7 if odd and rng.random() < 0.5 else 4.1, 0.15, 1),
        "na": chart.about(139, 2),
    }
    more = {
        "diabetes2": {"hba1c": chart.about(71 if odd else 52, 4), "glukos": chart.about(8.1, 1, 1)},
        "heart_failure": {"probnp": chart.about(3900 if odd else 1500, 300)},
        "copd": {"crp": max(1, chart.about(46 if odd else 4, 3)), "lpk": chart.about(11.8 if odd else 6.7, 0.9, 1)},
        "thyroid": {"tsh": max(0.1, chart.about(6.8 if odd else 2.1, 0.6, 1))},
    }
    return values | more.get(chart.person.story, {})
