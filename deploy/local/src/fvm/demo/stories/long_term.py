"""Long-term illness followed at the health centre: diabetes, hypertension, hypothyroidism, arthrosis, migraine."""

from datetime import timedelta

from fvm.demo.chart import Chart
from fvm.demo.staff import NURSE
from fvm.demo.stories.background import background, cold, lives

_HBA1C_NOTE = """Kontaktorsak: Årskontroll diabetes.
Mår {mood}. {hypo} Kontrollerar glukos hemma ungefär {often} gånger i veckan.
Levnadsvanor: {habit}
Status: BT {bp} mmHg. Vikt {weight} kg. Fötter: {feet}
HbA1c {hba1c} mmol/mol ({trend}). LDL {ldl} mmol/L.
Bedömning och plan: {plan}"""


def diabetes2(c: Chart) -> None:
    """Ten years of type 2 diabetes with hypertension: HbA1c falls with treatment, rises, and falls again."""
    background(c)
    gp = c.at(c.person.home)
    years = c.rng.randint(5, 14)
    gp.problem("E11.9", c.ago(years=years), text="Diabetes mellitus typ 2")
    gp.problem("I10.9", c.ago(years=years + 2), text="Essentiell hypertoni")
    gp.problem("E78.5", c.ago(years=years - 1), text="Hyperlipidemi")
    gp.drug("metformin", "500 mg", "2 tabletter 2 gånger dagligen", c.ago(years=years), why="E11.9")
    gp.drug("atorvastatin", "20 mg", "1 tablett dagligen", c.ago(years=years - 1), why="E78.5")
    gp.drug("kandesartan", "8 mg", "1 tablett dagligen", c.ago(years=years), why="I10.9")
    weight, hba1c = c.about(94 if not c.is_woman else 83, 9, 1), c.about(64, 5)
    before = hba1c
    for back in (4.1, 3.0, 2.0, 1.05, 0.5):
        hba1c = max(44, hba1c + c.rng.choice([-6, -4, 3, 5, -5]))
        weight = round(weight - c.rng.uniform(-0.8, 1.6), 1)
        _diabetes_visit(c, back, hba1c, before, weight)
        before = hba1c
    if hba1c > 58:
        gp.drug("empagliflozin", "10 mg", "1 tablett dagligen", c.ago(years=0.5), why="E11.9")
    eyes = gp.visit(c.ago(years=0.8), "Ögonbottenfotografering", role=NURSE, hours=0.3)
    eyes.imaging("Ögonbottenfoto", "Ingen diabetesretinopati. Nytt foto om 24 månader.", section="OT")


def _diabetes_visit(c: Chart, back: float, hba1c: float, before: float, weight: float) -> None:
    visit = c.at(c.person.home).visit(c.ago(years=back), "Årskontroll diabetes", why="E11.9", role=NURSE, hours=0.75)
    upper, lower = c.about(136, 8), c.about(78, 5)
    ldl, egfr = c.about(2.3, 0.4, 1), c.about(74, 8)
    visit.vitals(bp=(upper, lower), weight=weight, bmi=round(weight / 2.98, 1))
    visit.labs(
        "Diabetesprover", hba1c=hba1c, krea=c.about(82, 9), egfr=egfr, ldl=ldl, k=c.about(4.1, 0.2, 1),
        ualb=c.about(2.2, 0.9, 1),
    )  # fmt: skip
    trend = "oförändrat" if abs(hba1c - before) < 3 else f"{'upp' if hba1c > before else 'ner'} från {before}"
    visit.note(
        "Diabetessköterskebesök",
        _HBA1C_NOTE.format(
            mood=c.rng.choice(["bra", "ganska bra, lite trött på eftermiddagarna", "bra, har börjat promenera"]),
            hypo=c.rng.choice(["Inga hypoglykemier.", "Någon lindrig känning, ätit socker."]),
            often=c.rng.randint(2, 7),
            habit=c.rng.choice(
                ["Röker inte. Går 30 minuter de flesta dagar.", "Slutade röka för fem år sedan. Stillasittande arbete."]
            ),
            bp=f"{upper}/{lower}",
            weight=str(weight).replace(".", ","),
            feet="normal monofilament och palpabla fotpulsar, inga sår.",
            hba1c=hba1c,
            trend=trend,
            ldl=str(ldl).replace(".", ","),
            plan=(
                "Målvärdet är nått. Fortsatt oförändrad behandling, ny kontroll om sex månader."
                if hba1c <= 54
                else """Över individuellt mål 52 mmol/mol. Genomgång av kost och motion, läkare kontaktas för \
ställningstagande """
                "till tillägg av SGLT2-hämmare. Nytt HbA1c om tre månader."
            ),
        ),
    )
    visit.procedure("DV132", why="E11.9")


