"""Requests to any operation of an OpenAPI document: right ones, nearly right ones, and wrong ones."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from made.resources import broken, mutated
from made.searches import value
from made.values import TEXTS, VALUES, text

_PLAIN: dict[str, list[Any]] = {
    "integer": [0, 1, 5, -1, 2**31, 2**63, 10**30],
    "number": [0.5, -1.0, 1e300],
    "boolean": [True, False],
    "null": [None],
}
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_IDS = [
    "1",
    "0",
    "-1",
    "999999999999999999999",
    "x",
    "example",
    "a" * 65,
    "%00",
    "..",
    "%2e%2e",
    "ä",
    "Patient",
    "$meta",
    "1e9",
]
_HEADERS = (
    "if-match",
    "prefer",
    "accept",
    "idempotency-key",
    "fvm-operator",
    "fvm-patient",
    "origin",
    "cookie",
    "traceparent",
)


@dataclass(frozen=True)
class Operation:
    """One method of one path, with what the document says of its parameters and body."""

    method: str
    path: str
    parameters: Sequence[Mapping[str, Any]]
    bodies: Mapping[str, Any]


@dataclass
class Sent:
    """A request ready to be sent."""

    method: str
    url: str
    body: bytes | None = None
    headers: dict[str, bytes] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = {name: one for name, one in self.headers.items() if name != "authorization"}
        return f"{self.method} {self.url[:400]} {shown} {(self.body or b'')[:800]!r}"


class Document:
    """An OpenAPI document: its operations, and values that fit its schemas."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def operations(self) -> list[Operation]:
        found = []
        for path, item in self._document["paths"].items():
            for method in _METHODS:
                if method in item:
                    asked = [*item.get("parameters", ()), *item[method].get("parameters", ())]
                    bodies = self._followed(item[method].get("requestBody", {})).get("content", {})
                    found.append(Operation(method, path, [self._followed(one) for one in asked], bodies))
        return found

    def request(self, r: Random, one: Operation, tokens: Sequence[bytes]) -> Sent:
        """One request to it; one in four by another method or with more than the document knows."""
        path, pairs = one.path, []
        headers = {"authorization": r.choice(tokens)} if r.random() < 0.95 else {}
        for parameter in one.parameters:
            name, place = parameter["name"], parameter["in"]
            if place == "path":
                path = path.replace(f"{{{name}}}", self._in_path(r, parameter.get("schema", {})))
            elif parameter.get("required") or r.random() < 0.5:
                made = _written(self.made(r, parameter.get("schema", {}))) if r.random() < 0.6 else value(r)
                if place == "query":
                    pairs += [(name, made)] * r.choice((1, 1, 1, 2))
                elif place == "header":
                    headers[name] = _in_a_header(made)
        if r.random() < 0.2:
            pairs.append((r.choice(("_count", "limit", "x", "")), value(r)))
        if r.random() < 0.2:
            headers[r.choice(_HEADERS)] = _in_a_header(value(r))
        method = one.method if r.random() < 0.9 else r.choice(_METHODS)
        sent = Sent(method.upper(), path + ("?" + urlencode(pairs, errors="replace") if pairs else ""), headers=headers)
        if one.bodies and method in ("post", "put", "patch", "delete"):
            kind = r.choice(list(one.bodies))
            sent.body = self._body(r, kind, one.bodies[kind].get("schema", {}))
            headers["content-type"] = _in_a_header(kind if r.random() < 0.95 else value(r))
        return sent

    def made(self, r: Random, schema: Any, depth: int = 0) -> Any:
        """A value for this schema; now and then another one."""
        schema = self._followed(schema) if isinstance(schema, dict) else {}
        if r.random() < 0.08 or depth > 6:
            return r.choice(VALUES)
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema:
                return self.made(r, r.choice(schema[word]), depth + 1)
        if "const" in schema or "enum" in schema:
            return r.choice(schema.get("enum", [schema.get("const")]))
        match schema.get("type"):
            case "object":
                return self._object(r, schema, depth)
            case "array":
                return [self.made(r, schema.get("items", {}), depth + 1) for _ in range(r.randrange(4))]
            case "integer" | "number" | "boolean" | "null" as plain:
                return r.choice(_PLAIN[plain])
        return r.choice(TEXTS) if r.random() < 0.5 else text(r)

    def _object(self, r: Random, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        known, required = schema.get("properties", {}), schema.get("required", ())
        if not known:
            return {text(r): r.choice(VALUES) for _ in range(r.randrange(3))}
        wanted = [name for name in known if name in required or r.random() < 0.6]
        return {name: self.made(r, known[name], depth + 1) for name in wanted}

    def _body(self, r: Random, kind: str, schema: Any) -> bytes:
        made = self.made(r, schema)
        if r.random() < 0.3 and isinstance(made, dict) and made:
            made = mutated(r, made, [made])
        if "form" in kind:
            pairs = made.items() if isinstance(made, dict) else []
            raw = urlencode([(name, _written(one)) for name, one in pairs], errors="replace").encode()
        elif "xml" in kind:
            raw = b'<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>'
        else:
            raw = json.dumps(made).encode()
        return broken(r, raw) if r.random() < 0.2 else raw

    def _in_path(self, r: Random, schema: Any) -> str:
        made = self.made(r, schema)
        return (
            r.choice(_IDS)
            if r.random() < 0.6 or not made
            else quote(_written(made)[:80], safe="", errors="replace") or "x"
        )

    def _followed(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in schema:
            return schema
        found: Any = self._document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return self._followed(found)


def _written(made: Any) -> str:
    return made if isinstance(made, str) else json.dumps(made)


def _in_a_header(made: str) -> bytes:
    return "".join(one for one in made if one >= " ").encode("utf-8", "replace")
