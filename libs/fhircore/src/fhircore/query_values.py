"""The values of search parameters: prefixes, escapes and precision (http://hl7.org/fhir/R4/search.html#ptypes)."""

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from fhircore.moments import moment
from fhircore.outcome import InvalidFHIR
from fhircore.params import SearchParam
from fhircore.phonetic import phonetic
from fhircore.query_tree import (
    CompositeValue,
    DateValue,
    NearValue,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    TypedIdentifier,
    UriValue,
    Value,
)
from fhircore.types import TYPES

MOST = 10_000  # values of one OR-list
PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,3}))?")
_ESCAPED = re.compile(r"\\([\\,|$])")
_ABSOLUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*:")
_LOCAL = re.compile(r"(?P<base>https?://.+/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})")


def invalid(param: str, detail: str) -> InvalidFHIR:
    """A value that this parameter cannot have; the value itself is not repeated (it may be a person's)."""
    return InvalidFHIR(f"{param[:64]}: {detail}", param[:64], "value")


def split(text: str, sign: str) -> list[str]:
    """`text` at every `sign` that is not escaped; escapes stay."""
    if "\\" not in text:
        return text.split(sign)
    return list(_split(text, sign))


def _split(text: str, sign: str) -> Iterator[str]:
    start = at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == sign:
            yield text[start:at]
            start = at + 1
        at += 1
    yield text[start:]


