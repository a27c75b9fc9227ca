"""Patches of both languages, bundles and GraphQL queries, some of them right."""

import copy
from random import Random
from typing import Any

from made.resources import mutated
from made.values import VALUES, places

_POINTERS = [
    "",
    "/",
    "-",
    "/-",
    "/name/-",
    "/name/99",
    "/id",
    "/meta/versionId",
    "/a/b/c",
    "~",
    "/~2",
    "/name/01",
    "/name/-1",
]
_FHIRPATHS = [
    "{t}", "{t}.id", "{t}.identifier", "{t}.identifier[0]", "{t}.extension.where(url='x')", "{t}.name.first().family",
    "{t}.text", "Patient", "%resource", "{t}.descendants()", "1", "'x'", "((", "", "{t}.repeat(children())",
    "{t}.meta.versionId", "{t}.identifier.value.matches('(a+)+$')", "{t}.contained",
]  # fmt: skip
_NEW: list[dict[str, Any]] = [
    {"name": "value", "valueString": "x"}, {"name": "value", "valueCode": "final"}, {"name": "value"},
    {"name": "value", "valueDecimal": 1.50}, {"name": "value", "resource": {"resourceType": "Patient"}},
    {"name": "value", "part": [{"name": "system", "valueUri": "x"}, {"name": "value", "valueString": "y"}]},
]  # fmt: skip
_FIELDS = [
    "id", "name {family given}", "__typename", "... on Patient {id}", "a: id", "@skip(if: true)", "fhirpath(x)", "$x", '"""',
    "subject {reference resource {... on Patient {id name {family}}}}", 'identifier(system: "x") {value}', "#c\n", "...F",
    "ObservationList(_reference: subject) {id}", "PatientConnection(_count: 2) {count next edges {resource {id}}}",
    'Patient(id: "example") {id}', "value {... on Quantity {value}}", "contained {... on Patient {id}}",
    "name @first {family}", 'name @flatten {given @slice(path: "$index")}', "given @singleton",
    "name(fhirpath: \"use='official'\") {given}", "name(_offset: 0, _count: 1) {given}", 'extension(url: "x") {url}',
]  # fmt: skip
_SIGNS = ["", "{", "}", "(", ")", '"', "...", "\\", "é", "\x07", "@", "$", "[[[", "9e99"]


def json_patch(r: Random, resource: dict[str, Any]) -> Any:
    known = [
        "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in place) for place in places(resource)
    ]
    operations = []
    for _ in range(r.randrange(4)):
        made: dict[str, Any] = {"op": r.choice(("add", "remove", "replace", "move", "copy", "test", "x", None))}
        made["path"] = r.choice(known if r.random() < 0.8 else _POINTERS)
        if r.random() < 0.8:
            made["value"] = copy.deepcopy(r.choice(VALUES))
        if r.random() < 0.4:
            made["from"] = r.choice(known)
        operations.append(made)
    return operations if r.random() < 0.95 else r.choice(({}, [1], None, "x", [[]]))


def fhirpath_patch(r: Random, resource: dict[str, Any]) -> Any:
    operations = []
    for _ in range(r.randrange(3)):
        path = r.choice(_FHIRPATHS).format(t=resource["resourceType"])
        parts = [
            {"name": "type", "valueCode": r.choice(("add", "insert", "delete", "replace", "move", "x"))},
            {"name": "path", "valueString": path},
        ]
        if r.random() < 0.7:
            names = ("status", "identifier", "extension", "birthDate", "x", "id", "resourceType", "contained", "text")
            parts.append({"name": "name", "valueString": r.choice(names)})
        if r.random() < 0.7:
            parts.append(copy.deepcopy(r.choice(_NEW)))
        for name in ("index", "source", "destination"):
            if r.random() < 0.3:
                parts.append({"name": name, "valueInteger": r.choice((0, 1, -1, 99, 2**40))})
        operations.append({"name": "operation", "part": parts})
    made = {"resourceType": "Parameters", "parameter": operations}
    return mutated(r, made, [resource]) if r.random() < 0.3 else made


def bundle(kind: str) -> dict[str, Any]:
    """A right one, with an entry of every method."""
    patient = {"resourceType": "Patient", "id": "made-up", "name": [{"family": "x"}]}
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    observation |= {"subject": {"reference": "urn:uuid:1"}}
    add = [("type", "valueCode", "add"), ("path", "valueString", "Patient"), ("name", "valueString", "active")]
    parts = [{"name": name, key: value} for name, key, value in (*add, ("value", "valueBoolean", True))]
    change = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    where = "Observation?identifier=urn:made|up"
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {"fullUrl": "urn:uuid:1", "resource": patient, "request": {"method": "PUT", "url": "Patient/made-up"}},
            {"resource": observation, "request": {"method": "POST", "url": "Observation", "ifNoneExist": where[12:]}},
            {"request": {"method": "DELETE", "url": "Patient/made-up-too"}},
            {"request": {"method": "GET", "url": "Patient?name=x"}},
            {"resource": observation, "request": {"method": "PUT", "url": "Observation?identifier=urn:made|too"}},
            {"resource": change, "request": {"method": "PATCH", "url": "Patient/example"}},
        ],
    }


def graphql(r: Random, depth: int = 0) -> str:
    fields = [
        r.choice(_FIELDS) if r.random() < 0.7 or depth > 4 else graphql(r, depth + 1) for _ in range(r.randrange(1, 4))
    ]
    made = "{" + " ".join(fields) + "}"
    if depth == 0 and r.random() < 0.3:
        made = (
            r.choice(("query ", "query q($x: String) ", "mutation ", "fragment F on Patient ", "subscription ")) + made
        )
    if r.random() < 0.15:
        place = r.randrange(len(made))
        made = made[:place] + r.choice(_SIGNS) + made[place + 1 :]
    return made
