"""Patients without end: each of Synthea's bundles cut where a copy differs (ids, dates, names), so that a copy is one join."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import msgspec

from fvm_load import synthea

_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAME = "@@family@@"
_CUT = re.compile(rf'({_ID}|(?<=")\d\d\d\d-\d\d-\d\d|{_NAME})')
_CONDITION = re.compile(r"^(\w+)\?identifier=(.+)$")
_SYLLABLES = ("Al", "Berg", "Dal", "Ek", "Fors", "Gran", "Hag", "Lind", "Norr", "Sten", "Sund", "Söder", "Ulv", "Väst")
_ENDINGS = ("by", "blad", "gren", "kvist", "löf", "man", "qvist", "ström", "vall", "ås")
_BITS = (1 << 128) - 1
_MIX = 0x9E3779B97F4A7C15F39CC0605CEDC835  # odd, so that every copy's mask is another one

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Made:
    """One resource of a copy: minified JSON, and what it says."""

    type_name: str
    id: str
    raw: bytes
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """One resource: what is the same in all copies, and between that what is not. `parts` is odd: text, cut, text…"""

    type_name: str
    id: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ward:
    """The templates: of those whom all patients share (organizations, practitioners), and of each patient's bundle."""

    shared: tuple[Template, ...]
    patients: tuple[tuple[Template, ...], ...]
    newest: date  # the day of the latest encounter

    @property
    def size(self) -> int:
        """Resources of one copy of all patients."""
        return sum(map(len, self.patients))


class Copy:
    """What is different in one copy. `run` is a number of one's own; ids of the same run and copy are the same."""

    def __init__(self, run: int, number: int, days: int) -> None:
        """Every date moves by `days`."""
        self._mask = (run ^ (number * _MIX)) & _BITS
        self._days = days
        first, last = divmod(number, len(_ENDINGS))
        middle, first = divmod(first, len(_SYLLABLES))
        self._family = _SYLLABLES[first] + (_SYLLABLES[middle % len(_SYLLABLES)].lower() if middle else "")
        self._family += _ENDINGS[last]
        self._memo: dict[str, str] = {_NAME: self._family}

    def of(self, template: Template) -> Made:
        parts = list(template.parts)
        memo = self._memo
        for place in range(1, len(parts), 2):
            cut = parts[place]
            parts[place] = memo.get(cut) or self.name(cut)
        raw = "".join(parts).encode()
        return Made(template.type_name, self.name(template.id), raw, decode(raw))

    def name(self, cut: str) -> str:
        """What stands here instead of an id or a day."""
        if len(cut) == 36:
            text = f"{int(cut.replace('-', ''), 16) ^ self._mask:032x}"
            found = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        else:
            found = _moved(cut, self._days)
        self._memo[cut] = found
        return found


def _moved(day: str, days: int) -> str:
    """A day later; what only looks like a day stays as it is."""
    try:
        return date.fromordinal(date.fromisoformat(day).toordinal() + days).isoformat()
    except ValueError:
        return day


class Source:
    """Reads Synthea's bundles and makes templates of them; `run` as in Copy (the shared resources are its copy 0)."""

    def __init__(self, run: int) -> None:
        self._shared = Copy(run, 0, 0)
        self._known: dict[str, str] = {}  # Type?identifier=system|value → Type/id, as the shared ones will be stored
        self._constant: set[str] = set()  # those ids

    @cached_property
    def ward(self) -> Ward:
        batches, transactions = (list(map(decode, bundles)) for bundles in synthea.bundles())
        shared = [entry["resource"] for bundle in batches for entry in bundle["entry"]]
        templates = tuple(self._template(one, {}) for one in shared)
        for one in shared:
            id = self._shared.name(one["id"])
            self._constant.add(id)
            for identifier in one.get("identifier", ()):
                condition = f"{one['resourceType']}?identifier={identifier.get('system')}|{identifier.get('value')}"
                self._known[condition] = f"{one['resourceType']}/{id}"
        return Ward(
            templates,
            tuple(self._patient(bundle) for bundle in transactions),
            max(date.fromisoformat(day) for bundle in transactions for day in _visits(bundle)),
        )

    def _patient(self, bundle: dict[str, Any]) -> tuple[Template, ...]:
        names = {
            entry["fullUrl"]: f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
            for entry in bundle["entry"]
        }
        return tuple(self._template(entry["resource"], names) for entry in bundle["entry"])

    def _template(self, resource: dict[str, Any], names: Mapping[str, str]) -> Template:
        found = _references(resource, lambda text: names.get(text) or self._known.get(text) or _plain(text))
        if found["resourceType"] == "Patient":
            found = _of_many(found)
        parts = _CUT.split(encode(found).decode())
        return Template(found["resourceType"], found["id"], _joined(parts, self._constant))


def _joined(parts: list[str], constant: set[str]) -> tuple[str, ...]:
    """Cuts that are the same in every copy become text again."""
    found = [parts[0]]
    for cut, text in zip(parts[1::2], parts[2::2], strict=True):
        if cut in constant:
            found[-1] += cut + text
        else:
            found += [cut, text]
    return tuple(found)


def _references(value: Any, known: Callable[[str], str]) -> Any:
    """The same with each reference final."""
    if isinstance(value, dict):
        return {
            name: known(below) if name == "reference" and isinstance(below, str) else _references(below, known)
            for name, below in value.items()
        }
    return [_references(below, known) for below in value] if isinstance(value, list) else value


def _plain(reference: str) -> str:
    """A condition that nobody fulfils becomes an id that nobody has."""
    found = _CONDITION.match(reference)
    return f"{found[1]}/unknown" if found else reference


def _of_many(patient: dict[str, Any]) -> dict[str, Any]:
    """A Patient whose name and identifiers differ in each copy."""
    names = [{**name, "family": _NAME} for name in patient.get("name", ())]
    identifiers = [
        {**one, "value": one["value"] if re.fullmatch(_ID, one["value"]) else f"{one['value']} {patient['id']}"}
        for one in patient.get("identifier", ())
    ]
    return {**patient, "name": names, "identifier": identifiers}


def _visits(bundle: dict[str, Any]) -> list[str]:
    """The day on which each encounter began."""
    found = (entry["resource"] for entry in bundle["entry"])
    return [one["period"]["start"][:10] for one in found if one["resourceType"] == "Encounter"]
