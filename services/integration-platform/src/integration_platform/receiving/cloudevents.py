"""CloudEvents 1.0 over HTTP: structured, batched and binary mode (github.com/cloudevents/spec, HTTP protocol binding)."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from kit.problems import Kind, Problem

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
_ATTRIBUTES = ("id", "source", "type", "subject", "time", "datacontenttype", "traceparent")


class UnreadableEvent(Problem):
    """A body that is not the CloudEvent it says it is."""

    kind = Kind.INVALID
    code = "exchange/unreadable-event"
    title = "The event cannot be read"


class UnsupportedMediaType(Problem):
    """A content type that is neither CloudEvents nor, in binary mode, JSON."""

    kind = Kind.UNSUPPORTED_MEDIA
    code = "exchange/unsupported-media-type"
    title = "This door takes CloudEvents: structured, batched, or binary with JSON data"


class Given(msgspec.Struct, omit_defaults=True):
    """One event: attributes, and its data as the bytes that came."""

    id: str = ""
    source: str = ""
    type: str = ""
    specversion: str = ""
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    traceparent: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None


_given = msgspec.json.Decoder(Given)
_many = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.encode


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def split(body: bytes) -> list[bytes]:
    """The events of a batch as they stand. Raises UnreadableEvent."""
    try:
        found = [bytes(one) for one in _many.decode(body)]
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableEvent(f"The batch is not a JSON array: {_short(error)}", at="$") from None
    if not found:
        raise UnreadableEvent("The batch has no events", at="$")
    return found


def read(raw: bytes) -> Given:
    """One structured event. Raises UnreadableEvent, naming what is missing or wrong."""
    try:
        found = _given.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableEvent(f"The event is not what CloudEvents 1.0 says: {_short(error)}", at="$") from None
    return _checked(found)


def binary(headers: Mapping[str, str], body: bytes) -> bytes:
    """A binary-mode request as one structured event, its data untouched. Raises UnreadableEvent if it is none."""
    found = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    found["datacontenttype"] = media_type(headers.get("content-type", ""))
    if "traceparent" in headers:
        found["traceparent"] = headers["traceparent"]
    attributes = {name: found[name] for name in _ATTRIBUTES if found.get(name)}
    event = Given(**attributes, specversion=found.get("specversion", ""), data=msgspec.Raw(body))
    return enveloped(event)


def enveloped(event: Given) -> bytes:
    """The event in structured mode. Raises UnreadableEvent when its data is not JSON."""
    try:
        msgspec.json.decode(event.data, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        raise UnreadableEvent(f"The data is not JSON: {_short(error)}", at="data") from None
    return _encode(_checked(event))


def envelope(event: Given) -> bytes:
    """The event without what it says: its data, and the subject, which may name somebody."""
    said = (event.id, event.source, event.type, event.specversion)
    return _encode(Given(*said, time=event.time, traceparent=event.traceparent, data=msgspec.Raw(b"null")))


def payload(event: Given) -> bytes:
    """The event's data as JSON bytes. Raises UnreadableEvent when there is none."""
    if bytes(event.data):
        return bytes(event.data)
    if event.data_base64 is None:
        raise UnreadableEvent("The event has no data", at="data")
    try:
        return base64.b64decode(event.data_base64, validate=True)
    except (binascii.Error, ValueError):
        raise UnreadableEvent("data_base64 is not base64", at="data_base64") from None


def _checked(event: Given) -> Given:
    if event.specversion != "1.0":
        raise UnreadableEvent("The CloudEvents attribute 'specversion' must be 1.0", at="specversion")
    for name in ("id", "source", "type"):
        if not getattr(event, name):
            raise UnreadableEvent(f"The CloudEvents attribute '{name}' is missing", at=name)
    return event


def _short(error: Exception) -> str:
    """msgspec says where, and quotes nothing."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:160]
