"""What a bulk export is asked for: parameters of the address or of a Parameters resource, each checked and named when refused.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters, and `_until` of the ballot after it.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec

from access import allows
from fhircore.outcome import InvalidFHIR
from fhircore.query import Query, parse
from fhircore.types import TYPES
from fhirserver.bodies import parsed
from fhirserver.intake import ID
from fhirserver.messages import Request
from fhirserver.problems import Forbidden, Invalid, NotSupported

Level = Literal["system", "patient", "group", "search"]

_FORMATS = ("application/fhir+ndjson", "application/fhir ndjson", "application/ndjson", "ndjson")
_SEVERAL = re.compile(r",(?=[A-Z][A-Za-z]+\?)")
_VALUES = ("valueString", "valueInstant", "valueCode", "valueUri", "valueBoolean", "valueReference")


class Ask(msgspec.Struct):
    """One export. `filters` are (type, query); several of one type are alternatives. `patients` are ids, None for all."""

    level: Level
    types: list[str] = []
    since: datetime | None = None
    until: datetime | None = None
    filters: list[tuple[str, str]] = []
    patients: list[str] | None = None
    ignored: list[str] = []

    def queries(self, type_name: str) -> list[Query]:
        """The filters of this type, parsed; none: everything of it."""
        return [parse(type_name, _pairs(text)) for name, text in self.filters if name == type_name]


def export_asked(request: Request, level: Level) -> Ask:
    """Raises Invalid, NotSupported (by name) or Forbidden."""
    ask = Ask(level)
    for name, value in _given(request):
        take = _PARAMETERS.get(name)
        if take is not None:
            take(ask, value)
        elif request.lenient:
            ask.ignored.append(name[:60])
        else:
            raise NotSupported(f"The parameter '{name[:60]}' of $export is not supported", at=name[:60])
    ask.types = _types(request, ask)
    return ask


def _given(request: Request) -> Iterator[tuple[str, str]]:
    yield from request.parameters
    if not request.body:
        return
    try:
        data = parsed(request.body)
    except InvalidFHIR as error:
        raise Invalid.of(error) from None
    if not isinstance(data, dict) or data.get("resourceType") != "Parameters":
        raise Invalid("The body of $export is a Parameters resource", at="body")
    for one in data.get("parameter", []):
        value = next((one[name] for name in _VALUES if name in one), None) if isinstance(one, dict) else None
        if isinstance(value, dict):
            value = value.get("reference")
        if not isinstance(value, str | bool) or not isinstance(one.get("name"), str):
            raise Invalid("A parameter of $export has a name and a value of a simple type", at="Parameters.parameter")
        yield one["name"], str(value).lower() if isinstance(value, bool) else value


def _take_format(_ask: Ask, value: str) -> None:
    if value not in _FORMATS:
        raise NotSupported("An export is application/fhir+ndjson", at="_outputFormat")


def _take_types(ask: Ask, value: str) -> None:
    for name in value.split(","):
        if name not in TYPES or TYPES[name].door == "none":
            raise Invalid(f"'{name[:60]}' is not a resource type that is kept here", at="_type")
        ask.types.append(name)


def _take_since(ask: Ask, value: str) -> None:
    ask.since = _instant("_since", value)


def _take_until(ask: Ask, value: str) -> None:
    ask.until = _instant("_until", value)


def _instant(name: str, value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or "T" not in value:
        raise Invalid(f"{name} is an instant with a time zone, like 2026-03-01T08:00:00Z", at=name)
    return found


def _take_filter(ask: Ask, value: str) -> None:
    for one in _SEVERAL.split(value):
        type_name, question, query = one.partition("?")
        if type_name not in TYPES or not question:
            raise Invalid("A _typeFilter is Type?search", at="_typeFilter")
        only_criteria(parse(type_name, _pairs(query)), "_typeFilter")
        ask.filters.append((type_name, query))


def only_criteria(query: Query, at: str) -> None:
    """Raises NotSupported for what shapes a page and says nothing of which resources are meant."""
    shaping = {
        "_sort": query.sort, "_include": query.include, "_revinclude": query.revinclude, "_elements": query.elements,
        "_summary": query.summary, "_type": query.types, "_cursor": query.cursor, "_explain": query.explain,
    }  # fmt: skip
    for name, value in shaping.items():
        if value:
            raise NotSupported(f"{name} has no place in {at}", at=name)


def _take_patient(ask: Ask, value: str) -> None:
    if ask.level not in ("patient", "group"):
        raise NotSupported("The parameter 'patient' belongs to an export of patients or of a group", at="patient")
    for one in value.split(","):
        id = one.removeprefix("Patient/")
        if not ID.fullmatch(id):
            raise Invalid("patient is a reference like Patient/123", at="patient")
        ask.patients = [*(ask.patients or []), id]


def _take_partial(_ask: Ask, value: str) -> None:
    if value != "false":
        raise NotSupported("The manifest comes when it is whole", at="allowPartialManifests")


_PARAMETERS: dict[str, Callable[[Ask, str], Any]] = {
    "_outputFormat": _take_format, "_type": _take_types, "_since": _take_since, "_until": _take_until,
    "_typeFilter": _take_filter, "patient": _take_patient, "allowPartialManifests": _take_partial,
}  # fmt: skip


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        if "%00" in query or "\0" in query:
            raise ValueError
        return parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise Invalid("The search is not name=value pairs in UTF-8", at="_typeFilter") from None


def _types(request: Request, ask: Ask) -> list[str]:
    """The types that are exported: those asked for, which the token must allow, or all that it allows."""
    within = [kind.name for kind in TYPES.values() if kind.door != "none" and _at(ask.level, kind)]
    scopes = request.caller.scopes
    allowed = [name for name in within if allows(scopes, name, "r") and allows(scopes, name, "s")]
    for name in ask.types:
        if name not in within:
            raise Invalid(f"{name} has no patients, so it is not part of this export", at="_type")
        if name not in allowed:
            raise Forbidden(f"The token's scopes do not allow this for {name}", at="scope")
    for name, _ in ask.filters:
        if name not in (ask.types or allowed):
            raise Invalid(f"_typeFilter names {name}, which is not among the exported types", at="_typeFilter")
    if not allowed:
        raise Forbidden("The token's scopes allow no type to be exported; system/*.rs is needed", at="scope")
    return sorted(set(ask.types)) or allowed


def _at(level: Level, kind: Any) -> bool:
    return level == "system" or kind.name == "Patient" or bool(kind.patient)
