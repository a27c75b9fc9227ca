"""Where the next page begins: the sort value and key of the last row, sealed so that nobody can make one up."""

import base64
import hmac
from dataclasses import dataclass
from typing import Any

import msgspec

from fhirserver.problems import Invalid


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
        self._secret = secret

    def close(self, position: Position, search: str) -> str:
        """`search` is what the cursor belongs to; another search refuses it."""
        content = msgspec.msgpack.encode([position.value, position.key])
        return base64.urlsafe_b64encode(self._mark(content, search) + content).decode().rstrip("=")

    def open(self, text: str, search: str) -> Position:
        """Raises Invalid when the cursor is damaged, made up, or of another search."""
        try:
            data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            mark, content = data[:12], data[12:]
            if not hmac.compare_digest(mark, self._mark(content, search)):
                raise _foreign()
            value, key = msgspec.msgpack.decode(content)
        except (ValueError, msgspec.DecodeError):
            raise _foreign() from None
        return Position(value, key)

    def _mark(self, content: bytes, search: str) -> bytes:
        return hmac.digest(self._secret, search.encode() + b"\0" + content, "sha256")[:12]


def _foreign() -> Invalid:
    return Invalid("The page cursor does not belong to this search; begin again with its first page", at="_cursor")
