"""Every R4 resource type: its number, its door, how it is tied to a patient, and its kind of information (D4).

The table is `contracts/fhir/types.csv` (edited by people) joined with the official patient compartment
(http://hl7.org/fhir/R4/compartmentdefinition-patient.html) by `contracts/fhir/derive.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class ResourceType:
    """What the house knows of one resource type.

    number            stable small integer, alphabetical at R4, given once and for ever
    door              where it is written: vis, region, both, or none (never stored by itself)
    patient           search parameters whose reference puts it in a patient's compartment (official, and ours)
    information_type  Swedish information type (Kv informationstyp) where nothing finer is known; None: no patient data
    kind              patient (withheld without a patient), register, knowledge, or other (withheld, listed for repair)
    about             those of `patient` that say whom it is about (not who performed, wrote, sent or received it)
    main_date         search parameter of its main clinical date, None when it has none
    main_code         search parameter of its main code, None when it has none
    categories        category code → finer information type
    """

    name: str
    number: int
    door: str
    patient: tuple[str, ...]
    information_type: str | None
    kind: str
    about: tuple[str, ...]
    main_date: str | None
    main_code: str | None
    categories: Mapping[str, str]


def _load() -> Mapping[str, ResourceType]:
    data = files("fhircore").joinpath("data", "types.json").read_bytes()
    return MappingProxyType({row.name: row for row in msgspec.json.decode(data, type=list[ResourceType])})


TYPES: Mapping[str, ResourceType] = _load()
NAMES: Mapping[int, str] = MappingProxyType({row.number: row.name for row in TYPES.values()})


def information_type(resource: Mapping[str, Any]) -> str | None:
    """The information type of a resource: by its first category that the table knows, else by its type alone.

    `resource` is a structurally valid resource. Raises KeyError for an unknown resourceType.
    """
    known = TYPES[resource["resourceType"]]
    if known.categories:
        for code in _category_codes(resource.get("category")):
            if code in known.categories:
                return known.categories[code]
    return known.information_type


def _category_codes(category: Any) -> list[str]:
    concepts = category if isinstance(category, list) else [category]
    return [
        coding["code"]
        for concept in concepts
        if isinstance(concept, dict)
        for coding in concept.get("coding", ())
        if "code" in coding
    ]
