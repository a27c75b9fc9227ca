"""Names as they sound in Swedish, for the search parameter `phonetic`: Carlsson, Karlson and Karlsson are one."""

import re
from functools import lru_cache

from fhircore.fold import fold

# In order: each spelling on the left sounds as the one on the right.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"[^a-z]", ""),
        (r"ph", "f"),
        (r"sch|stj|skj|sj", "s"),
        (r"tj|kj", "k"),
        (r"th", "t"),
        (r"ck|ch|qu|q|c(?![eiy])", "k"),
        (r"c|z", "s"),
        (r"x", "ks"),
        (r"w", "v"),
        (r"hj|gj|dj|lj", "j"),
        (r"(?<=[a-z])h", ""),
        (r"y|j", "i"),
        (r"(.)\1+", r"\1"),
        (r"(?<=[a-z])[aeiou]", ""),
        (r"(.)\1+", r"\1"),
    )
)


@lru_cache(maxsize=4096)
def phonetic(text: str) -> str:
    """The sound of one name part, lower-case consonants after its first letter; '' when it has no letters."""
    sound = fold(text)
    for pattern, replacement in _SOUNDS:
        sound = pattern.sub(replacement, sound)
    return sound
