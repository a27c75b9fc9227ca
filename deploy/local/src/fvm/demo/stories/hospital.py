"""Falls, strokes and forgetfulness: what begins at the emergency department and ends in home care."""

from datetime import date, datetime, timedelta

from fvm.demo import codes
from fvm.demo.chart import Chart
from fvm.demo.staff import NURSE, organization
from fvm.demo.stories.background import background, lives
from fvm.demo.values import measured, pressure
from fvm.demo.visit import Visit


def hip_fracture(c: Chart) -> None:
    """A fall at home, an operation the next day, rehabilitation, and treatment of the bone."""
    background(c)
    came = c.ago(years=c.rng.uniform(0.15, 2.5))
    side = c.rng.choice(["höger", "vänster"])
    door = c.at("akuten").visit(came, "Akutbesök", why="S72.0", kind="EMER", hours=5)
    door.vitals(bp=(c.about(152, 10), c.about(80, 6)), pulse=92, resp=18, sat=94, temp=36.4)
    door.imaging(
        f"Röntgen {side} höft", f"Dislocerad cervikal femurfraktur {side} sida.", "Garden IV. Ingen annan skelettskada."
    )
    door.note(
        "Akutanteckning",
        f"""Kontaktorsak: Fall i hemmet, smärta {side} höft.
Socialt: {lives(c)}
Aktuellt: Snubblade på mattkant i natt, kunde inte stödja på benet. Ingen medvetslöshet, inget slag mot huvudet.
Status: Förkortat och utåtroterat {side} ben. Distalstatus utan anmärkning.
Bedömning: Höftfraktur. Åtgärd: Smärtlindring med blockad, höftspår, inskrivning ortopeden.""",
    )
    _new_hip(c, came, side)
    _bones(c, came + timedelta(days=30))
    home_care(c, "Hemsjukvårdsbesök efter höftfraktur")


def _new_hip(c: Chart, came: date, side: str) -> None:
    stay = c.at("kirort").visit(
        came + timedelta(days=1), "Inskrivning från akutmottagning", why="S72.0", kind="IMP", hours=24 * 6
    )
    stay.labs(
        "Inför operation", hb=c.about(121, 8), krea=c.about(88, 12), na=c.about(138, 2), k=c.about(4.0, 0.2, 1), crp=6
    )
    stay.problem_here("S72.0", f"Fraktur på lårbenshals, {side} sida")
    stay.procedure("NFB19", why="S72.0", later=6)
    stay.note(
        "Operationsberättelse",
        f"""Operation: Cementerad halvprotes {side} höft.
Anestesi: Spinalbedövning. Direkt lateralt snitt. Caput extraherat, protes cementerad med god fixation, stabil \
vid provreponering.
Blödning 300 ml. Full belastning tillåten.""",
        hour_later=8,
    )
    after = c.about(103, 5)
    stay.labs("Efter operation", later=30, hb=after, krea=c.about(84, 9), crp=c.about(94, 20))
    stay.note(
        "Epikris",
        f"""Opererad med halvprotes {side} höft. Hb {after} dag 1, ingen transfusion. Inga tecken på konfusion. \
Mobiliserad dag 1 med gåbord.
Samordnad vårdplanering genomförd. Utskriven till hemmet med hemsjukvård och hemtjänst.
Uppföljning: Agrafftagning dag 14 av hemsjukvården. Utredning och behandling av osteoporos på vårdcentral.""",
        hour_later=140,
    )


def _bones(c: Chart, since: date) -> None:
    """Osteoporosis is found, and treated at the health centre."""
    if since < c.today:
        gp = c.at(c.person.home)
        gp.problem("M81.9", since, text="Osteoporos med fragilitetsfraktur")
        gp.drug("kalcium och d-vitamin", "500 mg/800 IE", "1 tablett dagligen", since, why="M81.9")
        gp.drug("alendronsyra", "70 mg", "1 tablett en gång i veckan, fastande", since, why="M81.9")


