"""Vital signs: what is measured, its codes and unit, and what no value lies outside of; shared by who stores and who shows."""

from dataclasses import dataclass
from decimal import Decimal

LOINC, UCUM, SNOMED = "http://loinc.org", "http://unitsofmeasure.org", "http://snomed.info/sct"
OWN = "urn:fvm:vitals"  # what has no code of its own: whether oxygen is given ("oxygen")
POINTS = "urn:fvm:news2"  # the parameters of NEWS2, by their names in fhircore.news2, and its scale ("scale")
LEVELS = "urn:fvm:consciousness"  # A, C, V, P, U
NEWS2, CONSCIOUSNESS, PRESSURE = "1104051000000101", "80288-4", "85354-9"  # SNOMED CT, LOINC, LOINC
POINT_TEXTS = {
    "respirations": "Andningsfrekvens",
    "spo2": "Syremättnad",
    "oxygen": "Syrgas",
    "systolic": "Blodtryck",
    "pulse": "Puls",
    "consciousness": "Medvetandegrad",
    "temperature": "Temperatur",
    "scale": "Skala för syremättnad",
}
LEVEL_TEXTS = {
    "A": "Alert",
    "C": "Nytillkommen förvirring",
    "V": "Reagerar på tilltal",
    "P": "Reagerar på smärta",
    "U": "Reagerar inte",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity that is measured: `low` and `high` are what a value is refused outside of, whatever the patient's state."""

    name: str
    codes: tuple[str, ...]  # LOINC
    text: str
    unit: str
    ucum: str
    low: int
    high: int
    decimals: int = 0

    def fault(self, amount: Decimal) -> str:
        """What is wrong with the value, in words; "" where it can be."""
        if amount != round(amount, self.decimals):
            return f"{self.text} skrivs med {'högst en decimal' if self.decimals else 'hela tal'}"
        if not self.low <= amount <= self.high:
            return f"{self.text} är mellan {self.low} och {self.high} {self.unit}"
        return ""


QUANTITIES = {
    one.name: one
    for one in (
        Quantity("respirations", ("9279-1",), "Andningsfrekvens", "/min", "/min", 0, 99),
        Quantity("spo2", ("59408-5", "2708-6"), "Syremättnad (SpO2)", "%", "%", 20, 100),
        Quantity("systolic", ("8480-6",), "Systoliskt blodtryck", "mmHg", "mm[Hg]", 30, 300),
        Quantity("diastolic", ("8462-4",), "Diastoliskt blodtryck", "mmHg", "mm[Hg]", 5, 200),
        Quantity("pulse", ("8867-4",), "Puls", "/min", "/min", 0, 300),
        Quantity("temperature", ("8310-5",), "Kroppstemperatur", "°C", "Cel", 20, 45, 1),
    )
}
