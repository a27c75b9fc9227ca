"""Invariants of terminology, capability and questionnaire resources that need more than presence (http://hl7.org/fhir/R4/resourcelist.html)."""

from collections.abc import Iterable
from typing import Any

from fhircore.validation.rules import Rule, has

Json = dict[str, Any]

OPTIONS = frozenset(["choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string", "quantity"])
ASSERTIONS = (
    *("contentType", "expression", "headerField", "minimumId", "navigationLinks", "path"),
    *("requestMethod", "resource", "responseCode", "response", "validateProfileId"),
)
LENGTHS = frozenset(["boolean", "decimal", "integer", "string", "text", "url", "open-choice"])


def distinct(values: Iterable[Any]) -> bool:
    """True when no value comes twice."""
    found = list(values)
    return len(found) == len(set(found))


def nested(items: Any, below: str) -> Iterable[Json]:
    """The items and everything below them, without recursion."""
    stack = list(items or ())
    while stack:
        item = stack.pop()
        yield item
        stack.extend(item.get(below, ()))


def que_1(v: Json) -> bool:
    """A group has items; a display has none."""
    kind = v.get("type")
    return "item" in v if kind == "group" else kind != "display" or "item" not in v


def que_6(v: Json) -> bool:
    """Required and repeats say nothing about a display."""
    return v.get("type") != "display" or not (has(v, "required") or has(v, "repeats"))


def que_7(v: Json) -> bool:
    """The operator `exists` is answered by true or false."""
    return v.get("operator") != "exists" or has(v, "answerBoolean")


def vsd_2(v: Json) -> bool:
    """Concepts and filters need their system."""
    return has(v, "system") or not ("concept" in v or "filter" in v)


def cpb_7(v: Json) -> bool:
    """Each document profile and mode comes once."""
    return distinct(entry.get("profile", "") + entry.get("mode", "") for entry in v.get("document", ()))


def md_1(v: Json) -> bool:
    """The maximum is * or a number above zero."""
    most = v.get("max", "*")
    return bool(most == "*" or (most.isdecimal() and int(most[:9]) > 0))


def ig_1(v: Json) -> bool:
    """Each resource is in a grouping that is defined."""
    groups = {group.get("id") for group in v.get("grouping", ())}
    return all(resource["groupingId"] in groups for resource in v.get("resource", ()) if "groupingId" in resource)


def ig_2(v: Json) -> bool:
    """Each resource is of a FHIR version that the guide is for."""
    versions = set(v.get("fhirVersion", ()))
    found = v.get("definition", {}).get("resource", ())
    return all(version in versions for resource in found for version in resource.get("fhirVersion", ()))


def tst_4(v: Json) -> bool:
    """Every capability is required, validated or both."""
    return any(has(entry, "required") or has(entry, "validated") for entry in v.get("capability", ()))


def tst_5(v: Json) -> bool:
    """One assertion at a time."""
    return "extension" in v or sum(has(v, name) for name in ASSERTIONS) <= 1


def tst_7(v: Json) -> bool:
    """An operation says what it works on."""
    if has(v, "sourceId") or sum(has(v, name) for name in ("targetId", "url", "params")) == 1:
        return True
    return v.get("type", {}).get("code") in ("capabilities", "search", "transaction", "history")


def tst_10(v: Json) -> bool:
    """A comparison needs an expression or a path, and the other way round."""
    return has(v, "compareToSourceId") == (has(v, "compareToSourceExpression") or has(v, "compareToSourcePath"))


def tst_12(v: Json) -> bool:
    """A request has no response to look at."""
    plain = not has(v, "response") and not has(v, "responseCode")
    return not has(v, "direction") or v.get("direction") == "response" or (plain and v.get("direction") == "request")


def tcp_1(v: Json) -> bool:
    """Several versions of one code system have a code each."""
    versions = v.get("version", ())
    return len(versions) < 2 or all(has(version, "code") for version in versions)


def _kind_only(v: Json, kind: str, holds: bool) -> bool:
    return v.get("kind") != kind or holds


