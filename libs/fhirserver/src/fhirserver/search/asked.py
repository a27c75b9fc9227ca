"""What a search request asks for: its query, the types it is over, and where its pages are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from access import allows
from fhircore.query import AllOf, AnyOf, Chain, Criterion, Has, Listed, Not, Query, criteria_of, parse
from fhircore.types import TYPES
from fhirserver.messages import Request
from fhirserver.problems import Forbidden, NotSupported, WrongMedia

_PAGING = ("_cursor", "_count", "_total")


@dataclass(slots=True)
class Asked:
    """`address` is what is searched, below the base; `kinds` the criteria of each type; `compartment` the keys of a patient."""

    address: str
    pairs: list[tuple[str, str]]
    query: Query
    kinds: dict[str, tuple[Criterion, ...]]
    posted: bool
    compartment: list[int] = field(default_factory=list)

    def identity(self) -> str:
        """What a cursor belongs to: the search without its paging."""
        return self.address + "?" + urlencode([pair for pair in self.used() if pair[0] not in _PAGING])

    def used(self) -> list[tuple[str, str]]:
        """The pairs that the answer is made by: without those that a lenient search leaves out (search.html#conformance)."""
        return [pair for pair in self.pairs if pair[0] not in self.query.ignored]

    def url(self, base: str, cursor: str | None = None) -> str:
        """A page of it. The search of a POST stays out of its links (names do not belong in addresses, D15): the page is
        had by sending the same form there."""
        address = f"{base}/{self.address}" if self.address else base
        if self.posted:
            address += "/_search"
        shown = [] if self.posted else [pair for pair in self.used() if pair[0] != "_cursor" or cursor is None]
        shown = shown if cursor is None else [*shown, ("_cursor", cursor)]
        return address + ("?" + urlencode(shown, quote_via=quote, safe=":/|,$") if shown else "")


def of_type(request: Request, type_name: str) -> Asked:
    """A search of one type. Raises InvalidFHIR, NotSupported, Forbidden."""
    pairs = pairs_of(request)
    query = parse(type_name, pairs, lenient=request.lenient)
    return _checked(request, Asked(type_name, pairs, query, {type_name: query.criteria}, request.method == "POST"))


def of_types(request: Request, address: str, among: Iterable[str]) -> Asked:
    """A search over `_type`, or over all of `among` that the token allows to be searched."""
    pairs = pairs_of(request)
    query = parse("Resource", pairs, lenient=request.lenient)
    outside = sorted(set(query.types) - set(among))
    if outside:
        raise NotSupported(f"{outside[0]} is not searched at this address", at="_type")
    for name in query.types:
        if not allows(request.caller.scopes, name, "s"):
            raise Forbidden(f"The token's scopes do not allow this for {name}", at="_type")
    types = query.types or tuple(name for name in among if allows(request.caller.scopes, name, "s"))
    if not types:
        raise Forbidden("The token's scopes do not allow anything to be searched", at="scope")
    kinds = {name: criteria_of(name, pairs, query.ignored) for name in types}
    return _checked(request, Asked(address, pairs, query, kinds, request.method == "POST"))


def pairs_of(request: Request) -> list[tuple[str, str]]:
    """The parameters of the address, and those of a form that was posted."""
    return request.parameters + (_form(request) if request.method == "POST" else [])


def _form(request: Request) -> list[tuple[str, str]]:
    kind = (request.header(b"content-type") or "").split(";")[0].strip().lower()
    if request.body and kind != "application/x-www-form-urlencoded":
        raise WrongMedia("POST _search takes application/x-www-form-urlencoded", at="Content-Type")
    if not request.body:
        return []
    form = Request("GET", (), request.body.decode("latin-1"), {}, b"", request.caller, request.sight)
    return form.parameters


def _checked(request: Request, asked: Asked) -> Asked:
    query = asked.query
    if query.summary == "text" and (query.include or query.revinclude):
        raise NotSupported("_include and _revinclude cannot be mixed with _summary=text", at="_summary")
    if query.elements and query.summary not in (None, "false"):
        raise NotSupported("_elements and _summary exclude each other", at="_elements")
    for criteria in asked.kinds.values():
        for criterion in criteria:
            within_scopes(request, criterion)
    return asked


def within_scopes(request: Request, criterion: Criterion) -> None:
    """What a chain, _has or _list asks of other types tells of them; the token must allow searching those too."""
    match criterion:
        case Chain(param, targets):
            for target, inner in targets:
                _allowed(request, target, param.name)
                within_scopes(request, inner)
        case Has(source, param, inner):
            _allowed(request, source, param.name)
            within_scopes(request, inner)
        case Listed():
            _allowed(request, "List", "_list")
        case AllOf(criteria) | AnyOf(criteria):
            for one in criteria:
                within_scopes(request, one)
        case Not(inner):
            within_scopes(request, inner)


def _allowed(request: Request, type_name: str, at: str) -> None:
    if not allows(request.caller.scopes, type_name, "s"):
        raise Forbidden(f"The token's scopes do not allow this for {type_name}", at=at)


def stored_types() -> Sequence[str]:
    """Every type that is ever stored."""
    return [name for name, kind in TYPES.items() if kind.door != "none"]
