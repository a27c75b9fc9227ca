"""OBX-5 as value[x]: one file for how HL7 v2 writes results (HL7 v2-to-FHIR: OBX[Observation], SN, ED)."""

import base64
import binascii
import re
from decimal import Decimal
from typing import Any

from integration_platform.hl7v2.message import Field, Segment
from integration_platform.translate import codes
from integration_platform.translate.datatypes import Reader, compact
from integration_platform.translate.times import time_of_day

Value = dict[str, Any]

_NUMBER = re.compile(r"(<=|>=|<|>)?\s*([+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d{1,3})?)")
_COMPARATORS = frozenset({"<", "<=", ">", ">="})
_TEXTS = frozenset({"ST", "TX", "FT", "SI", "ID"})
_CODED = frozenset({"CE", "CWE", "CNE", "CF", "IS"})
_TIMES = frozenset({"DT", "TS", "DTM"})


def value_of(reader: Reader, kind: str, field: Field, unit: Value) -> Value:
    """{value[x]: …} of one repetition of OBX-5 of this type (OBX-2); {} when it says nothing.

    What does not fit its type (text in an NM) is kept as text: a result is never lost because it is written badly.
    """
    if kind == "NM":
        found = _quantity(field.text(1), unit)
    elif kind == "SN":
        found = _structured(field, unit)
    elif kind in _CODED:
        concept = reader.concept(field)
        found = {"valueCodeableConcept": concept} if concept else {}
    elif kind in _TIMES:
        found = compact(valueDateTime=reader.clock.date_time(field.text(1)))
    elif kind == "TM":
        found = compact(valueTime=time_of_day(field.text(1)))
    elif kind == "DR":
        period = compact(start=reader.clock.date_time(field.text(1)), end=reader.clock.date_time(field.text(2)))
        found = compact(valuePeriod=period)
    elif kind == "NR":
        found = _range(field.text(1), field.text(2), unit)
    else:
        found = {}
    return found or _text(kind, field)


def unit_of(reader: Reader, obx: Segment) -> Value:
    """OBX-6 as the unit part of a Quantity. Only a unit that says it is UCUM gets a code: a guess could be wrong."""
    field = obx.first(6)
    if field is None:
        return {}
    if field.raw not in reader.units:
        reader.units[field.raw] = _unit(reader, field)
    return reader.units[field.raw]


def _unit(reader: Reader, field: Field) -> Value:
    system = reader.code_system(field.text(3))
    shown = field.text(2) or field.text(1)
    if system == codes.UCUM:
        return compact(unit=shown, system=system, code=field.text(1))
    return compact(unit=shown)


def reference_range(written: str, unit: Value) -> Value:
    """OBX-7: always as text, and as numbers where it is plainly `low-high`, `<high` or `>low`."""
    found: Value = {}
    between = re.fullmatch(r"\s*(-?\d+(?:[.,]\d+)?)\s*(?:-|–)\s*(-?\d+(?:[.,]\d+)?)\s*", written)
    bound = re.fullmatch(r"\s*(<=|>=|<|>|≤|≥)\s*(\d+(?:[.,]\d+)?)\s*", written)
    if between is not None:
        found = {"low": _number(between[1], unit), "high": _number(between[2], unit)}
    elif bound is not None:
        found = {"high" if bound[1] in "<=≤" else "low": _number(bound[2], unit)}
    return found | {"text": written}


def attachment(field: Field, title: str) -> Value | None:
    """ED (encapsulated data) or RP (a pointer) as Attachment; None when there is nothing in it, or it is broken."""
    kind, subtype, encoding, data = (field.text(at) for at in (2, 3, 4, 5))
    found = compact(contentType=_media_type(kind, subtype), title=title)
    if encoding.upper() == "BASE64":
        return found | {"data": plain} if (plain := _base64(data)) else None
    if encoding.upper() == "HEX":
        raw = _hex(data)
        return found | {"data": base64.b64encode(raw).decode()} if raw else None
    if data:
        return found | {"data": base64.b64encode(data.encode()).decode()}
    return None


def pointer(field: Field, title: str) -> Value | None:
    """RP: where the document is, when that is an address."""
    address = field.text(1)
    if not re.match(r"[a-z][a-z0-9+.-]*:", address):
        return None
    return compact(contentType=_media_type(field.text(3), field.text(4)), url=address, title=title)


def _quantity(written: str, unit: Value) -> Value:
    parts = _NUMBER.fullmatch(written)
    if parts is None:
        return {}
    return {"valueQuantity": compact(comparator=parts[1]) | _number(parts[2], unit)}


def _structured(sn: Field, unit: Value) -> Value:
    """SN: comparator, number, separator, number: `>^100`, `^1^:^128`, `^2^-^20`, `^3^+`."""
    comparator, first, separator, second = (sn.text(at) for at in range(1, 5))
    low, high = _NUMBER.fullmatch(first), _NUMBER.fullmatch(second)
    if low is None or (comparator and comparator != "=" and comparator not in _COMPARATORS):
        return {}
    if not separator:
        known = comparator if comparator in _COMPARATORS else None
        return {"valueQuantity": compact(comparator=known) | _number(low[2], unit)}
    if separator in (":", "/") and high is not None:
        top = compact(comparator=comparator if comparator in _COMPARATORS else None) | _number(low[2], unit)
        return {"valueRatio": {"numerator": top, "denominator": _number(high[2], unit)}}
    return _range(first, second, unit) if separator == "-" and not comparator else {}


def _range(low: str, high: str, unit: Value) -> Value:
    ends = {name: _NUMBER.fullmatch(end) for name, end in (("low", low), ("high", high))}
    found = {name: _number(parts[2], unit) for name, parts in ends.items() if parts is not None and not parts[1]}
    return {"valueRange": found} if found else {}


def _text(kind: str, field: Field) -> Value:
    if kind == "SN":
        return compact(valueString=" ".join(part for part in (field.text(at) for at in range(1, 5)) if part))
    return compact(valueString=field.text(1) if kind in _TEXTS and len(field) == 1 else field.whole())


def _number(written: str, unit: Value) -> Value:
    """A decimal with the digits as sent; a comma is a decimal point."""
    return {"value": Decimal(written.replace(",", "."))} | unit


def _media_type(kind: str, subtype: str) -> str:
    if "/" in subtype:
        return subtype.lower()
    known = {
        "PDF": "application/pdf", "RTF": "application/rtf", "HTML": "text/html", "XML": "application/xml",
        "JPEG": "image/jpeg", "JPG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "TIFF": "image/tiff",
        "DICOM": "application/dicom", "PLAIN": "text/plain",
    }  # fmt: skip
    if subtype.upper() in known:
        return known[subtype.upper()]
    return "text/plain" if kind.upper() in ("TX", "FT", "TEXT") else "application/octet-stream"


def _base64(data: str) -> str:
    plain = "".join(data.split())
    try:
        base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return plain


def _hex(data: str) -> bytes:
    try:
        return bytes.fromhex(data)
    except ValueError:
        return b""
