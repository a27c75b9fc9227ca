"""Who works where in the demo region, and the registers of its organisations, places and people (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from application_platform.demo import cast
from fhircore.identifiers import HSA, ORGANISATIONSNUMMER

Resource = dict[str, Any]

DOCTOR, NURSE = "Läkare", "Sjuksköterska"
_WARDS = ("akuten", "avd52", "kirort", "kvinno")


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of staff at one unit, under the commission that is valid there now."""

    id: str
    name: str
    title: str
    role: str
    unit: str
    commission: str

    @property
    def reference(self) -> dict[str, str]:
        return {"reference": f"Practitioner/{self.id}", "display": f"{self.name}, {self.title.lower()}"}


@cache
def colleagues(unit: str, on: date) -> tuple[Colleague, ...]:
    """Who works at the unit that day, in the order of the file."""
    found = []
    for person in cast.data()["staff"]:
        for held in person["commissions"]:
            if (
                held["unit"] == unit
                and ("valid_to" not in held or held["valid_to"] >= on)
                and "write" in held["rights"]
            ):
                found.append(Colleague(person["id"], person["name"], person["title"], held["role"], unit, held["id"]))
    return tuple(found)


# A word of a title that says a specialty → the stories it is for.
_SPECIALTIES = {
    "kardiologi": "heart_failure atrial_fibrillation",
    "diabetes": "diabetes1 diabetes2",
    "ortopedi": "hip_fracture arthrosis",
    "kirurg": "breast_cancer prostate_cancer colon_cancer palliative infection",
    "obstetrik": "pregnancy mother mother_of_twins",
    "barnläkare": "newborn twin asthma_child diabetes1 healthy_child",
}


def fitting(people: list[Colleague], story: str) -> list[Colleague]:
    """Those whose specialty is the story's; else those without one; else everybody."""

    def speciality(one: Colleague) -> str:
        return next((word for word in _SPECIALTIES if word in one.title.lower()), "")

    own = [one for one in people if speciality(one) and story in _SPECIALTIES[speciality(one)].split()]
    return own or [one for one in people if not speciality(one)] or people


def organization(unit: str) -> dict[str, str]:
    """The reference to a unit."""
    place = cast.place(unit)
    return {"reference": f"Organization/{place['unit']}", "display": place["unit_name"]}


def bed(unit: str, number: int) -> dict[str, str]:
    """The reference to a bed of a ward; two beds to a room."""
    return {"reference": f"Location/{_bed_id(unit, number)}", "display": _bed_name(unit, number)}


def beds(unit: str) -> int:
    return int(cast.data()["units"][unit].get("beds", 0))


def registers(on: date) -> list[Resource]:
    """Organization, Location, Practitioner and PractitionerRole of everything in the file."""
    return [*_organizations(), *_locations(), *_practitioners(), *_roles(on)]


def _organizations() -> Iterator[Resource]:
    for provider in cast.data()["providers"].values():
        number = provider["id"][2:12]
        yield {
            **_organization(provider["id"], provider["name"], "prov"),
            "identifier": [_hsa(provider["id"]), {"system": ORGANISATIONSNUMMER, "value": number}],
        }
    for key, unit in cast.data()["units"].items():
        place = cast.place(key)
        above = {"reference": f"Organization/{place['provider']}", "display": place["provider_name"]}
        phone = [{"system": "phone", "use": "work", "value": unit["phone"]}]
        yield {**_organization(unit["id"], unit["name"], "dept"), "partOf": above, "telecom": phone}


def _organization(hsa: str, name: str, kind: str) -> Resource:
    words = {"prov": "Vårdgivare", "dept": "Vårdenhet"}
    system = "http://terminology.hl7.org/CodeSystem/organization-type"
    return {
        "resourceType": "Organization",
        "id": hsa,
        "identifier": [_hsa(hsa)],
        "active": True,
        "type": [{"coding": [{"system": system, "code": kind}], "text": words[kind]}],
        "name": name,
    }


def _locations() -> Iterator[Resource]:
    for unit in _WARDS:
        for number in range(1, beds(unit) + 1):
            yield {
                "resourceType": "Location",
                "id": _bed_id(unit, number),
                "status": "active",
                "name": _bed_name(unit, number),
                "mode": "instance",
                "physicalType": _type("location-physical-type", "bd", "Säng"),
                "managingOrganization": organization(unit),
            }


def _practitioners() -> Iterator[Resource]:
    for person in cast.data()["staff"]:
        given, _, family = person["name"].partition(" ")
        yield {
            "resourceType": "Practitioner",
            "id": person["id"],
            "identifier": [_hsa(person["id"])],
            "active": True,
            "name": [{"use": "official", "family": family, "given": [given]}],
            "qualification": [{"code": {"text": person["title"]}}],
        }


def _roles(on: date) -> Iterator[Resource]:
    for person in cast.data()["staff"]:
        for held in person["commissions"]:
            ended = held.get("valid_to")
            period = {"start": "2024-01-01"} | ({"end": ended.isoformat()} if ended else {})
            yield {
                "resourceType": "PractitionerRole",
                "id": held["id"],
                "identifier": [_hsa(held["id"])],
                "active": ended is None or ended >= on,
                "period": period,
                "practitioner": {"reference": f"Practitioner/{person['id']}", "display": person["name"]},
                "organization": organization(held["unit"]),
                "code": [{"text": held["role"]}],
            }


def _type(system: str, code: str, text: str) -> dict[str, Any]:
    coding = {"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}
    return {"coding": [coding], "text": text}


def _hsa(value: str) -> dict[str, str]:
    return {"system": HSA, "value": value}


def _bed_id(unit: str, number: int) -> str:
    return f"{cast.place(unit)['unit']}-B{number:02d}"


def _bed_name(unit: str, number: int) -> str:
    short = {"akuten": "Akuten", "avd52": "Avd 52", "kirort": "Avd 41", "kvinno": "BB"}[unit]
    if unit == "akuten":
        return f"{short}, rum {number}"
    return f"{short}, sal {(number + 1) // 2}, säng {2 - number % 2}"