def diabetes1(c: Chart) -> None:
    """Type 1 diabetes: insulin, sensor, visits every half year; children at the children's clinic."""
    unit = c.at("barn" if c.age < 18 else "norrby")
    years = min(c.age - 3, c.rng.randint(4, 15))
    unit.problem("E10.9", c.ago(years=years), text="Diabetes mellitus typ 1")
    unit.drug("insulin glargin", "100 enheter/ml", "22 enheter till kvällen", c.ago(years=years), why="E10.9")
    unit.drug("insulin aspart", "100 enheter/ml", "6–10 enheter till måltid", c.ago(years=years), why="E10.9")
    background(c)
    for back in (2.5, 2.0, 1.5, 1.0, 0.45):
        visit = unit.visit(c.ago(years=back), "Diabetesmottagning", why="E10.9")
        hba1c = c.about(55, 5)
        visit.labs("HbA1c", hba1c=hba1c)
        visit.vitals(bp=(c.about(114, 6), c.about(70, 5)), weight=c.about(62, 8, 1))
        visit.note(
            "Läkarbesök",
            f"""Kontaktorsak: Planerad kontroll typ 1-diabetes.
Använder kontinuerlig glukosmätning. Tid i målområde senaste 14 dygnen {c.rng.randint(58, 78)} %, under 3,9 mmol/L 3 %.
Ingen svår hypoglykemi eller ketoacidos sedan förra besöket.
Status: Gott allmäntillstånd. Injektionsställen utan lipohypertrofi.
HbA1c {hba1c} mmol/mol.
Plan: Höjd måltidskvot till frukost. Återbesök om sex månader, dessförinnan telefonkontakt med diabetessköterska.""",
        )


def hypertension(c: Chart) -> None:
    """High blood pressure found at the health centre, treated to target in steps."""
    background(c)
    gp = c.at(c.person.home)
    years = c.rng.randint(2, 9)
    first = gp.visit(c.ago(years=years), "Blodtryckskontroll", role=NURSE, hours=0.3)
    first.vitals(bp=(c.about(166, 6), c.about(96, 4)), pulse=c.about(76, 6))
    found = gp.visit(first.day + timedelta(days=21), "Läkarbesök", why="I10.9")
    found.vitals(bp=(c.about(162, 6), c.about(94, 4)))
    found.labs("Blodtrycksutredning", k=c.about(4.0, 0.2, 1), krea=c.about(78, 8), glukos=c.about(5.6, 0.4, 1), ldl=3.4)
    found.problem_here("I10.9", "Essentiell hypertoni")
    found.note(
        "Läkarbesök",
        f"""Kontaktorsak: Förhöjt blodtryck vid upprepade mätningar.
Socialt: {lives(c)}
Hereditet: Far med hjärtinfarkt vid 68 års ålder.
Aktuellt: Besvärsfri. Ingen huvudvärk, bröstsmärta eller andfåddhet.
Status: Hjärta: regelbunden rytm, inga blåsljud. Lungor: vesikulära andningsljud. EKG: sinusrytm, inga tecken på \
vänsterkammarhypertrofi.
Bedömning: Essentiell hypertoni, måttlig risk enligt SCORE2.
Plan: Råd om salt, motion och alkohol. Insätter enalapril 5 mg. Kontroll av blodtryck, kalium och kreatinin om \
två veckor.""",
    )
    gp.drug("enalapril", "10 mg", "1 tablett dagligen", found, why="I10.9")
    if c.rng.random() < 0.5:
        gp.drug("amlodipin", "5 mg", "1 tablett dagligen", found.day + timedelta(days=200), why="I10.9")
    for back in range(years - 1, 0, -1):
        visit = gp.visit(c.ago(years=back - 0.3), "Årskontroll blodtryck", why="I10.9", role=NURSE)
        visit.vitals(bp=(c.about(134, 7), c.about(80, 4)), pulse=c.about(70, 6), weight=c.about(82, 6, 1))
        visit.labs("Årsprover", k=c.about(4.1, 0.2, 1), krea=c.about(80, 7), egfr=c.about(78, 6))
    if c.rng.random() < 0.5:
        cold(c)


