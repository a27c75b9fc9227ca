"""capabilities: exactly what this mount does, no more (http://hl7.org/fhir/R4/http.html#capabilities)."""

import hashlib
from collections.abc import Mapping
from typing import Any

from fhircore.profiles import packaged
from fhircore.types import TYPES
from fhirserver.bodies import plain
from fhirserver.engine import Engine
from fhirserver.messages import Answer
from fhirserver.operations import described
from fhirserver.search.described import COMPARTMENT, includes, revincludes, search_params

_READ = ("read", "vread", "history-instance", "search-type")
_WRITE = ("create", "update", "delete")
_kept: dict[str, tuple[bytes, bytes]] = {}


def capabilities(engine: Engine, headers: Mapping[bytes, bytes]) -> Answer:
    """200 with the CapabilityStatement, 304 when the client has it already (If-None-Match)."""
    base = engine.mount.base
    if base not in _kept:
        body = plain(statement(engine))
        _kept[base] = body, b'W/"%s"' % hashlib.sha256(body).hexdigest()[:16].encode()
    body, etag = _kept[base]
    known = headers.get(b"if-none-match", b"")
    stamps = [(b"etag", etag), (b"cache-control", b"public, max-age=60"), (b"vary", b"accept")]
    return Answer(304, b"", stamps) if etag in known else Answer(200, body, stamps)


def statement(engine: Engine) -> dict[str, Any]:
    """The CapabilityStatement as plain data."""
    mount = engine.mount
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-26",
        "kind": "instance",
        "software": {"name": "FVM", "version": "0.1.0"},
        "instantiates": [described.BULK_DATA],
        "implementation": {"description": mount.title, "url": mount.base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json", "application/fhir+xml", "xml"],
        "rest": [
            {
                "mode": "server",
                **({"documentation": mount.elsewhere} if mount.elsewhere else {}),
                "security": {
                    "cors": False,
                    "service": [
                        {
                            "coding": [
                                {
                                    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                                    "code": "SMART-on-FHIR",
                                }
                            ]
                        }
                    ],
                },
                "resource": [_resource(engine, name) for name, kind in TYPES.items() if kind.door != "none"],
                "interaction": [{"code": "transaction"}, {"code": "batch"}, {"code": "search-system"}],
                "searchParam": search_params("Resource", full_text=mount.full_text),
                "compartment": [COMPARTMENT],
                "operation": described.of_the_system(mount),
            }
        ],
    }


def _resource(engine: Engine, name: str) -> dict[str, Any]:
    writes = engine.mount.writable(name)
    found: dict[str, Any] = {
        "type": name,
        **({"supportedProfile": profiles} if (profiles := packaged().urls(name)) else {}),
        "interaction": [{"code": code} for code in (*_READ, *(_WRITE if writes else ()))],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": writes,
        "conditionalCreate": writes,
        "conditionalRead": "not-match",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal"],
        "searchInclude": includes(name),
        "searchRevInclude": revincludes(name),
        "searchParam": search_params(name, full_text=engine.mount.full_text),
    }
    operations = described.of_type(name)
    if name == "Patient":
        everything = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
        operations = [{"name": "everything", "definition": everything}, *operations]
    if operations:
        found["operation"] = operations
    return found
