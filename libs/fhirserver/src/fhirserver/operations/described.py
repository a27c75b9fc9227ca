"""The operations as the CapabilityStatement tells them."""

from fhirserver.engine import Mount

_R4 = "http://hl7.org/fhir/OperationDefinition"
_BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport"
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

_GRAPHQL = "By GET and POST, at the base and of one resource; no mutations, no introspection."
_PURGE = "For systems that carry out erasure orders (scope fvm/purge): removed for good; of a Patient, all that is about them."

Operation = dict[str, str]


def of_the_system(mount: Mount) -> list[Operation]:
    """CapabilityStatement.rest.operation."""
    found = [
        {"name": "export", "definition": f"{_BULK}/export", "documentation": _EXPORT},
        {"name": "reindex", "definition": "urn:fvm:operation:reindex", "documentation": _REINDEX},
        {"name": "graphql", "definition": f"{_R4}/Resource-graphql", "documentation": _GRAPHQL},
        {"name": "meta", "definition": f"{_R4}/Resource-meta"},
    ]
    if mount.door == "vis":
        found.append({"name": "import", "definition": "urn:fvm:operation:import", "documentation": _IMPORT})
    return found


def of_type(name: str, *, writes: bool = True) -> list[Operation]:
    """CapabilityStatement.rest.resource.operation of this type; `writes`: whether it is written here."""
    found = [{"name": of_all, "definition": f"{_R4}/Resource-{of_all}"} for of_all in ("validate", "graphql", "meta")]
    if writes:
        found += [{"name": change, "definition": f"{_R4}/Resource-{change}"} for change in ("meta-add", "meta-delete")]
    found.append({"name": "purge", "definition": "urn:fvm:operation:purge", "documentation": _PURGE})
    if name == "Observation":
        found.append({"name": "lastn", "definition": f"{_R4}/Observation-lastn"})
    if name == "Subscription":
        found += [
            {"name": asked, "definition": f"{_BACKPORT}/OperationDefinition/backport-subscription-{asked}"}
            for asked in ("status", "events")
        ]
    if name in ("Patient", "Group"):
        found.append({"name": "export", "definition": f"{_BULK}/{name.lower()}-export"})
    return found
