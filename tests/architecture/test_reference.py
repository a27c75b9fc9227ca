"""The reference pages say exactly what the code has: problems, settings, events, topics."""

import re
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from gateway.replies import REPLIES
from kit.problems import Problem

_SETTINGS = (
    "kit.settings:KafkaSettings",
    "kit.settings:Settings",
    "vis.settings:Settings",
    "information_platform.settings:Settings",
    "integration_platform.settings:Settings",
    "application_platform.settings:Settings",
    "gateway.settings:GatewaySettings",
)
_NAMED_ELSEWHERE = re.compile(r"\bFVM_[A-Z]+(?:_[A-Z]+)*\b")


@pytest.fixture(scope="module")
def problem_page(root: Path) -> str:
    return (root / "docs/reference/problems.md").read_text()


@pytest.fixture(scope="module")
def settings_page(root: Path) -> dict[str, str]:
    """Setting → its default as the page says it."""
    rows = re.findall(r"^\| `(FVM_\w+)` \| (.*?) \|", (root / "docs/reference/settings.md").read_text(), re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a setting stands twice"
    return dict(rows)


def test_every_problem_is_on_its_page_as_it_is_in_the_code(problems: list[type[Problem]], problem_page: str) -> None:
    missing = [
        one.code
        for one in problems
        if f"### `{one.code}`\n\n**{one.kind.status}** `{one.kind.issue}` · {one.title}." not in problem_page
    ]

    assert missing == []


def test_every_refusal_of_the_gateway_is_on_the_page(problem_page: str) -> None:
    missing = [one.code for one in REPLIES if f"### `gateway/{one.code}`\n" not in problem_page]

    assert missing == []


def test_the_page_of_problems_has_none_that_the_code_has_not(problems: list[type[Problem]], problem_page: str) -> None:
    known = {one.code for one in problems} | {f"gateway/{one.code}" for one in REPLIES}

    assert set(re.findall(r"^### `(.*)`$", problem_page, re.MULTILINE)) - known == set()


def test_no_two_problems_share_a_name(problems: list[type[Problem]]) -> None:
    counted = Counter(one.code for one in problems)

    assert [code for code, count in counted.items() if count > 1] == []


def test_every_setting_is_on_its_page_with_its_default(settings_page: dict[str, str]) -> None:
    wrong = []
    for place in _SETTINGS:
        module, _, name = place.partition(":")
        kind: type[BaseModel] = getattr(import_module(module), name)
        for field, about in kind.model_fields.items():
            shown = settings_page.get(f"FVM_{field.upper()}")
            if shown is None or not _shows(shown, about.default):
                wrong.append((place, field, about.default, shown))

    # Services and gateway are given each other's addresses, and both their own ports, by whoever starts them.
    addresses = {"vis_url", "information_url", "exchange_url", "application_url"}
    assert [one for one in wrong if not (one[0].startswith("gateway") and one[1] in addresses)] == []


def _shows(shown: str, default: Any) -> bool:
    """Whether the page's words for a default fit it; words without a value (as FVM_HOST) are taken as they are."""
    values = re.findall(r"`([^`]*)`", shown)
    said = str(default).lower() if isinstance(default, bool) else str(default)
    return not values or shown.startswith("as ") or said in values or (default is None and "`" in shown)


def test_every_setting_that_is_read_is_on_the_page(
    settings_page: dict[str, str], files: list[Path], root: Path
) -> None:
    named = set()
    for path in files:
        if path.suffix in (".py", ".sh") or path.name in ("Makefile", "run"):
            named |= set(_NAMED_ELSEWHERE.findall(path.read_text()))

    files = {f"{name}_FILE" for name in settings_page}  # every setting may lie in a file
    assert named - set(settings_page) - files == {"FVM_X"} & named


def test_the_page_of_settings_has_none_that_nobody_reads(settings_page: dict[str, str], code: list[Path]) -> None:
    fields = {
        f"FVM_{field.upper()}"
        for place in _SETTINGS
        for field in getattr(import_module(place.partition(":")[0]), place.partition(":")[2]).model_fields
    }
    text = "\n".join(path.read_text() for path in code if "tests/architecture" not in str(path))

    assert {name for name in settings_page if name not in fields and name not in text} == set()


def test_every_event_type_is_on_its_page(root: Path) -> None:
    schemas = {
        path.name.removesuffix(".schema.json") for path in (root / "contracts/events").glob("*.v[0-9]*.schema.json")
    }
    page = (root / "docs/reference/events.md").read_text()

    assert set(re.findall(r"^### `(.*)`$", page, re.MULTILINE)) == schemas


def test_every_topic_is_on_the_page_of_events_and_on_the_map(root: Path) -> None:
    topics = {topic["name"] for topic in yaml.safe_load((root / "deploy/kafka/topics.yaml").read_text())}
    for page in ("docs/reference/events.md", "docs/explanation/architecture.md"):
        text = (root / page).read_text()
        assert {topic for topic in topics if f"`{topic}`" not in text} == set(), page
