"""Finding a patient is less than reading one: what they may be found by, and what is then shown (D10, sweden.md §4.8).

A reader in care without a relation searches by name, identifier and birth date and is shown those; whatever else they ask for
matches only patients whom their unit knows, and never who has protected personal data, whose address, telephone, relatives
and photo are shown to nobody in care.
"""

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from access import Sight
from fhircore.query import Criterion, Id, Listed, Match, Missing, Query, Words, parse
from fhirserver.problems import Forbidden
from fhirserver.search.sql import Values, related
from fhirserver.search.subset import subsetted

FOUND_BY = frozenset(("identifier", "name", "family", "given", "phonetic", "birthdate"))
_SHOWN = frozenset(
    ("resourceType", "id", "meta", "identifier", "active", "name", "birthDate", "gender", "deceasedBoolean",
     "deceasedDateTime", "link")
)  # fmt: skip
_NEVER_SHOWN = frozenset(("address", "telecom", "contact", "photo", "contained", "text"))
SECURITY = "http://hl7.se/fhir/ig/base/CodeSystem/SecurityLabel"
PROTECTED = ("sekretessmarkering", "skyddadFolkbokforing", "fingeradePersonuppgifter")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Coding(msgspec.Struct):
    system: str | None = None
    code: str | None = None


class _Meta(msgspec.Struct):
    security: list[_Coding] = []


class _Marked(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta)


_marked = msgspec.json.Decoder(_Marked).decode


def asks_more(type_name: str, criterion: Criterion) -> bool:
    """Whether this criterion on a Patient needs a relation. What is inside of others is asked of on its own."""
    if type_name != "Patient":
        return False
    match criterion:
        case Match(param) | Missing(param):
            return param.name not in FOUND_BY
        case Words() | Listed():
            return True
    return False


def finds(criteria: Iterable[Criterion]) -> bool:
    """Whether these single out patients by what one may be found by; otherwise a search is over the patients one knows."""
    return any(isinstance(one, Id) or (isinstance(one, Match) and one.param.name in FOUND_BY) for one in criteria)


def refuse_sorting(sight: Sight, query: Query) -> None:
    """Raises Forbidden: an order by what a patient may not be found by would tell of it."""
    if not sight.depends:
        return
    for sort in query.sort:
        if sort.param.name not in FOUND_BY | {"_id", "_lastUpdated"}:
            raise Forbidden(f"Patients are not sorted by '{sort.param.name}'", at="_sort")


@lru_cache(maxsize=1)
def protection() -> Criterion:
    """The search for who has protected personal data."""
    (criterion,) = parse("Patient", [("_security", ",".join(f"{SECURITY}|{code}" for code in PROTECTED))]).criteria
    return criterion


def known(sight: Sight, values: Values, alias: str) -> str:
    """Patients whom the reader's unit knows, or all where the commission has the right to search a population (ACC-09)."""
    return "true" if sight.actor.population else related(sight, values, alias)


def is_protected(body: bytes) -> bool:
    """Whether a stored Patient has protected personal data (PRT-01, PRT-08)."""
    if b"SecurityLabel" not in body:
        return False
    return any(one.system == SECURITY and one.code in PROTECTED for one in _marked(body).meta.security)


def for_reader(body: bytes, *, related: bool) -> bytes:
    """A Patient as a reader in care may have it."""
    protected = is_protected(body)
    if related and not protected:
        return body
    members = _members(body)
    keep = members.keys() - _NEVER_SHOWN if related else members.keys() & _SHOWN
    shown = {name: value for name, value in members.items() if name in keep or name.removeprefix("_") in keep}
    return body if len(shown) == len(members) else subsetted(shown)
