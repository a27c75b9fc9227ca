"""FHIRPath text → tokens (http://hl7.org/fhirpath/N1/index.html#lexical-elements)."""

import re
from collections.abc import Iterator

import msgspec

from fhircore.fhirpath.errors import PathError

_TOKEN = re.compile(
    r"""(?P<space>(?:\s+|//[^\n]*|/\*.*?\*/)+)
    |(?P<moment>@(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?
        |\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)?))
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<quoted>`(?:[^`\\]|\\.)*`)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<dollar>\$(?:this|index|total)\b)
    |(?P<sign><=|>=|!=|!~|[-+*/|&=~<>().,\[\]{}%])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Token(msgspec.Struct, frozen=True):
    """kind: moment, number, string, quoted, word, dollar, sign or end; text with escapes already resolved."""

    kind: str
    text: str
    at: int


def tokens(expression: str) -> Iterator[Token]:
    """Every token, the last of kind `end`. Raises PathError at the first character that begins none."""
    at = 0
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        if found is None or (expression.startswith("/*", at) and found.lastgroup == "sign"):
            raise PathError(f"The expression is not FHIRPath from position {at}.")
        kind, text = found.lastgroup or "", found.group()
        if kind in ("string", "quoted"):
            yield Token(kind, _ESCAPE.sub(_unescaped, text[1:-1]), at)
        elif kind != "space":
            yield Token(kind, text, at)
        at = found.end()
    yield Token("end", "", at)


def _unescaped(found: re.Match[str]) -> str:
    text = found.group(1)
    return chr(int(text[1:], 16)) if len(text) == 5 else _ESCAPED.get(text, text)
