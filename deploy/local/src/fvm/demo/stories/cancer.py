"""Cancer pathways (standardiserat vårdförlopp): suspicion, investigation, conference, treatment, follow-up."""

from datetime import date, timedelta

from fvm.demo.chart import Chart
from fvm.demo.staff import NURSE
from fvm.demo.stories.background import background, lives
from fvm.demo.values import weekday
from fvm.demo.visit import Visit


def breast_cancer(c: Chart) -> None:
    """A lump, SVF, breast-conserving surgery, radiotherapy and hormone treatment."""
    background(c)
    suspected = c.ago(years=c.rng.uniform(0.3, 3))
    side = c.rng.choice(["höger", "vänster"])
    gp = c.at(c.person.home).visit(suspected, "Läkarbesök", why="C50.9")
    gp.note(
        "Läkarbesök",
        f"""Kontaktorsak: Knöl i {side} bröst, upptäckt för två veckor sedan.
Socialt: {lives(c)} Hereditet: Moster bröstcancer vid 62 år.
Status: {side.capitalize()} bröst: 2 cm fast, ojämn resistens i övre yttre kvadranten. Axill utan palpabla körtlar.
Bedömning: Välgrundad misstanke om bröstcancer. SVF startas i dag.
Plan: Remiss bröstmottagning enligt SVF. Patienten informerad om misstanken och tiderna.""",
    )
    gp.refer(
        "kirort",
        "SVF bröstcancer",
        f"Välgrundad misstanke om bröstcancer {side} sida. Trippeldiagnostik önskas.",
        why="C50.9",
        urgent=True,
    )
    _investigation(c, suspected, side)
    _surgery(c, suspected, side)


def _investigation(c: Chart, suspected: date, side: str) -> None:
    clinic = c.at("kirort")
    triple = clinic.visit(weekday(suspected + timedelta(days=7)), "SVF: trippeldiagnostik", why="C50.9")
    triple.imaging(
        "Mammografi och ultraljud",
        f"Malignitetsmisstänkt förändring 18 mm {side} bröst, kod 5.",
        "Solid, spikulerad förtätning. Axill utan förstorade körtlar.",
        "RAD",
    )
    triple.procedure("Mellannålsbiopsi bröst", why="C50.9")
    told = clinic.visit(
        weekday(suspected + timedelta(days=18)), "SVF: besked efter multidisciplinär konferens", why="C50.9", hours=1
    )
    told.problem_here("C50.9", f"Bröstcancer {side} sida")
    told.note(
        "Multidisciplinär konferens",
        """PAD: Invasiv duktal cancer, NHG 2, ER 95 %, PR 80 %, HER2 negativ, Ki67 18 %. Kliniskt T1c N0.
Rekommendation: Bröstbevarande kirurgi med portvaktskörtel, därefter strålbehandling och antihormonell behandling.
Patienten informerad tillsammans med kontaktsjuksköterska. Min vårdplan upprättad.""",
    )
    told.plan("Min vårdplan bröstcancer", "Behandling enligt SVF. Kontaktsjuksköterska Åsa Grahn.",
              ["Operation", "Strålbehandling fem fraktioner", "Anastrozol i fem år", "Årlig mammografi"])  # fmt: skip


def _surgery(c: Chart, suspected: date, side: str) -> None:
    clinic = c.at("kirort")
    surgery = clinic.visit(weekday(suspected + timedelta(days=31)), "Dagkirurgi", why="C50.9", kind="IMP", hours=9)
    surgery.procedure("Bröstbevarande operation med portvaktskörtelbiopsi", why="C50.9", later=2)
    surgery.note(
        "Operationsberättelse",
        f"""Bröstbevarande operation {side} sida. Två portvaktskörtlar, frysta negativa. Preparatröntgen med fri \
marginal. Inga komplikationer.""",
        hour_later=4,
    )
    _follow_up(c, surgery.day)


def _follow_up(c: Chart, operated: date) -> None:
    clinic = c.at("kirort")
    day = weekday(operated + timedelta(days=75))
    if day >= c.today:
        return
    clinic.drug("anastrozol", "1 mg", "1 tablett dagligen i fem år", day, why="C50.9")
    nurse = clinic.visit(day, "Kontaktsjuksköterska", role=NURSE, why="C50.9")
    nurse.note(
        "Sjuksköterskebesök",
        """Avslutad strålbehandling, lätt rodnad. Trött men arbetar halvtid. Svallningar av anastrozol, \
acceptabla. Distresstermometer 3. Rehabiliteringsbehov: gruppträning. Ring vid nya symtom.""",
    )
    yearly = day + timedelta(days=330)
    if yearly < c.today:
        clinic.visit(weekday(yearly), "Årskontroll", why="C50.9").imaging(
            "Mammografi", "Inga tecken till recidiv.", "", "RAD"
        )


