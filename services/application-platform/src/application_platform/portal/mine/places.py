"""The rooms of the patient's house, as the page "Mer" lists them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """A row of "Mer": the address below the patient's pages, what it is called, what one does there, and whose it is.

    `alone` rooms belong to who reads, not to the patient: they are not shown to somebody who acts for another.
    """

    path: str
    name: str
    line: str
    icon: str
    alone: bool = False


ROOMS = (
    Room("results", "Provsvar", "Svar, referensvärden och hur de har ändrats.", "flask-conical"),
    Room("medicines", "Läkemedel", "Vad du tar, och förnya recept.", "pill"),
    Room("diagnoses", "Diagnoser och överkänslighet", "Det som vården behöver veta om dig.", "clipboard-list"),
    Room("vaccinations", "Vaccinationer", "Doser som är antecknade.", "syringe"),
    Room("referrals", "Remisser", "Var din remiss är just nu.", "route"),
    Room("own", "Egna mätvärden", "Blodtryck, vikt och annat som du mäter själv.", "heart-pulse"),
    Room("forms/health", "Hälsoformulär", "Frågor att svara på i lugn och ro.", "pen-line"),
    Room("privacy", "Integritet och logg", "Vem som har läst, spärrar och samtycken.", "shield-check"),
    Room("proxies", "Ombud", "Vem som får sköta dina vårdärenden.", "users", alone=True),
    Room("download", "Hämta mina uppgifter", "Din journal som en fil eller en sida att skriva ut.", "download"),
    Room("settings", "Inställningar och appar", "Ljust eller mörkt, appar och inloggningar.", "settings-2", alone=True),
)
