"""From a resource to its index: hot columns, hashed tokens and the rows of the side tables."""

from collections.abc import Callable
from typing import Any

from fhircore.extract import DATE, NUMBER, QUANTITY, REFERENCE, STRING, TEXT, TOKEN, TYPED, URI, extractor
from fhircore.groups import grouped
from fhircore.identifiers import is_known, kept
from fhircore.params import params_of
from fhircore.types import TYPES
from fhirserver.entries import NO_DATE, Entries, exactly, folded
from fhirserver.grouping import Grouping
from fhirserver.keys import Keys
from fhirserver.terms import Terms, is_open, shape_of
from fhirserver.words import words_of

__all__ = ["NO_DATE", "SUBJECT", "Entries", "Indexer", "exactly", "folded", "leads_to"]

ALSO_SUBJECT, ALSO_CODE, ALSO_CONCERNED = (
    1,
    2,
    3,
)  # alt.also: a further subject, a further code, somebody else concerned
SUBJECT = frozenset({"subject", "patient"})  # the parameters that `res.pat` answers
_PATIENT = "Patient/"
_MEMO_LIMIT = 50_000  # values remembered with their hashes, per type


def leads_to(keys: Keys, at: str, key: int) -> int:
    """The token of a reference: `at` (Observation.encounter) points at the resource with this key.

    An XOR, so that SQL can make it too: a chain is `tok && array(select key # hash …)`.
    """
    return key ^ keys.token(f"{at}>")


