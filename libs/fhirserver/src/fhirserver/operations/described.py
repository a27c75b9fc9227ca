"""The long operations as the CapabilityStatement tells them."""

from fhirserver.engine import Mount

_BULK = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"
BULK_DATA = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"
_EXPORT = (
    "For system clients: NDJSON as a job, with _outputFormat, _since, _until, _type and _typeFilter;"
    " everything is true of the manifest's transactionTime."
)
_IMPORT = (
    "For system clients: application/fhir+ndjson, each line an update; sent again with its Idempotency-Key it goes on."
)
_REINDEX = "For system clients: all index entries made again, as a job, while others read and write; _type narrows it."

Operation = dict[str, str]


def of_the_system(mount: Mount) -> list[Operation]:
    """CapabilityStatement.rest.operation."""
    found = [
        {"name": "export", "definition": f"{_BULK}/export", "documentation": _EXPORT},
        {"name": "reindex", "definition": "urn:fvm:operation:reindex", "documentation": _REINDEX},
    ]
    if mount.door == "vis":
        found.append({"name": "import", "definition": "urn:fvm:operation:import", "documentation": _IMPORT})
    return found


def of_type(name: str) -> list[Operation]:
    """CapabilityStatement.rest.resource.operation: $validate of all, $export of the type Patient and of one Group."""
    found = [{"name": "validate", "definition": "http://hl7.org/fhir/OperationDefinition/Resource-validate"}]
    if name in ("Patient", "Group"):
        found.append({"name": "export", "definition": f"{_BULK}/{name.lower()}-export"})
    return found
