"""What a younger person comes with: cystitis, pneumonia, an appendix, a broken wrist."""

from datetime import timedelta

from fvm.demo.chart import Chart
from fvm.demo.staff import NURSE
from fvm.demo.stories.background import background


def infection(c: Chart) -> None:
    """A younger person's contacts: cystitis, pneumonia, an appendix, a broken wrist."""
    background(c)
    kinds = [_pneumonia, _appendix, _wrist] + ([_cystitis, _cystitis] if c.is_woman else [])
    c.rng.choice(kinds)(c)
    if c.rng.random() < 0.4:
        c.rng.choice([_pneumonia, _wrist])(c)


def _cystitis(c: Chart) -> None:
    gp = c.at(c.person.home)
    visit = gp.visit(c.ago(years=c.rng.uniform(0.1, 1.5)), "Besök sjuksköterska", why="N30.0", role=NURSE, hours=0.25)
    visit.note(
        "Sjuksköterskebesök",
        """Kontaktorsak: Sveda och täta trängningar sedan två dagar. Ingen feber, ingen flanksmärta. Inte \
gravid.
Bedömning enligt rutin: Okomplicerad nedre urinvägsinfektion.
Åtgärd: Pivmecillinam efter läkarordination. Dricka rikligt. Åter vid feber eller utebliven förbättring inom tre \
dygn.""",
    )
    gp.drug("pivmecillinam", "200 mg", "1 tablett 3 gånger dagligen i 5 dagar", visit, why="N30.0", course=5)  # fmt: skip


def _pneumonia(c: Chart) -> None:
    gp = c.at(c.person.home)
    visit = gp.visit(c.ago(years=c.rng.uniform(0.1, 2)), "Läkarbesök", why="J18.9")
    visit.vitals(bp=(c.about(122, 8), c.about(74, 5)), pulse=c.about(98, 8), resp=22, sat=95, temp=39.1)
    visit.labs("Snabbprover", later=0.5, crp=c.about(128, 30))
    visit.note(
        "Läkarbesök",
        """Kontaktorsak: Feber och hosta sedan fem dagar.
Status: Allmänpåverkad men inte medtagen. Lungor: krepitationer basalt höger.
Bedömning: Samhällsförvärvad pneumoni, CRB-65 0 poäng. Behandlas i hemmet.
Plan: Fenoximetylpenicillin 1 g x 3 i sju dagar. Sjukskrivning en vecka.""",
    )
    gp.drug("fenoximetylpenicillin", "1 g", "1 tablett 3 gånger dagligen i 7 dagar", visit, why="J18.9", course=7)  # fmt: skip


def _appendix(c: Chart) -> None:
    stay = c.at("kirort").visit(
        c.ago(years=c.rng.uniform(0.3, 4)), "Akut inskrivning", why="K35.8", kind="IMP", hours=30
    )
    stay.vitals(bp=(118, 72), pulse=96, resp=18, sat=98, temp=38.2)
    stay.labs("Akutprover", crp=c.about(58, 15), lpk=c.about(14.2, 1.5, 1), hb=141, krea=70)
    stay.procedure("JEA01", why="K35.8", later=5)
    stay.note(
        "Epikris",
        """Inkom med ett dygns anamnes på smärta i höger fossa. DT visade appendicit. Laparoskopisk appendektomi \
utan komplikation, flegmonös appendix utan perforation.
Hemgång dagen efter. Inget planerat återbesök. Undvik tunga lyft i två veckor.""",
        hour_later=28,
    )
    stay.desk.problem("K35.8", stay.day, visit=stay, ended=stay.day + timedelta(days=14), text="Akut appendicit")


def _wrist(c: Chart) -> None:
    door = c.at("akuten").visit(c.ago(years=c.rng.uniform(0.1, 3)), "Akutbesök", why="S52.5", kind="EMER", hours=4)
    side = c.rng.choice(["höger", "vänster"])
    door.imaging(
        f"Röntgen {side} handled", "Distal radiusfraktur med 20 graders dorsal bockning.", "Ingen ledytestörning."
    )
    door.note(
        "Akutanteckning",
        f"""Kontaktorsak: Halkade på is, tog emot med {side} hand.
Status: Svullnad och felställning {side} handled, distalstatus utan anmärkning.
Åtgärd: Sluten reposition i lokalbedövning, gipsskena. Röntgenkontroll om en vecka.""",
    )
    door.procedure("Sluten reposition av handledsfraktur", why="S52.5")
