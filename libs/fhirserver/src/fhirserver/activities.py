"""The words of the access log: what may stand as activity and purpose of a row, and what each is called (LOG-05, LOG-06).

Whoever logs something new adds its word here first; a test compares the code with this list.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["Läsa", "Skriva", "Signera", "Utskrift", "Vidimera", "Radera", "Nödöppning"]  # LOG-05, all there are


@dataclass(frozen=True, slots=True)
class Activity:
    """`kind` is the national activity type; `text` says in Swedish what was done; `act` is FHIR's AuditEvent.action."""

    kind: Kind
    text: str
    act: Literal["C", "R", "U", "D", "E"]


ACTIVITIES = {
    # the engine: what was done through a FHIR door
    "read": Activity("Läsa", "Läste en uppgift", "R"),
    "vread": Activity("Läsa", "Läste en tidigare version", "R"),
    "history": Activity("Läsa", "Läste ändringshistorik", "R"),
    "search": Activity("Läsa", "Sökte", "E"),
    "everything": Activity("Läsa", "Hämtade hela journalen", "E"),
    "lastn": Activity("Läsa", "Hämtade senaste värden", "E"),
    "graphql": Activity("Läsa", "Läste sammansatt fråga", "E"),
    "meta": Activity("Läsa", "Läste eller ändrade märkning", "E"),
    "export": Activity("Läsa", "Exporterade", "E"),
    "notify": Activity("Läsa", "Fick avisering om ändring", "E"),
    "create": Activity("Skriva", "Skrev en ny uppgift", "C"),
    "update": Activity("Skriva", "Ändrade en uppgift", "U"),
    "patch": Activity("Skriva", "Ändrade del av en uppgift", "U"),
    "delete": Activity("Radera", "Tog bort en uppgift", "D"),
    "purge": Activity("Radera", "Utplånade enligt beslut", "D"),
    "erasure": Activity("Radera", "Handlade beslut om journalförstöring", "E"),
    "transaction": Activity("Skriva", "Skrev flera uppgifter", "E"),
    "batch": Activity("Skriva", "Skrev flera uppgifter", "E"),
    "import": Activity("Skriva", "Importerade", "C"),
    # acts on paper and pen
    "sign": Activity("Signera", "Signerade", "U"),
    "attest": Activity("Vidimera", "Vidimerade ett svar", "U"),
    "print": Activity("Utskrift", "Skrev ut", "R"),
    # the law's own acts (LOG-07)
    "denied": Activity("Läsa", "Nekades åtkomst", "E"),
    "relation-attest": Activity("Skriva", "Intygade patientrelation", "C"),
    "active-choice": Activity("Läsa", "Gjorde aktivt val", "E"),
    "consent-give": Activity("Skriva", "Registrerade samtycke", "C"),
    "consent-end": Activity("Skriva", "Avslutade samtycke", "U"),
    "block-set": Activity("Skriva", "Spärrade uppgifter", "C"),
    "block-lift": Activity("Skriva", "Hävde en spärr tillfälligt", "U"),
    "block-end": Activity("Skriva", "Tog bort en spärr", "U"),
    "block-void": Activity("Radera", "Makulerade en spärr", "D"),
    "mandate-set": Activity("Skriva", "Ändrade vem som får företräda", "U"),
    "emergency-block": Activity("Nödöppning", "Forcerade spärr i nödläge", "E"),
    "emergency-consent": Activity("Nödöppning", "Läste i nödläge utan samtycke", "E"),
    "emergency-protected": Activity("Nödöppning", "Öppnade skyddad person i nödläge", "E"),
    # what patients and clinics write to each other, and what patients write about themselves
    "messages-read": Activity("Läsa", "Läste meddelanden", "R"),
    "messages-write": Activity("Skriva", "Skrev ett meddelande", "C"),
    "own-read": Activity("Läsa", "Läste patientens egna uppgifter", "R"),
    "own-write": Activity("Skriva", "Skrev egna uppgifter", "C"),
    "download": Activity("Läsa", "Laddade ner sin journal", "E"),
    # the log about itself (LOG-15)
    "log-read": Activity("Läsa", "Läste åtkomstloggen", "R"),
    "log-report": Activity("Läsa", "Tog ut loggrapport", "E"),
    "review": Activity("Skriva", "Granskade en åtkomst", "U"),
    "log-own": Activity("Läsa", "Läste loggutdrag om sig själv", "R"),
}

_UNKNOWN = Activity("Läsa", "Annan åtgärd", "E")

# Purposes of commissions as they are in tokens → LOG-06. A caller without a commission logs its kind instead.
PURPOSES = {
    "care": "Vård och behandling",
    "quality": "Kvalitetssäkring",
    "legal": "Annan dokumentation enligt lag",
    "statistics": "Statistik",
    "administration": "Administration",
    "planning": "Administration",
    "quality-register": "Kvalitetsregister",
    "system": "Administration",
    "patient": "Egen åtkomst",  # no purpose of LOG-06 fits: PDL 5:5, the patient's own direct access
}


def activity(word: str) -> Activity:
    """What a word in the log means; words of a newer source are shown as something else that was done."""
    return ACTIVITIES.get(word, _UNKNOWN)


def purpose(word: str) -> str:
    """The purpose in LOG-06's terms; an unknown one as it stands."""
    return PURPOSES.get(word, word)
