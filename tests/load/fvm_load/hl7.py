"""HL7 v2 messages of synthetic people: an ORU^R01 with twelve results, as a laboratory sends it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

PERSONNUMMER = "1.2.752.129.2.1.3.1"
_TESTS = (
    ("NPU03230", "P-Kalium", "mmol/L", "3.5-4.4"),
    ("NPU03429", "P-Natrium", "mmol/L", "137-145"),
    ("NPU18016", "P-Kreatinin", "umol/L", "60-105"),
    ("NPU28309", "B-Hemoglobin", "g/L", "134-170"),
    ("NPU02593", "B-Leukocyter", "10*9/L", "3.5-8.8"),
    ("NPU03568", "B-Trombocyter", "10*9/L", "145-348"),
    ("NPU19748", "P-CRP", "mg/L", "<3"),
    ("NPU02192", "P-Glukos", "mmol/L", "4.0-6.0"),
    ("NPU19651", "P-ALAT", "ukat/L", "<1.1"),
    ("NPU19654", "P-ASAT", "ukat/L", "<0.76"),
    ("NPU01370", "P-Bilirubin", "umol/L", "5-25"),
    ("NPU19673", "P-Albumin", "g/L", "36-45"),
)
START, END = b"\x0b", b"\x1c\r"


@dataclass(frozen=True, slots=True)
class Person:
    """`number`: a personnummer of the ranges for official test numbers (birth numbers 238 and 239)."""

    number: str

    @property
    def born(self) -> str:
        return self.number[:8]


def check_digit(nine: str) -> int:
    """Luhn over YYMMDDNNN (Skatteverket, SKV 704)."""
    total = 0
    for place, digit in enumerate(map(int, nine)):
        doubled = digit * (2 - place % 2)
        total += doubled // 10 + doubled % 10
    return -total % 10


def people(count: int, first: date = date(1931, 1, 1)) -> list[Person]:
    """Test people, two a day: birth number 238 (a woman) and 239 (a man)."""
    found = []
    for nth in range(count):
        day = f"{first + timedelta(days=nth // 2):%Y%m%d}"
        nine = day[2:] + ("238", "239")[nth % 2]
        found.append(Person(f"{day[:2]}{nine}{check_digit(nine)}"))
    return found


def oru(person: Person, control: str, order: str, nth: int = 0) -> bytes:
    """A framed message: control id `control`, filler's order number `order`, values that vary with `nth`."""
    at = f"{datetime.now(UTC):%Y%m%d%H%M%S}+0000"
    sex = "F" if int(person.number[10]) % 2 == 0 else "M"
    lines = [
        f"MSH|^~\\&|BENCH|LAB|FVM|NORR|{at}||ORU^R01^ORU_R01|{control}|P|2.5||||||UNICODE UTF-8",
        f"PID|1||{person.number}^^^SE&{PERSONNUMMER}&ISO^NNSWE||Mätning^Test^^^^^L||{person.born}|{sex}",
        f"OBR|1|P{order}^VIS|{order}^LIMS|KEMI^Kemipanel^L|||{at}|||||||||||||||{at}||LAB|F",
    ]
    for place, (code, name, unit, limits) in enumerate(_TESTS, 1):
        value = f"{3 + (nth * 7 + place * 13) % 400 / 100:.2f}"
        lines.append(f"OBX|{place}|NM|{code}^{name}^NPU|{place}|{value}|{unit}^{unit}^UCUM|{limits}|N|||F|||{at}")
    return START + ("\r".join(lines) + "\r").encode() + END


def stream(persons: list[Person], run: str, first: int = 0) -> Iterator[bytes]:
    """Messages without end, about these people in turn; `run` makes control ids and order numbers unlike other runs'."""
    nth = first
    while True:
        yield oru(persons[nth % len(persons)], f"{run}{nth}", f"{run}F{nth}", nth)
        nth += 1
