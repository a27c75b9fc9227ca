"""Odd values, and every place of a document where one may be put."""

from collections.abc import Iterator
from random import Random
from typing import Any

Place = tuple[str | int, ...]

TEXTS = [
    "", " ", "x" * 300, "\x00", "😀", "0", "-1", "true", "9" * 30, "1e400", "2020-02-30", "0000-00-00", "2026-13", "#",
    "#x", "urn:uuid:", "Patient/", "Patient?identifier=x|y", "/", "http://", "data:", "a|b", "<div/>",
    "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>", "../..", "Bundle/x", "\n", "a" * 65, "\u202e\ufeff", "%", "'",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e300, 10**40, -0.0, [], {}, [None], [[]], [{}], {"": ""}, {"resourceType": "Patient"},
    {"extension": [{"url": "x", "valueString": "x"}]}, {"reference": "#"}, {"reference": "Patient/x"},
    {"reference": "Patient?x=1"}, {"value": 1}, {"coding": [{"code": "x"}]}, {"start": "2026", "end": "2020"},
    {"low": {"value": 1}, "high": {"value": 0}}, "\ud800", *TEXTS,
]  # fmt: skip
NAMES = [
    "id", "meta", "extension", "modifierExtension", "contained", "_id", "_status", "value", "valueString", "valueQuantity",
    "resourceType", "text", "identifier", "reference", "code", "coding", "system", "url", "language", "status",
]  # fmt: skip


def places(document: Any, at: Place = ()) -> Iterator[Place]:
    """Every place of a JSON document, the whole first."""
    yield at
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for name, value in inside:
        yield from places(value, (*at, name))


def at(document: Any, place: Place) -> Any:
    """What stands there."""
    for step in place:
        document = document[step]
    return document


def text(r: Random) -> str:
    """Any text, of few characters."""
    alphabets = (range(32, 127), range(160, 1000), range(0x1F600, 0x1F610), range(0x3000, 0x3100))
    return "".join(chr(r.choice(r.choice(alphabets))) for _ in range(r.randrange(8)))
