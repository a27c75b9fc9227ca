"""Invariants of StructureDefinition and ElementDefinition (http://hl7.org/fhir/R4/elementdefinition.html)."""

import re
from typing import Any

from fhircore.validation.rules import Rule, has
from fhircore.validation.rules_conformance import distinct

Json = dict[str, Any]

_NAME = r"""[^\s.,:;'"/|?!@#$%&*()\[\]{}]{1,64}"""
_PATH = re.compile(rf"{_NAME}(?:\.{_NAME}(?:\[x\])?(?::[^\s.]+)?)*").fullmatch
_SLICE = re.compile(r"[a-zA-Z0-9/\-_\[\]@]+").fullmatch
_HL7 = "http://hl7.org/fhir/StructureDefinition"
_SYSTEM = r"http://hl7\.org/fhirpath/System\.[A-Z][A-Za-z]+"
_OWN_TYPE = re.compile(rf"[a-zA-Z0-9]+|{_SYSTEM}").fullmatch
_OWN_PATH = re.compile(rf"[a-zA-Z0-9.]+|{_SYSTEM}").fullmatch
_BINDABLE = frozenset(["code", "Coding", "CodeableConcept", "Quantity", "string", "uri"])
_REFERRING = ("Reference", "canonical")


def _starts(v: Json, *prefixes: str) -> bool:
    return any(key.lstrip("_").startswith(prefixes) for key in v)


def _elements(v: Json, *views: str) -> list[Json]:
    found: list[Json] = []
    for view in views or ("snapshot", "differential"):
        found += v.get(view, {}).get("element", ())
    return found


def _roots(v: Json, *views: str) -> list[Json]:
    return [element for element in _elements(v, *views) if "." not in element.get("path", ".")]


def _first(v: Json, view: str) -> Json:
    found: Json = (_elements(v, view) or [{}])[0]
    return found


def eld_2(v: Json) -> bool:
    """The minimum is not above the maximum."""
    most = v.get("max", "*")
    return bool(most == "*" or not most.isdecimal() or v.get("min", 0) <= int(most[:12]))


def eld_3(v: Json) -> bool:
    """The maximum is * or a number."""
    most = v.get("max", "*")
    return bool(most == "*" or (most.isascii() and most.isdecimal()))


def eld_5(v: Json) -> bool:
    """A reference to another definition stands alone."""
    if not has(v, "contentReference"):
        return True
    alone = "type" not in v and "example" not in v and "binding" not in v and not has(v, "maxLength")
    return alone and not _starts(v, "defaultValue", "fixed", "pattern", "minValue", "maxValue")


def eld_11(v: Json) -> bool:
    """A binding needs a type that has codes."""
    found = {one["code"] for one in v.get("type", ()) if "code" in one}
    return "binding" not in v or not found or bool(found & _BINDABLE)


def eld_12(v: Json) -> bool:
    """A value set is named by an http or urn URL."""
    return bool(v.get("valueSet", "urn:").startswith(("http:", "https", "urn:")))


def sdf_8(v: Json) -> bool:
    """The snapshot starts with the type and stays below it."""
    paths = [element.get("path", "") for element in _elements(v, "snapshot")]
    if not paths:
        return True
    return (v.get("kind") == "logical" or paths[0] == v.get("type")) and all(
        path.startswith(paths[0] + ".") for path in paths[1:]
    )


def sdf_8a(v: Json) -> bool:
    """The differential starts with the type and stays below it."""
    paths = [element.get("path", "") for element in _elements(v, "differential")]
    if not paths:
        return True
    root = paths[0].partition(".")[0] + "."
    starts = v.get("kind") == "logical" or paths[0].startswith(v.get("type", ""))
    return starts and all(path.startswith(root) for path in paths[1:])


def sdf_9(v: Json) -> bool:
    """The root element has no label, code or requirements."""
    return not any(has(root, "label") or "code" in root or has(root, "requirements") for root in _roots(v))


def sdf_11(v: Json) -> bool:
    """The snapshot is of the type that is defined."""
    return v.get("kind") == "logical" or "snapshot" not in v or _first(v, "snapshot").get("path") == v.get("type")


