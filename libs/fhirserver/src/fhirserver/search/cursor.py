"""Where the next page begins: the sort value and key of the last row, sealed so that nobody can read or make one.

It stands in addresses, and the sort value may be a person's name (D15), so it is encrypted and not only signed.
"""

import base64
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhirserver.problems import Invalid

_NONCE = 12


@dataclass(frozen=True, slots=True)
class Position:
    """The last row seen: rows after it in the same order are the next page, those before it (`back`) the previous one."""

    values: tuple[Any, ...]  # of its sort keys; None where it has none and the order was made outside SQL
    key: int
    back: bool = False

    def values_for(self, kinds: Sequence[str]) -> list[Any]:
        """The values if they fit sort keys of these kinds. Raises Invalid: the cursor belongs to another search."""
        if len(kinds) != len(self.values):
            raise _foreign()
        return [_fitting(value, kind) for value, kind in zip(self.values, kinds, strict=True)]


def _fitting(value: Any, kind: str) -> Any:
    fits: type | tuple[type, ...] = {"text": str, "bigint": int}.get(kind, (int, float))
    if not isinstance(value, fits):
        raise _foreign()
    return float(value) if kind == "float8" else value  # type: ignore[arg-type]  # checked above


class Seal:
    """Makes and opens cursors under the secret of one database."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(hmac.digest(secret, b"page cursors", "sha256"))

    def close(self, position: Position, search: str) -> str:
        """`search` is what the cursor belongs to; another search refuses it."""
        content, nonce = msgspec.msgpack.encode([position.values, position.key, position.back]), os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, content, search.encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str, search: str) -> Position:
        """Raises Invalid when the cursor is damaged, made up, or of another search."""
        try:
            data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            content = self._cipher.decrypt(data[:_NONCE], data[_NONCE:], search.encode())
            values, key, back = msgspec.msgpack.decode(content)
        except (ValueError, TypeError, InvalidTag, msgspec.DecodeError):
            raise _foreign() from None
        return Position(tuple(values), key, back)


def _foreign() -> Invalid:
    return Invalid("The page cursor does not belong to this search; begin again with its first page", at="_cursor")
