"""CloudEvents 1.0 in binary mode: attributes travel as Kafka headers, data is the value (cloudevents.io, Kafka binding)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kit.problems import Kind, Problem

Headers = list[tuple[str, bytes]]

_REQUIRED = ("id", "source", "type", "specversion")


class UnreadableEvent(Problem):
    """A message on a topic that is not the event it says it is."""

    kind = Kind.INVALID
    code = "kit/unreadable-event"
    title = "The event cannot be read"


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """Something that happened. `key` is the ordering key (the patient); `data` is the value's bytes as they travel."""

    id: str
    source: str
    type: str
    time: datetime
    data: bytes
    key: str | None = None
    subject: str | None = None
    datacontenttype: str = "application/json"
    traceparent: str | None = None
    extensions: dict[str, str] = field(default_factory=dict)


def to_headers(event: CloudEvent) -> Headers:
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.id.encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.type.encode()),
        ("ce_time", event.time.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()),
        ("content-type", event.datacontenttype.encode()),
    ]
    if event.subject is not None:
        headers.append(("ce_subject", event.subject.encode()))
    if event.traceparent is not None:
        headers.append(("traceparent", event.traceparent.encode()))
    headers.extend((f"ce_{name}", value.encode()) for name, value in event.extensions.items())
    return headers


def from_headers(
    headers: Iterable[tuple[str, bytes]] | Sequence[tuple[str, bytes]], key: str | None, data: bytes
) -> CloudEvent:
    """Builds the event from Kafka headers; raises UnreadableEvent, naming the attribute that is missing or wrong."""
    found = {name.lower(): value.decode("utf-8", "replace") for name, value in headers}
    attributes = {name[3:]: value for name, value in found.items() if name.startswith("ce_")}
    for name in _REQUIRED:
        if not attributes.get(name):
            raise UnreadableEvent(f"The CloudEvents attribute '{name}' is missing", at=name)
    try:
        time = datetime.fromisoformat(attributes["time"]) if "time" in attributes else datetime.now(UTC)
    except ValueError:
        raise UnreadableEvent("The CloudEvents attribute 'time' is not an RFC 3339 time", at="time") from None
    known = {*_REQUIRED, "time", "subject"}
    return CloudEvent(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        time=time if time.tzinfo else time.replace(tzinfo=UTC),
        data=data,
        key=key,
        subject=attributes.get("subject"),
        datacontenttype=found.get("content-type", "application/json"),
        traceparent=found.get("traceparent"),
        extensions={name: value for name, value in attributes.items() if name not in known},
    )
