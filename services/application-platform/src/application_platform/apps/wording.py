"""Scopes in plain Swedish, for the page where a patient decides what an app may have."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from application_platform.apps.asking import Asked
from application_platform.tokens import model
from application_platform.tokens.oauth import OAuthRefusal

_TYPES = {
    "*": "Hela din journal",
    "AllergyIntolerance": "Överkänslighet",
    "Appointment": "Bokade besök",
    "CarePlan": "Vårdplaner",
    "CareTeam": "Vilka som vårdar dig",
    "Communication": "Meddelanden",
    "Condition": "Diagnoser och besvär",
    "Consent": "Samtycken",
    "Coverage": "Försäkringar och avgifter",
    "Device": "Hjälpmedel och utrustning",
    "DiagnosticReport": "Utlåtanden och svar",
    "DocumentReference": "Anteckningar och dokument",
    "Encounter": "Besök och vårdtillfällen",
    "Flag": "Viktigt att veta",
    "FamilyMemberHistory": "Sjukdomar i släkten",
    "Goal": "Mål med vården",
    "Immunization": "Vaccinationer",
    "Location": "Platser",
    "Media": "Bilder",
    "MedicationAdministration": "Läkemedel som du har fått",
    "MedicationDispense": "Uthämtade läkemedel",
    "MedicationRequest": "Ordinerade läkemedel",
    "MedicationStatement": "Läkemedel som du använder",
    "Observation": "Mätvärden och provsvar",
    "Organization": "Vårdgivare och enheter",
    "Patient": "Namn, personnummer och kontaktuppgifter",
    "Practitioner": "Namn på personal",
    "Procedure": "Åtgärder och operationer",
    "Questionnaire": "Formulär",
    "QuestionnaireResponse": "Dina svar i formulär",
    "ServiceRequest": "Remisser och beställningar",
    "Task": "Uppgifter som vården har att göra",
}
_CATEGORIES = {
    "laboratory": "provsvar",
    "vital-signs": "vitalparametrar",
    "social-history": "levnadsvanor",
    "imaging": "bilddiagnostik",
    "survey": "skattningar",
    "problem-list-item": "problemlistan",
    "encounter-diagnosis": "diagnoser från besök",
}
_IDENTITY, _OFFLINE = "identity", "offline"


@dataclass(frozen=True, slots=True)
class Wish:
    """One line with its box; `value` is what the form sends when it stays ticked."""

    value: str
    what: str
    more: str = ""


def wishes(scopes: Iterable[str]) -> list[Wish]:
    """What an app wishes, in the order in which people want to know it; every data scope has a box of its own."""
    scopes = list(scopes)
    found = [_data(scope, read) for scope in scopes if (read := model.data_scope(scope)) is not None]
    if model.IDENTITY_SCOPES & set(scopes):
        found.append(Wish(_IDENTITY, "Vem du är", "Ditt namn och att du är inloggad här."))
    if "offline_access" in scopes:
        more = "I 30 dagar, tills du tar bort appen. Annars slutar den när du loggar ut."
        found.append(Wish(_OFFLINE, "Hämta uppgifter även när du inte är inloggad", more))
    return found


def of_type(name: str) -> str:
    """What resources of a type are called to patients."""
    return _TYPES.get(name, f"Andra uppgifter ({name})")


def _data(scope: str, read: model.DataScope) -> Wish:
    what = of_type(read.type)
    verbs = [
        verb
        for letters, verb in (("rs", "läsa"), ("c", "lägga till"), ("ud", "ändra"))
        if set(letters) & set(read.letters)
    ]
    more = f"Appen får {' och '.join((', '.join(verbs[:-1]), verbs[-1]) if len(verbs) > 1 else verbs)}."
    return Wish(scope, what, f"{more} {_only(read.filter)}".strip())


def _only(query: str) -> str:
    """What a filter leaves: known categories by name, anything else as it is written."""
    if not query:
        return ""
    parts = [(name, value.rpartition("|")[2]) for name, value in parse_qsl(query, keep_blank_values=True)]
    words = [_CATEGORIES.get(value, value) if name == "category" else f"{name}={value}" for name, value in parts]
    return f"Bara: {', '.join(words)}."


def narrowed(asked: Asked, ticked: Iterable[str]) -> Asked:
    """The request with what stayed ticked. Raises OAuthRefusal when nothing of worth did."""
    ticked = set(ticked)
    kept = tuple(scope for scope in asked.scopes if _kept(scope, ticked))
    if not any(scope not in model.LAUNCH_SCOPES | model.REFRESH_SCOPES for scope in kept):
        raise OAuthRefusal("access_denied", "The person left nothing ticked")
    return replace(asked, scopes=kept)


def _kept(scope: str, ticked: set[str]) -> bool:
    if scope in model.IDENTITY_SCOPES:
        return _IDENTITY in ticked
    if scope == "offline_access":
        return _OFFLINE in ticked
    return scope in ticked or scope in model.LAUNCH_SCOPES or scope == "online_access"
