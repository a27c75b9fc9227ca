"""Examples of R4 with something wrong in them, as data and as bytes."""

import copy
from random import Random
from typing import Any

from made.values import NAMES, TEXTS, VALUES, Place, at, places

_PIECES = [
    b'"', b"<", b">", b"{", b"}", b"[", b"]", b",", b":", b"\\u0000", b"\\ud800", b"\xff", b"\x00", b"&#0;", b"&x;", b"<!--",
    b"<![CDATA[", b"<?x?>", b"null", b"1e999", b"-0", b"9" * 400, b"\\", b'value="', b'xmlns="x"',
    b"http://www.w3.org/1999/xhtml",
]  # fmt: skip


def mutated(r: Random, document: Any, others: list[Any]) -> Any:
    """The document with one to five changes; now and then a part of another one stands in it."""
    made = copy.deepcopy(document)
    for _ in range(r.choice((1, 1, 1, 2, 3, 5))):
        found = [place for place in places(made) if place]
        if found:
            _change(r, made, r.choice(found), others)
    return made


def _change(r: Random, made: Any, place: Place, others: list[Any]) -> None:
    parent, name = at(made, place[:-1]), place[-1]
    value, owner = parent[name], isinstance(parent, dict)
    match r.randrange(9):
        case 0:
            del parent[name]
        case 1 | 2 | 3:
            parent[name] = copy.deepcopy(r.choice(VALUES))
        case 4:
            parent[name] = value[:1] * 2 if isinstance(value, list) else [value]
        case 5 if owner:
            parent[r.choice(NAMES)] = copy.deepcopy(r.choice(VALUES))
        case 6 if isinstance(value, dict):
            value[r.choice(NAMES)] = copy.deepcopy(r.choice(VALUES))
        case 7:
            other = r.choice(others)
            parent[name] = copy.deepcopy(at(other, r.choice(list(places(other)))))
        case 8 if owner:
            parent[f"_{name}"] = copy.deepcopy(r.choice(VALUES))
        case _:
            parent[name] = r.choice(TEXTS)


def broken(r: Random, raw: bytes) -> bytes:
    """The bytes with one to four of them lost, put in, doubled, or cut off."""
    found = bytearray(raw)
    for _ in range(r.choice((1, 1, 2, 4))):
        place = r.randrange(len(found) or 1)
        match r.randrange(5):
            case 0 if found:
                found[place % len(found)] = r.randrange(256)
            case 1:
                del found[place : place + r.choice((1, 2, 10, 200))]
            case 2:
                found[place:place] = r.choice(_PIECES)
            case 3:
                start = r.randrange(len(found) or 1)
                found[place:place] = found[start : start + r.choice((5, 30, 200))]
            case _:
                del found[place:]
    return bytes(found)
