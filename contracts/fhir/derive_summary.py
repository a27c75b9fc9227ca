"""Derives which elements stand in a summary, and which are mandatory, from HL7's R4 definitions (http://hl7.org/fhir/R4/elementdefinition.html).

Run: `python contracts/fhir/derive_summary.py [folder of an unpacked package]`, as derive_structures.py. Writes
libs/fhircore/src/fhircore/data/summary.json.gz, the same bytes for the same input.

Per resource type: the path of each backbone that stands in a summary ("" is the resource itself) with the JSON properties of
it that do, and the mandatory properties of the resource. Data types stand in a summary whole.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from derive_structures import fetch, resources

TARGET = Path(__file__).parents[2] / "libs/fhircore/src/fhircore/data/summary.json.gz"


def properties(element: dict[str, Any]) -> list[str]:
    """The JSON names of an element: one, or one per type of a choice."""
    name = element["path"].rpartition(".")[2]
    if not name.endswith("[x]"):
        return [name]
    codes = dict.fromkeys(kind["code"] for kind in element["type"])
    return [name[:-3] + code[0].upper() + code[1:] for code in codes]


def derive(package: Path) -> dict[str, Any]:
    """Type → (path → names in a summary, mandatory names)."""
    found: dict[str, Any] = {}
    for definition in resources(package, "profiles-resources"):
        if definition["resourceType"] != "StructureDefinition" or definition.get("derivation") != "specialization":
            continue
        name, summary, mandatory = definition["type"], {}, []
        for element in definition["snapshot"]["element"][1:]:
            path = element["path"].removeprefix(name + ".")
            parent = path.rpartition(".")[0]
            if element.get("isSummary"):
                summary.setdefault(parent, []).extend(properties(element))
            if element["min"] > 0 and not parent:
                mandatory += properties(element)
        kept = {path: names for path, names in summary.items() if _reached(path, summary)}
        found[name] = [{path: sorted(names) for path, names in sorted(kept.items())}, sorted(mandatory)]
    return found


def _reached(path: str, summary: dict[str, list[str]]) -> bool:
    """Whether the backbone itself stands in a summary."""
    parent, _, name = path.rpartition(".")
    return not path or (name in summary.get(parent, ()) and _reached(parent, summary))


def main() -> None:
    """Write the data file."""
    with tempfile.TemporaryDirectory() as temporary:
        package = Path(sys.argv[1]) if len(sys.argv) > 1 else fetch(Path(temporary))
        data = json.dumps(derive(package), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    TARGET.write_bytes(gzip.compress(data, 9, mtime=0))
    sys.stdout.write(f"{TARGET.name}: {TARGET.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
