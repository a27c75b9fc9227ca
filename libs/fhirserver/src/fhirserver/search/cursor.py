"""Where the next page begins: the sort value and key of the last row, sealed so that nobody can read or make one.

It stands in addresses, and the sort value may be a person's name (D15), so it is encrypted and not only signed.
"""

import base64
import hmac
import os
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhirserver.problems import Invalid

_NONCE = 12


@dataclass(frozen=True, slots=True)
class Position:
    """The last row seen; rows after it in the same order are the next page."""

    value: Any
    key: int

    def value_for(self, kind: str) -> Any:
        """The value if it fits a sort key of this kind. Raises Invalid: the cursor belongs to another search."""
        fits: type | tuple[type, ...] = {"text": str, "bigint": int}.get(kind, (int, float))
        if not isinstance(self.value, fits):
            raise _foreign()
        return float(self.value) if kind == "float8" else self.value  # type: ignore[arg-type]  # checked above


class Seal:
    """Makes and opens cursors under the secret of one database."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(hmac.digest(secret, b"page cursors", "sha256"))

    def close(self, position: Position, search: str) -> str:
        """`search` is what the cursor belongs to; another search refuses it."""
        content, nonce = msgspec.msgpack.encode([position.value, position.key]), os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, content, search.encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str, search: str) -> Position:
        """Raises Invalid when the cursor is damaged, made up, or of another search."""
        try:
            data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            content = self._cipher.decrypt(data[:_NONCE], data[_NONCE:], search.encode())
            value, key = msgspec.msgpack.decode(content)
        except (ValueError, InvalidTag, msgspec.DecodeError):
            raise _foreign() from None
        return Position(value, key)


def _foreign() -> Invalid:
    return Invalid("The page cursor does not belong to this search; begin again with its first page", at="_cursor")
