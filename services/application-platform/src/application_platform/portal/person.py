"""Who the patient is, from the Patient resource: the words of the banner and of a search hit."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from application_platform.portal.swedish import SEXES, age, moment
from application_platform.portal.vitals.bedside import Bedside
from fhircore.identifiers import NotAnIdentifier, canonical

Resource = Mapping[str, Any]

# sweden.md §7, IDF-01 to IDF-04: the system values under which a person identifier is known.
_PERSONNUMMER = {
    "http://electronichealth.se/identifier/personnummer",
    "https://terminology.hl7.se/sid/se-personnummer",
    "urn:oid:1.2.752.129.2.1.3.1",
    "1.2.752.129.2.1.3.1",
}
_SAMORDNING = {
    "http://electronichealth.se/identifier/samordningsnummer",
    "urn:oid:1.2.752.129.2.1.3.3",
    "1.2.752.129.2.1.3.3",
}
_RESERVE = {
    "http://electronichealth.se/identifier/nationelltReservnummer",
    "urn:oid:1.2.752.74.9.1",
    "urn:oid:1.2.752.97.3.1.3",
    "urn:oid:1.2.752.113.11.0.2.1.1.1",
}
_KINDS = (("Personnummer", _PERSONNUMMER), ("Samordningsnummer", _SAMORDNING), ("Reservnummer", _RESERVE))
# Security labels that say "skyddade personuppgifter" (HL7 Sweden base profiles; v3 Confidentiality R and V).
_PROTECTED = {"PROTECTED", "R", "V", "sekretessmarkering", "skyddad-folkbokforing"}
_WHOLE = re.compile(r"\d{8}[-+]?[\dA-Z]{4}")


@dataclass(frozen=True, slots=True)
class Person:
    """The identity line: name the Swedish way, number with its label, birth date with age, sex in words."""

    id: str
    family: str
    given: str
    number_label: str
    number: str
    born: str
    age: str
    sex: str
    deceased: str = ""  # a date, "ja" when only the fact is known, "" while alive
    protected: bool = False
    unidentified: bool = False  # nobody knows yet who it is
    unproven: bool = False  # the number breaks the rules of its kind: it says nothing about who it is
    bedside: Bedside | None = None  # where they lie and the latest NEWS2; None where it was not asked for

    @property
    def name(self) -> str:
        """EFTERNAMN, Förnamn: capitals only here and in lists."""
        parts = [part for part in (self.family.upper(), self.given) if part]
        return ", ".join(parts) or "Namn saknas"

    @property
    def plain_name(self) -> str:
        return " ".join(part for part in (self.given, self.family) if part) or "namn saknas"

    @property
    def tab(self) -> str:
        """The title of the browser's tab."""
        return f"{self.name} – {self.number}" if self.number else self.name


def person(patient: Resource, today: date) -> Person:
    """The identity line of a FHIR R4 Patient; missing parts become words, never signs."""
    family, given = _name(patient)
    label, number, unproven = _number(patient)
    born = moment(patient.get("birthDate"))
    ended = _deceased(patient)
    until = moment(ended) if ended not in ("", "ja") else None
    return Person(
        id=str(patient.get("id", "")),
        family=family,
        given=given,
        number_label=label,
        number=number,
        born=born.date if born else "",
        age=_age(born.day if born else None, until.day if until else today, ended),
        sex=SEXES.get(str(patient.get("gender", "")), "ej angivet"),
        deceased=until.date if until else ended,
        unproven=unproven,
        unidentified=not family and not given,
        protected=any(label.get("code") in _PROTECTED for label in patient.get("meta", {}).get("security", ())),
    )


def display_number(value: str) -> str:
    """194803172388 → 19480317-2388; anything else is shown as it came."""
    return f"{value[:8]}-{value[-4:]}" if _WHOLE.fullmatch(value) else value


def _name(patient: Resource) -> tuple[str, str]:
    names = [name for name in patient.get("name", ()) if name.get("use") not in ("old", "maiden")]
    names.sort(key=lambda name: name.get("use") != "official")
    if not names:
        return "", ""
    name = names[0]
    given = " ".join(name.get("given", ()))
    family = name.get("family", "")
    return (family, given) if family or given else ("", str(name.get("text", "")))


def _number(patient: Resource) -> tuple[str, str, bool]:
    """Label, number as shown, and whether it breaks the rules of its kind; one that does not is shown before one that does."""
    broken: tuple[str, str, bool] | None = None
    for label, systems in _KINDS:
        for system, value in _values(patient.get("identifier", ()), systems):
            try:
                canonical(system, value)
            except NotAnIdentifier:
                broken = broken or (label, display_number(value), True)
            else:
                return label, display_number(value), False
    return broken or ("Personnummer", "", False)


def _values(identifiers: Iterable[Resource], systems: set[str]) -> Iterable[tuple[str, str]]:
    for identifier in identifiers:
        if identifier.get("system") in systems and identifier.get("value") and identifier.get("use") != "old":
            yield identifier["system"], str(identifier["value"])


def _deceased(patient: Resource) -> str:
    if patient.get("deceasedDateTime"):
        return str(patient["deceasedDateTime"])
    return "ja" if patient.get("deceasedBoolean") is True else ""


def _age(born: date | None, on: date, ended: str) -> str:
    if born is None or ended == "ja":
        return ""
    words = age(born, on)
    return f"blev {words}" if ended and words else words
