"""The healthy, the very old, and those whose identity is the story."""

from datetime import timedelta

from fvm.demo.chart import Chart
from fvm.demo.staff import NURSE
from fvm.demo.stories.background import background, blood_pressure, cold, health_check, lives


def healthy_adult(c: Chart) -> None:
    """Next to nothing: a cold, a certificate, a back that hurt once."""
    background(c)
    if c.rng.random() < 0.6:
        cold(c)
    if c.rng.random() < 0.5:
        _back(c)
    if c.rng.random() < 0.4:
        visit = health_check(c, c.rng.uniform(0.2, 3), "Intyg för körkort")
        visit.note(
            "Läkarbesök",
            """Intyg enligt Transportstyrelsens formulär. Frisk, inga läkemedel. Synskärpa 1,0 på båda ögonen. \
Inga hinder.""",
        )
    if c.rng.random() < 0.25:
        c.at(c.person.home).vaccine("tbe", c.ago(years=c.rng.uniform(0.3, 2)), c.rng.randint(1, 3))


def _back(c: Chart) -> None:
    visit = c.at(c.person.home).visit(c.ago(years=c.rng.uniform(0.1, 3)), "Läkarbesök", why="M54.5")
    visit.note(
        "Läkarbesök",
        f"""Kontaktorsak: Akut ländryggssmärta efter lyft.
Socialt: {lives(c)}
Status: Inskränkt rörlighet. Lasègue negativ bilateralt, normal kraft och sensibilitet. Inga varningstecken.
Bedömning: Akut lumbago.
Plan: Håll igång, paracetamol. Fysioterapeut om ingen förbättring inom två veckor.""",
    )
    visit.desk.problem(
        "M54.5", visit.day, visit=visit, ended=visit.day + timedelta(days=30), text="Akut ländryggssmärta"
    )


def old_and_well(c: Chart) -> None:
    """More than a hundred years old and well."""
    background(c)
    for back in (2.0, 1.0, 0.2):
        visit = health_check(c, back, "Årlig läkemedelsgenomgång")
        visit.labs("Årsprover", hb=c.about(128, 4), krea=c.about(92, 5), k=c.about(4.2, 0.2, 1))
        visit.note(
            "Läkarbesök",
            """Mår bra. Går ut varje dag med rollator, löser korsord. Inga fall det senaste året. \
Läkemedelslistan genomgången, endast omeprazol vid behov.""",
        )
    c.at(c.person.home).drug("omeprazol", "20 mg", "1 kapsel vid behov", c.ago(years=3))


def protected(c: Chart) -> None:
    """A person whose personal data are protected (sekretessmarkering): nothing says where she is."""
    background(c)
    gp = c.at(c.person.home)
    visit = gp.visit(c.ago(years=0.6), "Läkarbesök", why="F41.1")
    visit.problem_here("F41.1", "Ångest")
    visit.note(
        "Läkarbesök",
        """Kontaktorsak: Oro och sömnsvårigheter.
Patienten har skyddade personuppgifter. Kontakt endast enligt överenskommen rutin, kallelse lämnas i handen. \
Vistelseort dokumenteras inte.
Status: Spänd, god kontakt. Inga suicidtankar.
Plan: Samtal hos kurator. Återbesök bokas vid varje besök.""",
    )
    talk = gp.visit(c.ago(days=40), "Samtal kurator", role="Kurator", hours=1)
    talk.note(
        "Kuratorssamtal", "Tredje samtalet. Sover bättre. Fortsatt kontakt varannan vecka. Nästa tid lämnad muntligt."
    )


def coordination(c: Chart) -> None:
    """Works in Sweden for a season; samordningsnummer."""
    c.at(c.person.home).no_allergies(c.ago(days=50))
    visit = c.at("akuten").visit(c.ago(days=50), "Akutbesök", why="R07.4", kind="EMER", hours=6)
    visit.vitals(bp=(146, 88), pulse=84, resp=16, sat=98, temp=36.7)
    visit.labs("Akutprover", later=1.2, tnt=7, hb=149, krea=78, k=4.1, crp=2)
    visit.imaging("EKG, 12 avledningar", "Sinusrytm, inga ischemitecken.", section="EC", later=0.3)
    visit.note(
        "Akutanteckning",
        """Kontaktorsak: Bröstsmärta under skogsarbete. Tolk på polska via telefon. Två troponin utan dynamik. \
Bedöms som muskulär smärta. Hemgång, vårdcentral vid kvarstående besvär.""",
    )