class Indexer:
    """Builds the entries of a resource under one database's keys."""

    def __init__(self, keys: Keys, base: str = "", *, full_text: bool = False) -> None:
        """`base` is our own address: a reference that begins with it is one to a resource here."""
        self._keys = keys
        self.terms = Terms()
        self._full_text = full_text
        self._base = base + "/" if base else "\0"
        self._builders: dict[str, Callable[[str, dict[str, Any]], Entries]] = {}

    def entries(self, type_name: str, id: str, resource: dict[str, Any]) -> Entries:
        """All index entries of this resource; pure apart from the hash memo."""
        builder = self._builders.get(type_name)
        if builder is None:
            builder = self._builders[type_name] = self._builder(type_name)
        return builder(id, resource)

    def _builder(self, type_name: str) -> Callable[[str, dict[str, Any]], Entries]:  # noqa: C901 — holds the hot loop
        extract = extractor(type_name)
        token, key_of, base = self._keys.token, self._keys.of, self._base
        kind = TYPES[type_name]
        code_param, date_param, compartment = kind.main_code, kind.main_date, frozenset(kind.patient) | SUBJECT
        not_subject = token(f"{type_name}!subject")
        doubled = frozenset(
            name for name in params_of(type_name) if name.startswith("combo-")
        )  # searched as their parts
        prefix = {name: f"{type_name}.{name}" for name in params_of(type_name)}
        opened = frozenset(name for name, param in params_of(type_name).items() if is_open(param))
        memo: dict[tuple[Any, ...], tuple[int, ...]] = {}  # value → its tokens: codes recur in almost every resource
        shapes: dict[frozenset[str], int] = {}
        groups, full_text = grouped(type_name), self._full_text
        grouping = Grouping(self._keys, self._base, self.terms)

        def new(value: tuple[Any, ...]) -> tuple[int, ...]:
            if len(memo) >= _MEMO_LIMIT:
                memo.clear()
            whole = value[1] in opened or value[1].endswith(":identifier")
            memo[value] = self._tokens_of(prefix.get(value[1]) or f"{type_name}.{value[1]}", value, whole)
            return memo[value]

        def shape(names: frozenset[str]) -> int:
            if len(shapes) >= _MEMO_LIMIT:
                shapes.clear()
            shapes[names] = self._term(f"{type_name}!shape", shape_of(names))
            return shapes[names]

        def build(id: str, resource: dict[str, Any]) -> Entries:  # noqa: C901 — one loop over the values, hot
            found = Entries()
            tokens: set[int] = set()
            patients: dict[int, bool] = {}  # key → is it the subject
            codes: dict[int, None] = {}
            refs: dict[int, None] = {}
            read = extract(resource)
            for value in read:
                kind, name = value[0], value[1]
                if name in doubled:
                    continue
                at = prefix.get(name)
                if at is None:
                    at = prefix[name] = f"{type_name}.{name}"
                if kind == TOKEN:
                    if name == "identifier":
                        _, _, system, code = value
                        found.idt += (token(f"{at}|{system or ''}|{code}"), token(f"{at}|{code}"))
                        if system:
                            tokens.add(token(f"{at}|{system}|"))
                            if is_known(system):
                                found.idt += _canonical(token, at, system, code)
                        continue
                    hashes = memo.get(value) or new(value)
                    if name == code_param:
                        codes[hashes[0]] = None
                        tokens.update(hashes[1:])
                    else:
                        tokens.update(hashes)
                elif kind == TEXT:
                    tokens.update(memo.get(value) or new(value))
                elif kind == REFERENCE:
                    target = value[2]
                    if ":" in target:
                        if not target.startswith(base):
                            tokens.add(key_of(f"{at}|{target}"))
                            continue
                        target = target[len(base) :]
                    key = token(target)  # remembered: a bundle names its patient and encounters over and over
                    if name in compartment and target.startswith(_PATIENT):
                        patients[key] = patients.get(key, False) or name in SUBJECT
                        found.patients[key] = target[8:]
                        if name in SUBJECT:
                            continue
                    tokens.add(key ^ token(f"{at}>"))
                    refs[key] = None
                elif kind == STRING:
                    text = folded(value[2])
                    if text:
                        found.strings.add((token(at), text, exactly(value[2])))
                elif kind == DATE:
                    if name == date_param:
                        if found.dt == NO_DATE or value[2] < found.dt:  # a period without a start is not without a date
                            found.dt, found.dte = max(value[2], NO_DATE + 1), value[3]
                    else:
                        found.rng.append((token(at), float(value[2]), float(value[3]), None, None))
                elif kind == NUMBER:
                    found.rng.append((token(at), value[2], value[3], None, None))
                elif kind == QUANTITY:
                    _, _, system, unit, low, high = value
                    found.rng.append(
                        (token(at), low, high, token(f"unit|{system or ''}|{unit}"), token(f"unit|{unit}"))
                    )
                elif kind == URI:
                    tokens.update(memo.get(value) or new(value))
                elif kind == TYPED:
                    found.idt.append(token(f"{at}:of-type|{value[2]}|{value[3]}"))
            if type_name == "Patient":  # about itself, not about those it is linked to
                own = key_of(f"Patient/{id}")
                patients, found.patients = {own: True}, {own: id}
            names = frozenset([value[1] for value in read])
            if groups is not None and (together := groups(resource)):
                names |= {name for name, _ in together}
                for name, values in together:
                    grouping.add(found, tokens, f"{type_name}.{name}", values)
            tokens.add(shapes.get(names) or shape(names))
            if full_text:
                found.words = words_of(resource, token)
            _settle(found, patients, list(codes))
            if found.pat and not patients[found.pat]:
                tokens.add(not_subject)
            found.tok, found.refs = list(tokens), list(refs)
            return found

        return build

    def _term(self, at: str, val: str) -> int:
        """The token of a term, which a search finds by looking into the text."""
        h = self._keys.token(f"{at}={val}")
        self.terms.met(h, self._keys.token(at), val)
        return h

    def _tokens_of(self, at: str, value: tuple[Any, ...], whole: bool) -> tuple[int, ...]:
        """The tokens of a code, of what a code is called, or of a uri; of an identifier (`whole`) one for each way to ask."""
        token = self._keys.token
        if value[0] == TEXT:
            text = folded(value[2])
            return (self._term(f"{at}:text", text),) if text else (token(f"{at}:text="),)
        if value[0] == URI:
            h = token(f"{at}|{value[2]}")
            if not at.endswith("._source"):  # they are as many as the messages
                self.terms.met(h, token(f"{at}:uri"), value[2])
            return (h,)
        _, _, system, code = value
        h, alone = token(f"{at}|{system or ''}|{code}"), token(f"{at}|{code}")
        if whole:
            return (h, alone, token(f"{at}|{system}|")) if system else (h, alone)
        if system:  # without one, who asks for the code alone asks for `|code` too
            self.terms.meant(alone, h)
            self.terms.meant(token(f"{at}|{system}|"), h)
        return (h,)


def _canonical(token: Callable[[str], int], at: str, system: str, value: str) -> list[int]:
    """The same identifier under its canonical name and notation, so that it is found by any (FHR-05)."""
    known = kept(system, value)
    return [token(f"{at}|{known.system}|{known.value}"), token(f"{at}|{known.value}")]


def _settle(found: Entries, patients: dict[int, bool], codes: list[int]) -> None:
    """First subject and first code become columns; every further combination a row of its own."""
    if len(patients) < 2 and len(codes) < 2:  # nearly all
        found.pat = next(iter(patients), 0)
        found.code = codes[0] if codes else 0
        return
    ordered = sorted(patients, key=lambda key: not patients[key])
    found.pat = ordered[0] if ordered else 0
    found.code = codes[0] if codes else 0
    for patient in ordered[1:]:
        found.alt.append((patient, found.code, ALSO_SUBJECT if patients[patient] else ALSO_CONCERNED))
        if patients[patient]:
            found.alt += ((patient, code, ALSO_CODE) for code in codes[1:])
    subject = found.pat if found.pat and patients[found.pat] else 0
    found.alt += ((subject, code, ALSO_CODE) for code in codes[1:])
