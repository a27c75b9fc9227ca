"""The cast of a demo region as it stands in its file: providers, units, staff, patients with a sign-in, systems, apps (D19)."""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

_PERSONNUMMER = "http://electronichealth.se/identifier/personnummer"


@cache
def data() -> dict[str, Any]:
    """The packaged file: providers, units, staff, patients, systems, apps. Treat it as read-only."""
    text = files("application_platform.demo").joinpath("people.yaml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def place(name: str) -> dict[str, Any]:
    """A unit of the file with its provider: unit, unit_name, provider, provider_name (HSA-ids and names)."""
    unit = data()["units"][name]
    provider = data()["providers"][unit["provider"]]
    return {
        "unit": unit["id"],
        "unit_name": unit["name"],
        "provider": provider["id"],
        "provider_name": provider["name"],
    }


def patients() -> list[dict[str, Any]]:
    """The patients with a sign-in of their own as FHIR R4 Patient resources with their fixed ids."""
    return [
        {
            "resourceType": "Patient",
            "id": entry["id"],
            "identifier": [{"system": _PERSONNUMMER, "value": entry["personnummer"]}],
            "active": True,
            "name": [{"use": "official", "family": entry["family"], "given": [entry["given"]]}],
            "gender": entry["gender"],
            "birthDate": entry["born_on"].isoformat(),
        }
        for entry in data()["patients"]
    ]
