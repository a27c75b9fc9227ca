"""What a patient measures at home or notes: which kinds there are, and how what was typed is read (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

LONGEST = 5_000  # characters of a note


@dataclass(frozen=True, slots=True)
class Part:
    """One number of a measurement: its name in forms, its words, its unit, and what a person can have at all.

    The limits are of the possible, never of the healthy: they catch a mistyped number, they judge nobody.
    """

    name: str
    words: str
    unit: str
    low: Decimal
    high: Decimal
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """A kind of measurement. `code` is its LOINC code (https://loinc.org), where it has one for all its parts."""

    id: str
    words: str
    icon: str
    parts: Sequence[Part]


def _part(name: str, words: str, unit: str, low: str, high: str, decimals: int = 0) -> Part:
    return Part(name, words, unit, Decimal(low), Decimal(high), decimals)


MEASURES: Mapping[str, Measure] = {
    one.id: one
    for one in (
        Measure(
            "blood-pressure",
            "Blodtryck",
            "heart-pulse",
            (
                _part("systolic", "Övre tryck", "mmHg", "40", "300"),
                _part("diastolic", "Undre tryck", "mmHg", "20", "200"),
            ),
        ),
        Measure("pulse", "Puls", "activity", (_part("pulse", "Puls", "slag/min", "20", "250"),)),
        Measure("weight", "Vikt", "activity", (_part("weight", "Vikt", "kg", "0.3", "400", 1),)),
        Measure("temperature", "Temperatur", "activity", (_part("temperature", "Temperatur", "°C", "30", "45", 1),)),
        Measure("glucose", "Blodsocker", "flask-conical", (_part("glucose", "Blodsocker", "mmol/L", "0.5", "60", 1),)),
    )
}
NOTE = "note"


@dataclass(frozen=True, slots=True)
class Entry:
    """A measurement or a note of the patient's own, with its provenance: who wrote it, as what, and when."""

    id: UUID
    patient: str
    kind: str
    numbers: Mapping[str, str]
    note: str
    at: datetime
    by_id: str
    by_name: str
    by_role: str
    made_at: datetime
    withdrawn_at: datetime | None = None


def read(measure: Measure, typed: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(numbers, what is wrong by field). Numbers are kept as they were meant: "37.4" for "37,4"."""
    numbers: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for part in measure.parts:
        found = _number(typed.get(part.name, ""), part)
        if isinstance(found, Decimal):
            numbers[part.name] = str(found)
        else:
            wrong[part.name] = found
    if not wrong and measure.id == "blood-pressure" and Decimal(numbers["diastolic"]) >= Decimal(numbers["systolic"]):
        wrong["diastolic"] = "Det undre trycket är lägre än det övre. Kontrollera siffrorna."
    return numbers, wrong


def _number(text: str, part: Part) -> Decimal | str:
    plain = text.strip().replace("\u00a0", "").replace(" ", "").replace(",", ".")
    if not plain:
        return f"Skriv {part.words.lower()} i {part.unit}."
    try:
        found = Decimal(plain)
    except InvalidOperation:
        return "Skriv bara siffror, till exempel " + ("37,4." if part.decimals else "120.")
    if not found.is_finite() or not part.low <= found <= part.high:
        return f"Kontrollera siffran: mellan {_plain(part.low)} och {_plain(part.high)} {part.unit}."
    exponent = found.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > part.decimals:
        return "Skriv med högst en decimal." if part.decimals else "Skriv utan decimaler."
    return found


def _plain(limit: Decimal) -> str:
    return f"{limit.normalize():f}".replace(".", ",")


def said(entry: Entry) -> str:
    """The value as it is read: 128/82 mmHg."""
    measure = MEASURES.get(entry.kind)
    if measure is None:
        return ""
    numbers = [entry.numbers.get(part.name, "").replace(".", ",") for part in measure.parts]
    return f"{'/'.join(numbers)}\u00a0{measure.parts[0].unit}"
