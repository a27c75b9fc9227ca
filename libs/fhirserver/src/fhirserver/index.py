"""From a resource to its index: hot columns, hashed tokens and the rows of the side tables."""

from collections.abc import Mapping
from typing import Any

from fhircore.members import Known
from fhirserver.entries import NO_DATE, Entries, exactly, folded
from fhirserver.index_type import SUBJECT, TypeIndexer
from fhirserver.keys import Keys
from fhirserver.terms import Terms

__all__ = ["NO_DATE", "SUBJECT", "Entries", "Indexer", "exactly", "folded", "leads_to"]

_REMEMBERED = 16 * 1024 * 1024  # bytes of members whose entries are remembered, of all types together


def leads_to(keys: Keys, at: str, key: int) -> int:
    """The token of a reference: `at` (Observation.encounter) points at the resource with this key.

    An XOR, so that SQL can make it too: a chain is `tok && array(select key # hash …)`.
    """
    return key ^ keys.token(f"{at}>")


class Indexer:
    """Builds the entries of a resource under one database's keys."""

    def __init__(self, keys: Keys, base: str = "", *, full_text: bool = False) -> None:
        """`base` is our own address: a reference that begins with it is one to a resource here."""
        self._keys = keys
        self.terms = Terms()
        self._full_text = full_text
        self._base = base + "/" if base else "\0"
        self._known = Known(_REMEMBERED)
        self._types: dict[str, TypeIndexer] = {}

    def entries(
        self, type_name: str, id: str, resource: Mapping[str, Any], raws: Mapping[str, bytes] | None = None
    ) -> Entries:
        """All index entries of this resource; pure apart from what is remembered.

        `raws`: the minified JSON of each member, where it is at hand: members that recur are then read once only.
        """
        of = self._types.get(type_name)
        if of is None:
            of = TypeIndexer(type_name, self._keys, self._base, self.terms, self._known, full_text=self._full_text)
            self._types[type_name] = of
        return of.entries(id, resource, raws)
