"""What a translation is made from, and what comes out of it: entries of a record event with their legal labels (D5)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from fhircore.types import TYPES, information_type
from integration_platform.senders.model import Sender
from integration_platform.translate.persons import Identifier
from kit.problems import Kind, Problem

Resource = dict[str, Any]

encode = msgspec.json.Encoder(decimal_format="number").encode  # a decimal keeps its digits: 5.60 is not 5.6
decode = msgspec.json.Decoder(float_hook=Decimal).decode


class UnsupportedMessage(Problem):
    """A message type or trigger event that is not translated (yet); the message is kept."""

    kind = Kind.RULE_BROKEN
    code = "exchange/unsupported-message"
    title = "This type of message is not translated"


class MissingSegment(Problem):
    """A segment without which the message says nothing about anyone."""

    kind = Kind.RULE_BROKEN
    code = "exchange/missing-segment"
    title = "The message lacks a segment that it must have"


class MissingIdentity(Problem):
    """The message does not say whom it is about."""

    kind = Kind.RULE_BROKEN
    code = "exchange/missing-identity"
    title = "The message does not say which person it is about"


class SeveralPersons(Problem):
    """A message about more than one person: whose is what cannot be told safely by position alone."""

    kind = Kind.RULE_BROKEN
    code = "exchange/several-persons"
    title = "The message is about more than one person"


class NoSuchOrder(Problem):
    """OBR-25 says that the order or the patient is unknown to the laboratory: an answer about nothing."""

    kind = Kind.RULE_BROKEN
    code = "exchange/no-such-order"
    title = "The result says that its order or patient is not on record"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message came from and when. `version` grows with each message received, so that newer wins."""

    sender: Sender
    application: str
    facility: str
    control_id: str
    version: int
    received_at: datetime
    again: bool = False  # told once more: the region's copy of what it said was found to differ

    @property
    def source(self) -> str:
        """D1's source: the registered system, and the applications it speaks for."""
        return "|".join((self.sender.id, self.application, self.facility))


@dataclass(frozen=True, slots=True)
class Put:
    """A resource as its source has it now."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Delete:
    """The source no longer has this resource."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Merge:
    """Two persons are one: whose identifiers stay and whose are retired, and the Patients the source knew them as."""

    survivor: tuple[Identifier, ...]
    retired: tuple[Identifier, ...]
    survivor_id: str
    retired_id: str


@dataclass(slots=True)
class Translation:
    """Entries in order. `person` is the strongest identifier (the ordering key comes from it), else a resource.

    `left` counts what was not translated, by segment: shown on the message, never silently dropped.
    """

    person: Identifier
    entries: list[Put | Delete | Merge] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)


def entry_json(entry: Put | Delete | Merge, origin: Origin) -> bytes:
    """One entry as it stands in the event."""
    if isinstance(entry, Merge):
        return encode(
            {
                "op": "merge",
                "survivor": _identifiers(entry.survivor),
                "retired": _identifiers(entry.retired),
                "survivorId": entry.survivor_id,
                "retiredId": entry.retired_id,
                "version": origin.version,
                "updated": _at(origin),
                "label": _label(origin, "Patient", None),
            }
        )
    if isinstance(entry, Delete):
        return encode({"op": "delete", **_head(entry.kind, entry.id, None, origin)})
    resource = entry.resource
    return encode(
        {"op": "put", **_head(resource["resourceType"], resource["id"], resource, origin), "resource": resource}
    )


def _head(kind: str, id: str, resource: Resource | None, origin: Origin) -> dict[str, Any]:
    return {
        "type": kind,
        "id": id,
        "version": origin.version,
        "updated": _at(origin),
        "label": _label(origin, kind, resource),
        **({"again": True} if origin.again else {}),
    }


def _at(origin: Origin) -> str:
    return origin.received_at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _label(origin: Origin, kind: str, resource: Resource | None) -> dict[str, Any]:
    """From the sender's unit (D3); registers have no owner."""
    known = TYPES[kind]
    if known.kind == "register":
        return {"provider": "", "unit": "", "type": "register", "security": []}
    meant = information_type(resource) if resource is not None else known.information_type
    return {"provider": origin.sender.provider, "unit": origin.sender.unit, "type": meant, "security": []}


def _identifiers(found: tuple[Identifier, ...]) -> list[dict[str, str]]:
    return [{"system": system, "value": value} for system, value in found]
