"""In a demo region everybody is invented: a person is registered with an official test number, never somebody's own (IDF-24)."""

from typing import Any

from fhircore.identifiers import may_be_somebodys
from fhircore.outcome import Issue

_PEOPLE = frozenset({"Patient", "RelatedPerson", "Person", "Practitioner"})
_INSTEAD = (
    "Everybody in this demo region is invented, and this number may be a living person's: use an official test number, such as "
    "191212121212 or one with the birth number 238 or 239. Nothing was stored."
)


def faults(type_name: str, resource: dict[str, Any]) -> list[Issue]:
    """An issue for each identifier that a living person may have; the number itself is not repeated. The resource is valid R4."""
    if type_name not in _PEOPLE:
        return []
    return [
        Issue("business-rule", _INSTEAD, f"{type_name}.identifier[{place}].value")
        for place, one in enumerate(resource.get("identifier", ()))
        if may_be_somebodys(one.get("system", ""), one.get("value", ""))
    ]
