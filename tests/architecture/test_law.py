"""The page of the law has each requirement of sections 4.1 to 4.8 once, and every test it names exists."""

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

# The requirements as they are numbered: family and how many; the ground itself is compared where it lies beside the project.
FAMILIES = {"ACC": 13, "BLK": 18, "CON": 10, "EMG": 5, "LOG": 16, "REC": 13, "PAT": 13, "PRT": 8}
GROUND = Path("../shared/spec/sweden.md")
WORDS = ("not yet", "by choice", "elsewhere")
_ROW = re.compile(r"^\| ([A-Z]{3}-\d\d)( \(should\))? \|[^|]*\| (.*) \|$", re.MULTILINE)
_TEST = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)


@pytest.fixture(scope="module")
def rows(root: Path) -> list[tuple[str, bool, str]]:
    """Id, whether it is a must, and what holds it."""
    page = (root / "docs/reference/law.md").read_text()
    return [(id, not should, held) for id, should, held in _ROW.findall(page)]


@pytest.fixture(scope="module")
def tests(files: list[Path]) -> set[str]:
    """The name of every test of the house."""
    paths = [path for path in files if path.name.startswith("test_") and path.suffix == ".py"]
    return {name for path in paths for name in _TEST.findall(path.read_text())}


def test_every_requirement_stands_once(rows: list[tuple[str, bool, str]]) -> None:
    expected = [f"{family}-{number:02}" for family, count in FAMILIES.items() for number in range(1, count + 1)]

    assert [id for id, count in Counter(id for id, _, _ in rows).items() if count > 1] == []
    assert [id for id, _, _ in rows] == expected


def test_the_page_and_the_ground_have_the_same_requirements(rows: list[tuple[str, bool, str]], root: Path) -> None:
    ground = root / GROUND
    if not ground.exists():
        pytest.skip("the Swedish ground does not lie beside the project")
    sections = re.search(r"^### 4\.1 .*?(?=^### 4\.9 )", ground.read_text(), re.MULTILINE | re.DOTALL)
    assert sections is not None
    numbered = re.findall(r"^\| ([A-Z]{3}-\d\d) \|.*\| (must|should) \|$", sections[0], re.MULTILINE)

    assert [(id, "must" if must else "should") for id, must, _ in rows] == numbered


def test_every_requirement_is_held_by_tests_that_exist_or_says_why_not(
    rows: list[tuple[str, bool, str]], tests: set[str]
) -> None:
    for id, _, held in rows:
        named = re.findall(r"`(test_\w+)`", held)
        assert [name for name in named if name not in tests] == [], id
        assert named or held.startswith(WORDS), id


def test_every_test_that_the_page_names_exists(root: Path, tests: set[str]) -> None:
    page = (root / "docs/reference/law.md").read_text()

    assert [name for name in re.findall(r"`(test_\w+)`", page) if name not in tests] == []


def test_a_test_with_the_number_of_a_requirement_stands_at_it(
    rows: list[tuple[str, bool, str]], tests: set[str]
) -> None:
    number = re.compile("(?=_(" + "|".join(FAMILIES).lower() + r")_(\d\d))")
    claimed: defaultdict[str, set[str]] = defaultdict(set)
    for name in tests:
        for family, digits in number.findall(name):
            claimed[f"{family.upper()}-{digits}"].add(name)
    named = {id: set(re.findall(r"`(test_\w+)`", held)) for id, _, held in rows}

    assert {id: found - named[id] for id, found in claimed.items() if id in named and found - named[id]} == {}