def sdf_15a(v: Json) -> bool:
    """A differential of the root element gives it no type."""
    first = _first(v, "differential")
    return v.get("kind") == "logical" or "." in first.get("path", ".") or "type" not in first


def _ids(v: Json, view: str) -> bool:
    found = [element.get("id") for element in _elements(v, view)]
    return all(found) and distinct(found)


def sdf_21(v: Json) -> bool:
    """Default values only where a new type is made."""
    given = any(_starts(element, "defaultValue") for element in _elements(v, "differential"))
    return not given or v.get("derivation") == "specialization"


def sdf_19(v: Json) -> bool:
    """HL7's own models use FHIR's own types."""
    if not v.get("url", "").startswith(_HL7):
        return True
    own = ((_elements(v, "differential"), _OWN_TYPE), (_elements(v, "snapshot"), _OWN_PATH))
    return all(test(kind.get("code", "x")) for found, test in own for e in found for kind in e.get("type", ()))


def sdf_22(v: Json) -> bool:
    """HL7's own models have no default values."""
    return not v.get("url", "").startswith(_HL7) or not any(_starts(e, "defaultValue") for e in _elements(v))


DEFINITION_RULES: dict[str, dict[str, Rule]] = {
    "ElementDefinition": {
        "eld-2": eld_2,
        "eld-3": eld_3,
        "eld-5": eld_5,
        "eld-6": lambda v: not _starts(v, "fixed") or len(v.get("type", ())) < 2,
        "eld-7": lambda v: not _starts(v, "pattern") or len(v.get("type", ())) < 2,
        "eld-11": eld_11,
        "eld-13": lambda v: distinct(one["code"] for one in v.get("type", ()) if "code" in one),
        "eld-14": lambda v: distinct(one["key"] for one in v.get("constraint", ()) if "key" in one),
        "eld-16": lambda v: "sliceName" not in v or _SLICE(v["sliceName"]),
        "eld-18": lambda v: v.get("isModifier") is not True or has(v, "isModifierReason"),
        "eld-19": lambda v: "path" not in v or _PATH(v["path"]),
    },
    "ElementDefinition.binding": {"eld-12": eld_12},
    "ElementDefinition.type": {
        "eld-4": lambda v: not has(v, "aggregation") or v.get("code") in _REFERRING,
        "eld-17": lambda v: not has(v, "targetProfile") or v.get("code") in _REFERRING,
    },
    "StructureDefinition": {
        "sdf-1": lambda v: (
            v.get("derivation") == "constraint" or distinct(e.get("path") for e in _elements(v, "snapshot"))
        ),
        "sdf-4": lambda v: v.get("abstract") is True or has(v, "baseDefinition"),
        "sdf-5": lambda v: v.get("type") != "Extension" or v.get("derivation") == "specialization" or "context" in v,
        "sdf-8": sdf_8,
        "sdf-8a": sdf_8a,
        "sdf-9": sdf_9,
        "sdf-11": sdf_11,
        "sdf-14": lambda v: all("id" in element for element in _elements(v)),
        "sdf-15": lambda v: v.get("kind") == "logical" or "type" not in _first(v, "snapshot"),
        "sdf-15a": sdf_15a,
        "sdf-16": lambda v: _ids(v, "snapshot"),
        "sdf-17": lambda v: _ids(v, "differential"),
        "sdf-18": lambda v: not has(v, "contextInvariant") or v.get("type") == "Extension",
        "sdf-19": sdf_19,
        "sdf-20": lambda v: not any("slicing" in root for root in _roots(v, "differential")),
        "sdf-21": sdf_21,
        "sdf-22": sdf_22,
        "sdf-23": lambda v: not any(has(root, "sliceName") for root in _roots(v)),
    },
    "StructureDefinition.snapshot": {
        "sdf-3": lambda v: all(has(e, "definition") and has(e, "min") and has(e, "max") for e in v.get("element", ())),
        "sdf-8b": lambda v: all("base" in element for element in v.get("element", ())),
        "sdf-10": lambda v: all(_described(e["binding"]) for e in v.get("element", ()) if "binding" in e),
    },
}


def _described(binding: Json) -> bool:
    return has(binding, "valueSet") or has(binding, "description")