_ON_ARRIVAL = ("Pigg och gott humör.", "Trött i dag, sovit dåligt.", "Sitter uppe vid ankomst, har ätit frukost.")


def home_care(c: Chart, text: str) -> None:
    """Visits by the municipality's nurse, and values that its system sends as events."""
    desk = c.at("hemsjukvard")
    for back in (26, 12, 5):
        visit = desk.visit(c.ago(days=back), text, role=NURSE, kind="HH", hours=0.6)
        visit.note(
            "Hembesök",
            f"""{c.rng.choice(_ON_ARRIVAL)} \
Dosett delad och genomgången.
{c.rng.choice(["Huden hel.", "Rodnad på vänster häl, avlastas.", "Såret torrt och reaktionsfritt."])} Går med \
rollator inomhus.
{c.rng.choice(["Ingen smärta i vila.", "Smärta VAS 3 vid förflyttning, får paracetamol."])} Nästa besök enligt \
planering.""",
        )
    for back in (20, 9, 2):
        when = desk.moment(c.today - timedelta(days=back), 10)
        c.home_values.append(_home(c, when, pressure(c.about(132, 9), c.about(74, 6)), back))
        c.home_values.append(_home(c, when, measured(codes.VITALS["weight"], c.about(66, 1, 1)), back + 100))


def _home(c: Chart, when: datetime, value: dict[str, object], nth: int) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "id": f"h{nth}-{c.person.key}",
        "status": "final",
        "category": [{"coding": [{"system": f"{codes.HL7}observation-category", "code": "vital-signs"}]}],
        "subject": c.subject,
        "effectiveDateTime": when.isoformat(),
        "performer": [organization("hemsjukvard")],
        **value,
    }


def stroke(c: Chart) -> None:
    """A stroke with arm and speech, rehabilitation, and secondary prevention."""
    background(c)
    side = c.rng.choice(["höger", "vänster"])
    came = c.ago(years=c.rng.uniform(0.2, 3))
    door = c.at("akuten").visit(came, "Rädda hjärnan-larm", why="I63.9", kind="EMER", hours=2)
    door.vitals(bp=(c.about(178, 10), c.about(94, 6)), pulse=c.about(82, 8), resp=16, sat=96, temp=36.8)
    door.labs(
        "Akutprover",
        later=1,
        glukos=c.about(6.8, 0.8, 1),
        hb=c.about(138, 7),
        tpk=c.about(232, 30),
        krea=c.about(84, 9),
    )
    door.imaging("DT hjärna", "Ingen blödning. Inga tidiga infarkttecken.", section="CT", later=1)
    door.note(
        "Akutanteckning",
        f"""Kontaktorsak: Plötslig svaghet {side} arm och otydligt tal sedan 50 minuter.
Status: NIHSS 7. Hängande mungipa, {side} arm faller inom 5 sekunder, dysartri.
Bedömning: Misstänkt ischemisk stroke, inom tidsfönster för trombolys. Inga kontraindikationer.
Åtgärd: Trombolys given 34 minuter efter ankomst. Inskrivning strokeenhet.""",
    )
    door.procedure("Trombolys vid akut ischemisk stroke", why="I63.9")
    stay = c.at("avd52").visit(came, "Inskrivning strokeenhet", why="I63.9", kind="IMP", hours=24 * 9)
    stay.problem_here("I63.9", "Hjärninfarkt")
    stay.imaging(
        "MR hjärna", "Färsk infarkt i mediaområdet.", "Diffusionsinskränkning kortikalt frontalt, 2 cm.", "NMR"
    )
    _rehabilitation(stay, side)
    ward = c.at("avd52")
    for word, strength, dose in (
        ("klopidogrel", "75 mg", "1 tablett dagligen"),
        ("atorvastatin", "80 mg", "1 tablett dagligen"),
        ("enalapril", "10 mg", "1 tablett dagligen"),
    ):
        ward.drug(word, strength, dose, stay, why="I63.9")
    _three_months_later(c, came + timedelta(days=90))


