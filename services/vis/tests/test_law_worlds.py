"""The law as SQL and the law as a function say the same of every row, in random worlds (issue 6; architecture §6)."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from access import (
    REGISTER,
    Actor,
    Block,
    Choice,
    Consent,
    Decision,
    Facts,
    Known,
    Label,
    Relation,
    Revoke,
    Rules,
    Sight,
    decide,
    zones,
)
from fhirserver.engine import Engine
from fhirserver.entries import NO_DATE
from fhirserver.facts import put_facts
from fhirserver.law import when
from fhirserver.search.sql import Values, seen
from kit.db import Connection, Database
from kit.testing import fresh_database
from vis import record
from vis.settings import Settings

NOW = datetime.now(UTC)
BEFORE, LATER = NOW - timedelta(days=2), NOW + timedelta(days=2)
PROVIDERS, UNITS = ("A", "B", "C"), ("1", "2")
TYPES = ("und", "lak", "upp")
RULES = Rules(sharing=frozenset(("A", "B")), not_sharing=frozenset(("B-2",)))
PATIENTS = range(1, 6)
TIMES = ((NO_DATE, None), (50, 60), (95, 105), (150, None), (300, 400))


@pytest.fixture(scope="module")
async def con(postgres_url: str) -> AsyncIterator[Connection]:
    """One row of every patient, label and time; and one of nobody's per label."""
    async with fresh_database(postgres_url, "vis") as url:
        db = Database(url)
        await db.start()
        engine = Engine(db, record.mount(Settings(database_url=url, mode="demo")), lambda: None)
        await engine.start()
        labels = [REGISTER, *(Label(p, f"{p}-{u}", t) for p in PROVIDERS for u in UNITS for t in TYPES)]
        numbers = [await engine.labels.number(db.pool, label) for label in labels]
        rows = [(pat, number, *time) for pat in (0, *PATIENTS) for number in numbers for time in TIMES]
        await db.pool.executemany(
            """insert into res(key, pat, dt, dte, code, upd, ver, lab, rtype, id, body)
               values ($1, $2, $3, $4, 0, now(), 1, $5, 1, 'x', '')""",
            [(key, pat, dt, dte, lab) for key, (pat, lab, dt, dte) in enumerate(rows, 1)],
        )
        async with db.pool.acquire() as connection:
            yield connection
        await engine.stop()
        await db.stop()


def some(dice: random.Random, makers: Any, most: int) -> tuple[Any, ...]:
    return tuple(makers() for _ in range(dice.randint(0, most)))


def facts(dice: random.Random, version: int) -> Facts:
    def unit() -> str:
        return f"{dice.choice(PROVIDERS)}-{dice.choice(UNITS)}"

    def a_block() -> Block:
        kind, provider = dice.choice(("inner", "outer")), dice.choice(PROVIDERS)
        revokes = some(dice, lambda: Revoke(unit(), dice.choice((BEFORE, LATER)), dice.choice((None, "me", "x"))), 2)
        inner = f"{provider}-{dice.choice(UNITS)}" if kind == "inner" else None
        times = dice.choice(((None, None), (100, 200), (None, 100), (200, None)))
        return Block(str(dice.random()), kind, provider, inner, *times, dice.choice(((), ("lak",))), revokes)

    return Facts(
        version,
        relations=some(
            dice,
            lambda: Relation(unit(), BEFORE, dice.choice((NOW - timedelta(days=1), LATER, LATER)), dice.choice((None, None, "x"))),
            4,
        ),
        choices=some(dice, lambda: Choice("s1", dice.choice((BEFORE, LATER, LATER))), 1),
        blocks=some(dice, a_block, 2),
        consents=some(
            dice,
            lambda: Consent(
                dice.choice(PROVIDERS), unit(), dice.choice((BEFORE, BEFORE, LATER)), dice.choice((None, LATER)),
                dice.choice((None, "me")), "consent", dice.choice(((), (), ("lak",), ("upp", "und"))),
            ),
            4,
        ),
    )  # fmt: skip


def an_actor(dice: random.Random) -> Actor:
    provider = dice.choice(PROVIDERS)
    return Actor(
        dice.choice(("staff", "staff", "staff", "system")),
        "me",
        f"{provider}-{dice.choice(UNITS)}",
        provider,
        dice.choice(("care", "care", "care", "quality", "research")),
        dice.choice(("s1", "s1", "")),
        population=dice.random() < 0.2,
    )


