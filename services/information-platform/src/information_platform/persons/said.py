"""How a source's own words about a person rest: sealed with the person's key, each at its own place (D8)."""

from collections.abc import Sequence
from typing import Any

from fhirserver.codec import Codec
from fhirserver.keys import Keys
from kit.db import Connection, Pool

_OPEN = b"{"  # JSON as it came, of the time before these were sealed


async def packed(con: Connection, codec: Codec, keys: Keys, patient: str, person: str, body: bytes) -> bytes:
    """The source's Patient with this id, as it is kept."""
    return await codec.pack_for(con, body, [keys.of(f"Patient/{person}")], place(keys, patient))


async def bodies(con: Pool | Connection, codec: Codec, keys: Keys, rows: Sequence[Any]) -> list[bytes]:
    """What these rows (`id`, `body`) say. Raises Erased where a key is destroyed."""
    stored = [bytes(row["body"]) for row in rows]
    await codec.ready(con, stored)
    return [
        body if body.startswith(_OPEN) else codec.unpack(body, place(keys, row["id"]))
        for row, body in zip(rows, stored, strict=True)
    ]


def place(keys: Keys, patient: str) -> int:
    return keys.of(f"person_source/{patient}")
