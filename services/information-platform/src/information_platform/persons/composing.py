"""The region's Patient, composed from the Patients of its sources: register before VIS before others, newest first (D14)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from fhircore.identifiers import NotAnIdentifier, canonical

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_identifiers = msgspec.json.Decoder(list[dict[str, Any]]).decode
_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_RANKS = {"fvm/register": 0, "fvm/vis": 1}
_OTHERS = 2
_OWN = ("id", "meta", "resourceType", "identifier", "link")  # never taken over from a source as they are


@dataclass(frozen=True, slots=True)
class Source:
    """A source's Patient: where it came from, when it was true there, and its JSON."""

    source: str
    updated: datetime
    body: bytes


def composed(sources: Sequence[Source], replaces: Sequence[str] = ()) -> bytes:
    """The Patient as JSON without id and meta. Each element is the best source's that has it; identifiers are all of them."""
    ordered = sorted(sources, key=lambda one: (_RANKS.get(one.source, _OTHERS), -one.updated.timestamp()))
    bodies = [_members(one.body) for one in ordered]
    chosen: dict[str, msgspec.Raw] = {}
    for body in bodies:
        for name, value in body.items():
            if name not in _OWN:
                chosen.setdefault(name, value)
    parts = [b'{"resourceType":"Patient"']
    meta = _meta(bodies)
    if meta:
        parts += (b',"meta":', _encode(meta))
    if any("identifier" in body for body in bodies):
        parts += (b',"identifier":', _all_identifiers(bodies))
    for name, value in chosen.items():
        parts += (b',"', name.encode(), b'":', bytes(value))
    if replaces:
        links = [{"other": {"reference": f"Patient/{one}"}, "type": "replaces"} for one in replaces]
        parts += (b',"link":', _encode(links))
    parts.append(b"}")
    return b"".join(parts)


def _meta(bodies: Sequence[dict[str, msgspec.Raw]]) -> dict[str, Any]:
    """The best source's meta, and the security labels of all: who is protected in one source is protected (PRT-01)."""
    metas = [_any(bytes(body["meta"])) for body in bodies if "meta" in body]
    labels = {(one.get("system"), one.get("code")): one for meta in metas for one in meta.get("security", ())}
    best = (
        {name: value for name, value in metas[0].items() if name not in ("versionId", "lastUpdated")} if metas else {}
    )
    return best | ({"security": list(labels.values())} if labels else {})


def retired(body: bytes, survivor: str) -> bytes:
    """The Patient that was joined with another: not active, and saying who replaced it."""
    members = _members(body)
    parts = [b'{"resourceType":"Patient"']
    meta = _meta([members])
    if meta:
        parts += (b',"meta":', _encode(meta))
    for name, value in members.items():
        if name not in ("id", "meta", "resourceType", "active", "link"):
            parts += (b',"', name.encode(), b'":', bytes(value))
    link = [{"other": {"reference": f"Patient/{survivor}"}, "type": "replaced-by"}]
    return b"".join((*parts, b',"active":false,"link":', _encode(link), b"}"))


def _all_identifiers(bodies: Sequence[dict[str, msgspec.Raw]]) -> bytes:
    """The union by canonical (system, value); each stays as its best source wrote it."""
    if sum("identifier" in body for body in bodies) == 1:
        return next(bytes(body["identifier"]) for body in bodies if "identifier" in body)
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for body in bodies:
        for identifier in _identifiers(body["identifier"]) if "identifier" in body else ():
            kept.setdefault(_same(identifier), identifier)
    return _encode(list(kept.values()))


def _same(identifier: dict[str, Any]) -> tuple[str, str]:
    system, value = str(identifier.get("system", "")), str(identifier.get("value", ""))
    try:
        known = canonical(system, value)
    except NotAnIdentifier:
        return system, value
    return known.system, known.value