def visitor(c: Chart) -> None:
    """A tourist with a regional reserve number and a European card."""
    visit = c.at("akuten").visit(c.ago(days=120), "Akutbesök", why="S52.5", kind="EMER", hours=4)
    visit.imaging("Röntgen vänster handled", "Odislocerad distal radiusfraktur.")
    visit.note(
        "Akutanteckning",
        """Tysk turist, ramlade på cykel. EU-kort uppvisat. Gipsskena, röntgenkontroll i hemlandet om en vecka. \
Bilder och utlåtande på engelska medskickade.""",
    )


def reserve(c: Chart) -> None:
    """An asylum seeker with a national reserve identity."""
    gp = c.at(c.person.home)
    gp.no_allergies(c.ago(days=200))
    visit = gp.visit(c.ago(days=200), "Hälsosamtal asylsökande", role=NURSE, hours=1.25)
    visit.vitals(bp=blood_pressure(c, 116, 72), weight=58.2, height=163)
    visit.labs("Hälsoundersökning", hb=c.about(118, 4), lpk=6.1, crp=2)
    visit.note(
        "Hälsosamtal",
        """Tolk på dari på plats. Tidigare frisk. Vaccinationer ofullständiga, kompletteras. Smittskyddsprover \
utan anmärkning. Sover dåligt, informerad om stöd. Ny tid given.""",
    )
    gp.vaccine("mpr", visit.day + timedelta(days=30), 1)


def unidentified(c: Chart) -> None:
    """Found unconscious; nobody knows yet who it is. The stay is of the present (see present.py)."""


_LAST_WEEKS = (
    (
        25,
        """Uppe i stol en stund varje dag. Smärta VAS 2, morfin oförändrat. Äter små portioner. Hustrun orkar, \
avlastning erbjuden.""",
    ),
    (
        12,
        """Tröttare, sover större delen av dygnet. Illamående, ny ordination av läkare. Vid behovs-läkemedel \
finns i hemmet.""",
    ),
    (
        4,
        """Sängliggande. Sväljer inte tabletter, övergång till injektioner enligt ordination. Lugn, smärtfri. \
Dottern har kommit.""",
    ),
    (1, "Munvård given. Lugn andning. Närstående på plats dygnet runt, informerade om tecken på döendet."),
)


def palliative(c: Chart) -> None:
    """A last year: lung disease and cancer, care at home, and death."""
    background(c)
    died = c.today - timedelta(days=19)
    gp = c.at(c.person.home)
    gp.problem("C18.9", died - timedelta(days=400), text="Tjocktarmscancer med levermetastaser")
    talk = c.at("kirort").visit(died - timedelta(days=80), "Brytpunktssamtal", why="Z51.5", hours=1)
    talk.note(
        "Läkarbesök",
        """Brytpunktssamtal med patienten och hustrun. Sjukdomen fortskrider trots behandling. Patienten önskar \
vara hemma. Palliativ vård, ingen HLR. Ansvar övergår till hemsjukvården i samråd med vårdcentralen.""",
    )
    talk.plan("Palliativ vårdplan", "God symtomlindring. Vård i hemmet till livets slut.",
              ["Morfin depottablett", "Vid behovs-läkemedel i hemmet", "Närståendestöd"], until=died)  # fmt: skip
    c.at("hemsjukvard").drug(
        "morfin", "10 mg", "1 tablett 2 gånger dagligen", died - timedelta(days=60), why="Z51.5", ended=died
    )
    for back, words in _LAST_WEEKS:
        visit = c.at("hemsjukvard").visit(
            died - timedelta(days=back), "Hemsjukvårdsbesök", role=NURSE, kind="HH", why="Z51.5"
        )
        visit.note("Hembesök", words)
    end = c.at("hemsjukvard").visit(died, "Dödsfall", role=NURSE, kind="HH", why="Z51.5")
    end.note(
        "Dödsfallsanteckning",
        """Avliden i hemmet klockan 04.20, hustru och dotter närvarande. Dödsfallet väntat. Läkare underrättad. \
Efterlevandesamtal bokas om sex veckor.""",
    )
