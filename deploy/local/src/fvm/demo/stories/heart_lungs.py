"""Heart and lungs: heart failure, atrial fibrillation, COPD, and asthma in adults."""

from datetime import date, timedelta

from fvm.demo.chart import Chart
from fvm.demo.staff import NURSE
from fvm.demo.stories.common import background, lives


def heart_failure(c: Chart) -> None:
    """Heart failure with reduced ejection fraction: a stay, titration, weights that follow the water."""
    background(c)
    ward, clinic, gp = c.at("avd52"), c.at("norrby"), c.at(c.person.home)
    years = c.rng.uniform(0.7, 4)
    gp.problem("I10.9", c.ago(years=years + 6), text="Essentiell hypertoni")
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
    for word, strength, dose in (
        ("furosemid", "40 mg", "1 tablett på morgonen"),
        ("enalapril", "10 mg", "1 tablett 2 gånger dagligen"),
        ("bisoprolol", "5 mg", "1 tablett på morgonen"),
        ("spironolakton", "25 mg", "1 tablett dagligen"),
    ):
        ward.drug(word, strength, dose, stay, why="I50.9")
    weight, bnp = 78.4, 2900
    for step in range(5):
        visit = clinic.visit(
            stay.day + timedelta(days=14 + step * 45), "Hjärtsviktsmottagning", why="I50.9", role=NURSE
        )
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
    _half_yearly(c, stay.day)


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


def copd(c: Chart) -> None:
    """COPD with spirometry over years, a stay for an exacerbation, and attempts to stop smoking."""
    background(c)
    gp = c.at(c.person.home)
    years = c.rng.randint(4, 10)
    gp.problem("J44.9", c.ago(years=years), text="KOL, stadium 2")
    gp.drug("tiotropium", "18 mikrogram", "1 inhalation dagligen", c.ago(years=years), why="J44.9")
    gp.drug("salbutamol", "0,2 mg/dos", "1–2 inhalationer vid behov", c.ago(years=years), why="J44.9")
    fev1 = c.about(1.75 if c.is_woman else 2.1, 0.2, 2)
    for back in (3.2, 2.2, 1.2, 0.3):
        fev1 = round(fev1 - c.rng.uniform(0.02, 0.08), 2)
        visit = gp.visit(c.ago(years=back), "Astma- och KOL-mottagning", why="J44.9", role=NURSE, hours=0.75)
        visit.vitals(
            fev1=fev1, fvc=round(fev1 / 0.58, 2), sat=c.about(94, 1), weight=c.about(70, 5, 1), resp=c.about(18, 2)
        )
        visit.procedure("Spirometri", why="J44.9")
        visit.procedure("DV112", why="J44.9")
        visit.note(
            "Astma- och KOL-mottagning",
            f"""Kontaktorsak: Årskontroll KOL.
CAT {c.rng.randint(11, 22)} poäng, mMRC 2. En försämringsperiod det senaste året.
Rökning: {c.rng.choice(["Röker 8–10 cigaretter om dagen, vill sluta.", "Rökfri sedan två år, 40 paketår."])}
Inhalationsteknik kontrollerad, god.
FEV1 {str(fev1).replace(".", ",")} L.
Plan: Skriftlig behandlingsplan vid försämring. Fysioterapeut för träning. Influensavaccin i höst.""",
        )
    _exacerbation(c)


def _exacerbation(c: Chart) -> None:
    ward = c.at("avd52")
    stay = ward.visit(c.ago(years=c.rng.uniform(0.4, 1.1)), "Akut inskrivning", why="J44.1", kind="IMP", hours=24 * 4)
    stay.vitals(bp=(c.about(142, 8), c.about(82, 5)), pulse=108, resp=28, sat=86, temp=38.1)
    stay.labs(
        "Akutprover",
        crp=c.about(68, 20),
        lpk=c.about(12.4, 1.5, 1),
        hb=c.about(142, 6),
        na=c.about(137, 2),
        k=3.9,
        krea=80,
    )
    stay.imaging(
        "Lungröntgen",
        "Emfysem. Inga säkra infiltrat, ingen stas.",
        "Hyperinflaterade lungor med avplanade diafragmavalv.",
    )
    stay.note(
        "Inskrivningsanteckning",
        """Kontaktorsak: Andnöd sedan tre dagar.
Aktuellt: Ökad mängd missfärgade upphostningar, feber. Inhalerat salbutamol varannan timme utan effekt.
Status: Påverkad, talar korta meningar. Förlängt exspirium, ronki över båda lungorna.
Bedömning: KOL-exacerbation, trolig infektionsutlöst.
Åtgärd: Syrgas med målsaturation 88–92 %, inhalationer, prednisolon 30 mg i fem dagar, antibiotika.""",
    )
    stay.note(
        "Epikris",
        """Vårdades för akut försämring av KOL. Förbättrades på inhalationer, kortison och antibiotika. Vid \
hemgång saturation 92 % på rumsluft.
Uppföljning: KOL-sjuksköterska på vårdcentralen inom fyra veckor. Ny spirometri när patienten är stabil.""",
        hour_later=92,
    )
    ward.drug("prednisolon", "5 mg", "6 tabletter dagligen i 5 dagar", stay, why="J44.1", course=5)


def asthma_adult(c: Chart) -> None:
    """Asthma since childhood, well kept; birch in May."""
    background(c)
    gp = c.at(c.person.home)
    gp.problem("J45.0", c.ago(years=12), text="Allergisk astma")
    gp.problem("J30.1", c.ago(years=10), text="Pollenallergi, björk")
    gp.allergy("Björkpollen", "rinnande ögon, astma", c.ago(years=10), kind="environment")
    gp.drug(
        "budesonid-formoterol",
        "160/4,5 mikrogram/dos",
        "1–2 inhalationer 2 gånger dagligen",
        c.ago(years=3),
        why="J45.0",
    )
    gp.drug("desloratadin", "5 mg", "1 tablett dagligen under pollensäsong", c.ago(years=3), why="J30.1")
    for back in (2.3, 1.2, 0.3):
        visit = gp.visit(c.ago(years=back), "Astma- och KOL-mottagning", why="J45.0", role=NURSE)
        visit.vitals(fev1=c.about(3.3, 0.1, 2), fvc=c.about(4.0, 0.1, 2), pef=c.about(430, 15))
        visit.note(
            "Astma- och KOL-mottagning",
            """Årskontroll astma. ACT 22 poäng, god kontroll. Inga akutbesök. Tränar två gånger i veckan utan besvär.
Inhalationsteknik utan anmärkning. Plan: Oförändrad behandling, ny kontroll om ett år.""",
        )