def prostate_cancer(c: Chart) -> None:
    """PSA that rises, biopsies, and either active monitoring or hormones with radiation."""
    background(c)
    years = c.rng.uniform(0.8, 4)
    psa = c.about(7.8, 1.5, 1)
    gp = c.at(c.person.home).visit(c.ago(years=years), "Läkarbesök", why="C61.9")
    gp.labs("PSA", psa=psa, krea=c.about(88, 8))
    gp.note(
        "Läkarbesök",
        f"""PSA {str(psa).replace(".", ",")} µg/L vid kontroll, tidigare 4,1. Palpation: fast knuta höger lob. \
Välgrundad misstanke om prostatacancer, SVF startas.""",
    )
    gp.refer(
        "kirort",
        "SVF prostatacancer",
        "PSA-stegring och palpabel knuta. Tacksam utredning enligt SVF.",
        why="C61.9",
        urgent=True,
    )
    clinic = c.at("kirort")
    scan = clinic.visit(weekday(gp.day + timedelta(days=12)), "SVF: MR och biopsi", why="C61.9")
    scan.imaging("MR prostata", "PI-RADS 4 höger perifer zon, 14 mm. Ingen extraprostatisk växt.", "", "NMR")
    told = clinic.visit(weekday(gp.day + timedelta(days=27)), "SVF: besked", why="C61.9", hours=1)
    told.problem_here("C61.9", "Prostatacancer")
    _treated_or_watched(c, told)


def _treated_or_watched(c: Chart, told: Visit) -> None:
    clinic = c.at("kirort")
    active = c.rng.random() < 0.5
    plan = (
        "Aktiv monitorering med PSA var sjätte månad och ny MR efter ett år."
        if active
        else "Strålbehandling med sex månaders goserelin."
    )
    told.note(
        "Läkarbesök",
        f"""PAD: Adenocarcinom Gleason 3+{3 if active else 4}. Multidisciplinär konferens rekommenderar: {plan} \
Patienten önskar detta efter diskussion om biverkningar.""",
    )
    if not active:
        clinic.drug("goserelin", "10,8 mg", "1 implantat subkutant var 12:e vecka", told, why="C61.9", course=180)
    for step in range(1, 8):
        day = weekday(told.day + timedelta(days=180 * step))
        if day >= c.today:
            break
        psa = c.about(6.9 + step * 0.2, 0.4, 1) if active else c.about(0.3, 0.1, 1)
        check = clinic.visit(day, "PSA-kontroll", why="C61.9", role=NURSE, kind="VR", hours=0.2)
        check.labs("PSA", psa=max(0.1, psa))


def colon_cancer(c: Chart) -> None:
    """Anaemia that led to a colonoscopy, an operation, and follow-up."""
    background(c)
    start = c.ago(years=c.rng.uniform(0.5, 2.5))
    gp = c.at(c.person.home).visit(start, "Läkarbesök", why="D50.9")
    gp.labs("Anemiutredning", hb=c.about(96, 5), ferritin=7, crp=6, krea=c.about(78, 8), tpk=c.about(410, 30))
    gp.note(
        "Läkarbesök",
        f"""Kontaktorsak: Trötthet och andfåddhet sedan tre månader.
Socialt: {lives(c)}
Aktuellt: Ändrade avföringsvanor, viktnedgång 4 kg. F-Hb positivt. Buk: ingen säker resistens.
Bedömning: Järnbristanemi, välgrundad misstanke om tjocktarmscancer. SVF startas.""",
    )
    gp.problem_here("D50.9", "Järnbristanemi")
    gp.refer(
        "kirort",
        "SVF tjock- och ändtarmscancer",
        "Järnbristanemi och ändrade avföringsvanor. Koloskopi önskas enligt SVF.",
        why="D50.9",
        urgent=True,
    )
    _operated(c, start)


def _operated(c: Chart, start: date) -> None:
    clinic = c.at("kirort")
    scope = clinic.visit(weekday(start + timedelta(days=9)), "SVF: koloskopi", why="C18.9")
    scope.procedure("UJF32", why="C18.9")
    scope.imaging(
        "DT buk och torax",
        "Tumör i colon ascendens. Inga metastaser.",
        "Väggförtjockning 4 cm i colon ascendens, två lätt förstorade regionala körtlar.",
        "CT",
    )
    stay = clinic.visit(
        weekday(start + timedelta(days=33)), "Planerad operation", why="C18.9", kind="IMP", hours=24 * 5
    )
    stay.problem_here("C18.9", "Tjocktarmscancer, colon ascendens")
    stay.procedure("JFB30", why="C18.9", later=4)
    stay.labs("Efter operation", later=26, hb=c.about(101, 4), crp=c.about(110, 20), k=3.8, na=c.about(137, 2))
    stay.note(
        "Epikris",
        """Laparoskopisk högersidig hemikolektomi enligt ERAS. Komplikationsfritt. PAD: Adenocarcinom pT3 N0 \
(0/18), radikalt opererad.
Multidisciplinär konferens: Ingen adjuvant behandling. Uppföljning enligt program: CEA och DT efter 1 och 3 år, \
koloskopi efter 3 år.""",
        hour_later=115,
    )
    c.at(c.person.home).drug(
        "järn", "100 mg", "1 tablett dagligen", start, why="D50.9", ended=start + timedelta(days=150)
    )
    back = start + timedelta(days=170)
    if back < c.today:
        c.at(c.person.home).visit(weekday(back), "Provtagning", role=NURSE, hours=0.2).labs(
            "Blodstatus", hb=c.about(132, 5), ferritin=c.about(60, 10)
        )
