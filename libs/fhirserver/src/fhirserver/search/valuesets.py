"""The value sets of required bindings, as the definitions of R4 that are compiled in fhircore have them (D16)."""

import gzip
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

Codes = set[tuple[str, str | None]]
"""(system, code); a code of None is every code of the system."""


class _Definitions(msgspec.Struct):
    valuesets: dict[str, Any]


@cache
def _official() -> dict[str, Any]:
    packed = files("fhircore").joinpath("data", "structures.json.gz").read_bytes()
    return msgspec.json.decode(gzip.decompress(packed), type=_Definitions).valuesets


def official(url: str) -> Codes | None:
    """The codes of a value set of the specification; None when it is not compiled here."""
    found = _official().get(url)
    return None if found is None else {(system, code) for system, codes in found.items() for code in codes}
