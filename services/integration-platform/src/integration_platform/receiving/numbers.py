"""Whose numbers a message carries, looked at before it is kept: a living person's in a demo region, mistyped ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from fhircore.identifiers import may_be_somebodys
from integration_platform.hl7v2.ack import ACCEPT, ACCEPTED, Verdict
from integration_platform.hl7v2.header import Header
from integration_platform.hl7v2.message import Message
from integration_platform.receiving.cloudevents import Given, payload
from integration_platform.translate.persons import Identifier, claim_of, claimed, proven
from kit.problems import Kind, Problem

Place = tuple[str, Identifier]  # where it stands, and what it says it is

_FIELDS: Mapping[str, Sequence[int]] = MappingProxyType({"PID": (3, 2, 4, 19), "MRG": (1, 4)})
_decode = msgspec.json.Decoder().decode
_SEGMENTS = tuple(name.encode() for name in _FIELDS)


class NotATestNumber(Problem):
    """In a demo region everybody is invented, so a number that a living person may have is neither taken nor kept (IDF-24)."""

    kind = Kind.RULE_BROKEN
    code = "exchange/not-a-test-number"
    title = "A demo region takes official test numbers only"

    def __init__(self, at: str) -> None:
        super().__init__(
            "Everybody in this demo region is invented: use an official test number, such as 191212121212 or one with the "
            "birth number 238 or 239. Nothing of the message but its header was kept",
            at=at,
        )


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: `real` is the place of a number that may be a living person's, `unproven` of one that is nobody's."""

    real: str = ""
    unproven: str = ""

    @property
    def warning(self) -> str:
        """For the sender, in ASCII; "" where all is well. The number itself is not repeated."""
        if not self.unproven:
            return ""
        return "A person's number here breaks the rules of its kind: kept as sent, but it identifies nobody"


def in_message(raw: bytes, found: Header) -> Look:
    """In PID and MRG of an HL7 v2 message, whatever else is wrong with it."""
    message = Message.glimpse(raw, found, _SEGMENTS)
    return _look(
        (f"{segment.name}-{number}", claim)
        for segment in message.segments
        for number in _FIELDS[segment.name]
        for cx in segment.repetitions(number)
        if (claim := claim_of(cx)) is not None and claim[1]
    )


def in_event(event: Given) -> Look:
    """In every Identifier of the resource, or of the Bundle's. What is not JSON has none."""
    try:
        return _look(_identifiers(_decode(payload(event))))
    except (Problem, msgspec.DecodeError, RecursionError):
        return Look()


def taken(look: Look) -> Verdict:
    """Taken; with a warning where a number that should say who it is about identifies nobody."""
    return Verdict(ACCEPTED, 102, look.warning, look.unproven) if look.warning else ACCEPT


def _look(found: Iterator[Place]) -> Look:
    real = unproven = ""
    for place, claim in found:
        if proven(claim) is None:
            unproven = unproven or place
        elif not real and may_be_somebodys(*claim):
            real = place
    return Look(real, unproven)


def _identifiers(data: Any) -> Iterator[Place]:
    """Without the path to each: a property's name is the sender's, and may say anything."""
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            system, number = value.get("system"), value.get("value")
            if isinstance(system, str) and isinstance(number, str):
                claim = claimed((system,), number)
                if claim is not None:
                    yield "identifier", claim
            waiting += (one for one in value.values() if isinstance(one, dict | list))
