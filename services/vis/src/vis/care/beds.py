"""One patient to a bed and one ongoing stay of a patient at a unit, whatever door a write came by: the database refuses."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fhircore.types import TYPES
from fhirserver.bodies import parsed
from fhirserver.codec import Codec
from fhirserver.engine import Engine
from fhirserver.guarding import Made
from fhirserver.keys import Keys
from kit.db import Connection
from vis.care.asking import NotNow
from vis.care.stays import ONGOING, bed_of, is_stay

Resource = Mapping[str, Any]

_LEFT = "delete from occupied where stay = any($1::text[])"
_TAKEN = """
insert into occupied(stay, patient, unit, inpatient, bed) values ($1, $2, $3, $4, $5) on conflict do nothing returning 1"""
_ONGOING = "select key, body from res where rtype = $1 and tok && $2::bigint[] order by upd"
_ONGOING_WORDS = tuple(f'"{status}"'.encode() for status in ONGOING)
_AT_ONCE = 500  # stays read together
_IN_BED = "select 1 from occupied where bed = $1 and stay <> $2"


class Place(NamedTuple):
    """What an ongoing stay takes: of whom, at which unit ("Organization/id"), and the bed's id where it has one."""

    stay: str
    patient: str
    unit: str | None
    inpatient: bool
    bed: str | None
    name: str  # of the bed, for words


def place(encounter: Resource, beds: Mapping[str, str]) -> Place | None:
    """None for what takes nothing: it is over or not begun, or neither a stay nor in one of `beds` (name by id)."""
    if encounter.get("status") not in ONGOING:
        return None
    bed = bed_of(encounter)
    if not is_stay(encounter) and bed not in beds:
        return None
    patient = str(encounter.get("subject", {}).get("reference", "")).removeprefix("Patient/")
    unit = encounter.get("serviceProvider", {}).get("reference")
    return Place(
        str(encounter["id"]), patient, unit, is_stay(encounter), bed if bed in beds else None, beds.get(bed, "")
    )


async def one_to_a_bed(con: Connection, made: Sequence[Made]) -> None:
    """Keeps the table `occupied` in step with these Encounters. Raises NotNow where a bed is taken already, or the patient is.

    All of them leave before any of them takes a place, so that two may change beds.
    """
    made = [one for one in made if one.old is not None or one.may_say(*_ONGOING_WORDS)]
    if not made:
        return
    now = [one.new for one in made if one.new is not None]
    beds = await _beds(con, {bed for one in now if (bed := bed_of(one))})
    await con.execute(_LEFT, [one.id for one in made])
    places = [found for one in now if (found := place(one, beds)) is not None]
    for one in sorted(places, key=lambda one: (one.bed or "", one.stay)):
        if await con.fetchval(_TAKEN, *one[:5]) is None:
            if one.bed and await con.fetchval(_IN_BED, one.bed, one.stay):
                raise NotNow(f"{one.name} är upptagen. Läs om sidan och välj en annan plats")
            raise NotNow("Patienten är redan inskriven på enheten. Läs om sidan")


async def begin(engine: Engine) -> None:
    """Where the table is empty, in a region that is older than it: takes the places of the stays that are ongoing.

    Of two that claim one bed the earlier written keeps it; both stay as they are, and the next write of the other is refused.
    """
    async with engine.db.pool.acquire() as con, con.transaction():
        if await con.fetchval("select exists(select from occupied)"):
            return
        await con.execute("lock table occupied in exclusive mode")
        marks = [engine.keys.token(f"Encounter.status||{status}") for status in ONGOING]
        rows = await con.fetch(_ONGOING, TYPES["Encounter"].number, marks)
        for start in range(0, len(rows), _AT_ONCE):
            await engine.codec.ready(con, [row["body"] for row in rows[start : start + _AT_ONCE]])
            found = [parsed(engine.codec.unpack(row["body"], row["key"])) for row in rows[start : start + _AT_ONCE]]
            beds = await _beds(con, {bed for one in found if (bed := bed_of(one))})
            places = [one for each in found if (one := place(each, beds)) is not None]
            await con.executemany(_TAKEN.replace(" returning 1", ""), [one[:5] for one in places])


async def free(con: Connection, keys: Keys, patients: Sequence[str], stays: Sequence[str]) -> None:
    """Frees what stays took that are no more: those of `patients`, and `stays` by id (an order of destruction)."""
    rows = await con.fetch("select stay from occupied where patient = any($1) or stay = any($2)", patients, stays)
    named = {keys.of(f"Encounter/{row['stay']}"): row["stay"] for row in rows}
    standing = await con.fetch("select key from res where key = any($1::bigint[])", list(named))
    await con.execute(_LEFT, [named[key] for key in named.keys() - {row["key"] for row in standing}])


async def _beds(con: Connection, ids: set[str]) -> dict[str, str]:
    """Those of these Locations that are beds, with their names. A Location is nobody's: it is not sealed."""
    if not ids:
        return {}
    keys = Keys(bytes(await con.fetchval("select hash_key from region")))
    names = {keys.of(f"Location/{id}"): id for id in ids}
    rows = await con.fetch("select key, body from res where key = any($1::bigint[])", list(names))
    codec, found = Codec(), {}
    for row in rows:
        location = parsed(codec.unpack(row["body"], row["key"]))
        if is_bed(location):
            found[names[row["key"]]] = str(location.get("name") or "Platsen")
    return found


def is_bed(location: Resource) -> bool:
    kinds = location.get("physicalType", {}).get("coding", ())
    return any(one.get("code") == "bd" for one in kinds)
