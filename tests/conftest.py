"""The four services as their composition roots build them, and what each says to the others; nothing is started."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from kit.inbox import Inbox
from kit.process import Service

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "vis": "vis",
    "information-platform": "information_platform",
    "integration-platform": "integration_platform",
    "application-platform": "application_platform",
}
_TOPIC = re.compile(r"[a-z]+\.[a-z-]+\.v\d+")


@dataclass(frozen=True)
class Spoken:
    """A service: its parts, the topics its source names to tell, and the topics its inboxes take."""

    service: Service
    tells: frozenset[str]
    hears: frozenset[str]


@pytest.fixture(scope="session")
def house() -> Mapping[str, Spoken]:
    """By folder name."""
    return {folder: _spoken(folder, package) for folder, package in PACKAGES.items()}


def _spoken(folder: str, package: str) -> Spoken:
    settings: Any = import_module(f"{package}.settings").Settings
    service: Service = import_module(f"{package}.main").build(
        settings(database_url="postgresql://nobody@127.0.0.1/none", mode="demo")
    )
    inboxes = [owner for loop in service.loops if isinstance(owner := getattr(loop, "__self__", None), Inbox)]
    hears = frozenset(topic for inbox in inboxes for topic in inbox._handlers)
    return Spoken(service, _named(ROOT / "services" / folder / "src") - hears, hears)


def _named(folder: Path) -> frozenset[str]:
    """Topics that stand as strings in the code (docstrings have more words around them)."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _TOPIC.fullmatch(node.value):
                found.add(node.value)
    return frozenset(found)
