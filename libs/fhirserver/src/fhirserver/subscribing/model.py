"""A subscription as it is wanted (from its resource) and as it rests (its row), and the events it was given."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from fhircore.types import TYPES
from fhirserver.problems import NotProcessable
from fhirserver.subscribing.endpoints import Rules, headers_of
from kit.caller import Caller

_BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-"
TOPIC = "/SubscriptionTopic/resource-changed"  # below our base address
_PAYLOADS = ("application/fhir+json", "application/fhir+xml", "application/json")
_CONTENTS = ("empty", "id-only", "full-resource")
_TIMEOUT, _LONGEST, _MOST = 10, 60, 100
_caller = msgspec.json.Decoder(Caller).decode


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client asks for. `topic` is empty for a plain subscription of R4; `content` belongs to topics."""

    type_name: str
    criteria: str
    endpoint: str
    headers: dict[str, str]
    payload: str
    topic: str
    content: str
    heartbeat: int | None
    timeout: int
    most: int
    ends: datetime | None
    state: str  # requested, off


@dataclass(frozen=True, slots=True)
class Subscription:
    """A row of `subscription`. `events` numbers were given; `attempts` failed since `failing_since`."""

    id: str
    owner: Caller
    type_name: str
    criteria: str
    endpoint: str
    headers: dict[str, str]
    payload: str
    topic: str
    content: str
    heartbeat: int | None
    timeout: int
    most: int
    ends: datetime | None
    state: str
    events: int
    attempts: int
    failing_since: datetime | None
    last_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class Event:
    """One change that a subscription is told of; `state` is waiting, delivered, withheld or dead."""

    n: int
    key: int
    type_name: str
    id: str
    ver: int
    at: datetime
    state: str


COLUMNS = (
    "id, owner, rtype, criteria, endpoint, headers, payload, topic, content, heartbeat, timeout, most, ends, state,"
    " events, attempts, failing_since, last_at, error"
)
NAMES = {kind.number: kind.name for kind in TYPES.values()}


def subscription(row: Any) -> Subscription:
    """From a row of COLUMNS."""
    id, owner, rtype, criteria, endpoint, headers, *rest = row
    return Subscription(id, _caller(owner), NAMES[rtype], criteria, endpoint, msgspec.json.decode(headers), *rest)


def wanted(resource: dict[str, Any], base: str, rules: Rules) -> Wanted:
    """Raises NotProcessable, naming what this server cannot do; what the criteria mean is checked elsewhere."""
    channel = resource["channel"]
    if channel["type"] != "rest-hook":
        raise NotProcessable("Only rest-hook channels are served", at="Subscription.channel.type")
    rules.check(channel.get("endpoint", ""))
    payload = channel.get("payload", "").split(";")[0].strip()
    if payload and payload not in _PAYLOADS:
        raise NotProcessable(
            "The payload is application/fhir+json or application/fhir+xml", at="Subscription.channel.payload"
        )
    criteria, topic, content = resource["criteria"], "", ""
    if "?" not in criteria and "/" in criteria:
        criteria, topic = _of_topic(resource, base), criteria
        content = _said(channel.get("_payload"), "payload-content", "valueCode") or "empty"
        if content not in _CONTENTS:
            raise NotProcessable(f"The content is one of {', '.join(_CONTENTS)}", at="Subscription.channel.payload")
        payload = payload or _PAYLOADS[0]
    type_name, _, query = criteria.partition("?")
    if type_name not in TYPES or TYPES[type_name].door == "none" or type_name == "Subscription":
        raise NotProcessable("The criteria are Type?search, of a type that is kept here", at="Subscription.criteria")
    return Wanted(
        type_name, query, channel["endpoint"], headers_of(channel.get("header", [])), payload, topic, content,
        _said(channel, "heartbeat-period", "valueUnsignedInt") or None if topic else None,
        min(_said(channel, "timeout", "valueUnsignedInt") or _TIMEOUT, _LONGEST),
        min(_said(channel, "max-count", "valuePositiveInt") or 20, _MOST) if topic else 1,
        _instant(resource.get("end")), "off" if resource["status"] == "off" else "requested",
    )  # fmt: skip


def _of_topic(resource: dict[str, Any], base: str) -> str:
    if resource["criteria"] != base + TOPIC:
        raise NotProcessable(f"The topic served here is {base + TOPIC}", at="Subscription.criteria")
    filters = [
        one.get("valueString", "")
        for one in resource.get("_criteria", {}).get("extension", ())
        if one.get("url") == _BACKPORT + "filter-criteria"
    ]
    if len(filters) != 1:
        text = "The topic needs one filter: backport-filter-criteria, like Observation?code=…"
        raise NotProcessable(text, at="Subscription.criteria")
    return str(filters[0])


def _said(element: dict[str, Any] | None, name: str, kind: str) -> Any:
    for one in (element or {}).get("extension", ()):
        if one.get("url") == _BACKPORT + name:
            return one.get(kind)
    return None


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text.replace("Z", "+00:00"))
