"""Regular expressions that cannot take for ever: Python's engine has no time limit, so the shapes that explode are refused."""

import re

from fhircore.fhirpath.errors import PathError

MAX_PATTERN = 500
MAX_REPEATS = 12

_PIECE = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:[:=!>]|<[=!]|P?<\w+>)|[()|]|[*+?]|\{\d*,?\d*\}|.", re.DOTALL
)
_OPEN_ENDED = re.compile(r"[*+]|\{\d*,\}|\{\d*,?\d{3,}\}")


def checked(pattern: str) -> str:
    """The pattern itself. Raises PathError when it is no pattern, too long, or repeats what already repeats."""
    if len(pattern) > MAX_PATTERN:
        raise PathError(f"A pattern may have at most {MAX_PATTERN} characters.")
    if _explodes(_PIECE.findall(pattern)):
        raise PathError("The pattern repeats a group that itself repeats or has alternatives; write it without that.")
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise PathError("The pattern is not a regular expression.") from error
    return pattern


def _explodes(pieces: list[str]) -> bool:
    """Whether a group is repeated that holds a repetition or alternatives, or there are too many repetitions."""
    open_groups = [False]  # for each open group: does it hold a repetition or alternatives
    closed = False  # the same of the group that ended just before
    repeats = 0
    for piece in pieces:
        repeated = bool(_OPEN_ENDED.fullmatch(piece))
        repeats += repeated
        if repeated and closed:
            return True
        closed = False
        if piece[0] == "(":
            open_groups.append(False)
        elif piece == ")" and len(open_groups) > 1:
            closed = open_groups.pop()
            open_groups[-1] |= closed
        elif repeated or piece == "|":
            open_groups[-1] = True
    return repeats > MAX_REPEATS
