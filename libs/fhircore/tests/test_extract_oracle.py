"""The compiled extraction against a general FHIRPath engine (fhirpathpy) on HL7's own examples."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.engine.nodes import ResourceNode
from fhirpathpy.models import models

from fhircore.extract import TEXT, TYPED, extractor, indexed
from fhircore.moments import EARLIEST, LATEST, moment
from fhircore.params import SearchParam

EXAMPLES = Path(__file__).parents[3] / ".." / "shared" / "data" / "r4-examples"
KNOWN_DIFFERENCES = {
    ("CarePlan", "activity-date"): "scheduledString is text, not a date, whatever it says",
}

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="../shared/data/r4-examples is not there")


def resolve(inputs: list[Any]) -> list[ResourceNode]:
    """fhirpathpy leaves resolve() to us: a resource of the type that the reference names."""
    found = []
    for node in inputs:
        data = node.data if isinstance(node, ResourceNode) else node
        named = re.search(r"(?:^|/)([A-Z]\w+)/[^/]+(?:/_history/.*)?$", data.get("reference", ""))
        if named:
            found.append(ResourceNode.create_node({"resourceType": named[1]}, named[1]))
    return found


@cache
def compiled(expression: str) -> Callable[[Any, dict], list]:
    # Its `as` raises on lists, and it does not know that every resource is a Resource.
    plain = re.sub(r"\.as\((\w+)\)", r".ofType(\1)", expression).replace("Resource.", "")
    options = {"userInvocationTable": {"resolve": {"fn": resolve, "arity": {0: []}}}}
    return fhirpathpy.compile(plain, models["r4"], options)


def texts(value: Any) -> Iterator[str]:
    """Every text in a HumanName or Address that is for people to read."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("use", "type", "period", "extension", "id"):
                yield from texts(item)


def tokens(value: Any) -> set[tuple]:
    if not isinstance(value, dict):
        return {(None, str(value).lower() if isinstance(value, bool) else value)}
    if "coding" in value or ("text" in value and "value" not in value):
        return {(c.get("system"), c["code"]) for c in value.get("coding", []) if "code" in c}
    if "code" in value and isinstance(value["code"], str):
        return {(value.get("system"), value["code"])}
    if "value" not in value:
        return set()
    contact = value.get("system") in ("phone", "fax", "email", "pager", "url", "sms", "other") or "rank" in value
    return {(None if contact else value.get("system"), value["value"])}


def references(value: Any) -> set[tuple]:
    if isinstance(value, str):
        return {(value,), (value.split("|")[0],)}
    text = value.get("reference", "#")
    return set() if text.startswith("#") else {(text.split("/_history/")[0],)}


def numbers(value: Any) -> set[tuple]:
    """The number, or the upper end of a range."""
    if not isinstance(value, dict):
        return {(float(value),)}
    if "low" in value or "high" in value:
        return {(float(value.get("high", {}).get("value", inf)),)}
    return {(float(value["value"]),)} if "value" in value else set()


def dates(value: Any) -> set[tuple]:
    if isinstance(value, str):
        return {moment(value)}
    if not value:
        return set()
    if "start" in value or "end" in value:
        start, end = value.get("start"), value.get("end")
        return {(moment(start)[0] if start else EARLIEST, moment(end)[1] if end else LATEST)}
    inside = [entry for text in value.get("event", []) for entry in dates(text)]
    inside += dates(value.get("repeat", {}).get("boundsPeriod", {}))
    return {(min(lo for lo, _ in inside), max(hi for _, hi in inside))} if inside else set()


def expected(param: SearchParam, found: list[Any]) -> set[tuple]:
    """What the oracle's elements mean for a parameter, read independently and slowly."""
    match param.type:
        case "token":
            return {token for value in found for token in tokens(value)}
        case "reference":
            return {entry for value in found for entry in references(value)}
        case "string":
            return {(text,) for value in found for text in texts(value)}
        case "uri":
            return {(part,) for value in found for part in (value, value.split("|")[0])}
        case "quantity" | "number":
            return {entry for value in found for entry in numbers(value)}
        case _:
            return {entry for value in found for entry in dates(value)}


def ours(param: SearchParam, values: list[tuple]) -> set[tuple]:
    """Our tuples in the form of `expected`: of quantities the number alone."""
    rest = [value[2:] for value in values if value[1] == param.name and value[0] not in (TEXT, TYPED)]
    return {value[-1:] for value in rest} if param.type in ("quantity", "number") else set(rest)


def compared() -> Iterator[tuple[str, SearchParam, set[tuple], set[tuple]]]:
    for path in sorted(EXAMPLES.glob("*.json")):
        resource = json.loads(path.read_bytes())
        name = resource["resourceType"]
        values = extractor(name)(resource)
        for param in indexed(name):
            found = compiled(param.expression)(copy.deepcopy(resource), {})
            yield name, param, expected(param, [v for v in found if v is not None]), ours(param, values)


def test_the_oracle_finds_the_same_values_for_every_parameter_of_every_example():
    checked = hits = 0
    differing = {}
    for name, param, theirs, mine in compared():
        checked += 1
        hits += bool(mine)
        if theirs != mine and param.name != "phonetic":
            differing[name, param.name] = (theirs, mine)
    assert {key: pair for key, pair in differing.items() if key not in KNOWN_DIFFERENCES} == {}
    assert set(differing) == set(KNOWN_DIFFERENCES)
    assert checked > 3700
    assert hits > 1200
