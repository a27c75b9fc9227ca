"""A search as a small tree of frozen values: what was asked, and nothing of how it is answered.

A `Query` is the AND of its criteria; the values of one criterion are an OR. A planner matches on the classes:

    match criterion:
        case Id(ids): …
        case Match(SearchParam(type="token") as param, modifier, values): …
        case Chain(param, targets): …
"""

from __future__ import annotations

from dataclasses import dataclass

from fhircore.params import SearchParam


@dataclass(frozen=True, slots=True)
class TokenValue:
    """`code`, `system|code`, `|code` or `system|`. system: None any, "" explicitly none; code: None any."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class TypedIdentifier:
    """`system|code|value` of the modifier `:of-type`: the identifier's type, and its value."""

    system: str
    code: str
    value: str


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """`Type/id` or `id` (types: what it may be, id), or an absolute url, urn or canonical (url; types and id empty).

    A url that ends in `Type/id` has all three, so that a server can know its own resources by their full address.
    """

    types: tuple[str, ...]
    id: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class StringValue:
    """A text as given (fold.py folds it), also the text of the modifier `:text`."""

    text: str


@dataclass(frozen=True, slots=True)
class DateValue:
    """A time as wide as its precision: prefix (eq ne gt lt ge le sa eb ap), half-open [lo, hi) in µs since 1970 UTC."""

    prefix: str
    lo: int
    hi: int


@dataclass(frozen=True, slots=True)
class NumberValue:
    """A number: prefix, the exact value, and the range [lo, hi) of its implicit precision (for eq and ne)."""

    prefix: str
    value: float
    lo: float
    hi: float


@dataclass(frozen=True, slots=True)
class QuantityValue:
    """A number with a unit: as NumberValue; system and code: None any."""

    prefix: str
    value: float
    lo: float
    hi: float
    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class UriValue:
    """A uri or canonical as given; for `:in` and `:not-in` the value set."""

    uri: str


@dataclass(frozen=True, slots=True)
class NearValue:
    """A place on earth in degrees, and how far from it at most, in metres."""

    latitude: float
    longitude: float
    metres: float


@dataclass(frozen=True, slots=True)
class CompositeValue:
    """One value for each component of a composite parameter, in their order."""

    parts: tuple[Value, ...]


Value = (
    TokenValue | TypedIdentifier | ReferenceValue | StringValue | DateValue | NumberValue | QuantityValue | UriValue
    | NearValue | CompositeValue
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Id:
    """`_id`: one of these ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LastUpdated:
    """`_lastUpdated`: one of these times."""

    values: tuple[DateValue, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """An ordinary parameter. The class of `values` follows from the parameter's type and the modifier:

    token: TokenValue (None, not, above, below), StringValue (text), UriValue (in, not-in), TypedIdentifier (of-type)
    reference: ReferenceValue (None, above, below), TokenValue (identifier); `:[type]` is folded into the values
    string: StringValue (None, exact, contains, and from `_filter`: equals, ends) · uri: UriValue (None, above, below)
    date: DateValue · number: NumberValue · quantity: QuantityValue · composite: CompositeValue · special: NearValue
    """

    param: SearchParam
    modifier: str | None
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """`param:missing=true|false`: the parameter has no value, or has one."""

    param: SearchParam
    missing: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """`param.rest`: the reference leads to a resource of one of these types, which meets that type's criterion."""

    param: SearchParam
    targets: tuple[tuple[str, Criterion], ...]


@dataclass(frozen=True, slots=True)
class Has:
    """`_has:type:param:rest`: a resource of `type` that meets `criterion` refers here by `param`."""

    type: str
    param: SearchParam
    criterion: Criterion


@dataclass(frozen=True, slots=True)
class Listed:
    """`_list`: it is an item of one of these Lists (ids)."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """`_text` (whole: False, the narrative) or `_content` (True): one of these sets of words, all words of a set."""

    whole: bool
    ways: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of these (`and` in `_filter`)."""

    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these (`or` in `_filter`)."""

    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """What does not meet this (`not` in `_filter`)."""

    criterion: Criterion


Criterion = Id | LastUpdated | Match | Missing | Chain | Has | Listed | Words | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of the order asked for; `_id` and `_lastUpdated` are parameters here too."""

    param: SearchParam
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """`_include` or `_revinclude`: source type (None: any), reference (None: every one), target type (None: any)."""

    source: str | None
    param: SearchParam | None
    target: str | None
    iterate: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole search. None or empty: not asked for.

    `type` is the resource type, "Resource" for a search over `types` (all when empty); `ignored` are the names that a
    lenient parse left out, each once, in order.
    """

    type: str
    criteria: tuple[Criterion, ...] = ()
    count: int | None = None
    sort: tuple[Sort, ...] = ()
    include: tuple[Include, ...] = ()
    revinclude: tuple[Include, ...] = ()
    total: str | None = None
    summary: str | None = None
    elements: tuple[str, ...] = ()
    format: str | None = None
    pretty: bool | None = None
    types: tuple[str, ...] = ()
    cursor: str | None = None
    explain: bool | None = None
    ignored: tuple[str, ...] = ()
