"""Ids and systems that are the same each time the same thing is sent (D1)."""

import hashlib
import re
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

_NAMESPACE = uuid.UUID("6f1c0c5e-6a0e-5b52-9b1c-3f0a7d2c8e41").bytes  # ours, for ever
_OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+")

HSA = "urn:oid:1.2.752.29.4.19"
_OIDS: Mapping[str, str] = MappingProxyType(
    {
        "1.2.752.129.2.1.4.1": HSA,  # RIV-TA's name of the same ids
        "2.16.840.1.113883.6.1": "http://loinc.org",
        "2.16.840.1.113883.6.96": "http://snomed.info/sct",
        "1.2.752.116.2.1.1": "http://snomed.info/sct",
        "2.16.840.1.113883.6.8": "http://unitsofmeasure.org",
        "2.16.840.1.113883.6.73": "http://www.whocc.no/atc",
    }
)


def resource_id(source: str, kind: str, source_id: str) -> str:
    """UUIDv5 of source, resource type and the source's own id: the same message gives the same ids."""
    said = "\x1f".join((source, kind, source_id)).encode()
    raw = bytearray(hashlib.sha1(_NAMESPACE + said, usedforsecurity=False).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x50  # version 5
    raw[8] = raw[8] & 0x3F | 0x80  # variant of RFC 9562
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def reference(source: str, kind: str, source_id: str) -> dict[str, str]:
    return {"reference": f"{kind}/{resource_id(source, kind, source_id)}"}


def system_of(oid: str) -> str | None:
    """The FHIR system of an OID, None when it is not one."""
    if not _OID.fullmatch(oid):
        return None
    return _OIDS.get(oid) or f"urn:oid:{oid}"


def local_system(sender: str, *names: str) -> str:
    """A system that means something only within the sender that issued it."""
    return ":".join(("urn:fvm:sender", *(quote(name, safe="") for name in (sender, *names) if name)))
