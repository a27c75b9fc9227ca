"""Who work can be handed to: those whose commission at the unit is valid now, each once, and no patients."""

from datetime import UTC, datetime, timedelta
from typing import Any

from application_platform.identity import store

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
UNIT = "SE-COLLEAGUES-1"


def a_person(id: str, name: str, kind: str = "staff") -> dict[str, Any]:
    return {"id": id, "kind": kind, "name": name, "title": "", "short_name": None, "personnummer": None, "demo": False}


def a_commission(id: str, person: str, unit: str = UNIT, **more: Any) -> dict[str, Any]:
    begun = {"valid_from": NOW - timedelta(days=9), "valid_to": None}
    base = {"id": id, "person_id": person, "unit": unit, "unit_name": "Norrby", "provider": "SE-P", "role": "Läkare"}
    return {**base, "provider_name": "Region Norr", "purpose": "care", "rights": [], **begun, **more}


async def test_colleagues_are_those_who_work_at_the_unit_now(demo: Any) -> None:
    people = [a_person(f"c-{n}", name) for n, name in enumerate(("Åsa Ek", "Bo Alm", "Ci Lund", "Di Wik", "Ed Rask"))]
    async with demo.db.transaction() as tx:
        await store.save(
            tx,
            [*people, a_person("c-p", "Patient", "patient")],
            [
                a_commission("k-0", "c-0", role="Sjuksköterska"),
                a_commission("k-1", "c-1", valid_to=NOW + timedelta(hours=1)),
                a_commission("k-1b", "c-1", role="Överläkare"),  # two commissions at one unit
                a_commission("k-2", "c-2", valid_to=NOW),  # over
                a_commission("k-3", "c-3", valid_from=NOW + timedelta(days=1)),  # not yet
                a_commission("k-4", "c-4", unit="SE-COLLEAGUES-2"),
                a_commission("k-p", "c-p"),
            ],
        )
        found = await store.staff_at(tx, UNIT, NOW)
        assert [(id, name) for id, name, _ in found] == [("c-1", "Bo Alm"), ("c-0", "Åsa Ek")]
        assert await store.staff_at(tx, "SE-NOWHERE", NOW) == []
