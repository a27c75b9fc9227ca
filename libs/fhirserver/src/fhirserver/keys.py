"""Keys: 64-bit keyed hashes that stand for Type/id and for index values (D2), so that nothing is resolved to be written."""

from collections.abc import Callable
from hashlib import blake2b

_MEMO_LIMIT = 300_000


class Keys:
    """Hashes under the secret of one database. Values are signed 64-bit integers; 0 is never given (it means "none")."""

    def __init__(self, secret: bytes) -> None:
        self._base = blake2b(digest_size=8, key=secret)
        self._memo: dict[str, int] = {}
        self.of: Callable[[str], int] = self._of

    def _of(self, text: str) -> int:
        """The key of `Type/id`. Not remembered: most are seen once."""
        state = self._base.copy()
        state.update(text.encode())
        return int.from_bytes(state.digest(), "big", signed=True) or 1

    def token(self, text: str) -> int:
        """The hash of an index value such as `Observation.status|final`; remembered, since most recur."""
        found = self._memo.get(text)
        if found is None:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            found = self._memo[text] = self._of(text)
        return found
