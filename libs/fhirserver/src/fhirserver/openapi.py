"""The FHIR part of an OpenAPI document, made from the CapabilityStatement (http://hl7.org/fhir/R4/http.html)."""

from collections.abc import Mapping, Sequence
from typing import Any

from fhirserver.openapi_operations import operations
from fhirserver.openapi_words import ID, TYPE, Json, answer, operation, parameter


def joined(own: Json, path: str, statement: Mapping[str, Any]) -> Json:
    """A service's OpenAPI document with the FHIR door below `path` in it."""
    fhir = paths(path, statement)
    components = {part: dict(found) for part, found in own.get("components", {}).items()}
    for part, found in fhir["components"].items():
        components.setdefault(part, {}).update(found)
    return {**own, "tags": fhir["tags"], "paths": {**fhir["paths"], **own["paths"]}, "components": components}


def paths(base: str, statement: Mapping[str, Any]) -> Json:
    """`tags`, `paths` and `components` of all interactions below `base` (e.g. /vis/fhir). Types are listed per interaction."""
    rest = statement["rest"][0]
    may = _types(rest["resource"])
    every = may["read"]
    found = _whole(base, rest) | _resources(base) | _histories(base)
    found |= _searches(base, found[base]) | operations(base, rest)
    tag = {"name": "fhir", "description": f"FHIR R4 at {base}. {_written(may['create'], every)}"}
    return {"tags": [tag], "paths": _without_writes(found, may), "components": _components(every)}


def _whole(base: str, rest: Mapping[str, Any]) -> Json:
    """What is asked of the door itself."""
    told = operation("capabilities", "What this server does", "CapabilityStatement", public=True)
    return {
        f"{base}/metadata": {"get": told},
        base: {"post": operation("transaction", _bundles(rest), "Bundle", body="Bundle")},
    }


def _resources(base: str) -> Json:
    """What is asked of a type, and of one resource."""
    found, create, put = (
        "Search; the CapabilityStatement lists the parameters of each type",
        "Create",
        "Update or create",
    )
    here, pointed = "of a type that is written here", "what the search points out"
    return {
        f"{base}/{{type}}": {
            "parameters": [TYPE],
            "get": operation("search", found, "Bundle"),
            "post": operation("create", f"{create}, {here}", "Resource", status="201", body="Resource"),
            "put": operation("update-conditional", f"Update {pointed}", "Resource", body="Resource"),
            "patch": _patch("patch-conditional", f"Patch {pointed}"),
            "delete": operation("delete-conditional", f"Delete {pointed}", None, status="204"),
        },
        f"{base}/{{type}}/{{id}}": {
            "parameters": [TYPE, ID],
            "get": operation("read", "The current version", "Resource"),
            "put": operation("update", f"{put}, {here}", "Resource", body="Resource"),
            "patch": _patch("patch", "JSON Patch, or FHIRPath Patch as Parameters"),
            "delete": operation("delete", f"Delete, {here}", None, status="204"),
        },
    }


def _histories(base: str) -> Json:
    """What happened, of everything, a type, a resource; and one version."""
    versions = parameter("version", {"type": "string", "pattern": "^[0-9]{1,9}$"})
    return {
        f"{base}/_history": {"get": operation("history-all", "What happened to everything, newest first", "Bundle")},
        f"{base}/{{type}}/_history": {
            "parameters": [TYPE],
            "get": operation("history-type", "What happened to all of a type, newest first", "Bundle"),
        },
        f"{base}/{{type}}/{{id}}/_history": {
            "parameters": [TYPE, ID],
            "get": operation("history", "All versions, newest first", "Bundle"),
        },
        f"{base}/{{type}}/{{id}}/_history/{{version}}": {
            "parameters": [TYPE, ID, versions],
            "get": operation("vread", "One version", "Resource"),
        },
    }


def _patch(name: str, summary: str) -> Json:
    made = operation(name, summary, "Resource", body="Parameters")
    made["requestBody"]["content"]["application/json-patch+json"] = {
        "schema": {"type": "array", "items": {"type": "object"}}
    }
    return made


def _searches(base: str, at_base: Json) -> Json:
    """The searches that have an address of their own, and the one at the base."""
    return {
        base: {"get": operation("search-all", "Search over all types, or those of _type", "Bundle"), **at_base},
        f"{base}/_search": {
            "post": operation("search-all-post", "Over all types, with the parameters in the body", "Bundle", form=True)
        },
        f"{base}/{{type}}/_search": {
            "parameters": [TYPE],
            "post": operation("search-post", "Search with the parameters in the body", "Bundle", form=True),
        },
        f"{base}/Patient/{{id}}/{{type}}": {
            "parameters": [ID, TYPE],
            "get": operation(
                "search-patient", "Search what is about a patient or concerns them; type * for all", "Bundle"
            ),
        },
    }


def _types(resources: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Interaction → the types that have it."""
    found: dict[str, list[str]] = {"read": [], "create": [], "update": [], "patch": [], "delete": []}
    for resource in resources:
        for interaction in resource["interaction"]:
            if interaction["code"] in found:
                found[interaction["code"]].append(resource["type"])
    return found


def _without_writes(found: Json, may: Mapping[str, Sequence[str]]) -> Json:
    """Without the operations that no type has."""
    for methods in found.values():
        for method, interaction in (("put", "update"), ("patch", "patch"), ("delete", "delete")):
            if not may[interaction]:
                methods.pop(method, None)
    return found


def _bundles(rest: Mapping[str, Any]) -> str:
    codes = [one["code"] for one in rest["interaction"] if not one["code"].startswith("search")]
    return f"A Bundle of type {' or '.join(codes)}"


def _written(types: Sequence[str], every: Sequence[str]) -> str:
    """Which types are written, in words."""
    if len(types) == len(every):
        return "Every type is written here."
    return f"Written here: {', '.join(types) or 'nothing'}."


def _components(types: Sequence[str]) -> Json:
    any_resource = {"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"type": "string"}}}
    outcome = answer("OperationOutcome") | {"description": "What was refused, and why"}
    scheme = {"type": "http", "scheme": "bearer", "description": "ES256 access token of the application platform"}
    return {
        "schemas": {"Resource": any_resource},
        "parameters": {
            "Type": parameter("type", {"type": "string", "enum": list(types)}),
            "Id": parameter("id", {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$"}),
        },
        "responses": {"OperationOutcome": outcome},
        "securitySchemes": {"HTTPBearer": scheme},
    }
