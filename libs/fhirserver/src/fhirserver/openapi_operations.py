"""The $operations in an OpenAPI document, made from the CapabilityStatement (http://hl7.org/fhir/R4/operations.html)."""

from collections.abc import Mapping, Sequence
from typing import Any

from fhirserver.brought import is_brought, is_of_type
from fhirserver.openapi_words import FHIR, ID, TEXT, TYPE, Json, operation, parameter

_NDJSON = "application/fhir+ndjson"
_LATER = ("export", "import", "reindex")
_OF_EVERY_TYPE = ("validate", "graphql", "meta", "meta-add", "meta-delete", "purge")


def operations(base: str, rest: Mapping[str, Any]) -> Json:
    """All of a door: those answered at once and those answered later."""
    of_all = rest.get("operation", ())
    return _of_types(base, rest["resource"]) | _validate(base) | _at_once(base) | _jobs(base, of_all)


def _jobs(base: str, operations: Sequence[Mapping[str, Any]]) -> Json:
    """The operations that are answered later, and how they are followed."""
    found: Json = {}
    for name in (one["name"] for one in operations if one["name"] in _LATER):
        body = {"content": {_NDJSON if name == "import" else FHIR: {"schema": {"type": "string"}}}}
        post = operation(f"{name}-post", f"${name}: what it does is in the CapabilityStatement", None, status="202")
        found[f"{base}/${name}"] = {"post": post if name == "reindex" else {**post, "requestBody": body}}
        if name != "reindex":
            what = "How far the import with this Idempotency-Key is" if name == "import" else "Export what may be seen"
            found[f"{base}/${name}"]["get"] = operation(name, what, None, status="202")
    job = parameter("job", {"type": "string", "format": "uuid"})
    ndjson = {"200": {"description": "NDJSON", "content": {_NDJSON: {"schema": {"type": "string"}}}}}
    fetch = operation("job-file", "A file of a finished job", None)
    found[f"{base}/$job/{{job}}"] = {
        "parameters": [job],
        "get": operation("job", "202 while it runs (X-Progress), then its manifest", None),
        "delete": operation("job-cancel", "Cancel it, or drop its answer", None, status="202"),
    }
    found[f"{base}/$job/{{job}}/{{file}}"] = {
        "parameters": [job, parameter("file", {"type": "integer"})],
        "get": {**fetch, "responses": {**fetch["responses"], **ndjson}},
    }
    return found


def _of_types(base: str, resources: Sequence[Mapping[str, Any]]) -> Json:
    """The $operations of single resources."""
    found: Json = {}
    for resource in resources:
        for offered in resource.get("operation", ()):
            if offered["name"] in _OF_EVERY_TYPE:
                continue  # in `_validate` and `_at_once`
            later = offered["name"] == "export"
            of_type = offered["name"] == "lastn" or (later and resource["type"] == "Patient") or is_of_type(offered)
            name = f"{base}/{resource['type']}{'' if of_type else '/{id}'}/${offered['name']}"
            label = f"{resource['type']}-{offered['name']}"
            status, answer = ("202", None) if later else ("200", "Bundle")
            verb = "post" if is_brought(offered) else "get"
            found[name] = {verb: operation(label, offered["definition"], answer, status=status)}
            if not of_type:
                found[name]["parameters"] = [ID]
    return found


def _validate(base: str) -> Json:
    """$validate, of a type and of one resource."""
    of_type = operation(
        "validate", "What is wrong with a resource; nothing is stored", "OperationOutcome", body="Resource"
    )
    of_one = operation("validate-one", "The same, as a version of this resource", "OperationOutcome", body="Resource")
    stored = operation("validate-stored", "What is wrong with the stored resource", "OperationOutcome")
    return {
        f"{base}/{{type}}/$validate": {"parameters": [TYPE], "post": of_type},
        f"{base}/{{type}}/{{id}}/$validate": {"parameters": [TYPE, ID], "get": stored, "post": of_one},
    }


def _at_once(base: str) -> Json:
    """$graphql, the $meta operations and $purge."""
    of_one = {"parameters": [TYPE, ID]}
    found: Json = {
        f"{base}/$graphql": _graphql("graphql"),
        f"{base}/{{type}}/{{id}}/$graphql": {**of_one, **_graphql("graphql-one")},
        f"{base}/$meta": {"get": operation("meta-all", "Profiles, tags and labels in use", "Parameters")},
        f"{base}/{{type}}/$meta": {
            "parameters": [TYPE],
            "get": operation("meta-type", "The same of a type", "Parameters"),
        },
        f"{base}/{{type}}/{{id}}/$meta": {**of_one, "get": operation("meta", "The meta of a resource", "Parameters")},
        f"{base}/{{type}}/{{id}}/$purge": {
            **of_one,
            "post": operation("purge", "Removed for good", "OperationOutcome"),
        },
        f"{base}/Subscription/$status": {
            "get": operation("subscriptions-status", "Where each subscription stands", "Bundle")
        },
    }
    for name, what in (("add", "Adds profiles, tags and labels"), ("delete", "Takes profiles, tags and labels away")):
        post = operation(f"meta-{name}", what, "Parameters", body="Parameters")
        found[f"{base}/{{type}}/{{id}}/$meta-{name}"] = {**of_one, "post": post}
    return found


def _graphql(name: str) -> Json:
    kinds = {"application/json": {"schema": {"type": "object", "required": ["query"]}}, "application/graphql": TEXT}
    answered = {"description": "GraphQL", "content": {"application/json": {"schema": {"type": "object"}}}}
    asked = {**operation(name, "A GraphQL query", None), "responses": {"200": answered, "default": answered}}
    query = {"name": "query", "in": "query", "required": True, "schema": {"type": "string"}}
    post = {**asked, "operationId": f"fhir-{name}-post", "requestBody": {"required": True, "content": kinds}}
    return {"get": {**asked, "parameters": [query]}, "post": post}
