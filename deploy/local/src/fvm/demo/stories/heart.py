"""The heart: heart failure and atrial fibrillation."""

from datetime import date, timedelta

from fvm.demo.chart import Chart
from fvm.demo.staff import NURSE
from fvm.demo.stories.background import background, lives
from fvm.demo.visit import Visit


def heart_failure(c: Chart) -> None:
    """Heart failure with reduced ejection fraction: a stay, titration, weights that follow the water."""
    background(c)
    years = c.rng.uniform(0.7, 4)
    c.at(c.person.home).problem("I10.9", c.ago(years=years + 6), text="Essentiell hypertoni")
    ward = c.at("avd52")
    stay = ward.visit(c.ago(years=years), "Akut inskrivning", why="I50.9", kind="IMP", hours=24 * c.rng.randint(4, 8))
    stay.vitals(bp=(c.about(148, 10), c.about(86, 6)), pulse=c.about(104, 8), resp=26, sat=90, temp=36.9, weight=84.6)
    stay.labs(
        "Akutprover", probnp=c.about(5200, 900), krea=c.about(104, 12), k=4.2, na=136, hb=c.about(131, 7), crp=8, tnt=22
    )
    stay.imaging("Ekokardiografi", f"""Vänsterkammarens ejektionsfraktion {c.rng.randint(28, 38)} %. Måttlig \
mitralisinsufficiens.""",
                 """Dilaterad vänsterkammare med global hypokinesi. Vänster förmak förstorat. \
Högerkammarfunktion normal.""", "CUS")  # fmt: skip
    stay.problem_here("I50.9", "Hjärtsvikt med nedsatt ejektionsfraktion (HFrEF)")
    _words_of_the_stay(c, stay)
    for word, strength, dose in (
        ("furosemid", "40 mg", "1 tablett på morgonen"),
        ("enalapril", "10 mg", "1 tablett 2 gånger dagligen"),
        ("bisoprolol", "5 mg", "1 tablett på morgonen"),
        ("spironolakton", "25 mg", "1 tablett dagligen"),
    ):
        ward.drug(word, strength, dose, stay, why="I50.9")
    _titration(c, stay.day)
    _half_yearly(c, stay.day)


def _words_of_the_stay(c: Chart, stay: Visit) -> None:
    stay.note(
        "Inskrivningsanteckning",
        f"""Kontaktorsak: Tilltagande andfåddhet.
Socialt: {lives(c)}
Aktuellt: Sedan två veckor andfådd vid gång på plan mark, vaknar om natten av andnöd. Viktuppgång 5 kg. \
Bensvullnad till knäna.
Status: Lätt påverkad. Hjärta: regelbunden takykardi, systoliskt blåsljud II/VI över apex. Lungor: fuktiga \
rassel basalt bilateralt. Underben: pittingödem.
Bedömning: Nydebuterad hjärtsvikt, NYHA III.
Åtgärd: Furosemid intravenöst, vätskelista, daglig vikt, ekokardiografi.""",
    )
    stay.note(
        "Epikris",
        """Vårdades för nydebuterad hjärtsvikt. God effekt av diuretika, viktnedgång 6 kg. Ekokardiografi visade \
nedsatt vänsterkammarfunktion. Insatt på ACE-hämmare, betablockerare och spironolakton.
Utskriven till hemmet i NYHA II, vikt vid hemgång 78,4 kg.
Uppföljning: Sjuksköterskeledd hjärtsviktsmottagning inom två veckor för upptitrering. Kontroll av kalium och \
kreatinin om en vecka.""",
        hour_later=90,
    )


