"""Depression, exhaustion and anxiety in primary care: scores, talks, medicines and sick leave."""

from datetime import date, timedelta

from fvm.demo.chart import Chart
from fvm.demo.stories.background import background, lives


def depression(c: Chart) -> None:
    """A depressive episode: PHQ-9 falls with treatment and cognitive behavioural therapy."""
    background(c)
    gp = c.at(c.person.home)
    start = c.ago(years=c.rng.uniform(0.3, 2))
    visit = gp.visit(start, "Läkarbesök", why="F32.1", hours=0.75)
    score = c.rng.randint(15, 20)
    visit.vitals(phq9=score)
    visit.labs("Basprover", tsh=c.about(1.9, 0.5, 1), hb=c.about(138, 7), glukos=5.1)
    visit.problem_here("F32.1", "Medelsvår depression")
    visit.note(
        "Läkarbesök",
        f"""Kontaktorsak: Nedstämd och sover dåligt sedan två månader.
Socialt: {lives(c)}
Aktuellt: Minskad glädje, koncentrationssvårigheter, tidigt uppvaknande. Passiva dödstankar, inga planer eller \
tidigare försök. Stöd av närstående finns.
Psykiskt status: Vaken, orienterad, god kontakt. Sänkt grundstämning. PHQ-9 {score} poäng.
Bedömning: Medelsvår depressiv episod. Suicidrisk bedöms som låg.
Plan: Sertralin 50 mg, information om biverkningar första veckorna. Internetförmedlad KBT. Sjukskrivning 100 % i \
fyra veckor. Telefonkontakt om en vecka.""",
    )
    gp.drug("sertralin", "50 mg", "1 tablett på morgonen", visit, why="F32.1")
    _better(c, start, score)


def _better(c: Chart, start: date, score: int) -> None:
    """Follow-up; the score falls."""
    gp = c.at(c.person.home)
    for step, (days, word) in enumerate(
        ((7, "Telefonkontakt"), (30, "Läkarbesök"), (75, "Läkarbesök"), (160, "Läkarbesök"))
    ):
        day = start + timedelta(days=days)
        if day >= c.today:
            break
        score = max(2, score - c.rng.randint(2, 5))
        later = gp.visit(day, word, why="F32.1", kind="VR" if step == 0 else "AMB", hours=0.4)
        later.vitals(phq9=score)
        later.note(
            word,
            f"""Uppföljning depression. PHQ-9 {score} poäng. \
{c.rng.choice(["Sover bättre.", "Orkar träffa vänner igen.", "Mindre ångest på morgnarna."])} Inga suicidtankar.
Tål medicinen bra. {"Fortsatt sjukskrivning 50 %." if score > 9 else "Åter i arbete på heltid."}
Plan: Oförändrad dos. \
{"Behandlingen fortsätter sex månader efter att patienten är återställd." if score < 6 else "Ny kontroll om fyra veckor."}""",
        )
        if step == 1:
            later.procedure("DU011", why="F32.1")


def exhaustion(c: Chart) -> None:
    """Exhaustion disorder: sick leave in steps, a rehabilitation coordinator."""
    background(c)
    gp = c.at(c.person.home)
    start = c.ago(years=c.rng.uniform(0.3, 1.4))
    visit = gp.visit(start, "Läkarbesök", why="F43.8A", hours=0.75)
    visit.vitals(phq9=11, bp=(c.about(138, 7), c.about(84, 5)))
    visit.problem_here("F43.8A", "Utmattningssyndrom")
    visit.note(
        "Läkarbesök",
        f"""Kontaktorsak: Trötthet, glömska och hjärtklappning efter lång tids arbetsbelastning.
Socialt: {lives(c)}
Aktuellt: Sömnen störd i mer än ett halvår. Tål inte ljud, gråter lätt. KEDS 27 poäng.
Bedömning: Utmattningssyndrom.
Plan: Sjukskrivning 100 % i sex veckor. Rehabkoordinator kontaktar arbetsgivaren för avstämningsmöte. Fysisk \
aktivitet på recept.""",
    )
    visit.procedure("DV200", why="F43.8A")
    visit.plan("Rehabiliteringsplan", "Åter i arbete på 50 % inom sex månader.",
               ["Stresshanteringsgrupp åtta gånger", "Avstämningsmöte med arbetsgivare", "Promenad dagligen"])  # fmt: skip
    for days in (42, 100, 180):
        day = start + timedelta(days=days)
        if day >= c.today:
            break
        later = gp.visit(day, "Läkarbesök", why="F43.8A")
        later.note(
            "Läkarbesök",
            f"""Uppföljning. Sömnen {c.rng.choice(["bättre", "ojämn"])}. Orkar \
{c.rng.choice(["läsa tidningen", "handla själv", "en timme i sträck"])}. Arbetsförmåga \
{c.rng.choice([25, 50, 50])} %. Planen följs, nytt besök om sex veckor.""",
        )
