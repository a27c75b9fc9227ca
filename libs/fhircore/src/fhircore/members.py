"""A resource read member by member: what recurs (codes, references, profiles) is decoded and tested once, then known.

Two thirds of a resource's bytes are codings, categories, profiles and references that many others have too. `read` looks
them up by their JSON and decodes and tests only the rest. It is a fast yes like `validation.fast`: None means *look closer*,
never *wrong*, so nothing can be refused here. Decoded forms are shared between resources: nobody may change them.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from fhircore.validation.definitions import resource_types, shape
from fhircore.validation.fast import element_tests
from fhircore.validation.local import self_contained

RECURRING = frozenset(("code", "Coding", "CodeableConcept", "Reference", "Meta"))
_LONGEST = 2_000  # bytes of a form that is remembered
_OVERHEAD = 500  # bytes that a remembered form takes beside its JSON, about
_UNSURE = (
    LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError, msgspec.MsgspecError,
)  # fmt: skip

_NESTS = b"{["

_split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Known:
    """Tables of what was made of some JSON, by that JSON. Together at most `limit` bytes: then all is forgotten."""

    def __init__(self, limit: int) -> None:
        self._limit = self._left = limit
        self._tables: list[dict[bytes, Any]] = []

    def table(self) -> dict[bytes, Any]:
        made: dict[bytes, Any] = {}
        self._tables.append(made)
        return made

    def keep(self, table: dict[bytes, Any], raw: bytes, made: Any) -> None:
        """Remembers it, unless it is long."""
        if len(raw) > _LONGEST:
            return
        self._left -= len(raw) + _OVERHEAD
        if self._left < 0:
            for one in self._tables:
                one.clear()
            self._left = self._limit
        table[raw] = made


@dataclass(slots=True)
class Members:
    """One resource: the minified JSON of each member in its order, and the same decoded."""

    type_name: str
    raws: dict[str, bytes]
    data: dict[str, Any]


_known = Known(16 * 1024 * 1024)


def read(raw: bytes, expected: str | None = None) -> Members | None:
    """The members of the resource in this minified JSON when it certainly is a valid one (of the expected type)."""
    try:
        parts = _split(raw)
        type_name = expected or _decode(parts["resourceType"])
        return _reader(type_name)(parts, len(raw)) if type_name in resource_types() else None
    except _UNSURE:
        return None


def rewritten(members: Members, raw: bytes) -> Members:
    """The same resource after some of its bytes were changed (references); only what differs is decoded."""
    raws: dict[str, bytes] = {}
    data: dict[str, Any] = {}
    before, known = members.raws, members.data
    for name, value in _split(raw).items():
        part = raws[name] = bytes(value)
        data[name] = known[name] if before.get(name) == part else _decode(part)
    return Members(members.type_name, raws, data)


@cache
def _reader(type_name: str) -> "_Reader":
    return _Reader(type_name)


class _Reader:
    """Reads resources of one type; raises one of _UNSURE, or gives None, for *look closer*."""

    def __init__(self, type_name: str) -> None:
        tests, self._mask, self._want, self._rules = element_tests(type_name)
        fields = shape(type_name).fields
        recurs = {name: _known.table() for name, field in fields.items() if field.type in RECURRING}
        self._plan = {name: (test, weight, recurs.get(name)) for name, (test, weight) in tests.items()}
        self._type_name = type_name

    def __call__(self, parts: dict[str, msgspec.Raw], size: int) -> Members | None:
        found = Members(self._type_name, {}, {})
        if "contained" in parts:
            found.data["contained"] = _decode(bytes(parts["contained"]))
            valid = self_contained(found.data, lambda _: self._valid(parts, size, found))
        else:
            valid = self._valid(parts, size, found)
        return found if valid else None

    def _valid(self, parts: dict[str, msgspec.Raw], size: int, found: Members) -> bool:
        plan, raws, data = self._plan, found.raws, found.data
        total, length = 0, 1
        for name, value in parts.items():
            test, weight, table = plan[name]
            raw = raws[name] = bytes(value)
            content = None if table is None else table.get(raw)
            if content is None:
                content = _decode(raw)
                if not test(content) or (raw[0] in _NESTS and _repeats(raw, content)):
                    return False
                if table is not None and b'"#' not in raw:  # what points inside its resource is tested with it
                    _known.keep(table, raw, content)
            data[name] = content
            total += weight
            length += len(name) + len(raw) + 4
        # A name that stands twice, or is written with escapes, makes the whole longer than its parts.
        if length != size or not total or total & self._mask != self._want:
            return False
        return all(rule(data) for rule in self._rules) if self._rules else True


def _repeats(raw: bytes, content: Any) -> bool:
    """Whether an object in it may have a name twice: written again it would have fewer names."""
    again = _encode(content)
    return again != raw and (b"\\u0022" in raw or raw.count(b'":') != again.count(b'":'))
