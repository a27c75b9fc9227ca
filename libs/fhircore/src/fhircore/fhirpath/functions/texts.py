"""Functions of strings (http://hl7.org/fhirpath/N1/index.html#string-manipulation)."""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable
from typing import Any

from fhircore.fhirpath.arithmetic import answer
from fhircore.fhirpath.errors import PathError
from fhircore.fhirpath.functions.patterns import pattern
from fhircore.fhirpath.functions.registry import function
from fhircore.fhirpath.runtime import Env, Items, limited, limited_text
from fhircore.fhirpath.values import integer, text


def _of_texts(name: str, arguments: int, compute: Callable[..., Any]) -> None:
    """Enter a function of a string with string arguments; empty when any of them is."""

    def call(env: Env, items: Items, *others: Items) -> Items:
        values = [text(found, f"{name}()") for found in (items, *others)]
        return [] if None in values else answer(compute(*values))

    function(name, arguments)(call)


def _matches(value: str, source: str) -> bool:
    return pattern(source).matches(limited_text(value), whole=False)


def _matches_full(value: str, source: str) -> bool:
    return pattern(source).matches(limited_text(value), whole=True)


def _replace_matches(value: str, source: str, new: str) -> str:
    if not source:
        return value
    found = pattern(source)
    if not found.safe(value):
        raise PathError("The pattern repeats too much for a text of this length.")
    # $1 and ${name} as in PCRE; a backslash has no meaning of its own in the replacement
    template = re.sub(r"\$(?:(\d+)|\{(\w+)\})", r"\\g<\1\2>", new.replace("\\", "\\\\"))
    try:
        return limited_text(found.compiled.sub(template, limited_text(value)))
    except (re.error, IndexError) as error:
        raise PathError("The replacement of replaceMatches() names a group that the pattern does not have.") from error


def _replace(value: str, old: str, new: str) -> str:
    if len(value) * max(1, len(new)) > 100_000_000:
        raise PathError("replace() would make too long a text.")
    return limited_text(value.replace(old, new))


_of_texts("startsWith", 1, str.startswith)
_of_texts("endsWith", 1, str.endswith)
_of_texts("contains", 1, lambda value, part: part in value)
_of_texts("indexOf", 1, str.find)
_of_texts("lastIndexOf", 1, str.rfind)
_of_texts("upper", 0, str.upper)
_of_texts("lower", 0, str.lower)
_of_texts("trim", 0, str.strip)
_of_texts("length", 0, len)
_of_texts("matches", 1, _matches)
_of_texts("matchesFull", 1, _matches_full)
_of_texts("replace", 2, _replace)
_of_texts("replaceMatches", 2, _replace_matches)


@function("toChars")
def to_chars(env: Env, items: Items) -> Items:
    return limited(list(text(items, "toChars()") or ""))


@function("substring", 1, 2)
def substring(env: Env, items: Items, start: Items, length: Items | None = None) -> Items:
    value, begin = text(items, "substring()"), integer(start, "substring()")
    size = None if length is None else integer(length, "substring()")
    if value is None or begin is None or not 0 <= begin < len(value):
        return []
    return [value[begin:] if size is None else value[begin : begin + max(0, size)]]


@function("split", 1)
def split(env: Env, items: Items, separator: Items) -> Items:
    value, by = text(items, "split()"), text(separator, "split()")
    if value is None or by is None:
        return []
    return limited(value.split(by) if by else list(value))


@function("join", 0, 1)
def join(env: Env, items: Items, separator: Items | None = None) -> Items:
    by = text(separator, "join()") if separator is not None else ""
    if not items or by is None:
        return []
    parts = [text([item], "join()") or "" for item in items]
    if sum(map(len, parts)) + len(by) * len(parts) > 100_000_000:
        raise PathError("join() would make too long a text.")
    return [limited_text(by.join(parts))]


_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "urlbase64": base64.urlsafe_b64encode,
    "hex": binascii.hexlify,
}
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": lambda value: base64.b64decode(value, validate=True),
    "urlbase64": base64.urlsafe_b64decode,
    "hex": binascii.unhexlify,
}


def _encode(value: str, form: str) -> str | None:
    encoder = _ENCODERS.get(form)
    return None if encoder is None else encoder(value.encode()).decode()


def _decode(value: str, form: str) -> str | None:
    decoder = _DECODERS.get(form)
    try:
        return None if decoder is None else decoder(value.encode()).decode()
    except (ValueError, binascii.Error):
        return None


def _escape(value: str, target: str) -> str | None:
    if target == "html":
        return html.escape(value, quote=True)
    return json.dumps(value, ensure_ascii=False)[1:-1] if target == "json" else None


def _unescape(value: str, target: str) -> str | None:
    if target == "html":
        return html.unescape(value)
    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", _json_character, value) if target == "json" else None


def _json_character(found: re.Match[str]) -> str:
    code = found.group(1)
    known = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
    return chr(int(code[1:], 16)) if len(code) == 5 else known.get(code, code)


_of_texts("encode", 1, _encode)
_of_texts("decode", 1, _decode)
_of_texts("escape", 1, _escape)
_of_texts("unescape", 1, _unescape)