def _three_months_later(c: Chart, follow: date) -> None:
    if follow < c.today:
        visit = c.at("norrby").visit(follow, "Strokemottagning, tremånadersuppföljning", why="I63.9")
        visit.vitals(bp=(c.about(132, 7), c.about(76, 5)))
        visit.labs("Lipidstatus", ldl=c.about(1.6, 0.2, 1), hdl=1.2, hba1c=c.about(40, 3))
        visit.note(
            "Läkarbesök",
            """Tre månader efter stroke. Modifierad Rankinskala 2. Har återgått till matlagning och promenader. \
Trötthet efter ansträngning. Ingen nedstämdhet.
Status: Lätt nedsatt finmotorik, i övrigt normal kraft. Blodtryck i mål.
Plan: Fortsatt klopidogrel och statin livslångt. Får köra bil. Uppföljning på vårdcentral efter ett år.""",
        )


def _rehabilitation(stay: Visit, side: str) -> None:
    stay.note(
        "Bedömning av fysioterapeut",
        f"""Sittbalans god. Står med stöd av en person. Går 10 meter med rollator och tillsyn. Nedsatt kraft \
{side} arm, träning dagligen.""",
        hour_later=26, by="Fysioterapeut",
    )  # fmt: skip
    stay.note(
        "Bedömning av arbetsterapeut",
        "Behöver hjälp vid påklädning och dusch. Sväljtest utan anmärkning. Hemmiljö: en trappa, tröskelramp ordnas.",
        hour_later=30, by="Arbetsterapeut",
    )  # fmt: skip
    stay.note(
        "Epikris",
        f"""Vårdades på strokeenhet för hjärninfarkt, trombolyserad. Successiv förbättring; vid hemgång lätt \
svaghet {side} hand och normalt tal. NIHSS 1.
Utskriven till hemmet med tidigt understödd utskrivning och hemrehabilitering.
Uppföljning: Strokemottagning efter tre månader. Bilkörning: uppehåll tills vidare.""",
        hour_later=210,
    )
    stay.plan(
        "Rehabiliteringsplan efter stroke",
        "Självständig i dagliga aktiviteter inom tre månader.",
        ["Handträning dagligen", "Gångträning utomhus tre gånger i veckan", "Uppföljning av stämningsläge"],
    )


def dementia(c: Chart) -> None:
    """Memory failing over years, a diagnosis, and the municipality's care at home."""
    background(c)
    gp = c.at(c.person.home)
    visit = gp.visit(c.ago(years=c.rng.uniform(1, 4)), "Minnesutredning", why="G30.9", hours=1)
    visit.labs("Basal demensutredning", hb=c.about(133, 7), tsh=c.about(2.2, 0.6, 1), krea=82, na=139, glukos=5.6)
    visit.imaging("DT hjärna", "Måttlig generell atrofi med mediotemporal övervikt.", section="CT")
    visit.problem_here("G30.9", "Alzheimers sjukdom")
    visit.note(
        "Läkarbesök",
        """Kontaktorsak: Tilltagande glömska, dottern med.
Aktuellt: Sedan två år svårt att hitta ord, tappar bort saker, har gått vilse i närområdet. Klarar hygien, \
behöver hjälp med ekonomi och medicin.
MMT 21/30, klocktest 3/5. PHQ-9 utan tecken på depression.
Bedömning: Alzheimers sjukdom, lindrig till måttlig.
Plan: Donepezil. Biståndshandläggare kontaktas. Anhörigstöd. Körförbud, anmälan till Transportstyrelsen.""",
    )
    gp.drug("donepezil", "10 mg", "1 tablett till kvällen", visit.day, why="G30.9")
    gp.drug("makrogol", "", "1 dospåse vid behov", visit.day)
    visit.refer("hemsjukvard", "Hemsjukvård", "Behov av läkemedelsövertag och regelbunden tillsyn.", why="G30.9")
    home_care(c, "Hemsjukvårdsbesök")
