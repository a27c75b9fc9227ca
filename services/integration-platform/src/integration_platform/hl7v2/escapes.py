r"""Escape sequences in field text: \F\ \S\ \T\ \R\ \E\ \.br\ \Xhh\ and the rest (HL7 v2.8.2, chapter 2.7)."""

import re
from typing import NamedTuple

_FORMATTING = re.compile(r"\.(br|sp|in|ti|fi|nf|ce|sk)([+-]?\d*)", re.IGNORECASE)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_LINES = {"br", "sp", "ce"}  # each ends a line; `sp` as many as its number says


class Delimiters(NamedTuple):
    """MSH-1 and MSH-2; the subcomponent delimiter may be missing in old messages, the escape character too."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"


def unescape(text: str, delimiters: Delimiters, codec: str = "utf-8") -> str:
    """Plain text of one value. A sequence that is not known, or does not end, stays as it is written."""
    mark = delimiters.escape
    if not mark or mark not in text:
        return text
    pieces = text.split(mark)
    found = [pieces[0]]
    at = 1
    while at < len(pieces):
        meaning = _meaning(pieces[at], delimiters, codec) if at + 1 < len(pieces) else None
        if meaning is None:
            found += (mark, pieces[at])
            at += 1
        else:
            found += (meaning, pieces[at + 1])
            at += 2
    return "".join(found)


def _meaning(sequence: str, delimiters: Delimiters, codec: str) -> str | None:
    """What stands between two escape characters, as text; None when it is not an escape sequence."""
    simple = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "H": "",  # highlighting on and off: no text
        "N": "",
    }
    if sequence in simple:
        return simple[sequence]
    if sequence[:1] == "X" and _HEX.fullmatch(sequence, 1):
        return _bytes(bytes.fromhex(sequence[1:]), codec)
    formatting = _FORMATTING.fullmatch(sequence)
    if formatting is None:
        return None
    command, number = formatting[1].lower(), formatting[2]
    if command == "sk":
        return " " * min(int(number or 1), 200) if not number.startswith("-") else ""
    if command not in _LINES:
        return ""
    return "\n" * (min(max(int(number), 1), 50) if command == "sp" and number.strip("+-") else 1)


def _bytes(raw: bytes, codec: str) -> str:
    r"""`\XC3A5\` is meant as å also in an ISO 8859-1 message: what is UTF-8 is read as UTF-8."""
    for attempt in ("utf-8", codec):
        try:
            return raw.decode(attempt)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")
