"""Packs the profiles that come with FVM: ours in contracts/fhir/profiles, and R4's vital signs (http://hl7.org/fhir/R4/observation-vitalsigns.html).

Run: `python contracts/fhir/derive_profiles.py [folder of an unpacked package]`, as derive_structures.py, whose package it
reads. Writes libs/fhircore/src/fhircore/data/profiles.json.gz, the same bytes for the same input.

Of HL7's profiles the differentials are kept, with what a program needs of them, and of value sets the codes.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from derive_structures import Terms, fetch

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "libs/fhircore/src/fhircore/data/profiles.json.gz"
VITAL_SIGNS = (
    *("vitalsigns", "vitalspanel", "bp", "bodyweight", "bodyheight", "bodytemp", "bmi"),
    *("heartrate", "resprate", "oxygensat", "headcircum"),
)
_HEAD = ("resourceType", "id", "url", "version", "name", "title", "status", "kind", "abstract", "type")
_ELEMENT = ("id", "path", "sliceName", "slicing", "min", "max", "type", "maxLength")

Json = dict[str, Any]


def profiles(package: Path) -> list[Json]:
    """The differentials of R4's vital signs."""
    bundle = json.loads((package / "definitions/hl7/profiles-others.json").read_text(encoding="utf-8"))
    found = [entry["resource"] for entry in bundle["entry"]]
    return [_profile(one) for one in found if one.get("id") in VITAL_SIGNS]


def _profile(full: Json) -> Json:
    kept = {name: full[name] for name in (*_HEAD, "baseDefinition", "derivation") if name in full}
    kept["differential"] = {"element": [_element(one) for one in full["differential"]["element"]]}
    return kept


def _element(full: Json) -> Json:
    values = ("fixed", "pattern", "minValue", "maxValue")
    kept = {name: value for name, value in full.items() if name in _ELEMENT or name.startswith(values)}
    if "binding" in full and full["binding"]["strength"] in ("required", "extensible"):
        kept["binding"] = {name: full["binding"][name] for name in ("strength", "valueSet")}
    if "constraint" in full:
        wanted = ("key", "severity", "human", "expression")
        kept["constraint"] = [{name: one[name] for name in wanted if name in one} for one in full["constraint"]]
    return kept


def value_sets(found: list[Json], package: Path) -> list[Json]:
    """The value sets that these profiles bind to, as codes by system; those that cannot be listed are left out."""
    terms = Terms(package)
    urls = {
        e["binding"]["valueSet"].split("|")[0]
        for one in found
        for e in one["differential"]["element"]
        if "binding" in e
    }
    kept = []
    for url in sorted(urls):
        systems = terms.expand(url)
        if isinstance(systems, dict):
            include = [
                {"system": system, "concept": [{"code": code} for code in sorted(codes)]}
                for system, codes in sorted(systems.items())
            ]
            kept.append({"resourceType": "ValueSet", "url": url, "compose": {"include": include}})
    return kept


def ours() -> list[Json]:
    """What is written by hand in contracts/fhir/profiles."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((HERE / "profiles").glob("*.json"))]


def main() -> None:
    """Write the data file."""
    with tempfile.TemporaryDirectory() as temporary:
        package = Path(sys.argv[1]) if len(sys.argv) > 1 else fetch(Path(temporary))
        official = profiles(package)
        found = [*ours(), *official, *value_sets(official, package)]
    data = json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    TARGET.write_bytes(gzip.compress(data, 9, mtime=0))
    sys.stdout.write(f"{TARGET.name}: {len(found)} resources, {TARGET.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