def unescape(text: str) -> str:
    r"""`\,` `\|` `\$` and `\\` as the signs they stand for."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def values_of(
    param: SearchParam, modifier: str | None, name: str, text: str, only: tuple[str, ...] = ()
) -> tuple[Value, ...]:
    """The OR-list `text` of a parameter with this modifier; `only` narrows what a reference may lead to.

    Raises InvalidFHIR naming the parameter as `name`.
    """
    read = _MODIFIED.get((param.type, modifier or "")) or _PLAIN[param.type]
    items = split(text, ",")
    if not all(items):
        raise invalid(name, "an empty value")
    not_too_many(name, items)
    if read is _reference:
        return tuple(_reference(param, name, item, only) for item in items)
    return tuple(read(param, name, item) for item in items)


def not_too_many(name: str, items: Sequence[str]) -> None:
    """Raises InvalidFHIR for an OR-list that is longer than any that is answered."""
    if len(items) > MOST:
        raise InvalidFHIR(f"{name[:64]}: more than {MOST} values", name[:64], "too-costly")


def boolean(name: str, text: str) -> bool:
    """`true` or `false`."""
    if text not in ("true", "false"):
        raise invalid(name, "must be true or false")
    return text == "true"


def _token(param: SearchParam, name: str, text: str) -> TokenValue:
    system, *code = (unescape(part) for part in split(text, "|"))
    if not code:
        return TokenValue(None, system)
    if len(code) > 1 or not (system or code[0]):
        raise invalid(name, "must be code, system|code, |code or system|; a | inside is written \\|")
    implied = param.code_system is not None and system == param.code_system
    return TokenValue(None if implied else system, code[0] or None)


def _of_type(param: SearchParam, name: str, text: str) -> TypedIdentifier:
    found = [unescape(part) for part in split(text, "|")]
    if len(found) != 3 or not all(found):
        raise invalid(name, "must be system|code|value")
    return TypedIdentifier(*found)


def _string(param: SearchParam, name: str, text: str) -> StringValue:
    plain = unescape(text)
    return StringValue(phonetic(plain) if param.name == "phonetic" else plain)


def _uri(param: SearchParam, name: str, text: str) -> UriValue:
    return UriValue(unescape(text))


def targets_of(param: SearchParam) -> tuple[str, ...]:
    """The types that a reference parameter may lead to, narrowed by what its expression says."""
    wanted = {path.refers_to for path in param.paths}
    if wanted and None not in wanted:
        return tuple(sorted(name for name in wanted if name))
    return param.target or tuple(TYPES)


def _reference(param: SearchParam, name: str, text: str, only: tuple[str, ...] = ()) -> ReferenceValue:
    plain = unescape(text).partition("/_history/")[0]
    types = only or targets_of(param)
    if ID.fullmatch(plain):
        return ReferenceValue(types, plain, None)
    local = _LOCAL.fullmatch(plain)
    if local and local["type"] in TYPES:
        if local["base"] is None and local["type"] not in types:
            raise invalid(name, f"does not refer to {local['type']}")
        return ReferenceValue((local["type"],), local["id"], None if local["base"] is None else plain)
    if _ABSOLUTE.match(plain):
        return ReferenceValue((), None, plain)
    raise invalid(name, "must be id, Type/id or an absolute address")


def _prefixed(text: str) -> tuple[str, str]:
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def _date(param: SearchParam, name: str, text: str) -> DateValue:
    prefix, rest = _prefixed(text)
    try:
        return DateValue(prefix, *moment(rest))
    except ValueError:
        raise invalid(name, "must be a date or time as in 2024, 2024-03, 2024-03-01 or 2024-03-01T10:30:00Z") from None


def _number(param: SearchParam, name: str, text: str) -> NumberValue:
    prefix, rest = _prefixed(text)
    form = _NUMBER.fullmatch(rest)
    if form is None:
        raise invalid(name, "must be a number")
    value = Decimal(rest)
    half = _half_unit(form)
    return NumberValue(prefix, float(value), float(value - half), float(value + half))


def _half_unit(form: re.Match[str]) -> Decimal:
    """Half of the last digit: 100 ± 0.5, 5.40 ± 0.005. For 1e2 the specification itself says ± 5."""
    decimals, exponent = len(form[1] or ""), int(form[2] or 0)
    last = exponent - decimals if decimals or exponent <= 0 else exponent - 1
    return Decimal(5).scaleb(last - 1)


def _quantity(param: SearchParam, name: str, text: str) -> QuantityValue:
    number, *unit = (unescape(part) for part in split(text, "|"))
    if len(unit) not in (0, 2):
        raise invalid(name, "must be number, number|system|code or number||code")
    system, code = unit or ("", "")
    found = _number(param, name, number)
    return QuantityValue(found.prefix, found.value, found.lo, found.hi, system or None, code or None)


_METRES = {"m": 1.0, "km": 1000.0, "[mi_i]": 1609.344, "mi": 1609.344, "[nmi_i]": 1852.0, "[ft_i]": 0.3048}
NEAR = 10_000.0  # metres, where a search does not say how far


def _near(param: SearchParam, name: str, text: str) -> NearValue:
    """`latitude|longitude|distance|unit` (http://hl7.org/fhir/R4/location.html#positional); kilometres unless told."""
    parts = [unescape(part) for part in split(text, "|")]
    if not 2 <= len(parts) <= 4 or not all(_NUMBER.fullmatch(part) for part in parts[:3] if part):
        raise invalid(name, "must be latitude|longitude|distance|unit")
    latitude, longitude = (float(part) if part else 1e9 for part in parts[:2])
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise invalid(name, "must begin with a latitude (-90 to 90) and a longitude (-180 to 180)")
    metres = _METRES.get((parts[3] if len(parts) == 4 else "") or "km")
    if metres is None:
        raise invalid(name, "the unit must be one of " + ", ".join(_METRES))
    distance = float(parts[2]) * metres if len(parts) > 2 and parts[2] else NEAR
    if not 0 <= distance < 1e8:
        raise invalid(name, "the distance must be zero or more, and fit on the earth")
    return NearValue(latitude, longitude, distance)


def _composite(param: SearchParam, name: str, text: str) -> CompositeValue:
    """`a$b`: one value for each component (http://hl7.org/fhir/R4/search.html#composite)."""
    parts = split(text, "$")
    if len(parts) != len(param.components) or not all(parts):
        raise invalid(name, "must be " + "$".join(part.name for part in param.components))
    return CompositeValue(
        tuple(
            _PLAIN[part.type](SearchParam(part.name, part.type, "", (), (), "", ()), name, value)
            for part, value in zip(param.components, parts, strict=True)
        )
    )


_Read = Callable[[SearchParam, str, str], Value]
_PLAIN: dict[str, _Read] = {
    "token": _token,
    "reference": _reference,
    "string": _string,
    "uri": _uri,
    "date": _date,
    "number": _number,
    "quantity": _quantity,
    "composite": _composite,
    "special": _near,
}
_MODIFIED: dict[tuple[str, str], _Read] = {
    ("token", "text"): _string,
    ("token", "in"): _uri,
    ("token", "not-in"): _uri,
    ("token", "of-type"): _of_type,
    ("reference", "identifier"): _token,
}
MODIFIERS: dict[str, frozenset[str]] = {
    "token": frozenset({"missing", "not", "text", "in", "not-in", "above", "below", "of-type"}),
    "reference": frozenset({"missing", "identifier", "above", "below"}),
    "string": frozenset({"missing", "exact", "contains"}),
    "uri": frozenset({"missing", "above", "below"}),
    "date": frozenset({"missing"}),
    "number": frozenset({"missing"}),
    "quantity": frozenset({"missing"}),
    "composite": frozenset({"missing"}),
    "special": frozenset({"missing"}),
}
