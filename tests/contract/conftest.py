"""The promises of contracts/events, read from their files: schemas, examples, and what checks one against the other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

EVENTS = Path(__file__).parents[2] / "contracts" / "events"


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
