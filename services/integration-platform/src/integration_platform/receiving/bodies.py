"""How messages rest: compressed, and sealed with a key that a few which came together share (D8).

Whom a message names is known when it has been translated, not when it comes. So what comes within a minute has one key, of 64
messages at most; an order of destruction gives the others of that key another one and destroys it.
"""

import hashlib
import time
import uuid
from collections.abc import Sequence
from typing import Any

from integration_platform.receiving.model import DESTROYED, Incoming, opened, seal
from kit.db import Connection, Pool
from kit.keyring import Keyring
from kit.sealing import SEALED, DataKey, new_key

TOGETHER, LONGEST = 64, 60.0  # messages and seconds of one key


class Bodies:
    """One per process. Without a keyring nothing is sealed, and what is sealed cannot be read."""

    def __init__(self, ring: Keyring | None) -> None:
        self.ring = ring
        self._block, self._left, self._until = 0, 0, 0.0

    async def packed(self, messages: Sequence[Incoming]) -> list[tuple[bytes, int | None]]:
        """Each as it will rest, and the id of the key it is sealed with. Call it inside the transaction that stores them."""
        plain = [seal(message.raw) for message in messages]
        if self.ring is None or not self.ring.seals or not messages:
            return [(body, None) for body in plain]
        key = await self._key(self.ring, len(messages))
        return [
            (key.seal(body, place(message.ident, message.digest)), key.id)
            for message, body in zip(messages, plain, strict=True)
        ]

    async def ready(self, con: Pool | Connection, rows: Sequence[Any]) -> None:
        """After each fetch of bodies: brings their keys."""
        if self.ring is not None:
            await self.ring.ready(con, [row["body"] for row in rows])

    def opened(self, row: Any) -> bytes:
        """The raw message of a row with `ident`, `digest` and `body`. Raises MessageDestroyed, Erased, NotForHere, and
        ValueError for a format byte that is not known here."""
        return opened(self._bare(row))

    def again(self, row: Any, key: DataKey) -> bytes:
        """The same content under another key; its own must be ready."""
        return key.seal(self._bare(row), place(row["ident"], row["digest"]))

    def _bare(self, row: Any) -> bytes:
        body = bytes(row["body"])
        if body[0] != SEALED or self.ring is None:
            return body
        return self.ring.held(int.from_bytes(body[1:9], "big")).opened(body, place(row["ident"], row["digest"]))

    async def _key(self, ring: Keyring, count: int) -> DataKey:
        now = time.monotonic()
        if self._left < count or now > self._until:
            self._block, self._left, self._until = new_key()[0], max(TOGETHER, count), now + LONGEST
        self._left -= count
        return (await ring.current([self._block]))[self._block]


def place(ident: int, digest: uuid.UUID) -> int:
    """Of a message: what it is called and what it says, so that its body opens in no other row."""
    said = ident.to_bytes(8, "big", signed=True) + digest.bytes
    return int.from_bytes(hashlib.blake2b(said, digest_size=8, person=b"fvm message").digest(), "big", signed=True)


def is_here(row: Any) -> bool:
    """Whether the message has not been destroyed."""
    return bytes(row["body"][:1]) != DESTROYED
