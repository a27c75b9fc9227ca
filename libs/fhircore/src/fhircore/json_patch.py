"""JSON Patch on JSON data (https://www.rfc-editor.org/rfc/rfc6902), pointers as in RFC 6901; decimals are kept as they are."""

import re
from collections.abc import Callable
from typing import Any

from fhircore.outcome import InvalidFHIR

MAX_OPERATIONS = 1_000
MAX_COPIED = 200_000  # JSON values that one patch may copy

_INDEX = re.compile(r"0|[1-9]\d{0,8}")
_NEEDS = {
    "add": ("path", "value"),
    "remove": ("path",),
    "replace": ("path", "value"),
    "move": ("from", "path"),
    "copy": ("from", "path"),
    "test": ("path", "value"),
}
_MISSING = object()


def json_patch(resource: Any, operations: Any) -> Any:
    """The resource after these operations; the resource itself is left as it was, also when one of them fails.

    Raises InvalidFHIR that names the operation as `[2]`: code `invalid` for what is no patch, `processing` for a place that
    does not exist, `conflict` for a `test` that does not hold.
    """
    if operations.__class__ is not list:
        raise InvalidFHIR("A JSON Patch is a list of operations.", code="structure")
    if len(operations) > MAX_OPERATIONS:
        raise InvalidFHIR(f"A JSON Patch may have at most {MAX_OPERATIONS} operations.", code="too-long")
    try:
        patching = _Patching(resource)
        for number, operation in enumerate(operations):
            patching.apply(operation, f"[{number}]")
    except RecursionError as error:
        raise InvalidFHIR("The document is nested too deep to be patched.", code="too-long") from error
    return patching.document


class _Patching:
    """The document on its way: what is changed is copied first, step by step down to it."""

    def __init__(self, document: Any) -> None:
        self.copied = 0
        self.document = self.copy(document, "")
        self.copied = 0

    def copy(self, value: Any, at: str) -> Any:
        """A deep copy. Raises InvalidFHIR when the patch has copied too much."""
        self.copied += 1
        if self.copied > MAX_COPIED and at:
            raise InvalidFHIR(f"A JSON Patch may copy at most {MAX_COPIED} values.", at, "too-costly")
        if value.__class__ is dict:
            return {key: self.copy(part, at) for key, part in value.items()}
        return [self.copy(part, at) for part in value] if value.__class__ is list else value

    def apply(self, operation: Any, at: str) -> None:
        name = str(operation.get("op")) if operation.__class__ is dict else ""
        needed = _NEEDS.get(name)
        if needed is None:
            raise InvalidFHIR("The operation is none of add, remove, replace, move, copy and test.", at, "invalid")
        for key in needed:
            if key not in operation:
                raise InvalidFHIR(f"The operation {name} needs {key}.", at, "required")
        _OPERATIONS[name](self, operation, at)

    def holder(self, path: list[str], at: str) -> Any:
        """The object or list that the last part of the pointer is looked up in."""
        found = self.document
        for part in path[:-1]:
            found = _inside(found, part, at)
        return found

    def get(self, path: list[str], at: str) -> Any:
        return _inside(self.holder(path, at), path[-1], at) if path else self.document

    def put(self, path: list[str], value: Any, at: str) -> None:
        """Add a member or insert an item."""
        if not path:
            self.document = value
            return
        holder, last = self.holder(path, at), path[-1]
        if holder.__class__ is dict:
            holder[last] = value
        elif holder.__class__ is list:
            holder.insert(len(holder) if last == "-" else _index(last, len(holder), at), value)
        else:
            raise _nothing(at)

    def take(self, path: list[str], at: str) -> Any:
        """Remove what is there and give it."""
        if not path:
            raise InvalidFHIR("The whole document cannot be removed.", at, "processing")
        holder, last = self.holder(path, at), path[-1]
        found = _inside(holder, last, at)
        del holder[last if holder.__class__ is dict else int(last)]
        return found


def _add(patching: _Patching, operation: dict[str, Any], at: str) -> None:
    patching.put(_pointer(operation["path"], at), patching.copy(operation["value"], at), at)


def _remove(patching: _Patching, operation: dict[str, Any], at: str) -> None:
    patching.take(_pointer(operation["path"], at), at)


def _replace(patching: _Patching, operation: dict[str, Any], at: str) -> None:
    path = _pointer(operation["path"], at)
    value = patching.copy(operation["value"], at)
    patching.get(path, at)
    if not path:
        patching.document = value
        return
    holder = patching.holder(path, at)
    holder[path[-1] if holder.__class__ is dict else int(path[-1])] = value


def _move(patching: _Patching, operation: dict[str, Any], at: str) -> None:
    source, path = _pointer(operation["from"], at), _pointer(operation["path"], at)
    if source == path:
        patching.get(path, at)
        return
    if path[: len(source)] == source:
        raise InvalidFHIR("A value cannot be moved into itself.", at, "processing")
    patching.put(path, patching.take(source, at), at)


def _copy(patching: _Patching, operation: dict[str, Any], at: str) -> None:
    value = patching.copy(patching.get(_pointer(operation["from"], at), at), at)
    patching.put(_pointer(operation["path"], at), value, at)


def _test(patching: _Patching, operation: dict[str, Any], at: str) -> None:
    if not _same(patching.get(_pointer(operation["path"], at), at), operation["value"]):
        raise InvalidFHIR("The test does not hold: another value stands there.", at, "conflict")


_OPERATIONS: dict[str, Callable[[_Patching, dict[str, Any], str], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _pointer(text: Any, at: str) -> list[str]:
    if text.__class__ is not str or (text and text[0] != "/") or re.search("~(?![01])", text):
        raise InvalidFHIR("The path is no JSON Pointer: it is empty or begins with /.", at, "invalid")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _index(part: str, size: int, at: str) -> int:
    """A position from 0 to `size`."""
    if _INDEX.fullmatch(part) is None or int(part) > size:
        raise _nothing(at)
    return int(part)


def _inside(holder: Any, part: str, at: str) -> Any:
    if holder.__class__ is dict:
        found = holder.get(part, _MISSING)
        if found is not _MISSING:
            return found
    elif holder.__class__ is list:
        index = _index(part, len(holder) - 1, at)
        return holder[index]
    raise _nothing(at)


def _nothing(at: str) -> InvalidFHIR:
    return InvalidFHIR("There is nothing at the path of this operation.", at, "processing")


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: numbers by value, and true is not 1."""
    if one.__class__ is dict and other.__class__ is dict:
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if one.__class__ is list and other.__class__ is list:
        return len(one) == len(other) and all(map(_same, one, other))
    return (one.__class__ is bool) == (other.__class__ is bool) and bool(one == other)
