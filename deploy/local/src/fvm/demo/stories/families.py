"""Pregnancy, birth and the newborn; mother and child know of each other."""

from datetime import date, timedelta

from fvm.demo.chart import Chart
from fvm.demo.staff import NURSE
from fvm.demo.stories.background import background

MIDWIFE = "Barnmorska"


def pregnancy(c: Chart) -> None:
    """A pregnancy that is going on: visits to the midwife up to today."""
    background(c)
    week = c.rng.randint(14, 38)
    _visits(c, c.today - timedelta(weeks=week), week)


def _visits(c: Chart, begun: date, week: int, twins: bool = False) -> None:
    """Antenatal visits from week 9 until `week`; `begun` is the first day of the last period."""
    midwife = c.at("kvinno")
    first = begun + timedelta(weeks=9)
    midwife.problem("O30.0" if twins else "Z34.9", first, text="Tvillinggraviditet" if twins else "Graviditet")
    enrol = midwife.visit(first, "Inskrivning mödrahälsovård", why="Z34.9", role=MIDWIFE, hours=1)
    enrol.labs(
        "Inskrivningsprover",
        hb=c.about(128, 6),
        ferritin=c.about(42, 15),
        tsh=c.about(1.4, 0.4, 1),
        glukos=c.about(4.9, 0.3, 1),
    )
    enrol.vitals(bp=(c.about(112, 6), c.about(68, 4)), weight=c.about(66, 6, 1))
    due = begun + timedelta(days=280)
    enrol.note(
        "Inskrivning mödrahälsovård",
        f"""{"Tvillinggraviditet. " if twins else ""}Beräknad partus {due.isoformat()} enligt sista mens.
Röker inte, AUDIT 2. Folsyra sedan två månader. Tidigare frisk. Frågor om våld ställda, inget framkommer.
Informerad om fosterdiagnostik, önskar kombinerat ultraljud och biokemi.""",
    )
    _scan(c, begun, twins)
    _checks(c, begun, week)
    if week > 26 and c.rng.random() < 0.6:
        midwife.drug("järn", "100 mg", "1 tablett varannan dag", begun + timedelta(weeks=26))


def _scan(c: Chart, begun: date, twins: bool) -> None:
    """The ultrasound of week 18."""
    midwife = c.at("kvinno")
    scan = begun + timedelta(weeks=18)
    if scan < c.today:
        rutin = midwife.visit(scan, "Rutinultraljud", why="Z34.9", role=MIDWIFE)
        found = (
            "Två levande foster, dikoriotisk tvillinggraviditet." if twins else "Ett levande foster, normal anatomi."
        )
        rutin.imaging("Rutinultraljud vecka 18", f"{found} Datering stämmer med sista mens.", section="OUS", later=1)


def _checks(c: Chart, begun: date, week: int) -> None:
    """The midwife every third week from week 24, up to yesterday."""
    midwife = c.at("kvinno")
    weight = c.about(66, 5, 1)
    for at in range(24, week + 1, 3):
        if begun + timedelta(weeks=at) >= c.today:
            break
        visit = midwife.visit(begun + timedelta(weeks=at), f"Barnmorskebesök vecka {at}", why="Z34.9", role=MIDWIFE)
        weight = round(weight + c.rng.uniform(0.8, 1.8), 1)
        visit.vitals(
            bp=(c.about(115, 6), c.about(70, 5)),
            sf=at - c.rng.choice([0, 1, 1, 2]),
            fetal=c.about(142, 6),
            weight=weight,
        )
        visit.labs("Hb och glukos", later=0.3, hb=c.about(114, 5), glukos=c.about(5.1, 0.4, 1))
        if at in (24, 33, 36):
            visit.note(
                "Barnmorskebesök",
                f"""Vecka {at}. Mår {c.rng.choice(["bra", "bra, lite foglossning", "bra men trött"])}. Känner \
fosterrörelser dagligen.
Blodtryck utan anmärkning, inget protein i urin. SF-mått följer kurvan. {"Huvudbjudning." if at > 30 else ""}
Plan: Nästa besök enligt basprogram.""",
            )


def mother(c: Chart) -> None:
    """Pregnancy, birth and the time after it, as old as the child is."""
    _birth(c, [c.person.kin["child1"].born], ["child1"])


def mother_of_twins(c: Chart) -> None:
    """Twins by caesarean section: a girl and a boy."""
    _birth(c, [c.person.kin["child1"].born, c.person.kin["child2"].born], ["child1", "child2"])


_CAESAREAN = "Planerat kejsarsnitt, tvillingar med första tvilling i säte."
_SPONTANEOUS = "Spontan värkstart. Utvidgningsskede sju timmar, lustgas och epiduralbedövning."


