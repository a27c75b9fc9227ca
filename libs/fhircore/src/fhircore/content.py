"""What a resource says, as a number: equal at two doors apart from id, meta and references to patients (architecture D1)."""

import re
from hashlib import blake2b

import msgspec

MASK = (1 << 64) - 1  # sums of hashes are kept to 64 bits, so that they add up in any order
_OWN = ("resourceType", "id", "meta")
_REFERENCE = re.compile(rb'"reference":"Patient/[^"]*"')
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def content_hash(type_name: str, id: str, body: bytes) -> int:
    """64 bits of type, id and content, digit for digit. `body` is minified JSON; raises msgspec.DecodeError for other."""
    digest = blake2b(f"{type_name}/{id}".encode(), digest_size=8)
    for name, value in _members(body).items():
        if name not in _OWN:
            digest.update(name.encode())
            digest.update(_REFERENCE.sub(b"Patient", bytes(value)))
    return int.from_bytes(digest.digest(), "big")
