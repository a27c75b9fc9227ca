"""The HTTP contracts in contracts/ are what the code says now; `.venv/bin/python contracts/http/generate.py` renews them."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
HTTP = ROOT / "contracts" / "http"


@pytest.fixture(scope="module")
def generated() -> dict[Path, str]:
    """Every generated file and what the code says it should hold."""
    spec = importlib.util.spec_from_file_location("generate_contracts", HTTP / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.files())


def test_the_committed_contracts_are_what_the_code_says(generated: dict[Path, str]) -> None:
    old = [
        str(path.relative_to(ROOT))
        for path, text in generated.items()
        if not path.is_file() or path.read_text() != text
    ]

    assert old == [], "run .venv/bin/python contracts/http/generate.py and read the difference"


def test_nothing_else_lies_beside_the_generated_contracts(generated: dict[Path, str]) -> None:
    lying = {*HTTP.glob("*.yaml"), *(ROOT / "contracts" / "fhir").glob("capability-*.json")}

    assert lying == set(generated)


def test_every_reference_of_a_contract_leads_somewhere(generated: dict[Path, str]) -> None:
    for path, text in generated.items():
        if path.suffix != ".yaml":
            continue
        contract = yaml.safe_load(text)
        for reference in references(contract):
            found: Any = contract
            for part in reference.removeprefix("#/").split("/"):
                found = found[part]


def test_every_operation_has_a_name_of_its_own(generated: dict[Path, str]) -> None:
    for path, text in generated.items():
        if path.suffix != ".yaml":
            continue
        names = [
            operation["operationId"]
            for methods in yaml.safe_load(text)["paths"].values()
            for method, operation in methods.items()
            if method != "parameters"
        ]
        assert len(names) == len(set(names)), path.name


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)
