"""The promises of contracts/events read from their files, and the four services as their composition roots build them."""

import ast
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from fhirserver.logtelling import TOPIC as LOGGED
from fhirserver.logtelling import LogTeller
from kit.inbox import Inbox
from kit.process import Service

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "contracts" / "events"
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
    """By folder name; nothing is started."""
    return {folder: _spoken(folder, package) for folder, package in PACKAGES.items()}


def _spoken(folder: str, package: str) -> Spoken:
    settings: Any = import_module(f"{package}.settings").Settings
    service: Service = import_module(f"{package}.main").build(
        settings(database_url="postgresql://nobody@127.0.0.1/none", mode="demo")
    )
    inboxes = [owner for loop in service.loops if isinstance(owner := getattr(loop, "__self__", None), Inbox)]
    hears = frozenset(topic for inbox in inboxes for topic in inbox._handlers)
    named = _named(ROOT / "services" / folder / "src") - hears
    logs = any(isinstance(getattr(loop, "__self__", None), LogTeller) for loop in service.loops)
    return Spoken(service, named | ({LOGGED} if logs else set()), hears)


def _named(folder: Path) -> frozenset[str]:
    """Topics that stand as strings in the code (docstrings have more words around them)."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _TOPIC.fullmatch(node.value):
                found.add(node.value)
    return frozenset(found)


@pytest.fixture(scope="session")
def check() -> Callable[[str, Any], None]:
    """check(schema, data): raises what is wrong with the data; `schema` is a file's name before .schema.json."""
    schemas = {path.name: json.loads(path.read_text()) for path in EVENTS.glob("*.schema.json")}
    registry: Registry[Any] = Registry().with_resources(
        (name, Resource.from_contents(schema)) for name, schema in schemas.items()
    )

    def checked(name: str, data: Any) -> None:
        schema = schemas[f"{name}.schema.json"]
        Draft202012Validator(schema, registry=registry, format_checker=FormatChecker()).validate(data)

    return checked


@pytest.fixture(scope="session")
def promised() -> Callable[[str], Any]:
    """The example of an event type as data; numbers with decimals stay the text they are written in."""
    return lambda name: exact((EVENTS / "examples" / f"{name}.json").read_bytes())


@pytest.fixture(scope="session")
def example() -> Callable[[str], bytes]:
    """The example of an event type as the bytes in its file."""
    return lambda name: (EVENTS / "examples" / f"{name}.json").read_bytes()


def exact(raw: bytes) -> Any:
    """JSON as data in which 5.60 is not 5.6."""
    return json.loads(raw, parse_float=Digits)


class Digits(float):
    """A number that also equals by its digits."""

    def __new__(cls, text: str) -> "Digits":
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digits) and self.text == other.text

    __hash__ = None  # type: ignore[assignment]


@pytest.fixture(scope="session")
def as_data() -> Callable[[bytes], Any]:
    """JSON bytes as data that compares with `promised`."""
    return exact
