"""docs/reference/conformance.md says what the suites hold and what is done differently."""

import json
import re
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT / ".." / "shared" / "data"
PAGE = (ROOT / "docs" / "reference" / "conformance.md").read_text()


def xml(path: str, tag: str) -> int:
    return sum(1 for _ in ElementTree.parse(DATA / path).iter(tag))


def examples() -> int:
    return len(list((DATA / "r4-examples").glob("*.json")))


def servers() -> int:
    groups = json.loads((DATA / "graphql" / "server-tests.json").read_bytes()).values()
    return sum(len(group) for group in groups if isinstance(group, dict))


COUNTS: dict[str, Callable[[], int]] = {
    "FHIRPath for R4": lambda: xml("fhirpath/tests-fhir-r4.xml", "test"),
    "FHIRPath Patch": lambda: xml("fhir-patch/fhir-patch-tests.xml", "case"),
    "JSON Patch": lambda: len(json.loads((DATA / "fhir-patch" / "json-patch-tests.json").read_bytes())),
    "GraphQL, the language": lambda: xml("graphql/manifest.xml", "test"),
    "GraphQL, servers": servers,
    "examples of R4, stored and read back in JSON": examples,
    "examples of R4, written and read in XML": examples,
}


def rows() -> dict[str, list[str]]:
    """The first table: by suite, its other cells."""
    found = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and "`" in line]
    return {name: rest for name, *rest in found if len(rest) == 3 and rest[0].isdigit()}


def test_every_suite_that_is_run_stands_there() -> None:
    assert rows().keys() == COUNTS.keys()
    for _, path, _ in rows().values():
        assert (ROOT / path.strip("`")).is_file()


@pytest.mark.parametrize("suite", COUNTS)
def test_the_number_of_cases_is_that_of_the_suite(suite: str, data_dir: Path) -> None:
    assert int(rows()[suite][0]) == COUNTS[suite](), data_dir


def test_every_deviation_stands_there_and_no_other() -> None:
    told = set(re.findall(r"^\| (.*?) \|", PAGE.partition("## Deviations")[2].partition("##")[0], re.MULTILINE))
    named = {name for cell in told for name in re.findall(r"`([\w.-]+)`", cell)}
    listed = set()
    for _, path, count in rows().values():
        deviations = getattr(loaded(ROOT / path.strip("`")), "DEVIATIONS", {})
        listed |= deviations.keys()
        if path.endswith(("test_examples.py`", "test_fhirpath_suite.py`")):
            assert count == (str(len(deviations)) if deviations else "none")
    assert named == listed


def loaded(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"page_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
