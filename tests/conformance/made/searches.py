"""Searches, conditions, filters and the parameters of histories and operations, from the grammar and beside it."""

import json
from random import Random
from urllib.parse import quote

from fhircore.params import params_of
from fhircore.types import TYPES
from made.values import TEXTS, text

STORED = [name for name, kind in TYPES.items() if kind.door != "none"]
_MODIFIERS = [
    ":not", ":exact", ":contains", ":missing", ":identifier", ":text", ":in", ":not-in", ":above", ":below", ":of-type",
    ":Patient", ":iterate", ":x", ":", "::", ":Observation",
]  # fmt: skip
_CONTROLS = [
    "_sort", "_count", "_include", "_revinclude", "_include:iterate", "_revinclude:iterate", "_total", "_summary",
    "_elements", "_cursor", "_format", "_pretty", "_id", "_lastUpdated", "_type", "_list", "_filter", "_text", "_content",
    "_explain", "_profile", "_tag", "_security", "_source", "_query", "_contained", "_since", "_at", "_has",
]  # fmt: skip
_OPERATORS = [
    "eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in", "ni", "re", "xx",
]  # fmt: skip
_PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "po"]
_NUMBERS = [
    "1", "1.50", "-3", "1e5", "1e-300", "1e999", "5e400", "0.000000000000000000000000001", "9" * 40, "nan", "inf",
    "1.5|http://unitsofmeasure.org|mg",
]  # fmt: skip
DATES = [
    "2026", "2026-01", "2026-01-01", "2026-01-01T00", "2026-01-01T10:00", "2026-01-01T10:00:00Z", "0001", "9999-12-31",
    "2026-01-01T10:00:00.123456789+01:00", "2026-02-30", "0000", "10000", "2026-01-01T24:00:00Z", "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
]  # fmt: skip
_WORDS = [
    "true", "false", "|", "a|b", "|b", "b|", "a|b|c", "Patient/1", "http://x/Patient/1", "urn:x", "*", "Observation:subject",
    "Observation:*", "Patient:link:Patient", "-date", "name", "a,b", "\\,", "\\", "$", "a$b", "a$b$c", "5||kg", "count",
    "text", "data", "none", "estimate", "accurate", "json", "xml", "0", "1", "1000", "99999999999", "-1",
    "Patient,Observation", "62.39|17.31|10|km", "91|1", "62|17|-1", "62|17|1e300|m", "final", "%", "_", "'", '"', "--", "(",
    "((((", "a eq b and", "not (a eq b)", "http://hl7.org/fhir/ValueSet/observation-status",
]  # fmt: skip
_ASKED = [
    "start", "end", "_since", "_type", "_count", "patient", "subject", "max", "mode", "profile", "resource", "_typeFilter",
    "_outputFormat", "_elements", "_cursor", "_at", "_sort", "code", "category", "id", "content", "eventsSinceNumber",
]  # fmt: skip


def value(r: Random, depth: int = 0) -> str:
    match r.randrange(6):
        case 0:
            return r.choice(TEXTS)
        case 1:
            return r.choice(_WORDS)
        case 2:
            return r.choice(_PREFIXES) + r.choice(DATES)
        case 3:
            return r.choice(_PREFIXES) + r.choice(_NUMBERS)
        case 4 if depth < 3:
            return ",".join(value(r, depth + 1) for _ in range(r.randrange(1, 4)))
    return text(r)


def query(r: Random, type_name: str) -> str:
    """One to three pairs, as they stand in an address."""
    pairs = []
    for _ in range(r.choice((1, 1, 2, 3))):
        name, asked = _name(r, type_name), value(r)
        if name.startswith("_filter"):
            asked = _filter(r, type_name)
        elif "include" in name:
            asked = _include(r)
        elif name == "_sort":
            asked = ",".join(
                r.choice(("", "-")) + r.choice(sorted(params_of(type_name))) for _ in range(r.randrange(1, 4))
            )
        pairs.append(f"{quote(name, safe=':._')}{r.choice(('=', '=', '=', '=', ''))}{quote(asked, safe='')}")
    return "&".join(pairs)


def asked_besides(r: Random) -> str:
    """What histories and operations may be asked, and what they may not."""
    return "&".join(f"{r.choice(_ASKED)}={quote(value(r), safe='')}" for _ in range(r.randrange(4)))


def _name(r: Random, type_name: str, depth: int = 0) -> str:
    known = params_of(type_name)
    references = [param for param in known.values() if param.type == "reference"]
    match r.randrange(10):
        case 0:
            return r.choice(_CONTROLS) + (r.choice(_MODIFIERS) if r.random() < 0.2 else "")
        case 1 if references and depth < 10:
            param = r.choice(references)
            target = r.choice([name for name in param.target if name in TYPES] or STORED)
            return f"{param.name}{f':{target}' if r.random() < 0.7 else ''}.{_name(r, target, depth + 1)}"
        case 2 if depth < 10:
            source = r.choice(STORED)
            ways = [param.name for param in params_of(source).values() if param.type == "reference"] or ["x"]
            return f"_has:{source}:{r.choice(ways)}:{_name(r, source, depth + 1)}"
        case 3:
            return text(r)
    return r.choice(sorted(known)) + (r.choice(_MODIFIERS) if r.random() < 0.3 else "")


def _filter(r: Random, type_name: str, depth: int = 0) -> str:
    match r.randrange(6) if depth < 6 else 5:
        case 0:
            return f"({_filter(r, type_name, depth + 1)})"
        case 1:
            return (
                _filter(r, type_name, depth + 1)
                + r.choice((" and ", " or ", " AND "))
                + _filter(r, type_name, depth + 1)
            )
        case 2:
            return f"not ({_filter(r, type_name, depth + 1)})"
    asked = value(r)
    return f"{_name(r, type_name, 8)} {r.choice(_OPERATORS)} {asked if r.random() < 0.6 else json.dumps(asked)}"


def _include(r: Random) -> str:
    source = r.choice(STORED)
    ways = [param.name for param in params_of(source).values() if param.type == "reference"] or ["x"]
    whole = f"{source}:{r.choice(ways)}"
    return r.choice((whole, whole, f"{source}:*", "*", f"{whole}:{r.choice(STORED)}", value(r)))