def _birth(c: Chart, born: list[date], children: list[str]) -> None:
    background(c)
    day, twins = born[0], len(children) > 1
    weeks = 37 if twins else c.rng.randint(38, 41)
    _visits(c, day - timedelta(weeks=weeks), weeks - 1, twins)
    staying = (c.today - day).days <= 4 if twins else (c.today - day).days <= 2
    ward = c.at("kvinno")
    stay = ward.visit(
        ward.moment(day, 2), "Förlossning", why="O30.0" if twins else "Z34.9", role=MIDWIFE, kind="IMP",
        hours=None if staying else 62, bed=_bed(c) if staying else 0,
    )  # fmt: skip
    kids = [c.person.kin[name] for name in children]
    words = " och ".join(f"en {'flicka' if kid.sex == 'female' else 'pojke'}" for kid in kids)
    stay.procedure("Kejsarsnitt" if twins else "Spontan vaginal förlossning", later=7)
    began = _CAESAREAN if twins else _SPONTANEOUS
    stay.note(
        "Förlossningsberättelse",
        f"""{began} Graviditetsvecka {weeks}.
Föder {words}. {"Båda" if twins else "Barnet"} mår bra, hud mot hud.
Placenta komplett. Blödning {c.rng.randint(250, 600)} ml. {"" if twins else "Bristning grad 1, sutureras."}""",
        hour_later=8,
    )
    stay.vitals(bp=(c.about(118, 6), c.about(72, 5)), pulse=c.about(84, 6), temp=37.1, later=20)
    after = day + timedelta(days=56)
    if after < c.today:
        check = ward.visit(after, "Efterkontroll", why="Z39.2", role=MIDWIFE)
        check.vitals(bp=(112, 70), weight=c.about(69, 4, 1))
        check.note(
            "Barnmorskebesök",
            "Efterkontroll åtta veckor. Läkt fint. EPDS 4 poäng. Ammar helt. Preventivmedel diskuterat.",
        )


def _bed(c: Chart) -> int:
    """A mother's bed follows the day of birth, so that nobody shares one."""
    return (c.today - c.person.kin["child1"].born).days + 1


def newborn(c: Chart) -> None:
    """A child born a few days ago."""
    _born(c, c.rng.randint(3100, 4100), "Z38.0")


def twin(c: Chart) -> None:
    """One of two."""
    _born(c, c.rng.randint(2350, 2800), "Z38.3")


def _born(c: Chart, grams: int, why: str) -> None:
    ward = c.at("kvinno")
    day = c.person.born
    staying = (c.today - day).days <= 2 or (why == "Z38.3" and (c.today - day).days <= 4)
    stay = ward.visit(ward.moment(day, 9), "Nyfödd", why=why, role=MIDWIFE, kind="IMP", hours=None if staying else 50)
    stay.vitals(later=0.1, apgar1=c.rng.choice([8, 9, 9]), apgar5=10, apgar10=10)
    stay.vitals(
        later=0.5, weight=round(grams / 1000, 1), height=round(grams / 72), head=round(28 + grams / 520, 1), temp=36.9
    )
    girl = "Flicka" if c.is_woman else "Pojke"
    twins = "Tvilling. " if why == "Z38.3" else ""
    stay.note(
        "Nyföddhetsanteckning",
        f"""{girl}, född {day.isoformat()}. {twins}Födelsevikt {grams} g. Apgar 9–10–10. Skriker direkt, god färg.
Vitamin K given. Sugit vid bröstet inom första timmen.""",
    )
    if (c.today - day).days >= 2:
        check = ward.visit(ward.moment(day + timedelta(days=1), 11), "Läkarundersökning nyfödd", why=why, hours=0.3)
        check.note(
            "Läkarundersökning nyfödd",
            """Hjärta utan blåsljud, femoralispulser palperas. Höfter stabila. Reflexer symmetriska. Ögon: röd \
reflex bilateralt. PKU-prov planeras efter 48 timmar.""",
        )
    if (c.today - day).days > 20:
        gp = c.at(c.person.home)
        home = gp.visit(day + timedelta(days=12), "Hembesök barnhälsovård", role=NURSE, kind="HH", hours=1)
        home.vitals(weight=round(grams / 1000 + 0.3, 1), head=round(29 + grams / 520, 1))
        home.note(
            "Barnhälsovård",
            """Första hembesöket. Gått upp fint i vikt, ammas helt. D-droppar ges. Båda föräldrarna med, mår \
bra. Information om sovmiljö.""",
        )
        gp.drug("d-vitamin", "80 IE/droppe", "5 droppar dagligen", home.day)
    if (c.today - day).days > 45:
        c.at(c.person.home).vaccine("rotavirus", day + timedelta(weeks=6), 1)
