"""Constants, and what `%name` stands for (http://hl7.org/fhir/R4/fhirpath.html#variables)."""

from typing import Any

from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.runtime import Env, Evaluate, Items, as_items

_CONSTANTS = {"sct": "http://snomed.info/sct", "loinc": "http://loinc.org", "ucum": "http://unitsofmeasure.org"}
_PREFIXES = {"vs-": "http://hl7.org/fhir/ValueSet/", "ext-": "http://hl7.org/fhir/StructureDefinition/"}


def literal(value: Any) -> Evaluate:
    """The same value whatever the focus; None is the empty collection."""
    items = [] if value is None else [value]
    return lambda env: items


def variable(name: str) -> Evaluate:
    """What an expression named, the caller gave, or FHIR defines; in this order."""
    if name in _CONSTANTS:
        return literal(_CONSTANTS[name])
    for prefix, base in _PREFIXES.items():
        if name.startswith(prefix):
            return literal(base + name.removeprefix(prefix))

    def find(env: Env) -> Items:
        if name in env.names:
            return env.names[name]
        if name in env.run.variables:
            return as_items(env.run.variables[name])
        match name:
            case "context":
                return [env.run.context]
            case "resource":
                return env.run.resource()
            case "rootResource":
                return env.run.root()
        raise PathError(f"%{name} is not known.")

    return find
