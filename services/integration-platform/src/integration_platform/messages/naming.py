"""Whom a message names, so that an order of destruction finds it: hashes of identifiers, and of the Patients made of them."""

from collections.abc import Iterable
from typing import Any

from integration_platform.events import person_key
from integration_platform.translate.model import Merge, Put, Translation
from integration_platform.translate.persons import Identifier


def persons_of(translations: Iterable[Translation], hash_key: bytes) -> set[str]:
    """Under whom a message is listed: everybody it names, by each of their identifiers, as hashes."""
    named: set[Identifier] = set()
    for translation in translations:
        named.add(translation.person)
        for entry in translation.entries:
            if isinstance(entry, Merge):
                named |= {*entry.survivor, *entry.retired}
            elif isinstance(entry, Put):
                named |= _identifiers(entry.resource)
    return {person_key(one, hash_key) for one in named}


def _identifiers(resource: dict[str, Any]) -> set[Identifier]:
    found = {("Patient", id) for id in _patients(resource)}
    if resource["resourceType"] == "Patient":
        found.add(("Patient", str(resource["id"])))
        for one in resource.get("identifier", ()):
            found.add((str(one.get("system", "")), str(one.get("value", ""))))
    return found


def _patients(resource: dict[str, Any]) -> set[str]:
    """Patients it refers to at its first level: whom it is about."""
    told = [value for value in resource.values() if isinstance(value, dict)]
    references = [str(one.get("reference", "")) for one in told]
    return {one.removeprefix("Patient/") for one in references if one.startswith("Patient/")}
