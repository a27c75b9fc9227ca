"""What predicates stand on: hashes, who is asking, our own address; and one parameter's place in a statement."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from access import Sight
from fhircore.params import SearchParam
from fhircore.query import Criterion
from fhirserver.keys import Keys
from fhirserver.search.sql import Values


@dataclass(frozen=True, slots=True)
class Ground:
    """What predicates stand on: hashes, who is asking, our own base address, and the keys of a person."""

    keys: Keys
    sight: Sight
    base: str
    person: Callable[[str], list[int]]  # Patient id → every key of that person
    full_text: bool = False  # whether words are kept
    # (type, criterion) → the hashes of its terms, where they were looked up before planning: the database then knows how
    # common they are. Elsewhere the statement looks them up itself.
    terms: Mapping[tuple[str, Criterion], list[int]] = field(default_factory=dict)
    common: frozenset[Criterion] = frozenset()  # the `_has` whose code is common (commonness.py)


@dataclass(frozen=True, slots=True)
class Place:
    """One parameter of the rows of `alias`, which are of this type; `at` is `Type.parameter`."""

    ground: Ground
    values: Values
    alias: str
    type_name: str
    param: SearchParam
    at: str

    def hash(self, more: str = "") -> str:
        """A placeholder for the hash that the side tables have for this parameter."""
        return self.values.add(self.ground.keys.token(self.at + more), "bigint")

    def tokens(self, hashes: list[int]) -> str:
        return f"{self.alias}.tok && {self.values.keys(hashes)}"

    def inside(self, table: str, condition: str, *, among: bool = False) -> str:
        """`among`: one of several ways that are OR'ed. There an array, looked up once, keeps the indexes of the others."""
        keys = f"select key from {table} where {condition}"
        return f"{self.alias}.key = any(array({keys}))" if among else f"{self.alias}.key in ({keys})"
