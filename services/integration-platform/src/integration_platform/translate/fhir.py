"""FHIR resources that a system sends, with ids and references made the region's (D1); a Bundle is split by person (D5)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from fhircore.outcome import Issue
from fhircore.types import TYPES
from fhircore.validate import validate
from fhircore.validation.scope import MAX_NESTING, too_deep
from integration_platform.translate.model import Delete, Origin, Put, Resource, Translation, decode
from integration_platform.translate.names import SUBJECTS, Item, Names, NotFHIR
from integration_platform.translate.persons import Identifier, person_identifier
from kit.problems import Kind, Problem

_BUNDLE = 4  # levels that a Bundle puts around a resource
_MOST = 20_000  # resources in one event (D17)


class WrongDoor(Problem):
    """A resource type that is not sent by systems: knowledge has its home at /fhir (D4)."""

    kind = Kind.RULE_BROKEN
    code = "exchange/wrong-door"
    title = "This type of resource is not taken at this door"


def translate(data: bytes, origin: Origin) -> list[Translation]:
    """One translation per person, and one per resource about nobody. Raises NotFHIR or WrongDoor."""
    found = decode_json(data)
    items = list(_items(found))
    if not items or len(items) > _MOST:
        raise NotFHIR(f"The event has {len(items)} resources; 1 to {_MOST} are taken", at="Bundle.entry")
    for item in items:
        _known(item.kind)
    names = Names(origin, items)
    entries = [names.entry(item) for item in items]
    _valid([entry.resource for entry in entries if isinstance(entry, Put)])
    return _by_person(entries, names.stubs)


def types_of(translations: list[Translation]) -> set[str]:
    """The resource types that are told: what a token must be allowed to write."""
    entries = [entry for translation in translations for entry in translation.entries]
    return {entry.resource["resourceType"] if isinstance(entry, Put) else entry.kind for entry in entries
            if isinstance(entry, Put | Delete)}  # fmt: skip


def decode_json(data: bytes) -> Resource:
    """Raises NotFHIR when the bytes are not a JSON object with a resourceType."""
    try:
        found = decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise NotFHIR("The data is not JSON", at="$") from None
    if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
        raise NotFHIR("The data has no resourceType", at="resourceType")
    if too_deep(found, MAX_NESTING + _BUNDLE):
        raise NotFHIR(f"The data is nested more than {MAX_NESTING} deep", at="$")
    return found


def _items(found: Resource) -> Iterator[Item]:
    if found["resourceType"] != "Bundle":
        yield _item(found, "")
        return
    entries = found.get("entry", [])
    if not isinstance(entries, list):
        raise NotFHIR("Bundle.entry is not a list", at="Bundle.entry")
    for at, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise NotFHIR("An entry is not an object", at=f"Bundle.entry[{at}]")
        yield _of_entry(entry, f"Bundle.entry[{at}]")


def _of_entry(entry: dict[str, Any], where: str) -> Item:
    request = entry.get("request")
    if isinstance(request, dict) and request.get("method") == "DELETE":
        kind, _, own_id = str(request.get("url", "")).partition("/")
        if not own_id or "?" in own_id or "/" in own_id:
            raise NotFHIR("A DELETE names one resource, as Type/id", at=f"{where}.request.url")
        return Item(kind, own_id, None, "")
    resource = entry.get("resource")
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise NotFHIR("An entry has no resource", at=f"{where}.resource")
    return _item(resource, str(entry.get("fullUrl") or ""))


def _item(resource: Resource, full_url: str) -> Item:
    return Item(resource["resourceType"], str(resource.get("id") or ""), resource, full_url)


def _known(kind: str) -> None:
    known = TYPES.get(kind)
    if known is None:
        raise NotFHIR(f"{kind[:64]} is not a resource type of FHIR R4", at="resourceType")
    if known.kind == "knowledge" or known.door == "none" or kind in ("Bundle", "Subscription", "Group"):
        raise WrongDoor(f"{kind} is not sent here; knowledge resources are written at /fhir", at="resourceType")


def _valid(resources: list[Resource]) -> None:
    issues: list[Issue] = []
    for resource in resources:
        issues += [issue for issue in validate(resource) if issue.severity in ("error", "fatal")]
    if issues:
        first = issues[0]
        raise NotFHIR(f"{first.at or 'The resource'} is not valid FHIR R4", at=first.at, issues=tuple(issues[:100]))


def _by_person(entries: list[Put | Delete], stubs: dict[str, Put]) -> list[Translation]:
    """Groups what is about the same Patient; its own resource (or stub) comes first."""
    groups: dict[str, list[Put | Delete]] = {}
    for entry in entries:
        groups.setdefault(_about(entry), []).append(entry)
    found = []
    for name, members in groups.items():
        if name in stubs:
            members.insert(0, stubs[name])
        members.sort(key=lambda entry: not (isinstance(entry, Put) and entry.resource["resourceType"] == "Patient"))
        found.append(Translation(_strongest(name, members), [*members]))
    return found


def _about(entry: Put | Delete) -> str:
    """The Patient it is about, as Patient/id; else the resource itself."""
    if isinstance(entry, Delete):
        return f"{entry.kind}/{entry.id}"
    resource = entry.resource
    for name in SUBJECTS:
        target = resource.get(name)
        written = target.get("reference") if isinstance(target, dict) else None
        if isinstance(written, str) and written.startswith("Patient/"):
            return written
    return f"{resource['resourceType']}/{resource['id']}"


def _strongest(name: str, members: list[Put | Delete]) -> Identifier:
    """The person identifier of the group's Patient, else its name: the ordering key is made of it."""
    first = members[0]
    if isinstance(first, Put) and first.resource["resourceType"] == "Patient":
        for identifier in first.resource.get("identifier", []):
            system, value = identifier.get("system"), identifier.get("value")
            if system and value:
                person = person_identifier((system,), value)
                if person is not None:
                    return person
    return ("", name)
