"""What the receiver thinks of a frame before it is understood: enough to answer rightly and keep it (table 0357)."""

from collections.abc import Mapping
from types import MappingProxyType

from integration_platform.hl7v2 import charset, header
from integration_platform.hl7v2.ack import ERROR, REJECTED, Verdict
from integration_platform.hl7v2.header import Header, NotHL7
from integration_platform.hl7v2.mllp import Frame
from integration_platform.receiving import numbers
from integration_platform.receiving.model import Incoming
from integration_platform.receiving.numbers import NotATestNumber
from integration_platform.senders.model import Peer, Sender, Senders, UnregisteredSender
from integration_platform.translate.hl7v2 import TRANSLATORS
from integration_platform.translate.model import MissingSegment, UnsupportedMessage
from kit.problems import Kind, Problem

_CODES = frozenset(kind[:3] for kind in TRANSLATORS)
_FLAWS: Mapping[str, str] = MappingProxyType(
    {
        "no-start-block": "The message came without a start block",
        "no-end-block": "The message came without an end block",
        "outside-a-frame": "Bytes came outside a frame",
        "too-large": "The frame is larger than we take",
        "too-slow": "The frame was not finished in time",
        "empty": "The frame is empty",
    }
)


class BrokenFrame(Problem):
    """Bytes that are not one whole MLLP frame."""

    kind = Kind.INVALID
    code = "exchange/broken-frame"
    title = "The message did not come as one whole MLLP frame"


class MissingField(Problem):
    """MSH lacks what every message must say of itself."""

    kind = Kind.INVALID
    code = "exchange/missing-field"
    title = "The message lacks a field that it must have"


class UnsupportedVersion(Problem):
    """MSH-12 is not a version 2 of HL7."""

    kind = Kind.INVALID
    code = "exchange/unsupported-version"
    title = "The message is of a version that is not read here"


class NotForProduction(Problem):
    """A test or training message (MSH-11) sent to a production region."""

    kind = Kind.RULE_BROKEN
    code = "exchange/not-for-production"
    title = "Test messages are not taken into a production region"


class UnexpectedAcknowledgement(Problem):
    """An acknowledgement of something we did not send."""

    kind = Kind.RULE_BROKEN
    code = "exchange/unexpected-acknowledgement"
    title = "The message acknowledges something that was not sent from here"


_CONDITIONS: Mapping[type[Problem], tuple[str, int]] = MappingProxyType(
    {
        NotHL7: (REJECTED, 100),
        BrokenFrame: (REJECTED, 100),
        UnregisteredSender: (REJECTED, 204),
        MissingField: (REJECTED, 101),
        UnsupportedVersion: (REJECTED, 203),
        NotForProduction: (REJECTED, 202),
        charset.UnknownCharacterSet: (ERROR, 103),
        charset.WrongCharacterSet: (ERROR, 102),
        MissingSegment: (ERROR, 100),
        UnexpectedAcknowledgement: (REJECTED, 200),
        NotATestNumber: (ERROR, 204),
    }
)


def judge(frame: Frame, senders: Senders, port: int, peer: Peer, *, production: bool) -> tuple[Incoming, Header | None]:
    """The message to store, and its header for the answer (None when it has none)."""
    try:
        found = header.read(frame.payload)
    except NotHL7 as problem:
        broken = BrokenFrame(_FLAWS[frame.flaw]) if frame.flaw else problem
        return Incoming(
            "mllp", None, "", "", "", frame.payload, _verdict(broken), broken, came_from=f"{port} {peer}"
        ), None
    sender = senders.at_mllp(port, peer, found.application, found.facility)
    look = numbers.in_message(frame.payload, found)
    real = bool(look.real) and not production
    refused = NotATestNumber(look.real) if real else _refusal(frame, found, sender, production)
    incoming = Incoming(
        "mllp",
        sender.id if sender is not None else None,
        f"{found.application}|{found.facility}",
        found.kind,
        found.control_id,
        header.line(frame.payload) if real else frame.payload,
        _verdict(refused) if refused is not None else numbers.taken(look),
        refused,
        came_from=None if sender is not None else f"{port} {peer}",
    )
    return incoming, found


def _refusal(frame: Frame, found: Header, sender: Sender | None, production: bool) -> Problem | None:
    """The first thing that is wrong, in the order in which a sender would want to hear it."""
    if frame.flaw is not None:
        return BrokenFrame(_FLAWS[frame.flaw])
    if sender is None:
        return UnregisteredSender()
    return _of_header(found, production) or _of_content(frame.payload, found, sender)


def _of_header(found: Header, production: bool) -> Problem | None:
    for number in (9, 10):
        if not found.text(number):
            return MissingField(f"MSH-{number} is empty", at=f"MSH-{number}")
    if found.component(9, 1) == "ACK":
        return UnexpectedAcknowledgement(at="MSH-9")
    if found.text(12) and not found.text(12).startswith("2"):
        return UnsupportedVersion(at="MSH-12")
    if production and found.component(11, 1) not in ("", "P"):
        return NotForProduction(at="MSH-11")
    if found.kind not in TRANSLATORS:
        return UnsupportedMessage(f"{found.kind} is not translated", at="MSH-9")
    return None


def _of_content(raw: bytes, found: Header, sender: Sender) -> Problem | None:
    try:
        charset.decode(raw, found.text(18), default=sender.charset)
    except (charset.UnknownCharacterSet, charset.WrongCharacterSet) as problem:
        return problem
    needed = (b"PID", b"OBR") if found.kind == "ORU^R01" else (b"PID", b"MRG") if found.kind == "ADT^A40" else (b"PID",)
    for name in needed:
        if b"\r" + name not in raw and b"\n" + name not in raw:
            return MissingSegment(f"The message has no {name.decode()} segment", at=name.decode())
    return None


def _verdict(problem: Problem) -> Verdict:
    if isinstance(problem, UnsupportedMessage):
        known = problem.detail[:3] in _CODES
        return Verdict(REJECTED, 201 if known else 200, problem.detail, "MSH-9")
    code, condition = _CONDITIONS[type(problem)]
    return Verdict(code, condition, problem.detail, problem.at or "")
