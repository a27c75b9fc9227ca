"""References inside a bundle become references to what its entries are stored as (http://hl7.org/fhir/R4/http.html#trules).

A fullUrl is replaced where it stands as a reference, as a value of type uri, url, oid or uuid, and as href or src in the
narrative; canonicals stay. A relative reference of an entry with a RESTful fullUrl is first looked for under that address.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fhircore.validation.definitions import shape, shapes
from fhirserver.bodies import exact, quoted, unquoted, written_exactly
from fhirserver.problems import Invalid

_REFERENCE = re.compile(rb'"reference":"((?:urn:|https?:|[A-Z][A-Za-z]+\?)[^"]*)"')
_RELATIVE = re.compile(rb'"reference":"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]+)?"')
_URI = re.compile(rb'(?:"(\w+)":)?\[?"((?:urn:|https?:)[^"]*)"')
_LINK = re.compile(r"""((?:href|src)\s*=\s*)(["'])(.*?)\2""")
_RESTFUL = re.compile(r"(https?://.+)/[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")
_URIS = frozenset(("uri", "url", "oid", "uuid"))
_MARK = "http://hl7.org/fhir/StructureDefinition/resolve-as-version-specific"
MARKED = _MARK.encode()


@dataclass(slots=True)
class Links:
    """`urls`: fullUrl → Type/id; `conditional`: `Type?query` as written → Type/id; both as JSON bytes.

    `whole`: this is a transaction, in which every `urn:` must name an entry.
    """

    urls: dict[bytes, bytes] = field(default_factory=dict)
    conditional: dict[bytes, bytes] = field(default_factory=dict)
    whole: bool = False
    _texts: dict[str, str] = field(default_factory=dict)
    _prefix: bytes = b""

    def __post_init__(self) -> None:
        self._texts = {unquoted(url): new.decode() for url, new in self.urls.items()}
        self._prefix = _common(self.urls) if self.urls else b""

    def applied(self, raw: bytes, type_name: str, full_url: str | None, at: str) -> bytes:
        """The same body, its references final. Raises Invalid, naming a urn that no entry has."""
        if not (self.urls or self.conditional or self.whole):
            return raw
        strict = self.whole and type_name != "Bundle"  # a document's references are to its own entries

        def replaced(match: re.Match[bytes]) -> bytes:
            new = self._of(match.group(1))
            if new is not None:
                return b'"reference":"' + new + b'"'
            if strict and match.group(1).startswith(b"urn:"):
                raise Invalid(f"{unquoted(match.group(1))[:100]} is the fullUrl of no entry of this transaction", at=at)
            return match.group(0)

        made = _REFERENCE.sub(replaced, raw)
        if self.urls:
            if full_url is not None and (base := _RESTFUL.fullmatch(full_url)):
                made = self._relative(made, quoted(base.group(1)) + b"/")
            if self._stands_elsewhere(made):
                data = exact(made)
                if self._typed(data, type_name):
                    made = written_exactly(data)
        return made

    def _of(self, text: bytes) -> bytes | None:
        found = self.urls.get(text) or self.conditional.get(text)
        if found is None and b"\\" in text:  # some writers escape every slash
            text = quoted(unquoted(text))
            found = self.urls.get(text)
        if found is None and b"/_history/" in text:  # of a version that it had where it came from
            found = self.urls.get(text.partition(b"/_history/")[0])
        return found

    def _relative(self, raw: bytes, base: bytes) -> bytes:
        def replaced(match: re.Match[bytes]) -> bytes:
            new = self.urls.get(base + match.group(1))
            return match.group(0) if new is None else b'"reference":"' + new + b'"'

        return _RELATIVE.sub(replaced, raw)

    def _stands_elsewhere(self, raw: bytes) -> bool:
        """Whether a fullUrl may stand somewhere else than in a reference; quick, since it seldom does."""
        if len(self._prefix) > 3 and self._prefix not in raw:
            return False
        if b"href=" in raw or b"src=" in raw:
            return True
        urls, names = self.urls, _uri_names()
        return any(url in urls and (not name or name in names) for name, url in _URI.findall(raw))

    def _typed(self, data: Any, path: str) -> bool:
        """Replaces fullUrls in this element's uris and narrative; says whether it did."""
        changed = False
        for owner, name, kind in _primitives(data, path):
            value = owner[name]
            new = self._narrative(value) if kind == "xhtml" else self._values(value)
            if new != value:
                owner[name], changed = new, True
        return changed

    def _values(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._values(one) for one in value]
        return self._texts.get(value, value) if isinstance(value, str) else value

    def _narrative(self, value: Any) -> Any:
        def replaced(match: re.Match[str]) -> str:
            return f"{match.group(1)}{match.group(2)}{self._texts.get(match.group(3), match.group(3))}{match.group(2)}"

        return _LINK.sub(replaced, value) if isinstance(value, str) else value


@cache
def _uri_names() -> frozenset[bytes]:
    """The names of all elements of these types; an identifier's value, which often is a urn, is none."""
    fields = (field for path in shapes() for field in shape(path).fields.values())
    return frozenset(field.name.encode() for field in fields if field.type in _URIS)


def _common(urls: Iterable[bytes]) -> bytes:
    """What all of them begin with."""
    first, last = min(urls), max(urls)
    same = next((place for place, byte in enumerate(first) if byte != last[place : place + 1][0]), len(first))
    return first[:same]


def _primitives(data: Any, path: str) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Every uri and narrative below this element: the object it stands in, its name, its type."""
    if path == "Resource":
        path = str(data.get("resourceType"))
    fields = shape(path).fields
    for name, value in data.items():
        field_of = fields.get(name.removeprefix("_"))
        if field_of is None:
            continue
        if name.startswith("_"):
            kind = "Element"
        elif field_of.primitive:
            if field_of.type in _URIS or field_of.type == "xhtml":
                yield data, name, field_of.type
            continue
        else:
            kind = field_of.type
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, dict):
                yield from _primitives(one, kind)


def marked(raw: bytes) -> list[str]:
    """The targets of those references that ask to be resolved as version specific, as `Type/id`."""
    return [found["reference"] for found in _marks(exact(raw))]


def with_versions(raw: bytes, versions: Mapping[str, int], at: str) -> bytes:
    """Those references name the version that stands when this is stored; the marks go. Raises Invalid where none stands."""
    data = exact(raw)
    for found in _marks(data):
        target = found["reference"]
        if target not in versions:
            raise Invalid(f"{target[:80]} is to be resolved to its version and is not here", at=at)
        found["reference"] = f"{target}/_history/{versions[target]}"
        found["extension"] = [one for one in found["extension"] if one.get("url") != _MARK]
        if not found["extension"]:
            del found["extension"]
    return written_exactly(data)


def _marks(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, list):
        for one in data:
            yield from _marks(one)
    elif isinstance(data, dict):
        extensions = data.get("extension")
        told = extensions if isinstance(extensions, list) and isinstance(data.get("reference"), str) else []
        if any(one.get("url") == _MARK and one.get("valueBoolean") is True for one in told):
            yield data
        for one in list(data.values()):
            yield from _marks(one)
