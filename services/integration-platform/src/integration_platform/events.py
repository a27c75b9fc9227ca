"""Everything Exchange tells the region: exchange.record.v1, what systems sent, as FHIR with labels (D5)."""

import hashlib
import hmac
import uuid
from collections.abc import Sequence

import zstandard

from integration_platform.translate.model import Origin, Translation, entry_json
from integration_platform.translate.persons import Identifier
from kit.events import CloudEvent
from kit.outbox import Outgoing

RECORD = "exchange.record.v1"
CONTENT_TYPE = "application/vnd.fvm.record+zstd"

_PART = 2_500_000  # bytes before compression, of one part
_SEALED = 512 * 1024  # bytes after it (D5)
_compress = zstandard.ZstdCompressor(level=3).compress


def record_events(
    translation: Translation,
    origin: Origin,
    transaction: uuid.UUID,
    hash_key: bytes,
    traceparent: str | None = None,
    *,
    epoch: int = 1,
) -> list[Outgoing]:
    """The event of one translation, in parts that Kafka takes, all under one key."""
    entries = [entry_json(entry, origin) for entry in translation.entries]
    parts = _parts(entries, transaction, epoch)
    key = person_key(translation.person, hash_key)
    return [
        Outgoing(
            RECORD,
            key,
            CloudEvent(
                id=str(uuid.uuid4()),
                source=f"/exchange/{origin.sender.id}",
                type=RECORD,
                time=origin.received_at,
                data=part,
                key=key,
                subject=key,
                datacontenttype=CONTENT_TYPE,
                traceparent=traceparent,
            ),
        )
        for part in parts
    ]


def person_key(person: Identifier, hash_key: bytes) -> str:
    """HMAC of the strongest identifier: order holds per person, and the key says nothing about who it is."""
    said = "|".join(person).encode()
    return hmac.new(hash_key, said, hashlib.sha256).hexdigest()[:32]


def number_of(person: str) -> int:
    """What the keyring knows somebody by, from the key that their events have."""
    return int(person[:15], 16) or 1


def owner_of(message: Outgoing) -> int:
    """Whose key an event is sealed with."""
    return number_of(message.key) if message.key else 0


def _parts(entries: Sequence[bytes], transaction: uuid.UUID, epoch: int) -> list[bytes]:
    groups = _grouped(entries)
    while True:
        heads = [_head(transaction, epoch, nth, len(groups)) for nth in range(1, len(groups) + 1)]
        sealed = [_sealed(head, group) for head, group in zip(heads, groups, strict=True)]
        large = [len(one) > _SEALED and len(group) > 1 for one, group in zip(sealed, groups, strict=True)]
        if not any(large):
            return sealed
        groups = [half for group, is_large in zip(groups, large, strict=True) for half in _halves(group, is_large)]


def _grouped(entries: Sequence[bytes]) -> list[list[bytes]]:
    groups: list[list[bytes]] = [[]]
    size = 0
    for entry in entries:
        if groups[-1] and size + len(entry) > _PART:
            groups.append([])
            size = 0
        groups[-1].append(entry)
        size += len(entry)
    return groups


def _halves(group: list[bytes], is_large: bool) -> list[list[bytes]]:
    middle = len(group) // 2
    return [group[:middle], group[middle:]] if is_large else [group]


def _head(transaction: uuid.UUID, epoch: int, nth: int, count: int) -> bytes:
    return f'{{"transaction":"{transaction}","epoch":{epoch},"part":{nth},"parts":{count},"entries":['.encode()


def _sealed(head: bytes, group: Sequence[bytes]) -> bytes:
    return b"\x01" + _compress(head + b",".join(group) + b"]}")
