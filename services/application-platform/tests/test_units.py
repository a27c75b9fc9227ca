"""Which units can receive a referral: those where somebody works in care now."""

from datetime import UTC, datetime
from typing import Any


async def test_units_are_those_where_somebody_has_a_commission_now(demo: Any) -> None:
    async with demo.browser() as client:
        found = (await client.get("/internal/units")).json()
    named = {one["unit"]: one for one in found}
    assert len(named) == len(found)
    norrby = named["SE0000000001-1001"]
    assert norrby["provider"] == "SE0000000001-0001"
    assert "" not in norrby.values()


async def test_a_unit_whose_last_commission_is_over_or_not_for_care_receives_nothing(demo: Any) -> None:
    row = (
        "insert into commission(id, person_id, unit, unit_name, provider, provider_name, role, purpose, rights, valid_from, valid_to)"
        " select $1, person_id, $2, 'Stängd mottagning', provider, provider_name, role, $3, rights, valid_from, $4"
        " from commission limit 1"
    )
    over = datetime(2026, 1, 1, tzinfo=UTC)
    await demo.db.pool.execute(row, "X-1", "SE-CLOSED", "care", over)
    await demo.db.pool.execute(row, "X-2", "SE-RESEARCH", "research", None)
    async with demo.browser() as client:
        found = (await client.get("/internal/units")).json()
    await demo.db.pool.execute("delete from commission where id in ('X-1', 'X-2')")
    assert {"SE-CLOSED", "SE-RESEARCH"}.isdisjoint(one["unit"] for one in found)
