"""What stands beside an entry of the record: the patient's opinion of it, and that it was moved (PDL 3 kap. 8 §, REC-07, -08)."""

from collections.abc import Mapping
from typing import Any

_OPINION, _MOVED_TO, _MOVED_FROM = "urn:fvm:patients-opinion", "urn:fvm:moved-to", "urn:fvm:moved-from"


def remarks(resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Sentences, in the order in which they were noted; the patient's own words are quoted as they were written."""
    found = []
    for one in resource.get("extension", ()):
        if not isinstance(one, Mapping):
            continue
        parts = {part.get("url"): part for part in one.get("extension", ()) if isinstance(part, Mapping)}
        day = str(parts.get("at", {}).get("valueDateTime", ""))[:10]
        if one.get("url") == _OPINION:
            found.append(f"Patientens synpunkt {day}: ”{parts.get('text', {}).get('valueString', '')}”")
        elif one.get("url") in (_MOVED_TO, _MOVED_FROM):
            away = one.get("url") == _MOVED_TO
            why = str(parts.get("reason", {}).get("valueString", ""))
            words = (
                "Gällde en annan patient och flyttades dit" if away else "Flyttades hit från en annan patients journal"
            )
            found.append(f"{words} {day}. {why}".rstrip())
    return tuple(found)
