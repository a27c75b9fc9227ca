"""The region's names of everything that an event speaks of: ids, references, and persons named by identifier only (D1)."""

from typing import Any
from urllib.parse import parse_qsl

from fhircore.types import TYPES
from integration_platform.translate.ids import resource_id
from integration_platform.translate.model import Delete, Origin, Put, Resource
from integration_platform.translate.persons import Identifier, claimed, marked, person_identifier, proven
from kit.problems import Kind, Problem

SUBJECTS = ("subject", "patient", "beneficiary", "individual", "for")  # elements that say whom a resource is about


class NotFHIR(Problem):
    """The data is not a FHIR resource, or not a valid one."""

    kind = Kind.RULE_BROKEN
    code = "exchange/not-fhir"
    title = "The data is not a valid FHIR R4 resource"


class Item:
    """One resource as it came: how the rest of the event may call it, and what is to be done with it."""

    def __init__(self, kind: str, own_id: str, resource: Resource | None, full_url: str) -> None:
        self.kind = kind
        self.own_id = own_id
        self.resource = resource
        self.full_url = full_url


class Names:
    """The region's names of everything the event speaks of."""

    def __init__(self, origin: Origin, items: list[Item]) -> None:
        self._origin = origin
        self._new: dict[str, str] = {}  # what the sender calls it → Type/id of ours
        self._ids: dict[int, str] = {}
        self.stubs: dict[str, Put] = {}  # Patients that are only named by their person identifier
        for nth, item in enumerate(items):
            ours = resource_id(origin.source, item.kind, item.own_id or self._made_up(item, nth))
            self._ids[id(item)] = ours
            for name in (item.full_url, f"{item.kind}/{item.own_id}" if item.own_id else ""):
                if name:
                    self._new[name] = f"{item.kind}/{ours}"

    def entry(self, item: Item) -> Put | Delete:
        ours = self._ids[id(item)]
        if item.resource is None:
            return Delete(item.kind, ours)
        given = item.resource.get("meta")
        kept = (
            {name: value for name, value in given.items() if name not in ("versionId", "lastUpdated")}
            if isinstance(given, dict)
            else {}
        )
        meta = {**kept, "source": f"urn:fvm:sender:{self._origin.sender.id}"}
        rest = {name: value for name, value in item.resource.items() if name not in ("resourceType", "id", "meta")}
        renamed = self._renamed(rest, "")
        return Put({"resourceType": item.kind, "id": ours, "meta": meta, **renamed})

    def _made_up(self, item: Item, nth: int) -> str:
        """For a resource without id: its first identifier, else its place in the event."""
        identifiers = item.resource.get("identifier") if item.resource is not None else None
        first = identifiers[0] if isinstance(identifiers, list) and identifiers else identifiers
        if isinstance(first, dict) and first.get("value"):
            return f"{first.get('system', '')}|{first['value']}"
        return f"{self._origin.control_id}#{nth}"

    def _renamed(self, value: Any, name: str) -> Any:
        if isinstance(value, list):
            return [self._renamed(one, name) for one in value]
        if not isinstance(value, dict):
            return value
        found = {key: self._renamed(one, key) for key, one in value.items()}
        if name == "identifier" and _is_unproven(found):
            found = marked(found)
        if isinstance(value.get("reference"), str):
            found["reference"] = self._reference(value["reference"])
        elif name in SUBJECTS and isinstance(value.get("identifier"), dict):
            person = self._person(value["identifier"])
            if person is not None:
                found["reference"] = self._stub(person)
        return found

    def _reference(self, written: str) -> str:
        known = self._new.get(written)
        if known is not None:
            return known
        kind, _, rest = written.partition("/")
        if "?" in written:
            return self._conditional(written)
        if written.startswith("urn:uuid:"):
            raise NotFHIR("A reference names an entry that is not in the event", at="reference")
        if kind in TYPES and rest:
            return f"{kind}/{resource_id(self._origin.source, kind, rest.split('/_history/')[0])}"
        return written

    def _conditional(self, written: str) -> str:
        """Patient?identifier=… of a person; no other condition can be looked up here."""
        kind, _, query = written.partition("?")
        pairs = parse_qsl(query)
        if kind == "Patient" and len(pairs) == 1 and pairs[0][0] == "identifier":
            system, _, value = pairs[0][1].partition("|")
            person = self._person({"system": system, "value": value})
            if person is not None:
                return self._stub(person)
        raise NotFHIR("Only Patient?identifier=… with a person identifier is looked up", at="reference")

    def _person(self, identifier: dict[str, Any]) -> Identifier | None:
        system, value = identifier.get("system"), identifier.get("value")
        if not isinstance(system, str) or not isinstance(value, str):
            return None
        return person_identifier((system,), value)

    def _stub(self, person: Identifier) -> str:
        """A Patient with nothing but its identifier: enough for the region to know who it is."""
        ours = resource_id(self._origin.source, "Patient", "|".join(person))
        source = {"source": f"urn:fvm:sender:{self._origin.sender.id}"}
        identifier = [{"system": person[0], "value": person[1]}]
        self.stubs[f"Patient/{ours}"] = Put(
            {"resourceType": "Patient", "id": ours, "meta": source, "identifier": identifier}
        )
        return f"Patient/{ours}"


def _is_unproven(identifier: dict[str, Any]) -> bool:
    """Whether this should say who somebody is, and breaks the rules of its kind."""
    system, value = identifier.get("system"), identifier.get("value")
    claim = claimed((system,), value) if isinstance(system, str) and isinstance(value, str) else None
    return claim is not None and proven(claim) is None
