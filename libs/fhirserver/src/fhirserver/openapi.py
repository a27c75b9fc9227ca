"""The FHIR part of an OpenAPI document, made from the CapabilityStatement (http://hl7.org/fhir/R4/http.html)."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
_FHIR = "application/fhir+json"
_NDJSON = "application/fhir+ndjson"


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
    found: Json = {
        f"{base}/metadata": {
            "get": _operation("capabilities", "What this server does", "CapabilityStatement", public=True)
        },
        base: {
            "get": _operation("search-all", "Search over all types, or those of _type", "Bundle"),
            "post": _operation("transaction", _bundles(rest), "Bundle", body="Bundle"),
        },
        f"{base}/_search": {
            "post": _operation("search-all-post", "The same with the parameters in the body", "Bundle", form=True)
        },
        f"{base}/Patient/{{id}}/{{type}}": {
            "parameters": [_ID, _TYPE],
            "get": _operation(
                "search-patient", "Search what is about a patient or concerns them; type * for all", "Bundle"
            ),
        },
        f"{base}/{{type}}": {
            "parameters": [_TYPE],
            "get": _operation("search", "Search; the CapabilityStatement lists each type's parameters", "Bundle"),
            "post": _operation(
                "create", "Create, of a type that is written here", "Resource", status="201", body="Resource"
            ),
        },
        f"{base}/{{type}}/_search": {
            "parameters": [_TYPE],
            "post": _operation("search-post", "Search with the parameters in the body", "Bundle", form=True),
        },
        f"{base}/{{type}}/{{id}}": {
            "parameters": [_TYPE, _ID],
            "get": _operation("read", "The current version", "Resource"),
            "put": _operation(
                "update", "Update or create, of a type that is written here", "Resource", body="Resource"
            ),
            "delete": _operation("delete", "Delete, of a type that is written here", None, status="204"),
        },
        f"{base}/{{type}}/{{id}}/_history": {
            "parameters": [_TYPE, _ID],
            "get": _operation("history", "All versions, newest first", "Bundle"),
        },
        f"{base}/{{type}}/{{id}}/_history/{{version}}": {
            "parameters": [_TYPE, _ID, _parameter("version", {"type": "string", "pattern": "^[0-9]{1,9}$"})],
            "get": _operation("vread", "One version", "Resource"),
        },
    }
    found |= _operations(base, rest["resource"]) | _validate(base) | _jobs(base, rest.get("operation", ()))
    tag = {"name": "fhir", "description": f"FHIR R4 at {base}. {_written(may['create'], every)}"}
    return {"tags": [tag], "paths": _without_writes(found, may), "components": _components(every)}


def _types(resources: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Interaction → the types that have it."""
    found: dict[str, list[str]] = {"read": [], "create": [], "update": [], "delete": []}
    for resource in resources:
        for interaction in resource["interaction"]:
            if interaction["code"] in found:
                found[interaction["code"]].append(resource["type"])
    return found


def _without_writes(found: Json, may: Mapping[str, Sequence[str]]) -> Json:
    """Without the operations that no type has."""
    for methods in found.values():
        for method, interaction in (("put", "update"), ("delete", "delete")):
            if not may[interaction]:
                methods.pop(method, None)
    return found


def _bundles(rest: Mapping[str, Any]) -> str:
    codes = [one["code"] for one in rest["interaction"] if not one["code"].startswith("search")]
    return f"A Bundle of type {' or '.join(codes)}"


