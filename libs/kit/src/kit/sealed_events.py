"""Events under the key of whom they are about: sealed by who tells them, opened by who hears them with a key of the maker's.

Keys never travel on Kafka and rest at their maker only (architecture D8). A reader keeps one in memory for a minute at most, so
that what is destroyed at the maker is soon readable nowhere.
"""

import base64
import hashlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.events import CloudEvent, UnreadableEvent
from kit.http import Client
from kit.inbox import Handler
from kit.keyring import Erased, Keyring
from kit.outbox import Outgoing
from kit.own_token import OwnToken
from kit.problems import Kind, Problem, Unavailable
from kit.sealing import SEALED, DataKey, NotForHere, key_of

DOOR = "/internal/keys"
MOST = 1_000  # keys of one question
_KEPT = 60.0  # seconds that a fetched key stays in memory
_BREAK = 2.0  # seconds that a maker who did not answer is not asked again
_LIMIT = 20_000  # fetched keys in memory, about 500 bytes each; then the aged are dropped before their time

# Opens events of a topic as their makers sealed them; None for what is destroyed.
Opening = Callable[[str, Sequence[CloudEvent]], Awaitable[Sequence[CloudEvent | None]]]

DESTROYED = Counter("fvm_events_destroyed", "Events left out since what they tell was destroyed by order", ("topic",))
log = structlog.get_logger(__name__)


class UnknownKey(Problem):
    """An event is sealed with a key that its maker has never had: it was told by another region, or the maker lost its keys."""

    kind = Kind.INVALID
    code = "kit/unknown-key"
    title = "The event is sealed with a key that its maker does not know"


def place_of(event: str) -> int:
    """Where the content of the event with this id stands: under another event's id it does not open."""
    return int.from_bytes(
        hashlib.blake2b(event.encode(), digest_size=8, person=b"fvm event").digest(), "big", signed=True
    )


def is_sealed(data: bytes) -> bool:
    """JSON and compressed records begin otherwise."""
    return data[:1] == bytes([SEALED])


def under(event: CloudEvent, key: DataKey) -> CloudEvent:
    """The event with its content sealed: format byte 2, key id, nonce, and the content as it was with its tag."""
    return replace(event, data=key.seal(event.data, place_of(event.id)))


def opened(event: CloudEvent, key: DataKey) -> CloudEvent:
    """The event as it was before. Raises UnreadableEvent when it was changed on its way or is another event's."""
    try:
        return replace(event, data=key.opened(event.data, place_of(event.id)))
    except NotForHere:
        raise UnreadableEvent("The value does not open with its key", at="data") from None


async def sealed(
    ring: Keyring | None, messages: Sequence[Outgoing], owner: Callable[[Outgoing], int]
) -> Sequence[Outgoing]:
    """These, each under the current key of its owner; 0 is nobody, whose event stays as it is. Call it inside the transaction
    that tells, as with bodies."""
    if ring is None or not ring.seals:
        return messages
    owners = [owner(message) if message.event.data else 0 for message in messages]
    keys = await ring.current({one for one in owners if one})
    return [
        replace(message, event=under(message.event, keys[one])) if one else message
        for message, one in zip(messages, owners, strict=True)
    ]


def opened_here(ring: Keyring | None, event: CloudEvent) -> CloudEvent | None:
    """An own event, still in the outbox, whose key is ready; None where the key is destroyed. Raises UnreadableEvent."""
    if not is_sealed(event.data):
        return event
    if ring is None:
        raise UnreadableEvent("The value is sealed, and there is no master key here", at="data")
    try:
        return opened(event, ring.held(_key(event)))
    except Erased:
        return None


def _key(event: CloudEvent) -> int:
    try:
        return key_of(event.data)
    except NotForHere:
        raise UnreadableEvent("The value is too short to be sealed", at="data") from None


class Opener:
    """Fetches keys of `makers`, which are named by the first word of their topics (vis, exchange)."""

    def __init__(self, makers: Mapping[str, Client], own: OwnToken) -> None:
        self._makers, self._own = makers, own
        self._keys: dict[int, tuple[float, DataKey | None]] = {}  # until when, and the key; None: destroyed
        self._away: dict[str, float] = {}

    def handlers(self, handlers: Mapping[str, Handler]) -> dict[str, Handler]:
        """These, each given its events opened and without those that tell what has been destroyed."""
        return {topic: self._opening(topic, handler) for topic, handler in handlers.items()}

    async def opened(self, topic: str, events: Sequence[CloudEvent]) -> list[CloudEvent | None]:
        """Each as it was before it was sealed; None for what was destroyed. Raises Unavailable, UnknownKey, UnreadableEvent."""
        wanted = {_key(event) for event in events if is_sealed(event.data)}
        keys = await self._held(topic.partition(".")[0], wanted) if wanted else {}
        return [self._one(event, keys) if is_sealed(event.data) else event for event in events]

    def forget(self, ids: Collection[int]) -> None:
        """The maker is asked again for these."""
        for id in ids:
            self._keys.pop(id, None)

    def _one(self, event: CloudEvent, keys: Mapping[int, DataKey | None]) -> CloudEvent | None:
        key = keys[_key(event)]
        return None if key is None else opened(event, key)

    def _opening(self, topic: str, handler: Handler) -> Handler:
        async def take(tx: AsyncConnection, events: Sequence[CloudEvent]) -> None:
            found = [event for event in await self.opened(topic, events) if event is not None]
            if gone := len(events) - len(found):
                DESTROYED.labels(topic).inc(gone)
                log.info("events of what was destroyed are left out", topic=topic, count=gone)
            if found:
                await handler(tx, found)

        return take

    async def _held(self, maker: str, wanted: set[int]) -> dict[int, DataKey | None]:
        now = time.monotonic()
        found = {id: self._keys[id][1] for id in wanted if id in self._keys and self._keys[id][0] > now}
        missing = sorted(wanted - found.keys())
        for start in range(0, len(missing), MOST):
            found |= await self._fetched(maker, missing[start : start + MOST], now)
        return found

    async def _fetched(self, maker: str, ids: Sequence[int], now: float) -> dict[int, DataKey | None]:
        client = self._makers.get(maker)
        if client is None:
            raise UnknownKey(f"Nobody here asks {maker[:40]} for keys", at="data")
        if self._away.get(maker, 0.0) > now:
            raise Unavailable(f"{maker} does not give its keys just now")
        try:
            told = await client.post(DOOR, {"keys": [str(id) for id in ids]}, bearer=await self._own.token())
        except Problem:
            self._away[maker] = now + _BREAK
            raise
        found: dict[int, DataKey | None] = {
            int(id): DataKey(int(id), base64.b64decode(raw)) for id, raw in told["keys"].items()
        }
        found |= {int(id): None for id in told["destroyed"]}
        if set(ids) - found.keys():
            raise UnknownKey(at="data")
        self._keep(found, now)
        return found

    def _keep(self, found: Mapping[int, DataKey | None], now: float) -> None:
        if len(self._keys) + len(found) > _LIMIT:
            self._keys = {id: held for id, held in self._keys.items() if held[0] > now + _KEPT / 2}
        self._keys |= {id: (now + _KEPT, key) for id, key in found.items()}
