"""Regular expressions that cannot take for ever (http://hl7.org/fhirpath/N1/index.html#matchesregex-string-boolean).

Python's engine has no time limit. Patterns whose shape can explode (a repeated group that itself repeats or has
alternatives), and texts too long for their repetitions, are therefore matched by a slower engine whose time only grows
with the text.
"""

import re
from functools import lru_cache

from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.functions.linear import Machine, linear

MAX_PATTERN = 2_000
MAX_WAYS = 1e8

PIECE = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:[:=!>]|<[=!]|P?<\w+>)|[()|^$]|[*+?]\??|\{\d*,?\d*\}\??|.", re.DOTALL
)
_BACK_REFERENCE = re.compile(r"\\[1-9]|\(\?P=.*")
_OPEN_ENDED = re.compile(r"[*+]\??|\{\d*,\}\??|\{\d*,?\d{3,}\}\??")


class Pattern:
    """One regular expression, matched by whichever engine is safe for the text."""

    def __init__(self, source: str) -> None:
        self.compiled = re.compile(source, re.DOTALL)
        self.pieces = PIECE.findall(source)
        self.risk = _risk(self.pieces)
        self._machine: Machine | None = None

    def safe(self, text: str) -> bool:
        """Whether Python's engine ends in time: it may try as many ways as length ** (repetitions + 1)."""
        return self.risk is not None and float(len(text)) ** (self.risk + 1) <= MAX_WAYS

    def matches(self, text: str, whole: bool) -> bool:
        """Whether the text is a match as a whole, or has one somewhere. Raises PathError when it is too long for that."""
        if self.safe(text):
            return (self.compiled.fullmatch(text) if whole else self.compiled.search(text)) is not None
        if self._machine is None:
            self._machine = linear(self.pieces)
        return self._machine.found(text, whole)


@lru_cache(maxsize=512)
def pattern(source: str) -> Pattern:
    """Raises PathError when this is no regular expression or too long."""
    if len(source) > MAX_PATTERN:
        raise PathError(f"A pattern may have at most {MAX_PATTERN} characters.")
    try:
        return Pattern(source)
    except (re.error, OverflowError, RecursionError) as error:
        raise PathError("The pattern is not a regular expression.") from error


def _risk(pieces: list[str]) -> int | None:
    """How many open repetitions there are; None when a repeated group itself repeats or has alternatives."""
    open_groups = [False]  # for each open group: does it hold a repetition or alternatives
    closed = False  # the same of the group that ended just before
    repeats = 0
    for piece in pieces:
        repeated = bool(_OPEN_ENDED.fullmatch(piece))
        repeats += repeated
        if (repeated or piece[0] == "{") and closed:
            return None
        closed = False
        if piece[0] == "(":
            open_groups.append(False)
        elif piece == ")" and len(open_groups) > 1:
            closed = open_groups.pop()
            open_groups[-1] |= closed
        elif repeated or piece == "|" or piece[0] == "{":
            open_groups[-1] = True
    return None if any(map(_BACK_REFERENCE.fullmatch, pieces)) else repeats
