"""Thirty days of a living present around now: wards, bookings, answers, referrals, unsigned notes and tasks (pure)."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from random import Random

from fvm.demo import staff
from fvm.demo.chart import Chart
from fvm.demo.facts import SWEDEN, LabAnswer
from fvm.demo.staff import DOCTOR, NURSE
from fvm.demo.values import reference_to
from fvm.demo.wards import wards

BEFORE, AHEAD = 16, 14  # days of bookings before and after today

# Unit → what is booked there, for whom (stories), by which role, minutes.
_CLINICS = {
    "norrby": (
        ("Hjärtsviktsmottagning", "heart_failure", NURSE, 45), ("Strokemottagning", "stroke", DOCTOR, 40),
        ("Ekokardiografi", "atrial_fibrillation", DOCTOR, 30), ("Diabetesmottagning", "diabetes1", DOCTOR, 30),
    ),
    "kirort": (
        ("Återbesök ortopedi", "hip_fracture arthrosis", DOCTOR, 20), ("SVF-besök", "breast_cancer colon_cancer", DOCTOR, 45),
        ("Kontaktsjuksköterska", "breast_cancer prostate_cancer", NURSE, 30),
    ),
    "kvinno": (("Barnmorskebesök", "pregnancy", "Barnmorska", 30), ("Efterkontroll", "mother", "Barnmorska", 40)),
    "barn": (("Astmamottagning barn", "asthma_child", DOCTOR, 45), ("Sjuksköterskebesök", "asthma_child", NURSE, 30)),
    "home": (
        ("Årskontroll diabetes", "diabetes2", NURSE, 45), ("Blodtryckskontroll", "hypertension", NURSE, 20),
        ("Läkarbesök", "depression exhaustion thyroid copd dementia infection healthy_adult", DOCTOR, 30),
        ("Vaccination", "heart_failure copd old_and_well hypertension", NURSE, 15), ("Barnhälsovård", "healthy_child", NURSE, 30),
    ),
}  # fmt: skip
_A_DAY = {"norrby": 4, "kirort": 4, "kvinno": 3, "barn": 2, "home": 8}


def unfold(charts: Sequence[Chart], now: datetime, seed: int) -> None:
    """Adds everything that is going on now to the charts. `now` is an instant in Swedish time."""
    rng = Random(f"{seed}/present")  # noqa: S311 - invented, the same each time
    wards(charts, now, rng)
    living = [chart for chart in charts if "deceasedDateTime" not in chart.person.patient]
    bookings(living, now, rng)
    answers(living, now, rng)
    referrals(living, now, rng)
    unsigned(living, now, rng)
    tasks(living, now, rng)


def _of(charts: Sequence[Chart], stories: str) -> list[Chart]:
    return [chart for chart in charts if chart.person.story in stories.split()]


def _days(now: datetime) -> Iterator[date]:
    for ahead in range(-BEFORE, AHEAD + 1):
        day = now.date() + timedelta(days=ahead)
        if day.weekday() < 5:
            yield day


def bookings(charts: Sequence[Chart], now: datetime, rng: Random) -> None:
    """Appointments of each clinic on every working day; what has passed was kept, missed or called off."""
    for unit, kinds in _CLINICS.items():
        for day in _days(now):
            slots = rng.sample(range(8 * 6, 16 * 6), _A_DAY[unit])  # ten-minute steps of the day
            for slot in sorted(slots):
                text, stories, role, minutes = rng.choice(kinds)
                chart = rng.choice(_of(charts, stories))
                start = datetime.combine(day, time(slot // 6, slot % 6 * 10), SWEDEN)
                _book(chart, chart.person.home if unit == "home" else unit, text, role, start, minutes, now, rng)


def _book(
    chart: Chart, unit: str, text: str, role: str, start: datetime, minutes: int, now: datetime, rng: Random
) -> None:
    desk = chart.at(unit)
    with_ = desk.who(role)
    passed = start + timedelta(minutes=minutes) < now
    status = rng.choices(["fulfilled", "noshow", "cancelled"], [88, 5, 7])[0] if passed else "booked"
    desk.put(
        {
            "resourceType": "Appointment",
            "status": status,
            "serviceType": [{"text": text}],
            "appointmentType": {"text": rng.choice(["Återbesök", "Återbesök", "Nybesök"])},
            "description": text,
            "start": start.isoformat(),
            "end": (start + timedelta(minutes=minutes)).isoformat(),
            "minutesDuration": minutes,
            "created": (min(start, now) - timedelta(days=rng.randint(3, 40))).isoformat(),
            "participant": [
                {"actor": chart.subject, "required": "required", "status": "accepted"},
                {"actor": with_.reference, "required": "required", "status": "accepted"},
            ],
        },
        with_,
    )


def answers(charts: Sequence[Chart], now: datetime, rng: Random) -> None:
    """Samples of the last days whose answers the laboratory sends itself: nobody has read them yet."""
    for chart in rng.sample(_of(charts, "diabetes2 hypertension heart_failure copd thyroid atrial_fibrillation"), 36):
        taken = now - timedelta(hours=rng.randint(2, 6 * 24), minutes=rng.randint(0, 59))
        chart.answers.append(LabAnswer(taken, panel(chart, rng)))


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


_REFERRALS = (
    ("diabetes2", "norrby", "Konsultation diabetes", "HbA1c över mål trots trippelbehandling. Tacksam bedömning inför insulin.", "E11.9"),
    ("hypertension", "norrby", "Sekundär hypertoni?", "Terapiresistent hypertoni, tre preparat. Tacksam utredning.", "I10.9"),
    ("arthrosis", "kirort", "Ortopedbedömning knä", "Avslutad artrosskola, kvarstående vilovärk. Ställningstagande till protes.", "M17.9"),
    ("thyroid", "norrby", "Endokrin bedömning", "Svårinställd hypotyreos, misstänkt bristande upptag.", "E03.9"),
    ("healthy_child", "barn", "Utredning eksem och matallergi", "Uttalat eksem, reaktion på ägg. Tacksam bedömning.", "L20.9"),
    ("heart_failure", "hemsjukvard", "Hemsjukvård", "Behov av viktkontroll och läkemedelsdelning i hemmet.", "I50.9"),
)  # fmt: skip


def referrals(charts: Sequence[Chart], now: datetime, rng: Random) -> None:
    """Referrals that are sent and not answered; some of them not read either."""
    for story, to, text, question, why in _REFERRALS:
        for chart in rng.sample(_of(charts, story), 3):
            desk = chart.at(chart.person.home)
            day = now - timedelta(days=rng.randint(1, 21))
            visit = desk.visit(day.replace(hour=10, minute=20, second=0, microsecond=0), "Läkarbesök", why=why)
            request = visit.refer(to, text, question, why=why, status="active", urgent=rng.random() < 0.2)
            seen = rng.random() < 0.6
            _task(
                chart, to, "Bedöm remiss", text, "accepted" if seen else "requested", now, rng, focus=request, days=rng.randint(-3, 9)
            )


_UNSIGNED = (
    ("infection", "Läkarbesök", "J06.9", "Kontaktorsak: Hosta sedan två veckor. Status: Lungor utan anmärkning, saturation 98 %. Bedömning: Postinfektiös hosta. Plan: Exspektans, åter vid feber eller hosta mer än fyra veckor till."),
    ("hypertension", "Läkarbesök", "I10.9", "Kontaktorsak: Yrsel. Blodtryck 118/70 liggande, 98/62 stående. Bedömning: Ortostatism av läkemedel. Plan: Halverar kandesartan, blodtryckskontroll hos sjuksköterska om två veckor."),
    ("depression", "Telefonkontakt", "F32.1", "Ringer om biverkningar av sertralin: illamående första veckan, nu bättre. Sover bättre. Inga suicidtankar. Fortsatt samma dos, besök om tre veckor."),
    ("asthma_child", "Läkarbesök", "J45.0", "Akut tid. Hostat nattetid en vecka efter förkylning. Lungor: lätta ronki. PEF 85 % av förväntat. Plan: Budesonid dubbel dos i två veckor, enligt behandlingsplanen."),
)  # fmt: skip


def unsigned(charts: Sequence[Chart], now: datetime, rng: Random) -> None:
    """Notes of the last days that wait for their author's signature."""
    for story, kind, why, words in _UNSIGNED:
        for chart in rng.sample(_of(charts, story), 3):
            desk = chart.at("barn" if story == "asthma_child" else chart.person.home)
            start = (now - timedelta(days=rng.randint(1, 9))).replace(hour=rng.randint(8, 15), minute=10, second=0, microsecond=0)
            desk.visit(start, kind, why=why, kind="VR" if "Telefon" in kind else "AMB").note(kind, words, signed=False)


