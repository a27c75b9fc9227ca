"""The words of a resource for `_text` and `_content`: hashed, each once (http://hl7.org/fhir/R4/search.html#text)."""

import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from typing import Any

from fhircore.fold import fold

NARRATIVE, CONTENT = 1, 2  # txt.part
_WORD = re.compile(r"\w+")
_TAG = re.compile(r"<[^>]*>")
_MOST = 5_000  # distinct words of one resource
_LONGEST = 64
# Elements whose text is no word of anybody's: addresses, codes of the format, bytes.
_SKIPPED = frozenset(
    {"resourceType", "id", "meta", "reference", "system", "url", "data", "contentType", "fullUrl", "div"}
)


def words_of(resource: Mapping[str, Any], token: Callable[[str], int]) -> list[tuple[int, list[int]]]:
    """(part, hashes of its words) of the narrative and of everything, where there are any."""
    narrative = resource.get("text")
    div = narrative.get("div") if isinstance(narrative, dict) else None
    told = _split(unescape(_TAG.sub(" ", div))) if isinstance(div, str) else {}
    whole = dict(told)
    for text in _texts(resource):
        if len(whole) >= _MOST:
            break
        whole |= _split(text)
    parts = ((NARRATIVE, told), (CONTENT, whole))
    return [(part, sorted(hashed(list(found)[:_MOST], token))) for part, found in parts if found]


def hashed(words: list[str], token: Callable[[str], int]) -> set[int]:
    """The hashes of words that are folded already."""
    return {token(f"word|{word[:_LONGEST]}") for word in words}


def folded_words(text: str) -> list[str]:
    return list(_split(text))


def _split(text: str) -> dict[str, None]:
    return dict.fromkeys(_WORD.findall(fold(text)))


def _texts(value: Any) -> Iterator[str]:
    """Every text in a resource that somebody wrote, without a stack of calls as deep as the resource."""
    left = [value]
    while left:
        item = left.pop()
        if item.__class__ is str:
            yield item
        elif item.__class__ is dict:
            left += [inner for name, inner in item.items() if name not in _SKIPPED]
        elif item.__class__ is list:
            left += item
