"""What the law must know of what is being stored: which labels a patient has, and the relations that visits and bookings give.

Both in the transaction of the resources themselves (D9: VIS adds a relation that it derives in the same transaction).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from access import Label
from fhircore.moments import moment
from fhirserver.store import Row, Tombstone
from kit.db import Connection

BEFORE = timedelta(days=30)  # a visit or booking is prepared
AFTER = timedelta(days=180)  # and followed up; then a relation is attested again, with a reason (ACC-01)
_LASTS = timedelta(days=180)  # how long what has no end is counted on from its beginning

_LABELS = """
insert into patient_label(pat, lab) select * from unnest($1::bigint[], $2::int[]) on conflict do nothing"""
_RELATIONS = """
insert into access_relation(unit, pat, since, until, ground, source)
select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::bigint[])
on conflict (source, pat) where source is not null do update
set unit = excluded.unit, since = excluded.since, until = excluded.until, ground = excluded.ground"""
_ENDED = "delete from access_relation where source = any($1::bigint[])"


class _Period(msgspec.Struct):
    start: str | None = None
    end: str | None = None


class _Visit(msgspec.Struct):
    """What the types below say of when and whether; everything else is passed over."""

    status: str | None = None
    period: _Period | None = None  # Encounter, EpisodeOfCare
    start: str | None = None  # Appointment
    end: str | None = None
    authoredOn: str | None = None  # ServiceRequest  # noqa: N815 — as FHIR has it


_decode = msgspec.json.Decoder(_Visit).decode
_GROUNDS = {
    "Encounter": "encounter",
    "EpisodeOfCare": "episode",
    "Appointment": "booking",
    "ServiceRequest": "referral",
}
_NEVER = frozenset(("entered-in-error", "cancelled", "noshow", "revoked", "proposed"))


async def mark(
    con: Connection,
    rows: Sequence[Row],
    stones: Sequence[Tombstone],
    labels: Mapping[int, Label],
    same: Callable[[int], Iterable[int]],
) -> None:
    """In the caller's transaction, after the rows were stored. `same` gives every key of a person."""
    pairs = sorted({(pat, row.lab) for row in rows for pat in row.entries.patients})
    if pairs:
        await con.execute(_LABELS, *(list(column) for column in zip(*pairs, strict=True)))
    given = [relation for row in rows if row.type_name in _GROUNDS for relation in _given(row, labels, same)]
    kept = {relation[5] for relation in given}
    ended = [row.key for row in rows if row.type_name in _GROUNDS and row.ver > 1 and row.key not in kept]
    ended += [stone.key for stone in stones if stone.type_name in _GROUNDS]
    if ended:
        await con.execute(_ENDED, ended)
    if given:
        await con.execute(_RELATIONS, *(list(column) for column in zip(*given, strict=True)))


def _given(
    row: Row, labels: Mapping[int, Label], same: Callable[[int], Iterable[int]]
) -> Iterable[tuple[str, int, datetime, datetime, str, int]]:
    """The relation of the owning unit to the patient; none of what did not take place, is over since long, or has no owner."""
    label = labels.get(row.lab)
    if label is None or not label.unit or not row.entries.pat:
        return
    visit = _decode(row.body)
    if visit.status in _NEVER:
        return
    period = visit.period or _Period(visit.start or visit.authoredOn, visit.end)
    start = _time(period.start) or row.upd
    until = (_time(period.end) or start + _LASTS) + AFTER
    if until > row.upd:
        for pat in same(row.entries.pat):
            yield label.unit, pat, start - BEFORE, until, _GROUNDS[row.type_name], row.key


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromtimestamp(moment(text)[0] / 1e6, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return None
