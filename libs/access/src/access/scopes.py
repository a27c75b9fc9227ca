"""SMART scopes, v1 and v2, as far as a service must ask: may this token do this to this type? (SMART App Launch 2.2 §scopes)."""

import re
from functools import lru_cache

_SCOPE = re.compile(r"^(?:patient|user|system)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|[cruds]+)(?:\?.*)?$")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}


@lru_cache(maxsize=4096)
def allows(scopes: frozenset[str], type_name: str, action: str) -> bool:
    """`action` is one of c, r, u, d, s. A scope with a filter (`?…`) does not count: its filter is not honoured yet."""
    for scope in scopes:
        match = _SCOPE.match(scope)
        if match is None or "?" in scope:
            continue
        subject, rights = match.groups()
        if subject in ("*", type_name) and action in _V1.get(rights, rights):
            return True
    return False
