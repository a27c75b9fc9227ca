"""The index entries of values that stand together: composite parameters, and places on earth (fhircore.groups)."""

from dataclasses import dataclass
from itertools import product
from typing import Any

from fhircore.extract import DATE, NUMBER, QUANTITY, REFERENCE, STRING, TEXT, TOKEN, TYPED
from fhirserver.entries import Entries, exactly, folded
from fhirserver.keys import Keys
from fhirserver.terms import Terms


@dataclass(frozen=True, slots=True)
class Grouping:
    """Makes them under one database's keys; `base` is our own address with a slash."""

    keys: Keys
    base: str
    terms: Terms

    def add(self, found: Entries, tokens: set[int], at: str, values: tuple[Any, ...]) -> None:
        """The entries of one group: its codes with each other, or with each of its numbers, times or texts."""
        token = self.keys.token
        if at == "Location.near":
            ((latitude, longitude),) = values
            found.rng.append((token(at), latitude, longitude, None, None))
            return
        for one in product(*values):
            parts = sorted((value for value in one if value[0] not in (TEXT, TYPED)), key=lambda value: value[0])
            if len(parts) < len(one):
                continue
            (kind, _, *first), second = parts[0], parts[1]
            if kind != TOKEN:
                continue
            code, alone = f"{at}|{first[0] or ''}|{first[1]}", f"{at}|{first[1]}"
            if second[0] == TOKEN:
                tokens.add(self._pair(code, alone, second))
            elif second[0] == REFERENCE:  # few, and made by an XOR, so each way to ask has its own
                key = self.keys.of(second[2].removeprefix(self.base))
                tokens |= {key ^ token(f"{code}>"), key ^ token(f"{alone}>")}
            else:
                h = token(code)
                self.terms.meant(token(alone), h)
                self._with_code(found, h, second, parts[-1])

    def _pair(self, code: str, alone: str, second: tuple[Any, ...]) -> int:
        """The token of two codes that stand together, each of which may be asked for without its system."""
        token, full, short = self.keys.token, f"{second[2] or ''}|{second[3]}", second[3]
        h = token(f"{code}${full}")
        for asked in (f"{code}${short}", f"{alone}${full}", f"{alone}${short}"):
            self.terms.meant(token(asked), h)
        return h

    def _with_code(self, found: Entries, h: int, second: tuple[Any, ...], last: tuple[Any, ...]) -> None:
        """The entries of a code's other part; a second number after the first ends a stretch."""
        token, kind = self.keys.token, second[0]
        if kind == STRING:
            found.strings.add((h, folded(second[2]), exactly(second[2])))
        elif kind == DATE:
            found.rng.append((h, float(second[2]), float(second[3]), None, None))
        elif kind == NUMBER:
            found.rng.append((h, second[2], last[3], None, None))
        elif kind == QUANTITY:
            _, _, system, unit, low, high = second
            found.rng.append((h, low, high, token(f"unit|{system or ''}|{unit}"), token(f"unit|{unit}")))
