"""What is wrong with a request that does not fit its form, in our own words: never the validator's, never the value."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fhircore.outcome import Issue

# By pydantic's types of errors (https://docs.pydantic.dev/latest/errors/validation_errors/), filled in from their context.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "is missing",
        "json_invalid": "is not JSON",
        "int_parsing": "must be a whole number",
        "int_type": "must be a whole number",
        "int_from_float": "must be a whole number",
        "int_parsing_size": "is too large a number",
        "float_parsing": "must be a number",
        "bool_parsing": "must be true or false",
        "string_type": "must be text",
        "literal_error": "must be {expected}",
        "enum": "must be {expected}",
        "greater_than": "must be above {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than": "must be below {lt}",
        "less_than_equal": "must be at most {le}",
        "string_too_short": "must have at least {min_length} characters",
        "string_too_long": "may have at most {max_length} characters",
        "string_pattern_mismatch": "must have the form {pattern}",
        "list_type": "must be a list",
        "dict_type": "must be an object",
        "model_attributes_type": "must be an object",
        "too_long": "may have at most {max_length} parts",
        "extra_forbidden": "is not known here",
    }
)
_SOURCES = ("query", "path", "body", "header", "cookie", "form")


def issues(errors: Sequence[Mapping[str, Any]]) -> tuple[Issue, ...]:
    """One for each thing that is wrong, at the parameter or the property where it is; one of several forms is told once."""
    found = (Issue("invalid", _told(error), "/".join(_place(error)) or None) for error in errors)
    return tuple(dict.fromkeys(found))


def _place(error: Mapping[str, Any]) -> list[str]:
    """The names and numbers on the way; without where it came from, and without the forms that were tried."""
    if error["type"] == "json_invalid":  # the rest is a place in the bytes
        return []
    way = [str(part) for part in error["loc"]]
    own = way[1:] if way[:1] and way[0] in _SOURCES else way
    return [part for part in own if "[" not in part and not part.startswith("function-")]


def _told(error: Mapping[str, Any]) -> str:
    place = ".".join(_place(error)) or ("The body" if error["loc"][:1] == ("body",) else "The request")
    if error["type"] == "value_error":
        return f"{place}: {str(error.get('ctx', {}).get('error') or error['msg']).removeprefix('Value error, ')}"
    words = _WORDS.get(error["type"], "is not what is asked for here")
    return f"{place} {words.format_map(error.get('ctx', {}))}"
