"""The words of an OpenAPI document of a FHIR door: operations, bodies, answers (https://spec.openapis.org/oas/v3.1.0)."""

from typing import Any

Json = dict[str, Any]
FHIR = "application/fhir+json"
XML = "application/fhir+xml"
TEXT = {"schema": {"type": "string"}}
TYPE = {"$ref": "#/components/parameters/Type"}
ID = {"$ref": "#/components/parameters/Id"}


def operation(
    name: str,
    summary: str,
    kind: str | None,
    *,
    status: str = "200",
    body: str = "",
    form: bool = False,
    public: bool = False,
) -> Json:
    responses: Json = {status: answer(kind), "default": {"$ref": "#/components/responses/OperationOutcome"}}
    found: Json = {"tags": ["fhir"], "operationId": f"fhir-{name}", "summary": summary, "responses": responses}
    if body:
        found["requestBody"] = {"required": True, "content": {FHIR: {"schema": schema(body)}, XML: TEXT}}
    if form:
        found["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}
    found["security"] = [] if public else [{"HTTPBearer": []}]
    return found


def answer(kind: str | None) -> Json:
    if kind is None:
        return {"description": "Done"}
    return {"description": kind, "content": {FHIR: {"schema": schema(kind)}, XML: TEXT}}


def schema(kind: str) -> Json:
    return {"$ref": "#/components/schemas/Resource"} if kind == "Resource" else _resource(kind)


def _resource(kind: str) -> Json:
    return {"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"const": kind}}}


def parameter(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}
