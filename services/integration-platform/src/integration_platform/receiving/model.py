"""A message at the door: what is kept of it, and what the sender is told (D3, D8)."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import zstandard

from integration_platform.hl7v2.ack import ACCEPT, Verdict
from kit.problems import Kind, Problem

Door = Literal["mllp", "events", "inbox"]

ZSTD = 1  # format byte (D8)
DESTROYED = b"\x00"  # in place of a body: it was destroyed by order
_LONGEST_TEXT = 200
_compress = zstandard.ZstdCompressor(level=1).compress
_decompress = zstandard.ZstdDecompressor().decompress


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message to store.

    sender     registered sender's id; None: nobody's, then `came_from` says how it was told apart
    source     what the message says of itself (MSH-3|MSH-4, or the CloudEvents source)
    refused    why it will not be translated, None when it will
    """

    door: Door
    sender: str | None
    source: str
    kind: str
    control_id: str
    raw: bytes
    verdict: Verdict = ACCEPT
    refused: Problem | None = None
    came_from: str | None = None
    traceparent: str | None = None

    @property
    def ident(self) -> int:
        """Who calls it what: 64 bits of sender, source and control id. One that is registered later is another."""
        said = "\x1f".join((self.door, self.sender or "", self.source, self.control_id))
        return int.from_bytes(hashlib.blake2b(said.encode(), digest_size=8).digest(), "big", signed=True)

    @property
    def digest(self) -> uuid.UUID:
        """128 bits of the content."""
        return uuid.UUID(bytes=hashlib.blake2b(self.raw, digest_size=16).digest())


@dataclass(frozen=True, slots=True)
class Kept:
    """A message in the store. `again`: it was there already, and `verdict` is what was answered then."""

    id: int
    at: datetime
    verdict: Verdict
    again: bool = False


def seal(raw: bytes) -> bytes:
    """As it is stored: a format byte, then zstd."""
    return b"\x01" + _compress(raw)


class MessageDestroyed(Problem):
    """The message's content was destroyed by order of IVO; who sent it and when stays."""

    kind = Kind.GONE
    code = "exchange/message-destroyed"
    title = "The content of the message was destroyed by order"


def is_destroyed(body: bytes) -> bool:
    return body[:1] == DESTROYED


def opened(body: bytes) -> bytes:
    """The raw message. Raises MessageDestroyed, and ValueError for a format byte that is not known here."""
    if is_destroyed(body):
        raise MessageDestroyed
    if body[0] != ZSTD:
        raise ValueError(f"Format {body[0]} is not known to this version")
    return _decompress(body[1:])


def clean(text: str) -> str:
    """What others wrote, fit for a text column and a list on a screen."""
    short = text[:_LONGEST_TEXT]
    return short if short.isprintable() else "".join(char if char.isprintable() else " " for char in short)


def written(verdict: Verdict) -> str:
    """The answer as one column, so that a repeated message gets the same again."""
    if not verdict.condition:
        return verdict.code
    return "|".join((verdict.code, str(verdict.condition), verdict.location, clean(verdict.reason)))


def read_verdict(answer: str) -> Verdict:
    code, *more = answer.split("|", 3)
    return Verdict(code, int(more[0]), more[2], more[1]) if more else Verdict(code)
