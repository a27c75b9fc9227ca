"""Finding a patient: what was typed becomes a search over name, identifier and birth date only (D10)."""

import re
from dataclasses import dataclass
from datetime import date

_NUMBER = re.compile(r"(\d{2})?(\d{6})([-+]?)([\dA-Za-z]{4})")
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")
_LEAST = 2  # letters in a name


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search that may be sent; `problem` says in Swedish how to write when it may not.

    `doubt` is what to say when nobody is found: some system may have sent the number just as it was mistyped here.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    by_number: bool = False
    problem: str = ""
    doubt: str = ""


def wanted(typed: str, today: date) -> Wanted:
    """Reads what a person types: a personnummer in any notation, else words of a name and perhaps a birth date."""
    text = " ".join(typed.split())[:100]
    if not text:
        return Wanted(problem="Skriv ett namn eller ett personnummer.")
    whole = _NUMBER.fullmatch(text.replace(" ", ""))
    if whole:
        return _by_number(whole, today)
    return _by_words(text)


def _by_number(found: re.Match[str], today: date) -> Wanted:
    century, birth, sign, last = found.groups()
    digits = f"{century or _century(birth, sign, today)}{birth}{last.upper()}"
    written = f"{digits[:8]}-{digits[8:]}"
    pairs = (("identifier", f"{digits},{written}"),)
    if last.isdigit() and not checks(digits):
        return Wanted(pairs, doubt="Numret stämmer inte. Kontrollera siffrorna.")
    return Wanted(pairs, by_number=True)


def _by_words(text: str) -> Wanted:
    pairs: list[tuple[str, str]] = []
    for word in text.replace(",", " ").split():
        born = _DATE.fullmatch(word)
        if born:
            pairs.append(("birthdate", "-".join(born.groups())))
        elif len(word) >= _LEAST and not any(sign.isdigit() for sign in word[:1]):
            pairs.append(("name", word.replace("\\", "\\\\").replace("$", "\\$").replace("|", "\\|")))
        else:
            return Wanted(problem="Skriv minst två bokstäver av namnet, eller hela personnumret.")
    return Wanted(tuple(pairs))


def _century(birth: str, sign: str, today: date) -> str:
    """The latest century in which the person is born by now; a plus sign is a hundred years earlier."""
    year = today.year // 100 * 100 + int(birth[:2])
    month, day = int(birth[2:4]), int(birth[4:6]) % 60
    if (year, month, day) > (today.year, today.month, today.day):
        year -= 100
    return str((year - (100 if sign == "+" else 0)) // 100)


def checks(digits: str) -> bool:
    """Luhn over the last ten digits (sweden.md §7.1), or over positions 5–11 for reserve numbers that begin with 99."""
    counted = digits[4:11] if digits.startswith("99") else digits[2:11]
    total = 0
    for place, digit in enumerate(counted):
        doubled = int(digit) * (2 - place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return (10 - total % 10) % 10 == int(digits[-1])