def _titration(c: Chart, since: date) -> None:
    """The nurse-led clinic raises the doses step by step, the weight at home being watched."""
    clinic = c.at("norrby")
    weight, bnp = 78.4, 2900
    for step in range(5):
        visit = clinic.visit(since + timedelta(days=14 + step * 45), "Hjärtsviktsmottagning", why="I50.9", role=NURSE)
        if visit.day >= c.today:
            break
        weight, bnp = round(weight + c.rng.uniform(-0.8, 0.9), 1), int(bnp * 0.85)
        visit.vitals(bp=(c.about(116, 7), c.about(68, 5)), pulse=c.about(64, 5), weight=weight)
        visit.labs(
            "Hjärtsviktsprover",
            probnp=bnp,
            krea=c.about(108, 9),
            egfr=c.about(52, 5),
            k=c.about(4.5, 0.3, 1),
            na=c.about(138, 2),
        )
        visit.note(
            "Hjärtsviktsmottagning",
            f"""Mår {c.rng.choice(["bättre", "oförändrat", "bättre, orkar en trappa utan vila"])}. NYHA II. Väger \
sig varje dag.
Inga svullnader. Ingen yrsel vid uppresning.
Läkemedel enligt lista, tas regelbundet. \
{c.rng.choice(["Dosen bisoprolol höjs.", "Oförändrade doser.", "Dosen enalapril höjs."])}
Plan: Ringer vid viktuppgång mer än 2 kg på tre dagar. Ny kontroll enligt vårdplan.""",
        )
        if step == 0:
            visit.plan(
                "Vårdplan hjärtsvikt",
                "Symtom högst NYHA II. Målvikt 78 kg. Inga akuta inskrivningar.",
                [
                    "Väger sig varje morgon",
                    "Extra furosemid vid viktuppgång över 2 kg",
                    "Fysisk träning i grupp 1 gång i veckan",
                ],
            )


def _half_yearly(c: Chart, since: date) -> None:
    """What the health centre does when the clinic is done."""
    day = since + timedelta(days=400)
    while day < c.today:
        visit = c.at(c.person.home).visit(day, "Uppföljning hjärtsvikt", why="I50.9")
        visit.vitals(bp=(c.about(118, 7), c.about(70, 5)), pulse=c.about(66, 5), weight=c.about(78, 1, 1))
        visit.labs(
            "Hjärtsviktsprover",
            probnp=c.about(1450, 250),
            krea=c.about(110, 9),
            egfr=c.about(51, 5),
            k=c.about(4.6, 0.2, 1),
        )
        visit.note(
            "Läkarbesök",
            """Uppföljning hjärtsvikt. Stabil, NYHA II. Sover plant, inga bensvullnader. Väger sig dagligen.
Status: Hjärta regelbundet, inga rassel. Vikt oförändrad. Blodtryck utan ortostatism.
Plan: Fortsatt behandling enligt lista. Prover om tre månader, besök om sex månader.""",
        )
        day += timedelta(days=182)


def atrial_fibrillation(c: Chart) -> None:
    """Atrial fibrillation found by pulse; anticoagulants for life."""
    background(c)
    gp = c.at(c.person.home)
    visit = gp.visit(c.ago(years=c.rng.uniform(0.8, 4)), "Läkarbesök", why="I48.9")
    visit.vitals(bp=(c.about(138, 8), c.about(82, 6)), pulse=c.about(112, 9))
    visit.imaging(
        "EKG, 12 avledningar",
        "Förmaksflimmer, kammarfrekvens cirka 110 per minut. Inga tecken på ischemi.",
        section="EC",
    )
    visit.labs(
        "Flimmerprover",
        hb=c.about(139, 7),
        tpk=c.about(240, 30),
        krea=c.about(86, 8),
        egfr=c.about(66, 8),
        tsh=2.0,
        k=4.2,
    )
    visit.problem_here("I48.9", "Förmaksflimmer")
    visit.note(
        "Läkarbesök",
        """Kontaktorsak: Oregelbunden puls, upptäckt av patienten själv.
Aktuellt: Trött och lite andfådd senaste veckorna. Ingen bröstsmärta eller svimning.
Status: Oregelbunden hjärtrytm, inga blåsljud. Inga ödem.
Bedömning: Förmaksflimmer, CHA2DS2-VASc 3.
Plan: Apixaban och metoprolol. Ekokardiografi på medicinmottagningen.""",
    )
    gp.drug("apixaban", "5 mg", "1 tablett 2 gånger dagligen", visit, why="I48.9")
    gp.drug("metoprolol", "50 mg", "1 tablett dagligen", visit, why="I48.9")
    visit.refer(
        "norrby",
        "Ekokardiografi",
        "Nyupptäckt förmaksflimmer. Tacksam bedömning av kammarfunktion och klaffar.",
        why="I48.9",
    )
    echo = c.at("norrby").visit(visit.day + timedelta(days=35), "Ekokardiografi", why="I48.9")
    echo.imaging("Ekokardiografi", "Normal vänsterkammarfunktion. Lätt förstorat vänster förmak.", section="CUS")
