"""The lungs: COPD, and asthma in adults."""

from fvm.demo.chart import Chart
from fvm.demo.staff import NURSE
from fvm.demo.stories.background import background


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