_CAPABILITY: dict[str, Rule] = {
    "cpb-3": lambda v: v.get("kind") == "instance" or not any("endpoint" in part for part in v.get("messaging", ())),
    "cpb-7": cpb_7,
    "cpb-14": lambda v: _kind_only(v, "instance", "implementation" in v),
    "cpb-15": lambda v: _kind_only(v, "capability", "implementation" not in v and "software" in v),
    "cpb-16": lambda v: _kind_only(v, "requirements", "implementation" not in v and "software" not in v),
}
_TERMINOLOGY: dict[str, Rule] = {
    "tcp-3": _CAPABILITY["cpb-14"],
    "tcp-4": _CAPABILITY["cpb-15"],
    "tcp-5": _CAPABILITY["cpb-16"],
}
_ITEM: dict[str, Rule] = {
    "que-1": que_1,
    "que-3": lambda v: v.get("type") != "display" or "code" not in v,
    "que-5": lambda v: v.get("type") in OPTIONS or not (has(v, "answerValueSet") or "answerOption" in v),
    "que-6": que_6,
    "que-8": lambda v: v.get("type") not in ("group", "display") or "initial" not in v,
    "que-9": lambda v: v.get("type") != "display" or not has(v, "readOnly"),
    "que-10": lambda v: v.get("type") in LENGTHS or not has(v, "maxLength"),
    "que-12": lambda v: len(v.get("enableWhen", ())) < 3 or has(v, "enableBehavior"),
    "que-13": lambda v: v.get("repeats") is True or len(v.get("initial", ())) < 2,
}

CONFORMANCE_RULES: dict[str, dict[str, Rule]] = {
    "CapabilityStatement": _CAPABILITY,
    "CapabilityStatement.rest": {"cpb-9": lambda v: distinct(r["type"] for r in v.get("resource", ()) if "type" in r)},
    "CapabilityStatement.rest.resource": {
        "cpb-12": lambda v: distinct(p["name"] for p in v.get("searchParam", ()) if "name" in p)
    },
    "CodeSystem": {"csd-1": lambda v: distinct(c["code"] for c in nested(v.get("concept"), "concept") if "code" in c)},
    "ImplementationGuide": {"ig-2": ig_2},
    "ImplementationGuide.definition": {"ig-1": ig_1},
    "MessageDefinition.focus": {"md-1": md_1},
    "NamingSystem": {
        "nsd-1": lambda v: v.get("kind") != "root" or all(one.get("type") != "uuid" for one in v.get("uniqueId", ())),
        "nsd-2": lambda v: distinct(one.get("type") for one in v.get("uniqueId", ()) if one.get("preferred") is True),
    },
    "OperationDefinition.parameter": {
        "opd-2": lambda v: not has(v, "searchType") or v.get("type") == "string",
        "opd-3": lambda v: not has(v, "targetProfile") or v.get("type") in ("Reference", "canonical"),
    },
    "Questionnaire": {"que-2": lambda v: distinct(i["linkId"] for i in nested(v.get("item"), "item") if "linkId" in i)},
    "Questionnaire.item": _ITEM,
    "Questionnaire.item.enableWhen": {"que-7": que_7},
    "SearchParameter": {"spd-2": lambda v: not has(v, "chain") or v.get("type") == "reference"},
    "TerminologyCapabilities": _TERMINOLOGY,
    "TerminologyCapabilities.codeSystem": {"tcp-1": tcp_1},
    "TestScript.metadata": {"tst-4": tst_4},
    "TestScript.setup.action.assert": {"tst-5": tst_5, "tst-10": tst_10, "tst-12": tst_12},
    "TestScript.setup.action.operation": {"tst-7": tst_7},
    "TestScript.variable": {"tst-3": lambda v: not (has(v, "expression") and has(v, "headerField") and has(v, "path"))},
    "ValueSet.compose.include": {"vsd-2": vsd_2},
    "ValueSet.expansion.contains": {"vsd-9": lambda v: has(v, "code") or v.get("abstract") is True},
}
