"""capabilities: exactly what this mount does, no more (http://hl7.org/fhir/R4/http.html#capabilities)."""

import hashlib
from collections.abc import Mapping
from typing import Any

from fhircore.profiles import packaged
from fhircore.types import TYPES
from fhirserver.bodies import plain
from fhirserver.brought import described as described_of
from fhirserver.engine import Engine
from fhirserver.messages import Answer
from fhirserver.operations import described
from fhirserver.patching import JSON_PATCH
from fhirserver.search.described import COMPARTMENT, includes, revincludes, search_params
from fhirserver.subscribing.model import TOPIC

_TOPICS = (
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"
)
_OAUTH = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_READ = ("read", "vread", "history-instance", "history-type", "search-type")
_WRITE = ("create", "update", "patch", "delete")
_PATCHES = (JSON_PATCH, "application/fhir+json", "application/fhir+xml")
_kept: dict[tuple[Any, ...], tuple[bytes, bytes]] = {}


def capabilities(engine: Engine, headers: Mapping[bytes, bytes]) -> Answer:
    """200 with the CapabilityStatement, 304 when the client has it already (If-None-Match)."""
    mount = engine.mount
    of = (mount.base, mount.full_text, mount.integrity, mount.most_deleted)
    if of not in _kept:
        body = plain(statement(engine))
        _kept[of] = body, b'W/"%s"' % hashlib.sha256(body).hexdigest()[:16].encode()
    body, etag = _kept[of]
    known = headers.get(b"if-none-match", b"")
    stamps = [(b"etag", etag), (b"cache-control", b"public, max-age=60"), (b"vary", b"accept")]
    same = etag.removeprefix(b"W/") in known  # weak comparison (RFC 9110 §13.1.2)
    return Answer(304, b"", stamps) if same else Answer(200, body, stamps)


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
        "patchFormat": list(_PATCHES),
        "rest": [
            {
                "mode": "server",
                **({"documentation": mount.elsewhere} if mount.elsewhere else {}),
                "security": _security(mount.base),
                "resource": [_resource(engine, name) for name, kind in TYPES.items() if kind.door != "none"],
                "interaction": [{"code": code} for code in ("transaction", "batch", "search-system", "history-system")],
                "searchParam": search_params("Resource", full_text=mount.full_text),
                "compartment": [COMPARTMENT],
                "operation": described.of_the_system(mount),
            }
        ],
    }


def _security(base: str) -> dict[str, Any]:
    """Where tokens come from; as an extension too, which is all that clients of SMART 1 read (PyPI fhirclient among them).

    Issuer and doors share one address (architecture D11), so the issuer is the base without the door's path.
    """
    issuer = base.removesuffix("/fhir").removesuffix("/vis")
    places = {
        "authorize": "authorize",
        "token": "token",
        "introspect": "introspect",
        "revoke": "revoke",
        "manage": "sessions",
    }
    uris = [{"url": name, "valueUri": f"{issuer}/auth/{path}"} for name, path in places.items()]
    coding = {"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}
    return {"extension": [{"url": _OAUTH, "extension": uris}], "cors": True, "service": [{"coding": [coding]}]}


def _writes(name: str, *, writes: bool) -> tuple[str, ...]:
    """A Subscription is not patched: its secrets are not in what is stored."""
    return tuple(code for code in _WRITE if (name, code) != ("Subscription", "patch")) if writes else ()


def _resource(engine: Engine, name: str) -> dict[str, Any]:
    mount = engine.mount
    writes = mount.writable(name)
    found: dict[str, Any] = {
        "type": name,
        **({"supportedProfile": profiles} if (profiles := packaged().urls(name)) else {}),
        "interaction": [{"code": code} for code in (*_READ, *_writes(name, writes=writes))],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": writes,
        "conditionalCreate": writes,
        "conditionalRead": "not-match",
        "conditionalUpdate": writes,
        "conditionalDelete": ("multiple" if mount.most_deleted > 1 else "single") if writes else "not-supported",
        "referencePolicy": ["literal", "logical", *(("enforced",) if mount.integrity and writes else ())],
        "searchInclude": includes(name),
        "searchRevInclude": revincludes(name),
        "searchParam": search_params(name, full_text=engine.mount.full_text),
    }
    operations = [*described.of_type(name, writes=writes), *described_of(mount.operations, name)]
    if name == "Patient":
        everything = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
        operations = [{"name": "everything", "definition": everything}, *operations]
    found["operation"] = operations
    if name == "Subscription" and writes:
        found["documentation"] = "rest-hook channels; criteria are Type?search, or the topic with one filter"
        found["extension"] = [{"url": _TOPICS, "valueCanonical": engine.mount.base + TOPIC}]
    return found
