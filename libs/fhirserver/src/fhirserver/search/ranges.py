"""Strings, uris, dates, numbers and quantities as SQL on the side tables (http://hl7.org/fhir/R4/search.html#prefix)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from fhircore.query import DateValue, NearValue, NumberValue, QuantityValue, StringValue, UriValue
from fhircore.types import TYPES
from fhirserver.index import NO_DATE, exactly, folded
from fhirserver.problems import NotSupported
from fhirserver.search.ground import Place
from fhirserver.search.sql import Values, any_of

_LAST = "\U0010ffff"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = 253_370_764_800_000_000  # µs: year 9999
_EARTH = 6_371_008.8  # its mean radius in metres
_DEGREE = 111_000.0  # metres in a degree of latitude, rather too few
_LONGEST = 2_000  # characters of a uri that is looked for in pieces


def string(place: Place, found: Sequence[StringValue]) -> str:
    """Begins with any of these. Each is one stretch of the index, however many there are."""
    return string_within(place, place.hash(), found)


def string_within(place: Place, h: str, found: Sequence[StringValue]) -> str:
    """The same under another hash of the table (a composite has one per code)."""
    texts = sorted({folded(value.text) for value in found})
    if len(texts) == 1:
        low, high = place.values.add(texts[0], "text"), place.values.add(texts[0] + _LAST, "text")
        return place.inside("str", f"h = {h} and val ~>=~ {low} and val ~<~ {high}")
    low, high = place.values.add(texts, "text[]"), place.values.add([text + _LAST for text in texts], "text[]")
    stretches = f"unnest({low}, {high}) as u(low, high)"
    keys = f"select s.key from {stretches} join str s on s.h = {h} and s.val ~>=~ u.low and s.val ~<~ u.high"
    return f"{place.alias}.key in ({keys})"


def string_contains(place: Place, found: Sequence[StringValue]) -> str:
    """Has any of these somewhere."""
    texts = place.values.add(sorted({folded(value.text) for value in found}), "text[]")
    return place.inside(
        "str", f"h = {place.hash()} and exists (select from unnest({texts}) t where strpos(val, t) > 0)"
    )


def string_exact(place: Place, found: Sequence[StringValue]) -> str:
    """Is one of these, to the letter: found by its folded form, told apart by the sum of what was written."""
    texts = [value.text for value in found]
    low = place.values.add([folded(text) for text in texts], "text[]")
    sums = place.values.add([exactly(text) for text in texts], "int[]")
    written = f"unnest({low}, {sums}) as u(text, x)"
    keys = f"select s.key from {written} join str s on s.h = {place.hash()} and s.val = u.text and s.x = u.x"
    return f"{place.alias}.key in ({keys})"


def string_equals(place: Place, found: Sequence[StringValue]) -> str:
    """Is one of these, whatever case and accents (`eq` of `_filter`)."""
    texts = place.values.add(sorted({folded(value.text) for value in found}), "text[]")
    return place.inside("str", f"h = {place.hash()} and val = any({texts})")


def string_ends(place: Place, found: Sequence[StringValue]) -> str:
    """Ends with any of these (`ew` of `_filter`)."""
    texts = place.values.add(sorted({folded(value.text) for value in found}), "text[]")
    ends = f"exists (select from unnest({texts}) t where right(val, length(t)) = t)"
    return place.inside("str", f"h = {place.hash()} and {ends}")


def uri(place: Place, found: Sequence[UriValue]) -> str:
    """Any of these, as written."""
    return place.tokens([place.ground.keys.token(f"{place.at}|{value.uri}") for value in found])


def uri_above(place: Place, found: Sequence[UriValue]) -> str:
    """A uri that any of these begins with, or is."""
    ends = {value.uri[:end] for value in found for end in range(1, min(len(value.uri), _LONGEST) + 1)}
    return place.tokens([place.ground.keys.token(f"{place.at}|{text}") for text in ends | {v.uri for v in found}])


def uri_terms(place: Place, found: Sequence[UriValue]) -> str:
    """A select of the uris that begin with any of these."""
    if place.param.name == "_source":
        raise NotSupported(
            "The modifier :below of '_source' is not supported: sources are as many as messages", at="_source"
        )
    texts = place.values.add(sorted({value.uri for value in found}), "text[]")
    begins = f"exists (select from unnest({texts}) t where starts_with(val, t))"
    return f"select h from term where at = {place.hash(':uri')} and {begins}"


def date(place: Place, found: Sequence[DateValue]) -> str:
    """A time, in the row itself where it is the main one."""
    if place.param.name == TYPES[place.type_name].main_date:
        a, values = place.alias, place.values
        return _ways(
            found, lambda value: _times(values, f"{a}.dt", f"{a}.dte", value, "bigint"), values, f"{a}.dt", f"{a}.dte"
        )
    return place.inside("rng", f"h = {place.hash()} and {date_within(place, found)}")


def date_within(place: Place, found: Sequence[DateValue]) -> str:
    """Conditions on a row of `rng` that holds a time."""
    return _ways(found, lambda value: _times(place.values, "lo", "hi", value, "float8"), place.values, "lo", "hi")


def _ways(found: Sequence[DateValue], one: Callable[[DateValue], str], values: Values, low: str, high: str) -> str:
    """An OR-list; one of many days is a list of stretches, not a text as long as the list."""
    days = [value for value in found if value.prefix == "eq"]
    if len(days) <= 8:
        return any_of(one(value) for value in found)
    kind = "bigint" if low.endswith("dt") else "float8"
    starts = values.add([value.lo for value in days], f"{kind}[]")
    ends = values.add([value.hi for value in days], f"{kind}[]")
    listed = (
        f"exists (select from unnest({starts}, {ends}) as u(a, z) where {low} >= u.a and {low} < u.z and {high} <= u.z)"
    )
    return any_of([listed, *(one(value) for value in found if value.prefix != "eq")])


def _times(values: Values, low: str, high: str, value: DateValue, kind: str) -> str:
    """A resource's time [low, high) against a search time [lo, hi), by prefix (search.html#prefix)."""
    lo, hi = values.later(value.lo, kind), values.later(value.hi, kind)
    exists = f"{low} > {NO_DATE}"
    match value.prefix:
        case "eq":
            return f"({low} >= {lo} and {low} < {hi} and {high} <= {hi})"
        case "ne":
            return f"({exists} and not ({low} >= {lo} and {high} <= {hi}))"
        case "gt":
            return f"{high} > {hi}"
        case "lt":
            return f"({exists} and {low} < {lo})"
        case "ge":
            return f"({low} >= {lo} or {high} > {hi})"
        case "le":
            return f"({exists} and ({low} < {lo} or ({low} >= {lo} and {high} <= {hi})))"
        case "sa":
            return f"{low} >= {hi}"
        case "eb":
            return f"({exists} and {high} <= {lo})"
        case "po":  # of `_filter`: they overlap
            return f"({exists} and {low} < {hi} and {high} > {lo})"
    wide = int(
        abs((datetime.now(UTC) - _EPOCH) / timedelta(microseconds=1) - value.lo) * 0.1
    )  # ap: 10 % of its distance
    around, until = values.add(value.lo - wide, kind), values.add(value.hi + wide, kind)
    return f"({exists} and {low} < {until} and {high} > {around})"


