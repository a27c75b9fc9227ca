"""The entries of one resource in the index, and how texts stand there."""

from dataclasses import dataclass, field
from zlib import crc32

from fhircore.fold import fold

NO_DATE = -(2**63)  # res.dt of what has no main date: last in time, and found by no date search


@dataclass(slots=True)
class Entries:
    """What the index says about one resource. `idt` (h), `strings` (h, val, x), `rng` (h, lo, hi, u, n), `alt` (pat, code, also),
    `words` (part, hashes; only where full text is kept)."""

    pat: int = 0
    dt: int = NO_DATE
    dte: int | None = None
    code: int = 0
    refs: list[int] = field(default_factory=list)
    tok: list[int] = field(default_factory=list)
    idt: list[int] = field(default_factory=list)
    strings: set[tuple[int, str, int]] = field(default_factory=set)
    rng: list[tuple[int, float, float, int | None, int | None]] = field(default_factory=list)
    alt: list[tuple[int, int, int]] = field(default_factory=list)
    patients: dict[int, str] = field(default_factory=dict)  # key → Patient id, in the order the resource names them
    words: list[tuple[int, list[int]]] = field(default_factory=list)


def folded(text: str) -> str:
    """Lower case, no accents, single spaces: how strings are compared (FHIR search §string); at most 400 characters."""
    return fold(text)[:400]


def exactly(text: str) -> int:
    """A sum of the text as it was written, beside its folded form: equal when both are equal (32 bits, signed)."""
    return crc32(text.encode("utf-8", "surrogatepass")) - 0x8000_0000
