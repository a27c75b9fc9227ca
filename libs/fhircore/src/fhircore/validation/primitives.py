"""The primitive types: what is a valid date, code, decimal … (http://hl7.org/fhir/R4/datatypes.html#primitive).

Each check answers true for a valid value. For a value of the wrong JSON type it answers false or raises TypeError,
AttributeError or ValueError: callers treat all of them as *not valid*. That keeps the checks at one C call each where
possible.
"""

import binascii
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhircore.validation.narrative import narrative_faults

Check = Callable[[Any], Any]
MAX_TEXT = 1024 * 1024  # characters; the specification's limit of a string

_LEAP_DAY = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29"
_LONG_MONTHS = r"(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])"
_SHORT_MONTHS = r"(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
_DAY = rf"(?!0000)(?:{_LEAP_DAY}|\d{{4}}-(?:{_LONG_MONTHS}|{_SHORT_MONTHS}|02-(?:0[1-9]|1\d|2[0-8])))"
_MONTH = r"(?!0000)\d{4}(?:-(?:0[1-9]|1[0-2]))?"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,18})?"
_ZONE = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))"
_TEXT = re.compile("[^\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]+").fullmatch
_HUGE = 10**308  # beyond what a double or PostgreSQL's numeric can index


def _pattern(pattern: str) -> Check:
    return re.compile(pattern, re.ASCII).fullmatch


def _boolean(value: Any) -> bool:
    return value is True or value is False


def _whole(least: int) -> Check:
    def check(value: Any) -> bool:
        return value.__class__ is int and least <= value < 2147483648

    return check


def _decimal(value: Any) -> bool:
    if value.__class__ is Decimal:
        return value.is_finite() and -308 <= value.adjusted() <= 308
    return (value.__class__ is int or value.__class__ is float) and -_HUGE < value < _HUGE


def text(value: Any) -> Any:
    """A string: not empty, not only white space, no control characters but tab, line feed and carriage return."""
    if value.isprintable():
        return value and not value.isspace() and len(value) <= MAX_TEXT
    return len(value) <= MAX_TEXT and not value.isspace() and _TEXT(value)


def uri(value: Any) -> Any:
    """A URI, URL or canonical: not empty, no white space, no control characters."""
    return value and value.isprintable() and " " not in value


def _base64(value: Any) -> Any:
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except binascii.Error:
        # the specification allows white space between the groups
        return binascii.a2b_base64("".join(value.split()), strict_mode=True)


def _xhtml(value: Any) -> bool:
    return not narrative_faults(value)


CHECKS: dict[str, Check] = {
    "base64Binary": _base64,
    "boolean": _boolean,
    "canonical": uri,
    "code": re.compile("[^\\s\x00-\x1f\ud800-\udfff]+(?:[ \t\r\n][^\\s\x00-\x1f\ud800-\udfff]+)*").fullmatch,
    "date": _pattern(f"{_DAY}|{_MONTH}"),
    "dateTime": _pattern(f"{_DAY}(?:T{_CLOCK}{_ZONE})?|{_MONTH}"),
    "decimal": _decimal,
    "id": _pattern(r"[A-Za-z0-9\-.]{1,64}"),
    "instant": _pattern(f"{_DAY}T{_CLOCK}{_ZONE}"),
    "integer": _whole(-2147483648),
    "markdown": text,
    "oid": _pattern(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+"),
    "positiveInt": _whole(1),
    "string": text,
    "time": _pattern(_CLOCK),
    "unsignedInt": _whole(0),
    "uri": uri,
    "url": uri,
    "uuid": _pattern("urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "xhtml": _xhtml,
}

# Value sets of required bindings that are standards of their own: their form is checked instead of their codes.
FORMATS: dict[str, Check] = {
    "http://hl7.org/fhir/ValueSet/currencies": _pattern("[A-Z]{3}"),  # ISO 4217
    "http://hl7.org/fhir/ValueSet/mimetypes": _pattern(
        r"[\x21-\x2e\x30-\x7e]+(?:/[\x21-\x2e\x30-\x7e]+)?(?: ?;[\x20-\x7e]+)?"
    ),  # BCP 13
}
LANGUAGE: Check = _pattern("[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")  # BCP 47

SENTENCES: dict[str, str] = {
    "base64Binary": "a string of base64 (RFC 4648) that is not empty",
    "boolean": "true or false without quotes",
    "canonical": "a canonical URL without spaces",
    "code": "a string without leading, trailing or double spaces",
    "date": "a date that exists, as YYYY, YYYY-MM or YYYY-MM-DD",
    "dateTime": "a date that exists, as YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or +hh:mm",
    "decimal": "a number without quotes, of at most 308 digits before or after the point",
    "id": "1 to 64 characters of A-Z, a-z, 0-9, hyphen and full stop",
    "instant": "a time as YYYY-MM-DDThh:mm:ss with Z or an offset like +01:00",
    "integer": "a whole number without quotes from -2147483648 to 2147483647",
    "markdown": "a string of 1 to 1048576 characters with no control characters, not only white space",
    "oid": "an OID as urn:oid:1.2.3",
    "positiveInt": "a whole number without quotes from 1 to 2147483647",
    "string": "a string of 1 to 1048576 characters with no control characters, not only white space",
    "time": "a time of day as hh:mm:ss",
    "unsignedInt": "a whole number without quotes from 0 to 2147483647",
    "uri": "a URI without spaces",
    "url": "a URL without spaces",
    "uuid": "a UUID in lower case as urn:uuid:8-4-4-4-12 hexadecimal digits",
    "xhtml": "a string with one <div xmlns='http://www.w3.org/1999/xhtml'>",
}


def holds(check: Check, value: Any) -> bool:
    """True when the value is valid, whatever its JSON type."""
    try:
        return bool(check(value))
    except (TypeError, AttributeError, ValueError):
        return False
