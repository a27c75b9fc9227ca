"""Stored bytes: a format byte, then zstd with a versioned dictionary (D8). Format 2 is that, sealed with the person's key."""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import zstandard

from kit.db import Connection, Pool
from kit.events import CloudEvent
from kit.keyring import Keyring
from kit.outbox import Outgoing
from kit.sealed_events import opened_here, sealed
from kit.sealing import SEALED, DataKey, key_of

if TYPE_CHECKING:
    from fhirserver.keys import Keys
    from fhirserver.store import Row

ZSTD = 1
_LEVEL = 3
CURRENT_DICTIONARY = 1


class UnknownFormat(Exception):
    """A stored body whose format byte this version of the software does not know."""


@cache
def _dictionaries() -> dict[int, zstandard.ZstdCompressionDict]:
    """Every dictionary ever released, by its id; one is never dropped, since rows were written with it."""
    found = {}
    for file in resources.files("fhirserver").joinpath("dictionaries").iterdir():
        if file.name.endswith(".zdict"):
            dictionary = zstandard.ZstdCompressionDict(file.read_bytes())
            found[int(file.name.split(".")[0])] = dictionary
    return found


class Codec:
    """Packs and unpacks stored bodies; one per process, not shared between threads. Without a keyring nothing is sealed, and
    what is sealed cannot be read."""

    def __init__(self, ring: Keyring | None = None) -> None:
        self.ring = ring
        dictionaries = _dictionaries()
        current = dictionaries[CURRENT_DICTIONARY]
        self._compress = zstandard.ZstdCompressor(level=_LEVEL, dict_data=current, write_content_size=True).compress
        self._readers = {
            dictionary.dict_id(): zstandard.ZstdDecompressor(dict_data=dictionary).decompress
            for dictionary in dictionaries.values()
        }
        self._current = self._readers[current.dict_id()]
        self._current_id = current.dict_id()
        self._plain = zstandard.ZstdDecompressor().decompress
        self._prefix = bytes([ZSTD])

    def beside(self) -> "Codec":
        """Another one, for another thread."""
        return Codec(self.ring)

    def pack(self, body: bytes) -> bytes:
        """Format 1. What is about a patient is sealed afterwards, when its key is there (`seal`)."""
        return self._prefix + self._compress(body)

    async def seal(self, rows: Iterable["Row"]) -> None:
        """Rows about patients, as they will be stored: under their persons' keys. Call it inside the transaction that stores
        them, since what was begun before a key was retired is waited for before the key is destroyed."""
        if self.ring is None or not self.ring.seals:
            return
        about = [row for row in rows if row.entries.pat]
        keys = await self.ring.current({row.entries.pat for row in about})
        for row in about:
            row.stored = keys[row.entries.pat].seal(row.stored[1:], row.key)

    async def seal_told(self, messages: Sequence[Outgoing], topic: str | None, keys: "Keys") -> Sequence[Outgoing]:
        """Events of a transaction as they will be told: what `topic` tells of a patient is under the patient's key. What is told
        of nobody (its key is Type/id) and ids alone stay open."""

        def owner(message: Outgoing) -> int:
            about = message.key if message.topic == topic else None
            return keys.of(f"Patient/{about}") if about and "/" not in about else 0

        return await sealed(self.ring, messages, owner)

    async def told(self, con: Pool | Connection, events: Sequence[CloudEvent]) -> list[CloudEvent]:
        """Own events, still in the outbox, as they were before they were sealed; those whose key is gone are left out."""
        if self.ring is not None:
            await self.ring.ready(con, [event.data for event in events])
        return [found for event in events if (found := opened_here(self.ring, event)) is not None]

    async def pack_for(self, con: Connection, body: bytes, owners: Iterable[int], place: int) -> bytes:
        """Something that is about these patients (none: nobody), as it is kept under `place`."""
        people = {owner for owner in owners if owner}
        if self.ring is None or not self.ring.seals or not people:
            return self.pack(body)
        return (await self.ring.shared(con, people)).seal(self._compress(body), place)

    def sealed_again(self, stored: bytes, place: int, key: DataKey) -> bytes:
        """The same content under another key; it must be ready. Raises Erased, NotForHere."""
        assert self.ring is not None
        return key.seal(self.ring.held(key_of(stored)).opened(stored, place), place)

    async def ready(self, con: Pool | Connection, bodies: Sequence[bytes | None]) -> None:
        """After each fetch of bodies and before they are unpacked: brings their keys."""
        if self.ring is not None:
            await self.ring.ready(con, bodies)

    def unpack(self, stored: bytes, place: int) -> bytes:
        """The body as it was given to `pack`; `place` is the key of its row.

        Raises UnknownFormat when the format byte is not known here, Erased when its key is destroyed, NotForHere when it was
        sealed for another row or has been changed.
        """
        if stored[0] == SEALED and self.ring is not None:
            frame = self.ring.held(key_of(stored)).opened(stored, place)
        elif stored[0] == ZSTD:
            frame = stored[1:]
        else:
            raise UnknownFormat(f"Format {stored[0]} is not known to this version, or it has no master key")
        try:
            return self._current(frame)
        except zstandard.ZstdError:
            dict_id = zstandard.get_frame_parameters(frame).dict_id
            return (self._readers[dict_id] if dict_id else self._plain)(frame)
