"""Text as string search compares it: without case, accents and runs of space (http://hl7.org/fhir/R4/search.html#string)."""

import unicodedata

_LETTERS = str.maketrans({"æ": "ae", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "œ": "oe", "ı": "i"})


def fold(text: str) -> str:
    """`text` in lower case, letters without their accents (å and ä are a, ö is o), spaces single and none outside."""
    if text.isascii():
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())
