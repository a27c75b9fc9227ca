"""Pieces of SQL with their values: numbered parameters, never text put together from input."""

from typing import Any

from access import Sight


class Values:
    """The parameters of one statement; `add` gives the placeholder."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def add(self, value: Any, cast: str) -> str:
        self.all.append(value)
        return f"${len(self.all)}::{cast}"

    def later(self, value: Any, cast: str) -> "Later":
        """A placeholder that is added where it is first used: PostgreSQL refuses a parameter that no text mentions."""
        return Later(self, value, cast)

    def keys(self, keys: list[int]) -> str:
        """A placeholder for an array of hashes, sorted so that the same search is the same statement and values."""
        return self.add(sorted(set(keys)), "bigint[]")


class Later:
    """A value that becomes a parameter when it is formatted into SQL, the same one each time."""

    def __init__(self, values: Values, value: Any, cast: str) -> None:
        self._values, self._value, self._cast = values, value, cast
        self._text = ""

    def __format__(self, _spec: str) -> str:
        self._text = self._text or self._values.add(self._value, self._cast)
        return self._text


def seen(sight: Sight, values: Values, alias: str) -> list[str]:
    """The legal predicate on rows of `alias`, as conjuncts; none for who may see everything."""
    if sight.everything:
        return []
    labels = values.add(sorted(sight.labels), "int[]")
    if sight.patients:
        own = values.keys(list(sight.patients))
        return [f"({alias}.pat = any({own}) or ({alias}.pat = 0 and {alias}.lab = any({labels})))"]
    return [f"{alias}.lab = any({labels})"]
