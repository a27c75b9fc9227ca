"""Keeping the facts of the law: whole, for rows in hand, and as rows, for the predicate in SQL (decision 0026)."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from access import Facts, Rules
from kit.db import Connection

_encode = msgspec.json.Encoder().encode
_FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


async def put_facts(con: Connection, patients: Iterable[int], facts: Facts) -> bool:
    """Stores all facts of a patient under each key of the person, in the caller's transaction. False when what stands is
    newer: an older version never replaces a newer."""
    stored = False
    for pat in sorted(set(patients)):
        kept = await con.fetchval(
            """insert into access_fact(pat, version, value) values ($1, $2, $3)
               on conflict (pat) do update set version = excluded.version, value = excluded.value
               where access_fact.version < excluded.version returning pat""",
            pat, facts.version, _encode(facts),
        )  # fmt: skip
        if kept is not None:
            stored = True
            await _explode(con, pat, facts)
    return stored


async def _explode(con: Connection, pat: int, facts: Facts) -> None:
    """The same facts as rows, for the predicate in SQL."""
    for table in ("access_relation where source is null and", "access_choice where", "access_consent where",
                  "access_block where", "access_revoke where"):  # fmt: skip
        await con.execute(f"delete from {table} pat = $1", pat)
    await con.executemany(
        "insert into access_relation(unit, pat, since, until, employee, ground) values ($1, $2, $3, $4, $5, $6)",
        [(one.unit, pat, one.since, one.until, one.employee, one.ground) for one in facts.relations],
    )
    await con.executemany(
        "insert into access_choice(session, pat, until) values ($1, $2, $3)",
        [(one.session, pat, one.until) for one in facts.choices],
    )
    await con.executemany(
        "insert into access_consent(unit, pat, provider, since, until, employee, info)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        [
            (one.unit, pat, one.provider, one.since, one.until or _FOREVER, one.employee, list(one.info) or None)
            for one in facts.consents
        ],
    )
    await con.executemany(
        "insert into access_block(id, pat, provider, unit, lo, hi, excluded) values ($1, $2, $3, $4, $5, $6, $7)",
        [(one.id, pat, one.provider, one.unit, one.start, one.end, list(one.excluded)) for one in facts.blocks],
    )
    await con.executemany(
        "insert into access_revoke(block, pat, unit, employee, until) values ($1, $2, $3, $4, $5)",
        [(block.id, pat, one.unit, one.employee, one.until) for block in facts.blocks for one in block.revokes],
    )


async def put_rules(con: Connection, rules: Rules) -> None:
    """Stores what holds for every patient."""
    await con.execute(
        """insert into access_rules("only", value) values (1, $1)
           on conflict ("only") do update set value = excluded.value""",
        _encode(rules),
    )
