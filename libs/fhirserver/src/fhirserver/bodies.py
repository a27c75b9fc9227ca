"""JSON surgery on bytes: a resource keeps its own digits and words; only id, meta and references are put in."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

import msgspec

from fhircore.outcome import InvalidFHIR

Raw = dict[str, msgspec.Raw]

_members = msgspec.json.Decoder(Raw).decode
_any = msgspec.json.Decoder().decode
_minify = partial(msgspec.json.format, indent=-1)
_encode = msgspec.json.Encoder().encode
_exact = msgspec.json.Decoder(float_hook=Decimal).decode
_encode_exact = msgspec.json.Encoder(decimal_format="number").encode

# Bodies are minified before.
_CONDITIONAL = re.compile(rb'"reference":"([A-Z][A-Za-z]+\?[^"]*)"')


def minified(raw: bytes) -> bytes:
    """The same JSON without white space between tokens; every token stays as it was written.

    Raises InvalidFHIR when it is not JSON. (How deep a resource may nest is the validator's to say, D17.)
    """
    small: bytes = _read(_minify, raw)
    return small


def parsed(raw: bytes) -> Any:
    """The JSON as plain data. Numbers become int and float: for looking, never for storing."""
    return _read(_any, raw)


def exact(raw: bytes) -> Any:
    """The JSON as plain data in which decimals keep every digit: for changing and writing again."""
    return _read(_exact, raw)


def _read(decode: Callable[[bytes], Any], raw: bytes) -> Any:
    """Raises InvalidFHIR for what is not JSON."""
    try:
        return decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidFHIR(f"This is not JSON: {_place_only(error)}", code="structure") from None
    except RecursionError:
        raise InvalidFHIR(_TOO_DEEP, code="too-costly") from None


def written_exactly(data: Any) -> bytes:
    """What `exact` read, or a part of it, as JSON again. Raises InvalidFHIR for what JSON cannot say."""
    try:
        return _encode_exact(data)
    except (OverflowError, ValueError, TypeError):
        raise InvalidFHIR("This cannot be written as JSON", code="structure") from None
    except RecursionError:
        raise InvalidFHIR(_TOO_DEEP, code="too-costly") from None


def stamped(raw: bytes, type_name: str, id: str, version: int, updated: str) -> bytes:
    """The body as it is stored and answered: resourceType, id and meta first, then everything else untouched."""
    members = _members(raw)
    members.pop("resourceType", None)
    members.pop("id", None)
    meta = members.pop("meta", None)
    parts = [
        f'{{"resourceType":"{type_name}","id":"{id}","meta":{{"versionId":"{version}","lastUpdated":"{updated}"'.encode()
    ]
    if meta is not None:
        kept = _members(meta)
        for name, value in kept.items():
            if name not in ("versionId", "lastUpdated", "_versionId", "_lastUpdated"):
                parts += (b',"', name.encode(), b'":', bytes(value))
    parts.append(b"}")
    for name, value in members.items():
        parts += (b',"', name.encode(), b'":', bytes(value))
    parts.append(b"}")
    return b"".join(parts)


def conditional_references(raw: bytes) -> set[bytes]:
    """Every `Type?query` reference in these bytes, as written (JSON escapes included)."""
    return set(_CONDITIONAL.findall(raw))


def replacer(pattern: str, new: Callable[[str], str]) -> Callable[[bytes], bytes]:
    """A function that rewrites each reference that matches the pattern (used when a person's id changes)."""
    compiled = re.compile(b'"reference":"(' + pattern.encode() + b')"')

    def replaced(match: re.Match[bytes]) -> bytes:
        return b'"reference":"' + new(match.group(1).decode()).encode() + b'"'

    return lambda raw: compiled.sub(replaced, raw)


def quoted(text: str) -> bytes:
    """The text as it stands between the quotes of a JSON string."""
    return _encode(text)[1:-1]


def unquoted(raw: bytes) -> str:
    """The opposite of quoted."""
    return str(_any(b'"' + raw + b'"'))


def repeats_a_name(raw: bytes, data: Any) -> bool:
    """Whether an object in this minified JSON, read as `data`, has a property twice: readers would disagree about it.

    What was read has each name once, so written again it has as many names, unless one was dropped.
    """
    try:
        again = _encode(data)
        if again == raw or (b"\\u0022" not in raw and raw.count(b'":') == again.count(b'":')):
            return False
    except OverflowError:  # an integer that the encoder does not write
        pass
    try:
        json.loads(raw, object_pairs_hook=_each_once, parse_int=str)
    except _Repeated:
        return True
    return False


class _Repeated(Exception):
    """An object has a name twice."""


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _Repeated


@lru_cache(maxsize=1024)
def instant(at: datetime) -> str:
    """A FHIR instant in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(data: Any) -> bytes:
    """Plain data as JSON bytes (for what we make ourselves, never for what others wrote)."""
    return _encode(data)


_TOO_DEEP = "The input is nested deeper than any resource may be"


def _place_only(error: Exception) -> str:
    """The decoder's words without any of the content (which may be about a patient)."""
    text = str(error)
    match = re.search(r"\(byte (\d+)\)", text)
    if "out of range" in text:
        return "a number is larger than can be read"
    return f"it breaks at byte {match.group(1)}" if match else "it is cut off or not UTF-8"
