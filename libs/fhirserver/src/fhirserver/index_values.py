"""What search values say to the index: tokens, codes, references, patients, and the rows of the side tables."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fhircore.extract import DATE, NUMBER, QUANTITY, REFERENCE, STRING, TEXT, TOKEN, TYPED, URI
from fhircore.identifiers import is_known, kept
from fhircore.params import params_of
from fhircore.types import TYPES
from fhirserver.entries import NO_DATE, Entries, exactly, folded
from fhirserver.keys import Keys
from fhirserver.terms import Terms

SUBJECT = frozenset({"subject", "patient"})  # the parameters that `res.pat` answers
_PATIENT = "Patient/"
_MEMO_LIMIT = 50_000  # values remembered with their hashes, per type


@dataclass(slots=True)
class Gathered:
    """What was said so far about one resource. `names` has a bit for each parameter that has a value."""

    tokens: set[int] = field(default_factory=set)
    codes: dict[int, None] = field(default_factory=dict)
    refs: dict[int, None] = field(default_factory=dict)
    patients: dict[int, bool] = field(default_factory=dict)  # key → is it the subject
    names: int = 0
    entries: Entries = field(default_factory=Entries)


class Values:
    """The values of one type's parameters under one database's keys."""

    def __init__(self, type_name: str, keys: Keys, base: str, terms: Terms) -> None:
        kind = TYPES[type_name]
        self._type_name, self._keys, self._base, self._terms = type_name, keys, base, terms
        self._code, self._date = kind.main_code, kind.main_date
        self._compartment = frozenset(kind.patient) | SUBJECT
        # `combo-` parameters are searched as their parts
        self._doubled = frozenset(name for name in params_of(type_name) if name.startswith("combo-"))
        self._names: dict[str, tuple[str, int, bool]] = {}  # parameter → Type.parameter, its bit, is it left out
        self._memo: dict[
            tuple[Any, ...], tuple[int, ...]
        ] = {}  # value → its tokens: codes recur in almost every resource

    def name(self, name: str) -> tuple[str, int, bool]:
        """How a parameter stands in tokens, its bit in `Gathered.names`, and whether its values have no tokens."""
        found = self._names.get(name)
        if found is None:
            found = self._names[name] = (f"{self._type_name}.{name}", 1 << len(self._names), name in self._doubled)
        return found

    def named(self, names: int) -> frozenset[str]:
        """The parameters of these bits."""
        return frozenset(name for name, (_, bit, _) in self._names.items() if names & bit)

    def truth(self, param: str) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """The bit of a parameter that is true or false, and the tokens of both."""
        return self.name(param)[1], self._new((TOKEN, param, None, "true")), self._new((TOKEN, param, None, "false"))

    def take(self, values: Iterable[tuple[Any, ...]], into: Gathered) -> None:  # noqa: C901 — one loop over the values, hot
        """Adds what these values say."""
        token, memo, names, new = self._keys.token, self._memo, self._names, self._new
        found, tokens, said = into.entries, into.tokens, into.names
        for value in values:
            kind, name = value[0], value[1]
            at, bit, doubled = names.get(name) or self.name(name)
            said |= bit
            if doubled:
                continue
            if kind == TOKEN:
                if name == "identifier":
                    self._identifier(value[2], value[3], into)
                    continue
                hashes = memo.get(value) or new(value)
                if name == self._code:
                    into.codes[hashes[0]] = None
                    tokens.update(hashes[1:])
                else:
                    tokens.update(hashes)
            elif kind in (TEXT, URI):
                tokens.update(memo.get(value) or new(value))
            elif kind == REFERENCE:
                self._reference(name, at, value[2], into)
            elif kind == STRING:
                if text := folded(value[2]):
                    found.strings.add((token(at), text, exactly(value[2])))
            elif kind == DATE:
                if name != self._date:
                    found.rng.append((token(at), float(value[2]), float(value[3]), None, None))
                elif found.dt == NO_DATE or value[2] < found.dt:  # a period without a start is not without a date
                    found.dt, found.dte = max(value[2], NO_DATE + 1), value[3]
            elif kind == NUMBER:
                found.rng.append((token(at), value[2], value[3], None, None))
            elif kind == QUANTITY:
                _, _, system, unit, low, high = value
                found.rng.append((token(at), low, high, token(f"unit|{system or ''}|{unit}"), token(f"unit|{unit}")))
            elif kind == TYPED:
                found.idt.append(token(f"{at}:of-type|{value[2]}|{value[3]}"))
        into.names = said

    def _identifier(self, system: str | None, code: str, into: Gathered) -> None:
        of, at = self._keys.of, f"{self._type_name}.identifier"  # not remembered: each is its own
        into.entries.idt += (of(f"{at}|{system or ''}|{code}"), of(f"{at}|{code}"))
        if system:
            into.tokens.add(self._keys.token(f"{at}|{system}|"))
            if is_known(system):
                into.entries.idt += _canonical(of, at, system, code)

    def _reference(self, name: str, at: str, target: str, into: Gathered) -> None:
        token, base = self._keys.token, self._base
        if ":" in target:
            if not target.startswith(base):
                into.tokens.add(self._keys.of(f"{at}|{target}"))
                return
            target = target[len(base) :]
        key = token(target)  # remembered: a bundle names its patient and encounters over and over
        if name in self._compartment and target.startswith(_PATIENT):
            into.patients[key] = into.patients.get(key, False) or name in SUBJECT
            into.entries.patients[key] = target[8:]
            if name in SUBJECT:
                return
        into.tokens.add(key ^ token(f"{at}>"))
        into.refs[key] = None

    def _new(self, value: tuple[Any, ...]) -> tuple[int, ...]:
        if len(self._memo) >= _MEMO_LIMIT:
            self._memo.clear()
        found = self._memo[value] = self._tokens_of(self.name(value[1])[0], value)
        return found

    def _tokens_of(self, at: str, value: tuple[Any, ...]) -> tuple[int, ...]:
        """The tokens of a code, of what a code is called, or of a uri."""
        token = self._keys.token
        if value[0] == TEXT:
            text = folded(value[2])
            return (self.term(f"{at}:text", text),) if text else (token(f"{at}:text="),)
        if value[0] == URI:
            h = token(f"{at}|{value[2]}")
            if not at.endswith("._source"):  # they are as many as the messages
                self._terms.met(h, token(f"{at}:uri"), value[2])
            return (h,)
        _, _, system, code = value
        whole = (token(f"{at}|{system}|"),) if system else ()
        return (token(f"{at}|{system or ''}|{code}"), token(f"{at}|{code}"), *whole)

    def term(self, at: str, val: str) -> int:
        """The token of a term, which a search finds by looking into the text."""
        h = self._keys.token(f"{at}={val}")
        self._terms.met(h, self._keys.token(at), val)
        return h


def _canonical(of: Callable[[str], int], at: str, system: str, value: str) -> list[int]:
    """The same identifier under its canonical name and notation, so that it is found by any (FHR-05)."""
    known = kept(system, value)
    return [of(f"{at}|{known.system}|{known.value}"), of(f"{at}|{known.value}")]