def thyroid(c: Chart) -> None:
    """Tiredness that proved to be hypothyroidism; TSH falls with levothyroxine."""
    background(c)
    gp = c.at(c.person.home)
    years = c.rng.uniform(1.5, 6)
    visit = gp.visit(c.ago(years=years), "Läkarbesök", why="E03.9")
    visit.labs(
        "Trötthetsutredning", tsh=c.about(16, 4, 1), t4=9, hb=c.about(128, 6), ferritin=c.about(48, 15), glukos=5.2
    )
    visit.note(
        "Läkarbesök",
        f"""Kontaktorsak: Trötthet sedan ett halvår.
Socialt: {lives(c)}
Aktuellt: Fryser lätt, har gått upp 4 kg, torr hud. Nedstämdhet förnekas.
Status: Sköldkörteln något förstorad, jämn konsistens. Puls 58, regelbunden.
Bedömning: Primär hypotyreos.
Plan: Insätter levotyroxin 50 mikrogram dagligen. Kontroll av TSH och fritt T4 om sex veckor.""",
    )
    visit.problem_here("E03.9", "Hypotyreos")
    gp.drug(
        "levotyroxin",
        "50 mikrogram",
        "1 tablett dagligen",
        visit.day,
        why="E03.9",
        ended=visit.day + timedelta(days=45),
    )
    gp.drug("levotyroxin", "100 mikrogram", "1 tablett dagligen", visit.day + timedelta(days=45), why="E03.9")
    for back in (years * 0.85, years * 0.5, 0.4):
        check = gp.visit(c.ago(years=back), "Provtagning", role=NURSE, hours=0.2)
        check.labs("Tyreoideaprover", tsh=c.about(2.1, 0.7, 1), t4=c.about(16, 1.5))


def migraine(c: Chart) -> None:
    """Migraine with attacks a few times a month."""
    background(c)
    gp = c.at(c.person.home)
    visit = gp.visit(c.ago(years=c.rng.uniform(0.4, 3)), "Läkarbesök", why="G43.9")
    visit.vitals(bp=(c.about(122, 7), c.about(75, 5)))
    visit.note(
        "Läkarbesök",
        """Kontaktorsak: Återkommande huvudvärk.
Aktuellt: Pulserande, ensidig huvudvärk 3–4 gånger i månaden, ofta med illamående och ljuskänslighet, varar till \
nästa dag. Paracetamol hjälper dåligt.
Status: Neurologiskt utan anmärkning. Ögonbottnar: skarpa papillgränser.
Bedömning: Migrän utan aura. Inga varningstecken.
Plan: Sumatriptan vid anfall. Huvudvärksdagbok. Åter om fler än fyra anfall per månad för ställningstagande till \
profylax.""",
    )
    visit.problem_here("G43.9", "Migrän utan aura")
    gp.drug("sumatriptan", "50 mg", "1 tablett vid anfall, kan upprepas efter 2 timmar, högst 300 mg per dygn", visit.day,
            why="G43.9")  # fmt: skip


def arthrosis(c: Chart) -> None:
    """Knee arthrosis: training first, then a new knee."""
    background(c)
    gp = c.at(c.person.home)
    start = c.rng.uniform(2, 5)
    visit = gp.visit(c.ago(years=start), "Läkarbesök", why="M17.9")
    side = c.rng.choice(["höger", "vänster"])
    visit.imaging(
        f"Röntgen {side} knä", "Måttlig till uttalad medial artros.", "Sänkt ledspringa medialt med osteofyter."
    )
    visit.problem_here("M17.9", f"Knäartros, {side} sida")
    visit.note(
        "Läkarbesök",
        f"""Kontaktorsak: Knäsmärta {side} sida sedan flera år, tilltagande.
Aktuellt: Startsmärta på morgonen, ont i trappor. Gångsträcka cirka 1 km.
Status: Lätt varuskal. Extension fattas 5 grader, flexion 115 grader. Stabil led.
Plan: Remiss till artrosskola. Paracetamol vid behov. Röntgen.""",
    )
    visit.procedure("DV200", why="M17.9")
    gp.drug("paracetamol", "500 mg", "2 tabletter vid behov, högst 8 per dygn", visit.day, why="M17.9")
    if c.rng.random() < 0.6:
        _new_knee(c, side)


def _new_knee(c: Chart, side: str) -> None:
    stay = c.at("kirort").visit(c.ago(years=0.9), "Planerad operation", why="M17.9", kind="IMP", hours=50)
    stay.procedure("NGB49", why="M17.9", later=4)
    stay.note(
        "Operationsberättelse",
        f"""Operation: Total knäprotes {side} sida, cementerad.
Anestesi: Spinalbedövning. Blodtomhet 62 minuter.
Medialt parapatellärt snitt. Uttalad medial artros med benblottning. Protes i god position, stabil genom hela \
rörelseomfånget.
Blödning cirka 150 ml. Inga komplikationer.""",
        hour_later=6,
    )
    stay.note(
        "Epikris",
        f"""Inskriven för planerad knäprotes {side} sida. Komplikationsfritt förlopp. Mobiliserad samma dag, går \
med två kryckor.
Hemgång med smärtlindring, trombosprofylax i 10 dagar och träningsprogram.
Uppföljning: Agraffer tas på vårdcentral efter 14 dagar. Återbesök fysioterapeut om 6 veckor, ortoped om 3 \
månader.""",
        hour_later=48,
    )
