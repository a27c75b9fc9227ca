"""Record events: what was stored, told to the region with its labels, one event per patient of a transaction (D5)."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
import zstandard

from access import Label
from fhircore.outcome import InvalidFHIR
from fhirserver.bodies import instant, minified, plain
from fhirserver.codec import ZSTD
from fhirserver.store import Row, Tombstone
from kit.events import CloudEvent, UnreadableEvent
from kit.outbox import Outgoing

PART_LIMIT = 2_500_000  # bytes before compression: ≤ 512 KiB after it for anything but noise
_CONTENT_TYPE = "application/vnd.fvm.record+zstd"
_AGAIN = '"again":true,'
_CHANGES = 5_000  # ids in one event
_compress = zstandard.ZstdCompressor(level=1).compress  # of what repeats itself as bundles do, level 3 makes no less
_LARGEST_PART = 64 * 1024 * 1024  # bytes after decompression; more is refused as a bomb


class RecordLabel(msgspec.Struct, frozen=True):
    """The legal label as it travels."""

    provider: str = ""
    unit: str = ""
    type: str | None = None
    security: list[str] = []

    def label(self) -> Label:
        return Label(self.provider, self.unit, self.type or "", " ".join(sorted(self.security)))


class RecordEntry(msgspec.Struct):
    """One thing that became true at the source: a version put, a deletion, or two persons joined (merge)."""

    op: str
    updated: datetime
    type: str = ""
    id: str = ""
    version: int = 0
    again: bool = False  # told once more, since a reader's copy was found to differ: the same version replaces itself
    label: RecordLabel = RecordLabel()
    resource: msgspec.Raw = msgspec.Raw()
    survivor: list[dict[str, str]] = []
    retired: list[dict[str, str]] = []
    survivor_id: str = msgspec.field(default="", name="survivorId")  # the Patients the source knew them as
    retired_id: str = msgspec.field(default="", name="retiredId")


class Record(msgspec.Struct):
    """The value of a record event, or a part of it; parts of one transaction and key are applied together."""

    transaction: str
    entries: list[RecordEntry]
    epoch: int = 1  # of the source: grows with each restore; versions compare as (epoch, version)
    part: int = 1
    parts: int = 1


_decode = msgspec.json.Decoder(Record).decode


def opened(event: CloudEvent) -> Record:
    """The record inside an event. Raises UnreadableEvent, which parks it, when it is not what the contract says."""
    if not event.data or event.data[0] != ZSTD:
        raise UnreadableEvent("The value does not begin with a known format byte", at="data")
    try:
        if (
            zstandard.frame_content_size(event.data[1:]) > _LARGEST_PART
        ):  # a size that is told overrides the limit below
            raise zstandard.ZstdError("too large")
        text = zstandard.ZstdDecompressor().decompress(event.data[1:], max_output_size=_LARGEST_PART)
        return _decode(minified(text))  # what follows looks for members as they stand in minified JSON
    except (zstandard.ZstdError, msgspec.DecodeError, msgspec.ValidationError, InvalidFHIR) as error:
        raise UnreadableEvent(f"The value is not a record: {type(error).__name__}", at="data") from None


def sealed(text: bytes) -> bytes:
    """The value as it travels: format byte, then zstd without a dictionary."""
    return bytes([ZSTD]) + _compress(text)


@dataclass(frozen=True, slots=True)
class Teller:
    """Writes one door's events: `topic` carries records, `changed` ids only; either may be absent."""

    source: str
    topic: str | None
    changed: str | None = None
    epoch: int = 1  # of the database; the engine puts it in at its start

    def messages(
        self,
        rows: Sequence[Row],
        tombstones: Sequence[Tombstone],
        labels: dict[int, Label],
        at: datetime,
        *,
        again: bool = False,
    ) -> list[Outgoing]:
        """The outbox rows of one transaction, in the order of what is told; `again`: to whoever lost it."""
        groups: dict[str, list[bytes]] = {}
        changed: dict[str, list[dict[str, str]]] = {}
        for row in rows:
            key = _key(row)
            if self.topic is not None:
                groups.setdefault(key, []).append(_put(row, labels[row.lab], again=again))
            for patient in row.entries.patients.values() or self._nobody(key):
                changed.setdefault(patient, []).append({"type": row.type_name, "id": row.id})
        for stone in tombstones:
            key = stone.patient or f"{stone.type_name}/{stone.id}"
            if self.topic is not None:
                groups.setdefault(key, []).append(_delete(stone, labels[stone.lab]))
            for patient in [stone.patient] if stone.patient else self._nobody(key):
                changed.setdefault(patient, []).append({"type": stone.type_name, "id": stone.id})
        transaction = str(uuid.uuid4())
        told = [event for key, entries in groups.items() for event in self._parts(key, transaction, entries, at)]
        if self.changed is not None:
            told += [
                self._changed(patient, resources[start : start + _CHANGES], at)
                for patient, resources in changed.items()
                for start in range(0, len(resources), _CHANGES)
            ]
        return told

    def _nobody(self, key: str) -> list[str]:
        """Where records are told, what concerns no patient is told there only; else its change is told under its own key."""
        return [] if self.topic is not None else [key]

    def _parts(self, key: str, transaction: str, entries: list[bytes], at: datetime) -> Iterator[Outgoing]:
        assert self.topic is not None
        parts = list(_split(entries))
        for number, part in enumerate(parts, 1):
            head = (
                f'{{"transaction":"{transaction}","epoch":{self.epoch},"part":{number},"parts":{len(parts)},"entries":['
            ).encode()
            data = sealed(head + b",".join(part) + b"]}")
            event = CloudEvent(
                str(uuid.uuid4()), self.source, self.topic, at, data, key, subject=key, datacontenttype=_CONTENT_TYPE
            )
            yield Outgoing(self.topic, key, event)

    def _changed(self, patient: str, resources: list[dict[str, str]], at: datetime) -> Outgoing:
        assert self.changed is not None
        data = plain({"patients": [] if "/" in patient else [patient], "resources": resources})
        event = CloudEvent(str(uuid.uuid4()), self.source, self.changed, at, data, patient, subject=patient)
        return Outgoing(self.changed, patient, event)


def _key(row: Row) -> str:
    return next(iter(row.entries.patients.values()), None) or f"{row.type_name}/{row.id}"


def _put(row: Row, label: Label, *, again: bool = False) -> bytes:
    return b"".join(
        (
            f'{{"op":"put","type":"{row.type_name}","id":"{row.id}","version":{row.ver},'
            f'"updated":"{instant(row.upd)}",{_AGAIN if again else ""}"label":'.encode(),
            _label(label),
            b',"resource":',
            row.body,
            b"}",
        )
    )


def _delete(stone: Tombstone, label: Label) -> bytes:
    return plain(
        {
            "op": "delete", "type": stone.type_name, "id": stone.id, "version": stone.ver,
            "updated": instant(stone.upd), "label": msgspec.Raw(_label(label)),
        }
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _label(label: Label) -> bytes:
    """The label as it travels; remembered, since labels are few."""
    security: list[Any] = label.security.split()
    return plain({"provider": label.provider, "unit": label.unit, "type": label.info or None, "security": security})


def _split(entries: Iterable[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for entry in entries:
        if part and size + len(entry) > PART_LIMIT:
            yield part
            part, size = [], 0
        part.append(entry)
        size += len(entry)
    if part:
        yield part
