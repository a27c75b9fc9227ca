"""The index entries of one resource type: what its members say is gathered, and settled as columns, tokens and rows.

Members that recur (codes, references, profiles) are remembered by their JSON with all that they say: most of a resource is
looked up, not read.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fhircore.extract import WRONG, extractor, extractors
from fhircore.groups import grouped
from fhircore.members import RECURRING, Known
from fhircore.validation.definitions import shape
from fhirserver.entries import NO_DATE, Entries
from fhirserver.grouping import Grouping
from fhirserver.index_values import SUBJECT, Gathered, Values
from fhirserver.keys import Keys
from fhirserver.terms import Terms, shape_of
from fhirserver.words import words_of

__all__ = ["SUBJECT", "TypeIndexer"]

ALSO_SUBJECT, ALSO_CODE, ALSO_CONCERNED = (
    1,
    2,
    3,
)  # alt.also: a further subject, a further code, somebody else concerned
_SHAPES = 50_000  # remembered per type


class _Said(NamedTuple):
    """What a member says that is remembered; `patients` are (key, id, is it the subject)."""

    tokens: tuple[int, ...]
    names: int
    codes: tuple[int, ...]
    refs: tuple[int, ...]
    patients: tuple[tuple[int, str, bool], ...]


class TypeIndexer:
    """Of one type under one database's keys."""

    def __init__(
        self, type_name: str, keys: Keys, base: str, terms: Terms, known: Known, *, full_text: bool = False
    ) -> None:
        self._type_name, self._keys, self._known, self._full_text = type_name, keys, known, full_text
        self._values = Values(type_name, keys, base, terms)
        self._grouping, self._groups = Grouping(keys, base), grouped(type_name)
        found = extractors(type_name)
        fields = shape(type_name).fields
        self._plan: dict[str, tuple[Callable[[Any], list[tuple[Any, ...]]], dict[bytes, _Said] | None]] = {
            name: (read, known.table() if name in fields and fields[name].type in RECURRING else None)
            for name, read in found.read.items()
        }
        self._truths = tuple((names, *self._values.truth(param)) for param, names in found.truths)
        self._shapes: dict[int, int] = {}
        self._not_subject = keys.token(f"{type_name}!subject")

    def entries(self, id: str, resource: Mapping[str, Any], raws: Mapping[str, bytes] | None) -> Entries:
        """All index entries of this resource. Raises InvalidFHIR where an element does not have its FHIR form."""
        all = Gathered()
        try:
            self._gather(resource, raws, all)
        except WRONG:
            extractor(self._type_name)(resource)  # says which element it is
            raise
        found = all.entries
        if self._type_name == "Patient":  # about itself, not about those it is linked to
            own = self._keys.of(f"Patient/{id}")
            all.patients, found.patients = {own: True}, {own: id}
        if self._groups is not None and (together := self._groups(resource)):
            for name, values in together:
                all.names |= self._values.name(name)[1]
                self._grouping.add(found, all.tokens, f"{self._type_name}.{name}", values)
        all.tokens.add(self._shapes.get(all.names) or self._shape(all.names))
        if self._full_text:
            found.words = words_of(dict(resource), self._keys.token)
        _settle(found, all.patients, list(all.codes))
        if found.pat and not all.patients[found.pat]:
            all.tokens.add(self._not_subject)
        found.tok, found.refs = list(all.tokens), list(all.refs)
        return found

    def _gather(self, resource: Mapping[str, Any], raws: Mapping[str, bytes] | None, all: Gathered) -> None:
        plan, take = self._plan, self._values.take
        for name, value in resource.items():
            planned = plan.get(name)
            if planned is None or value is None:
                continue
            read, table = planned
            if table is None or raws is None:
                take(read(value), all)
                continue
            said = table.get(raws[name])
            if said is None:
                said = self._say(read(value), table, raws[name], all)
                if said is None:
                    continue
            all.tokens.update(said.tokens)
            all.names |= said.names
            if said.codes:
                all.codes.update(dict.fromkeys(said.codes))
            for key in said.refs:
                all.refs[key] = None
            for key, id, subject in said.patients:
                all.patients[key] = all.patients.get(key, False) or subject
                all.entries.patients[key] = id
        for names, bit, yes, no in self._truths:
            all.names |= bit
            all.tokens.update(yes if any(resource.get(name) not in (None, False) for name in names) else no)

    def _say(self, values: list[tuple[Any, ...]], table: dict[bytes, _Said], raw: bytes, all: Gathered) -> _Said | None:
        """What these values say, remembered; None where they have rows of their own, which went to `all`."""
        one = Gathered()
        self._values.take(values, one)
        found = one.entries
        if found.idt or found.strings or found.rng or found.dt != NO_DATE:
            self._values.take(values, all)
            return None
        patients = tuple((key, found.patients[key], subject) for key, subject in one.patients.items())
        said = _Said(tuple(one.tokens), one.names, tuple(one.codes), tuple(one.refs), patients)
        self._known.keep(table, raw, said)
        return said

    def _shape(self, names: int) -> int:
        """The token of the set of parameters that a resource has."""
        if len(self._shapes) >= _SHAPES:
            self._shapes.clear()
        found = self._shapes[names] = self._values.term(f"{self._type_name}!shape", shape_of(self._values.named(names)))
        return found


def _settle(found: Entries, patients: dict[int, bool], codes: list[int]) -> None:
    """First subject and first code become columns; every further combination a row of its own."""
    ordered = sorted(patients, key=lambda key: not patients[key]) if len(patients) > 1 else list(patients)
    found.pat = ordered[0] if ordered else 0
    found.code = codes[0] if codes else 0
    for patient in ordered[1:]:
        found.alt.append((patient, found.code, ALSO_SUBJECT if patients[patient] else ALSO_CONCERNED))
        if patients[patient]:
            found.alt += ((patient, code, ALSO_CODE) for code in codes[1:])
    subject = found.pat if found.pat and patients[found.pat] else 0
    found.alt += ((subject, code, ALSO_CODE) for code in codes[1:])
