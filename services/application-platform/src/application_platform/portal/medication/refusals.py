"""What a refusal by VIS says on the pages of medicines; it always says that nothing was done."""

from application_platform.portal.care import NotTaken, Stale
from application_platform.portal.record import NotAllowed, NotShown
from kit.problems import Problem

ELSEWHERE = "Formuläret hör till en annan patient. Inget är gjort."


def words(problem: Problem, *, away: str) -> tuple[int, str]:
    """Status and words; `away` is what is said where VIS does not answer."""
    if isinstance(problem, NotTaken) and problem.detail != problem.title:
        return 422, problem.detail.rstrip(".") + ". Inget är gjort."
    if isinstance(problem, Stale):
        return 409, "Läkemedlet har ändrats sedan du öppnade det. Läs det igen nedan. Inget är gjort."
    if isinstance(problem, NotAllowed):
        return 403, "Du får inte göra det här. Kontrollera vårdrelationen under Åtkomst. Inget är gjort."
    if isinstance(problem, NotShown):
        return 404, "Läkemedlet finns inte i vårdsystemet. Inget är gjort."
    if isinstance(problem, NotTaken):
        return 422, "Vårdsystemet tog inte emot det. Kontrollera uppgifterna. Inget är gjort."
    return 503, away