def instant(micros: int) -> datetime:
    """Nothing was updated before 1970 or will be in year 9999, so what is further away is as good as that."""
    return _EPOCH + timedelta(microseconds=min(max(micros, 0), _END))


def updated(values: Values, alias: str, value: DateValue) -> str:
    lo, hi = (values.later(instant(micros), "timestamptz") for micros in (value.lo, value.hi))
    upd = f"{alias}.upd"
    match value.prefix:
        case "eq":
            return f"({upd} >= {lo} and {upd} < {hi})"
        case "ne":
            return f"({upd} < {lo} or {upd} >= {hi})"
        case "gt" | "sa":
            return f"{upd} >= {hi}"
        case "lt" | "eb":
            return f"{upd} < {lo}"
        case "ge":
            return f"{upd} >= {lo}"
        case "le":
            return f"{upd} < {hi}"
    wide = int(abs((datetime.now(UTC) - _EPOCH) / timedelta(microseconds=1) - value.lo) * 0.1)
    early, late = (values.add(instant(at), "timestamptz") for at in (value.lo - wide, value.hi + wide))
    return f"({upd} >= {early} and {upd} < {late})"


def number(place: Place, found: Sequence[NumberValue]) -> str:
    """A number, compared with its implicit precision."""
    return place.inside("rng", f"h = {place.hash()} and {numbers_within(place, found)}")


def numbers_within(place: Place, found: Iterable[NumberValue]) -> str:
    """Conditions on a row of `rng` that holds a number."""
    return any_of(span(place.values, value) for value in found)


def quantity(place: Place, found: Sequence[QuantityValue]) -> str:
    """A number with its unit."""
    return place.inside("rng", f"h = {place.hash()} and {quantities_within(place, found)}")


def quantities_within(place: Place, found: Sequence[QuantityValue]) -> str:
    """Conditions on a row of `rng` that holds a quantity."""
    parts = []
    for value in found:
        part = span(place.values, value)
        if value.code is not None:
            of = f"unit|{value.code}" if value.system is None else f"unit|{value.system}|{value.code}"
            column = "n" if value.system is None else "u"
            part = f"({part} and {column} = {place.values.add(place.ground.keys.token(of), 'bigint')})"
        parts.append(part)
    return any_of(parts)


def near(place: Place, found: Sequence[NearValue]) -> str:
    """Within a distance by the haversine formula, after a band of latitude that the index knows."""
    parts = []
    for value in found:
        latitude, longitude, distance = (
            place.values.add(number, "float8") for number in (value.latitude, value.longitude, value.metres)
        )
        band = place.values.add(value.metres / _DEGREE, "float8")
        half = f"sind((lo - {latitude}) / 2) ^ 2 + cosd({latitude}) * cosd(lo) * sind((hi - {longitude}) / 2) ^ 2"
        away = f"{2 * _EARTH} * asin(sqrt(least(1.0, {half})))"
        parts.append(f"(lo between {latitude} - {band} and {latitude} + {band} and {away} <= {distance})")
    return place.inside("rng", f"h = {place.hash()} and {any_of(parts)}")


def span(values: Values, value: NumberValue | QuantityValue, low: str = "lo", high: str = "hi") -> str:
    """A stored range [lo, hi] against a number with its implicit precision, by prefix."""
    at = values.later(value.value, "float8")
    match value.prefix:
        case "gt":
            return f"{high} > {at}"
        case "lt":
            return f"{low} < {at}"
        case "ge":
            return f"{high} >= {at}"
        case "le":
            return f"{low} <= {at}"
        case "sa":
            return f"{low} > {at}"
        case "eb":
            return f"{high} < {at}"
    wide = abs(value.value) * 0.1 if value.prefix == "ap" else 0.0
    lo, hi = values.add(value.lo - wide, "float8"), values.add(value.hi + wide, "float8")
    if value.prefix in ("ap", "po"):
        return f"({low} < {hi} and {high} >= {lo})"
    inside = f"({low} >= {lo} and {high} < {hi})"
    return f"not {inside}" if value.prefix == "ne" else inside
