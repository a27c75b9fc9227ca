"""The demo people of a demo region: loaded at start from one file (`cast.py`), the same however often (D19)."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.demo.cast import data, patients, place
from application_platform.identity import store
from application_platform.tokens import clients
from kit.problems import Kind, Problem

__all__ = ["OnlyInDemo", "data", "patients", "place", "register", "system_ids"]

PURPOSE = "care"
_SWEDEN = ZoneInfo("Europe/Stockholm")
_SINCE = datetime(2024, 1, 1, tzinfo=_SWEDEN)


class OnlyInDemo(Problem):
    """Development sign-in and what belongs to it were asked for in a production region (D19)."""

    kind = Kind.FORBIDDEN
    code = "application/only-in-demo"
    title = "This exists in demo regions only; this region is production"


def _until(last_day: date | None) -> datetime | None:
    """The first instant after the last day, in Swedish time."""
    return datetime.combine(last_day + timedelta(days=1), time(), _SWEDEN) if last_day else None


def _commission(person_id: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": entry["id"],
        "person_id": person_id,
        **place(entry["unit"]),
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
    works_for = {"id": entry["id"], **place(entry["unit"]), "role": "System", "purpose": PURPOSE, "rights": []}
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
