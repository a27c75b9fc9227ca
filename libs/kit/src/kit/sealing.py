"""Sealed bytes: AES-256-GCM under a key that can be destroyed, itself wrapped by the master key (architecture D8); pure."""

import base64
import binascii
import hashlib
import os
import struct
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEALED = 2  # the format byte
_HEAD, _PLACE, _ID = struct.Struct(">Bq"), struct.Struct(">q"), struct.Struct(">q")
_NONCE, _KEY = 12, 32  # bytes; NIST SP 800-38D §8.2.2: random nonces of 96 bits, at most 2³² under one key
_NAME = 4  # bytes that say which master key wrapped
MORE = _HEAD.size + _NONCE + 16  # bytes that sealing adds: 37, of which 28 are nonce and tag


class NotForHere(Exception):
    """The bytes were not sealed for this place, were changed since, or are under another key."""


class WrongMaster(Exception):
    """A master key that cannot be read, or one that is not the one something was wrapped by."""


class DataKey:
    """One key that seals bodies: `id` travels with what it seals, the key itself never leaves its service's memory."""

    __slots__ = ("_head", "_open", "_seal", "id", "raw")

    def __init__(self, id: int, raw: bytes) -> None:
        self.id = id
        self.raw = raw
        cipher = AESGCM(raw)
        self._seal, self._open = cipher.encrypt, cipher.decrypt
        self._head = _HEAD.pack(SEALED, id)

    def seal(self, content: bytes, place: int) -> bytes:
        """Format byte, key id, nonce, ciphertext and tag. `place` is a signed 64-bit number that says where it stands (the key
        of a row): the same bytes at another place do not open."""
        nonce = os.urandom(_NONCE)
        return self._head + nonce + self._seal(nonce, content, self._head + _PLACE.pack(place))

    def opened(self, sealed: bytes, place: int) -> bytes:
        """The content. Raises NotForHere."""
        begin = _HEAD.size + _NONCE
        try:
            return self._open(sealed[_HEAD.size : begin], sealed[begin:], sealed[: _HEAD.size] + _PLACE.pack(place))
        except (InvalidTag, ValueError):
            raise NotForHere from None


def key_of(sealed: bytes) -> int:
    """The id of the key that these bytes (of format 2) are sealed with. Raises NotForHere for what is too short."""
    if len(sealed) < MORE:
        raise NotForHere
    found: int = _HEAD.unpack_from(sealed)[1]
    return found


def new_key() -> tuple[int, bytes]:
    """An id (63 random bits, never 0) and 32 random bytes."""
    return int.from_bytes(os.urandom(8), "big") >> 1 or 1, os.urandom(_KEY)


class Master:
    """The keys that wrap: the first line of the file is used, the others still open what they wrapped (after a rotation)."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys`: 32 bytes each, the newest first. Raises WrongMaster."""
        if not keys or any(len(key) != _KEY for key in keys):
            raise WrongMaster("a master key is 32 bytes, written in base64, one a line, the newest first")
        self._ciphers = {_named(key): AESGCM(key) for key in keys}
        self.name = _named(keys[0])

    @classmethod
    def read(cls, text: str) -> "Master":
        """From the text of the file that FVM_MASTER_KEY_FILE names. Raises WrongMaster, which holds nothing of it."""
        try:
            return cls([base64.b64decode(line, validate=True) for line in text.split()])
        except (binascii.Error, ValueError):
            raise WrongMaster("the master key is not base64") from None

    @staticmethod
    def new() -> str:
        """The text of a new file."""
        return base64.b64encode(os.urandom(_KEY)).decode() + "\n"

    def wrap(self, key: DataKey) -> bytes:
        nonce = os.urandom(_NONCE)
        return self.name + nonce + self._ciphers[self.name].encrypt(nonce, key.raw, _ID.pack(key.id))

    def unwrap(self, id: int, wrapped: bytes) -> DataKey:
        """Raises WrongMaster when no master key here opens it."""
        cipher = self._ciphers.get(wrapped[:_NAME])
        try:
            if cipher is None:
                raise InvalidTag
            return DataKey(id, cipher.decrypt(wrapped[_NAME : _NAME + _NONCE], wrapped[_NAME + _NONCE :], _ID.pack(id)))
        except (InvalidTag, ValueError):
            raise WrongMaster("no master key here opens the keys of this database") from None

    def is_current(self, wrapped: bytes) -> bool:
        """Whether the newest master key wrapped this."""
        return wrapped[:_NAME] == self.name


def _named(key: bytes) -> bytes:
    """Four bytes that tell master keys apart and say nothing of them."""
    return hashlib.blake2b(key, digest_size=_NAME, person=b"fvm master key").digest()
