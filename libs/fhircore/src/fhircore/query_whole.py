"""Criteria that ask of a resource as a whole: `_list`, `_text`, `_content` (http://hl7.org/fhir/R4/search.html#all)."""

import re

from fhircore.outcome import InvalidFHIR
from fhircore.query_tree import Listed, Words
from fhircore.query_values import ID, invalid, not_too_many

WHOLE = frozenset({"_list", "_text", "_content"})
_WORD = re.compile(r"\w+")
_MOST_WAYS = 50


def whole(name: str, text: str) -> Listed | Words:
    """The criterion of one of `WHOLE`. Raises InvalidFHIR naming it."""
    if not text.strip():
        raise invalid(name, "an empty value")
    if name != "_list":
        return Words(name == "_content", _ways(name, text))
    ids = tuple(text.split(","))
    not_too_many(name, ids)
    if any(id.startswith("$") for id in ids):
        raise InvalidFHIR(
            "functional lists ($current-…) are not kept here; name a List by its id", name, "not-supported"
        )
    if not all(ID.fullmatch(id.removeprefix("List/")) for id in ids):
        raise invalid(name, "must be ids of Lists")
    return Listed(tuple(id.removeprefix("List/") for id in ids))


def _ways(name: str, text: str) -> tuple[tuple[str, ...], ...]:
    """Words that must all be there; `OR` between alternatives, as between the items of a list."""
    ways = tuple(tuple(_WORD.findall(way.lower())) for way in re.split(r"\s+OR\s+|,", text))
    ways = tuple(way for way in ways if way)
    if not ways or len(ways) > _MOST_WAYS:
        raise invalid(name, f"must be words, or up to {_MOST_WAYS} sets of words with OR between")
    return ways