def _jobs(base: str, operations: Sequence[Mapping[str, Any]]) -> Json:
    """The operations that are answered later, and how they are followed."""
    found: Json = {}
    for name in (one["name"] for one in operations):
        body = {"content": {_NDJSON if name == "import" else _FHIR: {"schema": {"type": "string"}}}}
        post = _operation(f"{name}-post", f"${name}: what it does is in the CapabilityStatement", None, status="202")
        found[f"{base}/${name}"] = {"post": post if name == "reindex" else {**post, "requestBody": body}}
        if name != "reindex":
            what = "How far the import with this Idempotency-Key is" if name == "import" else "Export what may be seen"
            found[f"{base}/${name}"]["get"] = _operation(name, what, None, status="202")
    job = _parameter("job", {"type": "string", "format": "uuid"})
    ndjson = {"200": {"description": "NDJSON", "content": {_NDJSON: {"schema": {"type": "string"}}}}}
    fetch = _operation("job-file", "A file of a finished job", None)
    found[f"{base}/$job/{{job}}"] = {
        "parameters": [job],
        "get": _operation("job", "202 while it runs (X-Progress), then its manifest", None),
        "delete": _operation("job-cancel", "Cancel it, or drop its answer", None, status="202"),
    }
    found[f"{base}/$job/{{job}}/{{file}}"] = {
        "parameters": [job, _parameter("file", {"type": "integer"})],
        "get": {**fetch, "responses": {**fetch["responses"], **ndjson}},
    }
    return found


def _operations(base: str, resources: Sequence[Mapping[str, Any]]) -> Json:
    """The $operations of single resources."""
    found: Json = {}
    for resource in resources:
        for operation in resource.get("operation", ()):
            if operation["name"] == "validate":
                continue  # of every type: in `_validate`
            later = operation["name"] == "export"
            of_type = later and resource["type"] == "Patient"
            name = f"{base}/{resource['type']}{'' if of_type else '/{id}'}/${operation['name']}"
            label = f"{resource['type']}-{operation['name']}"
            status, answer = ("202", None) if later else ("200", "Bundle")
            found[name] = {"get": _operation(label, operation["definition"], answer, status=status)}
            if not of_type:
                found[name]["parameters"] = [_ID]
    return found


def _validate(base: str) -> Json:
    """$validate, of a type and of one resource."""
    of_type = _operation(
        "validate", "What is wrong with a resource; nothing is stored", "OperationOutcome", body="Resource"
    )
    of_one = _operation("validate-one", "The same, as a version of this resource", "OperationOutcome", body="Resource")
    stored = _operation("validate-stored", "What is wrong with the stored resource", "OperationOutcome")
    return {
        f"{base}/{{type}}/$validate": {"parameters": [_TYPE], "post": of_type},
        f"{base}/{{type}}/{{id}}/$validate": {"parameters": [_TYPE, _ID], "get": stored, "post": of_one},
    }


def _written(types: Sequence[str], every: Sequence[str]) -> str:
    """Which types are written, in words."""
    if len(types) == len(every):
        return "Every type is written here."
    return f"Written here: {', '.join(types) or 'nothing'}."


def _operation(
    name: str,
    summary: str,
    answer: str | None,
    *,
    status: str = "200",
    body: str = "",
    form: bool = False,
    public: bool = False,
) -> Json:
    responses: Json = {status: _answer(answer), "default": {"$ref": "#/components/responses/OperationOutcome"}}
    found: Json = {"tags": ["fhir"], "operationId": f"fhir-{name}", "summary": summary, "responses": responses}
    if body:
        found["requestBody"] = {"required": True, "content": {_FHIR: {"schema": _schema(body)}}}
    if form:
        found["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}
    found["security"] = [] if public else [{"HTTPBearer": []}]
    return found


def _answer(kind: str | None) -> Json:
    if kind is None:
        return {"description": "Done"}
    return {"description": kind, "content": {_FHIR: {"schema": _schema(kind)}}}


def _schema(kind: str) -> Json:
    return {"$ref": "#/components/schemas/Resource"} if kind == "Resource" else _resource(kind)


def _resource(kind: str) -> Json:
    return {"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"const": kind}}}


def _parameter(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


_TYPE = {"$ref": "#/components/parameters/Type"}
_ID = {"$ref": "#/components/parameters/Id"}


def _components(types: Sequence[str]) -> Json:
    any_resource = {"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"type": "string"}}}
    outcome = _answer("OperationOutcome") | {"description": "What was refused, and why"}
    scheme = {"type": "http", "scheme": "bearer", "description": "ES256 access token of the application platform"}
    return {
        "schemas": {"Resource": any_resource},
        "parameters": {
            "Type": _parameter("type", {"type": "string", "enum": list(types)}),
            "Id": _parameter("id", {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$"}),
        },
        "responses": {"OperationOutcome": outcome},
        "securitySchemes": {"HTTPBearer": scheme},
    }
