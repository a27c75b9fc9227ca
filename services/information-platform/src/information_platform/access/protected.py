"""How a person's data are protected, as the region's Patient says it (PRT-01, PRT-08)."""

from typing import Any

from fhirserver.bodies import parsed
from fhirserver.search.finding import PROTECTED, SECURITY, is_protected


def protected(patient: bytes) -> str:
    """The strongest of its levels; empty: not at all."""
    if not is_protected(patient):
        return ""
    data: dict[str, Any] = parsed(patient)
    codes = {one.get("code") for one in data["meta"]["security"] if one.get("system") == SECURITY}
    return next(level for level in reversed(PROTECTED) if level in codes)
