"""How acts of the law rest: read and written in the caller's transaction, one writer per person at a time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from access import Rules
from access.acts import Act
from kit.db import Connection

_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Act).decode
_SLOTS = 4096
_FAST, _SLOW = timedelta(minutes=15), timedelta(days=7)  # how soon somebody must look
_DUE = {"lift-request": _FAST, "patient-notice": timedelta(days=1), "review": _SLOW}

_PERSON = """
select coalesce(
    (select person from person_link where id = $1), (select coalesce(retired_to, id) from person where id = $1))"""
_IDS = """
select id from person where id = $1 or retired_to = $1 union select id from person_link where person = $1 order by id"""
_INSERT = """
insert into access_act(id, patient, who, kind, at, by, told_by, value) values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (id) do nothing returning id"""


async def ids_of(con: Connection, patient: str) -> list[str]:
    """Every Patient id of the person, the region's own first; empty when nobody is known by it."""
    person = await con.fetchval(_PERSON, patient)
    if person is None:
        return []
    return [person, *(row["id"] for row in await con.fetch(_IDS, person) if row["id"] != person)]


async def hold(con: Connection, ids: Iterable[str]) -> None:
    """No other act of these, and no merge of them, until the transaction ends."""
    await con.execute(
        "select pg_advisory_xact_lock(7003, slot) from (select distinct abs(hashtext(id)) % $2 as slot"
        " from unnest($1::text[]) id order by 1) s",
        list(ids), _SLOTS,
    )  # fmt: skip


async def acts_of(con: Connection, ids: Sequence[str]) -> list[Act]:
    rows = await con.fetch("select value from access_act where patient = any($1::text[])", list(ids))
    return [_decode(row["value"]) for row in rows]


async def act(con: Connection, id: str) -> Act | None:
    value = await con.fetchval("select value from access_act where id = $1", id)
    return None if value is None else _decode(value)


async def write(con: Connection, one: Act, told_by: str = "information") -> bool:
    """False when an act with this id stands already."""
    found = await con.fetchval(
        _INSERT, one.id, one.patient, one.who, one.kind, one.at, one.by, told_by, _encode(one)
    )  # fmt: skip
    return found is not None


async def taken_at_vis(con: Connection, ids: Sequence[str], now: datetime) -> list[str]:
    """Acts of the last days that VIS took itself: it may drop its own copies."""
    rows = await con.fetch(
        "select id from access_act where patient = any($1::text[]) and told_by = 'vis' and recorded_at > $2",
        list(ids), now - timedelta(days=31),
    )  # fmt: skip
    return [str(row["id"]) for row in rows]


async def version(con: Connection, keys: Sequence[int]) -> int:
    """The next version of a person's facts: above all that stand, and above those of the time before a restore. The last eight
    bits are free for what a copy adds of its own until the owner knows it."""
    highest = await con.fetchval("select max(version) from access_fact where pat = any($1::bigint[])", list(keys))
    epoch: int = await con.fetchval("select epoch from region")
    base = max(highest or 0, epoch << 40)
    following: int = ((base >> 8) + 1) << 8
    return following


async def protection(con: Connection, persons: Sequence[str]) -> dict[str, str]:
    rows = await con.fetch("select person, level from access_protected where person = any($1::text[])", list(persons))
    return {row["person"]: row["level"] for row in rows}


async def protect(con: Connection, levels: Mapping[str, str]) -> list[str]:
    """Remembers who is protected; gives the persons of whom it is news."""
    known = await protection(con, list(levels))
    news = [person for person, level in levels.items() if known.get(person, "") != level]
    for person in news:
        await con.execute(
            "insert into access_protected(person, level) values ($1, $2) on conflict (person) do update set level = $2",
            person, levels[person],
        )  # fmt: skip
    return news


async def hidden(con: Connection, whos: Sequence[str]) -> set[str]:
    """Those of these Patient ids whose person has protected personal data."""
    rows = await con.fetch(
        """select w.id from unnest($1::text[]) w(id) left join person_link l on l.id = w.id
           join access_protected p on p.person = coalesce(l.person, w.id) and p.level <> ''""",
        list(whos),
    )  # fmt: skip
    return {row["id"] for row in rows}


async def acted_for(con: Connection, ids: Sequence[str]) -> list[str]:
    """The patients for whom these persons may act."""
    rows = await con.fetch("select distinct patient from access_act where who = any($1::text[])", list(ids))
    return [row["patient"] for row in rows]


async def decided(con: Connection, ids: Sequence[str]) -> bool:
    """Whether anything was ever decided of one of these."""
    return bool(await con.fetchval("select exists (select from access_act where patient = any($1::text[]))", list(ids)))


async def ask(con: Connection, act: Act, kind: str, unit: str, provider: str, now: datetime) -> None:
    """Somebody must do something because of this act; once."""
    await con.execute(
        "insert into access_task(act, kind, patient, unit, provider, due) values ($1, $2, $3, $4, $5, $6)"
        " on conflict (act, kind) do nothing",
        act.id, kind, act.patient, unit, provider, now + _DUE[kind],
    )  # fmt: skip


async def tasks(con: Connection, provider: str, unit: str, *, reviews: bool) -> list[Any]:
    """What waits for this unit, or for its whole provider (unit ''), soonest first."""
    kinds = ["lift-request", *(("review", "patient-notice") if reviews else ())]
    return await con.fetch(
        "select id, act, kind, patient, unit, due, made_at from access_task where done_at is null and provider = $1"
        " and unit in ('', $2) and kind = any($3::text[]) order by due, id limit 500",
        provider, unit, kinds,
    )  # fmt: skip


async def task(con: Connection, id: int, provider: str, unit: str) -> Any:
    """One that waits, held; None where there is none for this unit."""
    return await con.fetchrow(
        "select * from access_task where id = $1 and provider = $2 and unit in ('', $3) and done_at is null for update",
        id, provider, unit,
    )  # fmt: skip


async def done(con: Connection, id: int, by: str, outcome: str, note: str) -> None:
    await con.execute(
        "update access_task set done_at = now(), done_by = $2, outcome = $3, note = $4 where id = $1",
        id, by, outcome, note,
    )  # fmt: skip


async def new_rules(con: Connection, by: str, rules: Rules) -> int:
    """Keeps these rules as the newest; their version."""
    number: int = await con.fetchval(
        "insert into access_rules_version(by, value) values ($1, $2) returning version", by, _encode(rules)
    )
    return number
