"""The demo people of a demo region: read from one file, loaded at start, the same however often (D19)."""

from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity import store
from application_platform.tokens import clients
from kit.problems import Kind, Problem

PURPOSE = "care"
_SWEDEN = ZoneInfo("Europe/Stockholm")
_SINCE = datetime(2024, 1, 1, tzinfo=_SWEDEN)


class OnlyInDemo(Problem):
    """Development sign-in and what belongs to it were asked for in a production region (D19)."""

    kind = Kind.FORBIDDEN
    code = "application/only-in-demo"
    title = "This exists in demo regions only; this region is production"


@cache
def data() -> dict[str, Any]:
    """The packaged file: providers, units, staff, patients, systems, apps."""
    text = files("application_platform.demo").joinpath("people.yaml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def _until(last_day: date | None) -> datetime | None:
    """The first instant after the last day, in Swedish time."""
    return datetime.combine(last_day + timedelta(days=1), time(), _SWEDEN) if last_day else None


def _place(name: str) -> dict[str, Any]:
    unit = data()["units"][name]
    provider = data()["providers"][unit["provider"]]
    return {
        "unit": unit["id"],
        "unit_name": unit["name"],
        "provider": provider["id"],
        "provider_name": provider["name"],
    }


def _commission(person_id: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": entry["id"],
        "person_id": person_id,
        **_place(entry["unit"]),
        "role": entry["role"],
        "purpose": PURPOSE,
        "rights": entry["rights"],
        "valid_from": _SINCE,
        "valid_to": _until(entry.get("valid_to")),
    }


def _staff(entry: dict[str, Any]) -> dict[str, Any]:
    names = {name: entry[name] for name in ("id", "short_name", "name", "title")}
    return {**names, "kind": "staff", "personnummer": None, "demo": True}


def _patient(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": entry["id"],
        "short_name": entry["short_name"],
        "name": f"{entry['given']} {entry['family']}",
        "title": "Patient",
        "kind": "patient",
        "personnummer": entry["personnummer"],
        "demo": True,
    }


def _system(entry: dict[str, Any]) -> dict[str, Any]:
    """A system writes for one unit (D3), under a commission of its own."""
    works_for = {"id": entry["id"], **_place(entry["unit"]), "role": "System", "purpose": PURPOSE, "rights": []}
    return {
        **{name: value for name, value in entry.items() if name != "unit"},
        "commission": works_for,
        "kind": "system",
        "auth": "secret",
        "grants": ["client_credentials"],
        "approved": True,
        "demo": True,
    }


def _app(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        **entry,
        "kind": "app",
        "auth": "none",
        "grants": ["authorization_code", "refresh_token"],
        "approved": True,
        "demo": True,
    }


def system_ids() -> list[str]:
    return [entry["id"] for entry in data()["systems"]]


async def register(tx: AsyncConnection) -> None:
    """Loads the people, their commissions, and the systems and apps of a demo region."""
    people = [*(_staff(entry) for entry in data()["staff"]), *(_patient(entry) for entry in data()["patients"])]
    held = [_commission(entry["id"], one) for entry in data()["staff"] for one in entry["commissions"]]
    await store.save(tx, people, held)
    await clients.save(tx, [_system(entry) for entry in data()["systems"]])
    await clients.save(tx, [_app(entry) for entry in data()["apps"]])


def patients() -> list[dict[str, Any]]:
    """The demo patients as FHIR R4 Patient resources with their fixed ids."""
    return [
        {
            "resourceType": "Patient",
            "id": entry["id"],
            "identifier": [
                {"system": "http://electronichealth.se/identifier/personnummer", "value": entry["personnummer"]}
            ],
            "active": True,
            "name": [{"use": "official", "family": entry["family"], "given": [entry["given"]]}],
            "gender": entry["gender"],
            "birthDate": entry["born_on"].isoformat(),
        }
        for entry in data()["patients"]
    ]
