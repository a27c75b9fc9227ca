"""A note that was signed here is changed by the acts on notes only, whatever door a write comes by (PDL 3:14; REC-03)."""

from collections.abc import Sequence
from uuid import UUID

from fhirserver.guarding import Made
from kit.db import Connection
from vis.care import entries, notes
from vis.care.asking import NotNow

_OF_ENTRIES = frozenset(("move-to-patient", "note-opinion", "withhold-from-patient", "release-to-patient"))
_ACTS = frozenset(("sign", "countersign", "correct", "void", "file")) | _OF_ENTRIES
_WRITTEN_HERE = "select exists (select from draft where id = any($1::uuid[]) and state = 'filed')"


async def guard(con: Connection, made: Sequence[Made]) -> None:
    """Raises NotNow for a plain write that changes what stands signed here, or that signs what was written here."""
    plain = [one for one in made if one.by not in _ACTS and (one.old is not None or one.may_say(b"urn:fvm:"))]
    for one in plain:
        entries.plain_write(one.old, one.new)
        notes.plain_write(one.old, one.new)
    signed = [id for one in plain if notes.signs(one.old, one.new) and (id := _uuid(one.id))]
    if signed and await con.fetchval(_WRITTEN_HERE, signed):
        raise NotNow("Anteckningen signeras av den som skrev den, med $sign")


def _uuid(id: str) -> UUID | None:
    try:
        return UUID(id)
    except ValueError:
        return None
