"""The profiles that come with FVM: HL7 Sweden's base profiles and R4's vital signs (contracts/fhir/profiles)."""

import gzip
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from fhircore.profiles.definition import Json


class Packaged:
    """A ProfileSource of the resources in data/profiles.json.gz."""

    def __init__(self, resources: list[Json]) -> None:
        self._by_url = {one["url"]: one for one in resources}

    def find(self, url: str) -> Json | None:
        return self._by_url.get(url)

    def urls(self, type_name: str | None = None) -> list[str]:
        """The addresses of all profiles (of this type), sorted."""
        return sorted(
            url
            for url, one in self._by_url.items()
            if one["resourceType"] == "StructureDefinition" and type_name in (None, one["type"])
        )


@cache
def packaged() -> Packaged:
    """What contracts/fhir/derive_profiles.py made; read once."""
    packed = files("fhircore").joinpath("data/profiles.json.gz").read_bytes()
    found: list[dict[str, Any]] = msgspec.json.decode(gzip.decompress(packed))
    return Packaged(found)
