"""Children: the programme of child health care, and asthma."""

from datetime import date, timedelta

from fvm.demo.chart import Chart
from fvm.demo.staff import NURSE
from fvm.demo.stories.background import background

# Age in months → weight in kg and length in cm of a child in the middle of the curve.
_GROWTH = {
    1: (4.3, 54),
    3: (6.1, 61),
    5: (7.3, 66),
    8: (8.7, 71),
    12: (9.8, 76),
    18: (11.2, 82),
    36: (14.6, 96),
    48: (16.6, 104),
    66: (19.8, 113),
}
_PROGRAMME = ((3, "sexvalent", 1), (3, "pneumokock", 1), (5, "sexvalent", 2), (5, "pneumokock", 2), (12, "sexvalent", 3),
              (12, "pneumokock", 3), (18, "mpr", 1))  # fmt: skip


def healthy_child(c: Chart) -> None:
    """Visits and vaccinations of the national programme, an ear now and then."""
    growing(c)
    if c.age >= 2 and c.rng.random() < 0.6:
        _ear(c)
    if c.age >= 1 and c.rng.random() < 0.3:
        gp = c.at(c.person.home)
        gp.problem("L20.9", _born(c, 10), text="Atopiskt eksem")
    if c.age >= 3 and c.rng.random() < 0.12:
        c.at(c.person.home).allergy("Jordnöt", "nässelutslag, andningsbesvär", _born(c, 30), severe=True, kind="food")


def growing(c: Chart) -> None:
    """Child health care from the first month up to now."""
    gp = c.at(c.person.home)
    factor = c.rng.uniform(0.92, 1.08)
    months = (c.today - c.person.born).days // 30
    for at, (weight, height) in _GROWTH.items():
        if at >= months:
            break
        visit = gp.visit(_born(c, at), f"Barnhälsovård, {_age(at)}", role=NURSE, hours=0.5)
        more = {"head": round(33 + at**0.5 * 3.4, 1)} if at <= 18 else {}
        visit.vitals(weight=round(weight * factor, 1), height=round(height * (1 + (factor - 1) / 3)), **more)
        if at in (8, 18, 36, 48):
            visit.note("Barnhälsovård", _WORDS[at])
    for at, word, dose in _PROGRAMME:
        if at < months:
            gp.vaccine(word, _born(c, at), dose)


_WORDS = {
    8: """Åtta månader. Sitter stadigt, jollrar, äter smakportioner. Samspel utan anmärkning. EPDS med modern \
tidigare utan anmärkning.""",
    18: "Arton månader. Går, säger ett tiotal ord, pekar. Sover hela natten. Föräldrarna inga frågor.",
    36: """Tre år. Språkscreening genomförd utan anmärkning. Leker rollekar, kissar på pottan. Tandhälsa: \
borstar två gånger om dagen.""",
    48: "Fyra år. Synprövning 1,0/1,0. Ritar huvudfoting, hoppar på ett ben. Hörsel utan oro.",
}


def _age(months: int) -> str:
    if months < 2:
        return "1 månad"
    return f"{months} månader" if months < 24 else f"{months // 12} år" + (" och 6 månader" if months % 12 else "")


def _born(c: Chart, months: float) -> date:
    """A working day near so many months of age."""
    day = c.person.born + timedelta(days=round(months * 30.4))
    return day - timedelta(days=max(0, day.weekday() - 4)) if day.weekday() > 4 else day


def _ear(c: Chart) -> None:
    gp = c.at(c.person.home)
    visit = gp.visit(c.ago(days=c.rng.randint(40, min(600, c.age * 300))), "Läkarbesök", why="H66.9")
    visit.vitals(temp=38.6)
    visit.note(
        "Läkarbesök",
        """Kontaktorsak: Öronont och feber sedan i går.
Status: Opåverkad. Höger trumhinna buktande och rodnad. Vänster utan anmärkning. Lungor rena.
Bedömning: Akut mediaotit.
Plan: Exspektans och smärtlindring, åter om ingen förbättring inom två till tre dygn.""",
    )


_SINCE_LAST = (
    "Inga akuta besvär sedan sist.",
    "Hostar vid idrott och när det är kallt.",
    "Besvär vid två förkylningar, klarat sig med salbutamol.",
)


def asthma_child(c: Chart) -> None:
    """A child with allergic asthma: emergency visits first, then a plan that works."""
    growing(c)
    clinic = c.at("barn")
    since = c.ago(years=min(c.age - 2, c.rng.randint(2, 5)))
    clinic.problem("J45.0", since, text="Allergisk astma")
    clinic.allergy("Pälsdjur (katt)", "hosta, pipande andning", since, kind="environment")
    if c.rng.random() < 0.5:
        clinic.allergy("Jordnöt", "anafylaxi", since, severe=True, kind="food")
    clinic.drug("budesonid", "100 mikrogram/dos", "1 inhalation 2 gånger dagligen", since, why="J45.0")
    clinic.drug("salbutamol", "0,1 mg/dos", "2 inhalationer vid behov", since, why="J45.0")
    _attack(c)
    weight, height = 12 + c.age * 2.6, c.about(84 + c.age * 5.6, 4)
    for back in (1.6, 1.0, 0.4):
        visit = clinic.visit(c.ago(years=back), "Astmamottagning barn", why="J45.0", hours=0.75)
        kilos = round(weight - back * 2.4, 1)
        visit.vitals(
            weight=kilos, height=round(height - back * 5.6), pef=c.about(120 + c.age * 20, 15), sat=c.about(98, 1)
        )
        visit.note(
            "Läkarbesök",
            f"""Kontaktorsak: Kontroll astma. Mamma med.
Aktuellt: \
{c.rng.choice(_SINCE_LAST)} \
Tar sin medicin varje dag med hjälp.
Status: Vikt {str(kilos).replace(".", ",")} kg, följer kurvan. Lungor: inga ronki. 
Bedömning: {c.rng.choice(["God astmakontroll.", "Delvis kontrollerad astma."])}
Plan: {c.rng.choice(["Oförändrad behandling.", "Prövar att sänka dosen efter pollensäsongen."])} Skriftlig \
behandlingsplan till skolan. Åter om sex månader.""",
        )
    visit.plan("Behandlingsplan astma", "Inga akutbesök, full medverkan i skolidrotten.",
               ["Budesonid varje dag", "Salbutamol före idrott", "Åtgärdstrappa vid förkylning"])  # fmt: skip
    background(c)


def _attack(c: Chart) -> None:
    door = c.at("akuten").visit(c.ago(years=min(2.0, c.age - 2)), "Akutbesök", why="J45.0", kind="EMER", hours=4)
    door.vitals(pulse=138, resp=36, sat=92, temp=37.8)
    door.note(
        "Akutanteckning",
        """Kontaktorsak: Andningsbesvär i samband med förkylning.
Status: Indragningar, förlängt exspirium, ronki bilateralt. Orkar dricka.
Åtgärd: Inhalation salbutamol i andningsbehållare tre gånger, betametason. Klar förbättring, saturation 97 % \
efter tre timmar.
Hemgång med inhalationer enligt schema. Remiss barnmottagningen.""",
    )
    door.refer("barn", "Astmautredning", "Barn med tredje obstruktiva episoden. Tacksam bedömning.", why="J45.0")