def related(actor: Actor, known: Facts) -> bool:
    return any(
        one.unit == actor.unit and one.since <= NOW < one.until and one.employee in (None, actor.subject)
        for one in known.relations
    )


@pytest.mark.parametrize("seed", range(40))
async def test_the_predicate_and_the_function_agree_on_every_row(con: Connection, seed: int) -> None:
    dice = random.Random(seed)
    labels = {
        row[0]: Label(*row[1:]) for row in await con.fetch("select id, provider, unit, info, security from label")
    }
    world = {patient: facts(dice, seed + 1) for patient in PATIENTS if dice.random() < 0.9}
    transaction = con.transaction()
    await transaction.start()
    try:
        for patient, known in world.items():
            assert await put_facts(con, [patient], known)
        rows = await con.fetch("select key, pat, lab, dt, dte from res")
        for _ in range(6):
            actor = an_actor(dice)
            sight = Sight(actor, labels, zones(actor, labels, RULES), rules=RULES, now=NOW)
            expected = {
                row["key"] for row in rows if _decided(actor, labels[row["lab"]], row, world) is Decision.PERMIT
            }
            values = Values()
            parts = " and ".join(seen(sight, values, "r")) or "true"
            found = await con.fetch(f"select r.key from res r where {parts}", *values.all)
            assert {row["key"] for row in found} == expected, actor
            sight.known = {p: Known(world.get(p, Facts()), related(actor, world.get(p, Facts()))) for p in PATIENTS}
            assert {r["key"] for r in rows if sight.sees(r["lab"], r["pat"], when(r["dt"], r["dte"]))} == expected, (
                actor
            )
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("seed", range(40))
async def test_what_is_asked_once_about_one_patient_says_the_same_as_row_by_row(con: Connection, seed: int) -> None:
    """The two short ways of a search about one patient: the patient as a value, and, where no block stands, labels only."""
    dice = random.Random(1_000 + seed)
    labels = {
        row[0]: Label(*row[1:]) for row in await con.fetch("select id, provider, unit, info, security from label")
    }
    transaction = con.transaction()
    await transaction.start()
    shown = 0
    try:
        for patient in PATIENTS:
            known = facts(dice, seed + 1)
            assert await put_facts(con, [patient], known)
            rows = await con.fetch("select key, pat, lab, dt, dte from res where pat = $1", patient)
            for _ in range(3):
                actor = an_actor(dice)
                sight = Sight(actor, labels, zones(actor, labels, RULES), rules=RULES, now=NOW)
                decided = {r["key"]: _decided(actor, labels[r["lab"]], r, {patient: known}) for r in rows}
                expected = {key for key, one in decided.items() if one is Decision.PERMIT}
                values = Values()
                parts = [f"r.pat = {values.add(patient, 'bigint')}", *seen(sight, values, "r", "$1::bigint")]
                found = await con.fetch(f"select r.key from res r where {' and '.join(parts)}", *values.all)
                assert {row["key"] for row in found} == expected, actor
                if actor.cares and not known.blocks:
                    sight.known = {patient: Known(known, related(actor, known))}
                    assert {r["key"] for r in rows if r["lab"] in sight.shown_of(patient)} == expected, actor
                shown += len(expected)
    finally:
        await transaction.rollback()
    assert shown > 0


def _decided(actor: Actor, label: Label, row: Any, world: dict[int, Facts]) -> Decision:
    known = world.get(row["pat"], Facts())
    bond = "nobody" if row["pat"] == 0 else "related" if related(actor, known) else "none"
    return decide(actor, label, known, now=NOW, bond=bond, when=when(row["dt"], row["dte"]), rules=RULES)  # type: ignore[arg-type]


async def test_an_older_version_of_the_facts_never_replaces_a_newer(con: Connection) -> None:
    assert await put_facts(con, [9], Facts(5, choices=(Choice("s1", LATER),)))
    assert not await put_facts(con, [9], Facts(4))
    assert await con.fetchval("select count(*) from access_choice where pat = 9") == 1
    assert await put_facts(con, [9], Facts(6))
    assert await con.fetchval("select count(*) from access_choice where pat = 9") == 0