_TASKS = (
    ("Ring patienten", "Vill ha besked om provsvar.", "hypertension diabetes2 thyroid"),
    ("Förnya recept", "Begäran via 1177: metoprolol 50 mg.", "atrial_fibrillation heart_failure"),
    ("Skriv intyg", "Läkarintyg för sjukpenning, nuvarande slutar på fredag.", "depression exhaustion"),
    ("Kalla till återbesök", "Uteblev från planerat besök, kallas på nytt.", "copd diabetes2"),
    ("Komplettera journal", "Vaccinationer från annan region saknas.", "healthy_child"),
)


def tasks(charts: Sequence[Chart], now: datetime, rng: Random) -> None:
    """Small things to do at each health centre, some of them late."""
    for text, words, stories in _TASKS:
        for chart in rng.sample(_of(charts, stories), 5):
            status = rng.choice(["requested", "requested", "in-progress", "completed"])
            _task(chart, chart.person.home, text, words, status, now, rng, days=rng.randint(-2, 6))


def _task(
    chart: Chart, unit: str, text: str, words: str, status: str, now: datetime, rng: Random, *,
    days: int, focus: staff.Resource | None = None,
) -> None:  # fmt: skip
    desk = chart.at(unit)
    author = desk.who(rng.choice([DOCTOR, NURSE]))
    made = now - timedelta(days=rng.randint(1, 5), hours=rng.randint(0, 5))
    desk.put(
        {
            "resourceType": "Task",
            "status": status,
            "intent": "order",
            "priority": "routine",
            "code": {"text": text},
            "description": words,
            "focus": reference_to(focus) if focus else None,
            "for": chart.subject,
            "authoredOn": made.isoformat(timespec="seconds"),
            "lastModified": made.isoformat(timespec="seconds"),
            "requester": author.reference,
            "owner": staff.organization(unit),
            "restriction": {"period": {"end": (now.date() + timedelta(days=days)).isoformat()}},
        },
        author,
    )
