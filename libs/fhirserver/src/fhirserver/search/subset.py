"""_summary and _elements: parts of a resource joined from its own bytes, and marked SUBSETTED (http://hl7.org/fhir/R4/search.html#summary)."""

from collections.abc import Callable
from functools import lru_cache

import msgspec

from fhircore.query import Query
from fhircore.summary import Paths, in_summary, mandatory

Cut = Callable[[bytes, str], bytes]
"""(stored JSON, type name) → the part of it that is answered."""

_ALWAYS = frozenset({"resourceType", "id", "meta"})
_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
SUBSETTED = b'{"system":"%s","code":"SUBSETTED","display":"Resource encoded in summary mode"}' % _SYSTEM.encode()

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


def cut_for(query: Query) -> Cut | None:
    """What is done to the matches; None when they are answered whole."""
    if query.elements:
        wanted = frozenset(query.elements)
        return lambda body, type_name: _only(body, wanted | _needed(type_name))
    return summary_cut(query)


def summary_cut(query: Query) -> Cut | None:
    """What _summary does, to what is included as well."""
    match query.summary:
        case "true":
            return _summary
        case "text":
            return lambda body, type_name: _only(body, _needed(type_name) | {"text"})
        case "data":
            return _data
    return None


@lru_cache(maxsize=256)
def _needed(type_name: str) -> frozenset[str]:
    return _ALWAYS | mandatory(type_name)


def _data(body: bytes, _type_name: str) -> bytes:
    members = _members(body)
    members.pop("text", None)
    return subsetted(members)


def _only(body: bytes, names: frozenset[str]) -> bytes:
    return subsetted({name: value for name, value in _members(body).items() if name.removeprefix("_") in names})


def _summary(body: bytes, type_name: str) -> bytes:
    paths = in_summary(type_name)
    names = paths[""] | _needed(type_name)
    kept = {name: value for name, value in _members(body).items() if name.removeprefix("_") in names}
    for path in paths:
        if path and "." not in path and path in kept:
            kept[path] = msgspec.Raw(_pruned(bytes(kept[path]), path, paths))
    return subsetted(kept)


def _pruned(value: bytes, path: str, paths: Paths) -> bytes:
    """A backbone, or a list of them, with only what of it stands in a summary."""
    if value[:1] == b"[":
        return b"[" + b",".join(_pruned(bytes(item), path, paths) for item in _items(value)) + b"]"
    if value[:1] != b"{":
        return value
    kept = {n: v for n, v in _members(value).items() if n.removeprefix("_") in paths[path] or n == "modifierExtension"}
    for name in kept:
        if (below := f"{path}.{name}") in paths:
            kept[name] = msgspec.Raw(_pruned(bytes(kept[name]), below, paths))
    return _joined(kept)


def subsetted(members: dict[str, msgspec.Raw]) -> bytes:
    """The members, with the tag that says that they are not all of the resource."""
    meta = _members(members.get("meta", b"{}"))
    tags = bytes(meta["tag"]) if "tag" in meta else b"[]"
    meta["tag"] = msgspec.Raw(tags[:-1] + (b"," if len(tags) > 2 else b"") + SUBSETTED + b"]")
    members["meta"] = msgspec.Raw(_joined(meta))
    return _joined(members)


def _joined(members: dict[str, msgspec.Raw]) -> bytes:
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), bytes(value)) for name, value in members.items()) + b"}"
