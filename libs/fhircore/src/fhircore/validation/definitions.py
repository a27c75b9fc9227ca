"""What each R4 type may contain, read once from the derived data (http://hl7.org/fhir/R4/structuredefinition.html).

The data file is made by contracts/fhir/derive_structures.py. A *shape* is one type or one backbone
(`Observation.component`); its *fields* are keyed by the name in JSON, so that `value[x]` is one field for each type
it may have.
"""

import gzip
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

Codes = frozenset[str]
Pairs = frozenset[tuple[str, str]]


# Targets that R4's own examples use though its definitions do not list them (R5 lists the second): accepted.
ALSO_TARGETS = {"DeviceMetric.parent": ("DeviceDefinition",), "DeviceUseStatement.reasonReference": ("Procedure",)}


@dataclass(frozen=True, slots=True)
class Field:
    """One element as it is named in JSON: `valueQuantity` with base `value[x]`."""

    name: str
    base: str
    many: bool
    required: bool
    type: str  # a primitive, a data type, the path of a backbone, or "Resource"
    primitive: bool
    targets: tuple[str, ...] = ()
    binding: str | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """One type or backbone: its fields by JSON name, and what must be there."""

    path: str
    fields: dict[str, Field]
    required: tuple[str, ...]  # base names, in order of definition
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)  # base name with [x] → JSON names

    def extended(self, name: str) -> Field | None:
        """The primitive that `_birthDate` gives an id or extensions; None where that is not allowed."""
        base = self.fields.get(name[1:]) if name[:1] == "_" else None
        if base is None or not base.primitive or base.type == "xhtml":
            return None
        # in XML these are attributes, which cannot have extensions
        return None if base.name == "id" or (self.path, base.name) == ("Extension", "url") else base


@cache
def _data() -> dict[str, Any]:
    packed = files("fhircore").joinpath("data/structures.json.gz").read_bytes()
    data: dict[str, Any] = msgspec.json.decode(gzip.decompress(packed))
    return data


@cache
def resource_types() -> frozenset[str]:
    """The names of the 146 R4 resource types that can be instantiated."""
    return frozenset(_data()["resources"])


@cache
def shapes() -> frozenset[str]:
    """The paths of all shapes: types and backbones."""
    return frozenset(_data()["shapes"])


@cache
def primitive_types() -> frozenset[str]:
    """The names of the 20 R4 primitive types, xhtml among them."""
    return frozenset(_data()["primitives"])


@cache
def texts() -> dict[str, dict[str, tuple[str, str]]]:
    """(text, severity) of each invariant by path and key, as the specification words it."""
    return {
        path: {key: (text, severity) for key, text, severity in rules} for path, rules in _data()["invariants"].items()
    }


def unlisted_value_sets() -> dict[str, str]:
    """Value sets of required bindings whose codes cannot be listed, with the reason (see primitives.FORMATS)."""
    return dict(_data()["unbound"])


@cache
def codes(value_set: str) -> Codes | None:
    """Every code of this value set, whatever its system; None when it could not be listed."""
    systems = _data()["valuesets"].get(value_set)
    return None if systems is None else frozenset(code for found in systems.values() for code in found)


@cache
def pairs(value_set: str) -> Pairs | None:
    """Every (system, code) of this value set; None when it could not be listed."""
    systems = _data()["valuesets"].get(value_set)
    return None if systems is None else frozenset((system, code) for system, found in systems.items() for code in found)


@cache
def shape(path: str) -> Shape:
    """The shape of a type (`Patient`, `HumanName`) or of a backbone (`Patient.contact`); KeyError when none."""
    found: dict[str, Field] = {}
    required, choices = [], {}
    for name, least, many, types, binding in _data()["shapes"][path]:
        also = ALSO_TARGETS.get(f"{path}.{name}", ())
        variants = [_field(name, bool(many), least > 0, [*entry, *also], binding) for entry in types]
        found.update((variant.name, variant) for variant in variants)
        if least > 0:
            required.append(name)
        if name.endswith("[x]"):
            choices[name] = tuple(variant.name for variant in variants)
    return Shape(path, found, tuple(required), choices)


def _field(name: str, many: bool, required: bool, entry: list[str], binding: str | None) -> Field:
    kind, *targets = entry
    json_name = name
    if name.endswith("[x]"):
        # SimpleQuantity is a profile of Quantity: the element is named after the type
        named = "Quantity" if kind in ("SimpleQuantity", "MoneyQuantity") else kind
        json_name = name[:-3] + named[0].upper() + named[1:]
    bound = binding if kind in ("code", "Coding", "CodeableConcept") else None
    return Field(json_name, name, many, required, kind.lstrip("#"), kind in primitive_types(), tuple(targets), bound)
