"""The page of SMART's rules has each rule once, and every test it names exists."""

import re
from collections import Counter
from pathlib import Path

import pytest

# The numbers of the guide's 167 SHALL and 5 SHALL NOT of servers in Inferno's list (hl7.fhir.uv.smart-app-launch_2.2.0).
RULES = """
14-18 24 30-31 48-49 53-54 56-57 59 73-75 77-78 84-89 94-96 100-101 103-104 109-115 119 123 130 136 139-140 142 144 149 164
168-178 188 194 197-198 200 205 207 209-210 228 231 240-241 247 249-251 253-256 258-259 261 265-266 271-279 282-283 285-289
296-297 305 310 316 335-342 344 348-374 377-378 380-385 393-394 396 398 400 402-403 405 409-410 412 417-419 421 423 430-432 436
"""
WORDS = ("not yet", "not served", "by choice")


def _numbers(text: str) -> list[int]:
    found = []
    for word in text.replace(",", " ").split():
        first, _, last = word.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


@pytest.fixture(scope="module")
def rows(root: Path) -> list[tuple[list[int], str]]:
    """Rule numbers and what holds them, row by row."""
    page = (root / "docs/reference/smart.md").read_text()
    return [(_numbers(ids), held) for ids, held in re.findall(r"^\| ([\d, ]+) \|[^|]*\| (.*) \|$", page, re.MULTILINE)]


def test_every_rule_stands_once(rows: list[tuple[list[int], str]]) -> None:
    counted = Counter(number for numbers, _ in rows for number in numbers)

    assert len(_numbers(RULES)) == 172
    assert [number for number, count in counted.items() if count > 1] == []
    assert set(_numbers(RULES)) ^ set(counted) == set()


def test_every_rule_is_held_by_tests_that_exist_or_says_why_not(
    rows: list[tuple[list[int], str]], files: list[Path], root: Path
) -> None:
    tests = [path for path in files if path.name.startswith("test_") and path.suffix == ".py"]
    known = {
        name for path in tests for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }

    for numbers, held in rows:
        named = re.findall(r"`(test_\w+)`", held)
        assert [name for name in named if name not in known] == [], numbers
        assert named or held.startswith(WORDS), numbers
