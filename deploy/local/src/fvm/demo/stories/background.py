"""What most histories have: vaccinations, a remark on hypersensitivity, a cold, and words that repeat."""

from fvm.demo.chart import Chart
from fvm.demo.staff import DOCTOR, NURSE
from fvm.demo.values import weekday
from fvm.demo.visit import Visit


def background(c: Chart) -> None:
    """Hypersensitivity asked for, and the autumn's vaccinations for those who are old enough."""
    gp = c.at(c.person.home)
    draw = c.rng.random()
    if draw < 0.12:
        gp.allergy("Penicillin", "utslag", c.ago(years=c.rng.randint(3, 20)), atc="J01CE")
    elif draw < 0.16:
        gp.allergy("Penicillin", "anafylaxi", c.ago(years=c.rng.randint(3, 20)), severe=True, atc="J01CE")
    elif draw < 0.20:
        gp.allergy("Acetylsalicylsyra", "astmaanfall", c.ago(years=6), severe=True, atc="N02BA01")
    elif draw < 0.8:
        gp.no_allergies(c.ago(days=c.rng.randint(60, 900)))
    if c.age >= 18 and c.rng.random() < 0.3:
        gp.own_remedy("paracetamol", "500 mg", "1–2 tabletter vid behov", c.ago(days=c.rng.randint(20, 400)))
    if c.age >= 65:
        autumn(c)


def autumn(c: Chart) -> None:
    """Influenza each of the last three autumns, covid the last one, as far as they have come."""
    gp = c.at(c.person.home)
    for back in range(3):
        day = weekday(c.today.replace(year=c.today.year - back, month=11, day=c.rng.randint(4, 20)))
        if day < c.today and c.rng.random() < 0.8:
            gp.vaccine("influensa", day)
            if back == 0:
                gp.vaccine("covid", day)


def lives(c: Chart) -> str:
    """A line of social history that fits the age."""
    if c.age < 25:
        return c.rng.choice(["Studerar och bor i kollektiv.", "Bor hos föräldrarna, arbetar extra på kafé."])
    if c.age < 65:
        return c.rng.choice(
            [
                "Gift, två barn. Arbetar som lärare.",
                "Sambo. Arbetar heltid på lager.",
                "Ensamstående med ett barn varannan vecka. Arbetar i vården.",
                "Gift. Egen företagare inom bygg.",
                "Sambo, inga barn. Arbetar på kontor.",
            ]
        )
    return (
        c.rng.choice(
            [
                "Pensionär. Bor med make/maka i villa.",
                "Änka/änkling sedan några år, bor i lägenhet med hiss.",
                "Pensionär. Bor ensam, dottern hjälper till med inköp.",
                "Bor i hus på landet, klarar sig själv. Trygghetslarm finns.",
            ]
        )
        .replace("make/maka", "make" if c.is_woman else "maka")
        .replace("Änka/änkling", "Änka" if c.is_woman else "Änkling")
    )


def cold(c: Chart) -> None:
    """A contact about a cold at the health centre, by telephone."""
    call = c.at(c.person.home).visit(
        c.ago(years=c.rng.uniform(0.3, 2.5)), "Telefonrådgivning", why="J06.9", role=NURSE, kind="VR", hours=0.2
    )
    call.note(
        "Telefonkontakt",
        f"""Kontaktorsak: Hosta och snuva sedan {c.rng.randint(3, 8)} dagar.
Ingen feber nu. Äter och dricker. Inga andningsbesvär.
Åtgärd: Egenvårdsråd. Åter vid feber i mer än fyra dygn, andnöd eller försämrat allmäntillstånd.""",
    )


def blood_pressure(c: Chart, upper: float = 128, lower: float = 76) -> tuple[float, float]:
    return c.about(upper, 8), c.about(lower, 5)


def health_check(c: Chart, years: float, text: str = "Läkarbesök") -> Visit:
    """A visit at the health centre with the usual values."""
    visit = c.at(c.person.home).visit(c.ago(years=years), text, role=DOCTOR)
    visit.vitals(bp=blood_pressure(c), pulse=c.about(70, 8), weight=c.about(76 if c.is_woman else 86, 9, 1))
    return visit
