"""HL7 v2 data types as FHIR data types: CX, XPN, XAD, XTN, CWE, XCN, EI (HL7 v2-to-FHIR data type maps)."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from integration_platform.hl7v2.message import Field, Segment
from integration_platform.translate import codes
from integration_platform.translate.ids import HSA, local_system, system_of
from integration_platform.translate.model import Origin
from integration_platform.translate.persons import Identifier, claim_of, marked, person_of, proven
from integration_platform.translate.times import Clock

_HSA_AUTHORITIES = frozenset({"HSA", "HSA-ID", "HSAID", "INERA", HSA.upper()})
_SAY_SOMETHING = frozenset({bool, int, Decimal})
_V2_TABLE = re.compile(r"HL7(?:\d{4})")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads fields of one message: who sent it decides what its local names mean, MSH-7 what its times mean.

    Concepts and people are read once per message, since a laboratory repeats them in every OBX: what these methods
    return is shared, and not to be changed.
    """

    origin: Origin
    clock: Clock
    units: dict[str, dict[str, Any]] = field(default_factory=dict)
    _concepts: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    _systems: dict[str, str] = field(default_factory=dict)
    _people: dict[str, dict[str, Any] | None] = field(default_factory=dict)

    def identifier(self, cx: Field) -> dict[str, Any] | None:
        """Identifier of a CX. A person's own is canonical, and marked where it breaks the rules of its kind; another has a
        system that belongs to its sender."""
        value = cx.text(1)
        if not value:
            return None
        claim = claim_of(cx)
        person = proven(claim) if claim is not None else None
        kind = cx.text(5)
        found: dict[str, Any] = {}
        if kind:
            found["type"] = {"coding": [{"system": f"{codes.V2}0203", "code": kind}]}
        found["system"], found["value"] = person or claim or (self.authority(cx, 4), value)
        if claim is not None and person is None:
            found = marked(found)
        period = compact(start=self.clock.date_time(cx.text(7)), end=self.clock.date_time(cx.text(8)))
        return found | ({"period": period} if period else {})

    def person(self, cx: Field) -> Identifier | None:
        """The person identifier that a CX is, by its assigning authority, else its type; None when it is none."""
        return person_of(cx)

    def key(self, cx: Field) -> Identifier:
        """(system, value) that tells this identifier from every other of the region."""
        return self.person(cx) or (self.authority(cx, 4), cx.text(1))

    def authority(self, field: Field, component: int) -> str:
        """The system of an HD component: its OID, else a name within the sender."""
        universal = system_of(field.text(component, 2)) or system_of(field.text(component, 1))
        if universal is not None:
            return universal
        name = field.text(component, 1) or field.text(component, 2) or self.origin.facility
        return local_system(self.origin.sender.id, name)

    def entity(self, ei: Field, kind: str) -> dict[str, Any] | None:
        """Identifier of an EI: entity, namespace, universal id. `kind` is PLAC, FILL or another of table 0203."""
        if not ei.text(1):
            return None
        system = system_of(ei.text(3)) or local_system(self.origin.sender.id, ei.text(2) or self.origin.facility, kind)
        coding = {"system": f"{codes.V2}0203", "code": kind}
        return {"type": {"coding": [coding]}, "system": system, "value": ei.text(1)}

    def name(self, xpn: Field) -> dict[str, Any] | None:
        found = compact(
            use=codes.NAME_USE.get(xpn.text(7)),
            family=xpn.text(1),
            given=[part for part in (xpn.text(2), *xpn.text(3).split()) if part],
            prefix=[part for part in (xpn.text(5),) if part],
            suffix=[part for part in (xpn.text(4), xpn.text(6)) if part],
        )
        return found if found.get("family") or found.get("given") else None

    def address(self, xad: Field) -> dict[str, Any] | None:
        kind = xad.text(7)
        street = xad.text(1) or " ".join(part for part in (xad.text(1, 2), xad.text(1, 3)) if part)
        found = compact(
            line=[part for part in (street, xad.text(2)) if part],
            city=xad.text(3),
            district=xad.text(9),
            state=xad.text(4),
            postalCode=xad.text(5),
            country=xad.text(6),
        )
        if not found:
            return None
        return compact(use=codes.ADDRESS_USE.get(kind), type=codes.ADDRESS_TYPE.get(kind)) | found

    def telecom(self, xtn: Field, use: str = "") -> dict[str, Any] | None:
        """ContactPoint of an XTN; `use` where XTN-2 is silent."""
        equipment = xtn.text(3).upper()
        system = codes.TELECOM_SYSTEM.get(equipment, "phone")
        number = xtn.text(12) or xtn.text(1) or " ".join(filter(None, (xtn.text(5), xtn.text(6), xtn.text(7))))
        value = xtn.text(4) if xtn.text(4) and (equipment == "INTERNET" or not number) else number
        if not value:
            return None
        if "@" in value:
            system = "email"
        where = "mobile" if equipment == "CP" else codes.TELECOM_USE.get(xtn.text(2), use if not xtn.text(2) else "")
        return compact(system=system, value=value, use=where)

    def concept(self, cwe: Field) -> dict[str, Any] | None:
        """CodeableConcept of a CWE or CE: code and alternate code, with the text as the sender wrote it."""
        if cwe.raw not in self._concepts:
            self._concepts[cwe.raw] = self._concept(cwe)
        return self._concepts[cwe.raw]

    def _concept(self, cwe: Field) -> dict[str, Any] | None:
        codings = [coding for coding in (self.coding(cwe, 1), self.coding(cwe, 4)) if coding is not None]
        if codings and cwe.text(7):
            codings[0]["version"] = cwe.text(7)
        text = cwe.text(9) or cwe.text(2) or cwe.text(5) or cwe.text(1)
        found = compact(coding=codings, text=text)
        return found or None

    def coding(self, cwe: Field, at: int) -> dict[str, Any] | None:
        """The coding whose code is component `at`; its name and system follow it."""
        code = cwe.text(at)
        if not code:
            return None
        display, system = cwe.text(at + 1), cwe.text(at + 2)
        return compact(system=self.code_system(system), code=" ".join(code.split()), display=display)

    def code_system(self, name: str) -> str | None:
        """The FHIR system of an HL7 table 0396 name, an OID or a URI; a local name belongs to its sender."""
        if not name:
            return None
        if name not in self._systems:
            self._systems[name] = self._code_system(name)
        return self._systems[name]

    def _code_system(self, name: str) -> str:
        if _V2_TABLE.fullmatch(name):
            return f"{codes.V2}{name[3:]}"
        known = codes.CODE_SYSTEMS.get(name.upper()) or system_of(name)
        if known is not None:
            return known
        is_uri = name.startswith(("http://", "https://", "urn:")) and " " not in name
        return name if is_uri else local_system(self.origin.sender.id, "codes", name)

    def practitioner(self, xcn: Field) -> dict[str, Any] | None:
        """A reference that says who, without making a Practitioner of it: register data come from their register."""
        if xcn.raw not in self._people:
            self._people[xcn.raw] = self._practitioner(xcn)
        return self._people[xcn.raw]

    def _practitioner(self, xcn: Field) -> dict[str, Any] | None:
        name = " ".join(part for part in (xcn.text(3), xcn.text(2)) if part)
        identifier = None
        if xcn.text(1):
            is_hsa = xcn.text(9).upper() in _HSA_AUTHORITIES or _hsa_id(xcn.text(1))
            identifier = {"system": HSA if is_hsa else self.authority(xcn, 9), "value": xcn.text(1)}
        found = compact(identifier=identifier, display=name)
        return {"type": "Practitioner"} | found if found else None

    def unit(self) -> dict[str, Any]:
        """The sender's care unit, as a reference by HSA-id."""
        sender = self.origin.sender
        return compact(type="Organization", identifier={"system": HSA, "value": sender.unit}, display=sender.unit_name)


def identifiers(reader: Reader, segment: Segment, *numbers: int) -> list[dict[str, Any]]:
    """Identifiers of these fields, each once."""
    found = [reader.identifier(cx) for number in numbers for cx in segment.repetitions(number)]
    unique = {(one["system"], one["value"]): one for one in reversed(found) if one is not None}
    return list(reversed(unique.values()))


def _hsa_id(value: str) -> bool:
    return re.fullmatch(r"SE(?:16)?\d{10}-[0-9A-Z-]+", value) is not None


def compact(**elements: Any) -> dict[str, Any]:
    """Without what is empty: FHIR has no empty elements. Nought and false say something and stay."""
    return {name: value for name, value in elements.items() if value or value.__class__ in _SAY_SOMETHING}
