"""Acknowledgements: AA, AE, AR; CA, CE, CR in enhanced mode (HL7 v2.8.2 chapter 2.9, tables 0008, 0155, 0357)."""

from dataclasses import dataclass
from datetime import datetime

from integration_platform.hl7v2.charset import CODECS
from integration_platform.hl7v2.header import Header

ACCEPTED, ERROR, REJECTED = "AA", "AE", "AR"
_COMMIT = {"AA": "CA", "AE": "CE", "AR": "CR"}
_CONDITIONS = {"NE": frozenset[str](), "SU": frozenset({"AA"}), "ER": frozenset({"AE", "AR"})}  # AL, or unknown: always

ERROR_TEXTS = {
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    200: "Unsupported message type",
    201: "Unsupported event code",
    202: "Unsupported processing id",
    203: "Unsupported version id",
    204: "Unknown key identifier",
    205: "Duplicate key identifier",
    207: "Application internal error",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the receiver thinks of a message: AA, AE or AR; where there is something to say, the condition (table 0357) and why.

    AA with a condition is a warning: taken, but there is something that the sender should look at.
    """

    code: str
    condition: int = 0
    reason: str = ""
    location: str = ""  # "PID" or "MSH-18"


ACCEPT = Verdict(ACCEPTED)
_NO_HEADER = Header((b"MSH", b"|", b"^~\\&"))


def replies(header: Header | None, verdict: Verdict, control_id: str, at: datetime) -> list[bytes]:
    """The acknowledgements to send, without framing; none for an acknowledgement, or where MSH-15 and 16 ask for none.

    Original mode (MSH-15 and 16 empty) is one application acknowledgement. In enhanced mode a missing one counts as NE;
    both wanted gives two messages, the accept acknowledgement first: storing is when we take the message over. What is not
    taken over never reaches the application, so a refusal is said once: by the first of the two that is wanted.
    """
    if header is None:
        return [_message(_NO_HEADER, verdict.code, verdict, control_id, at)]
    if header.component(9, 1) == "ACK":
        return []
    codes = _codes(header.text(15), header.text(16), verdict.code)
    ids = (control_id, f"{control_id}-2")
    return [_message(header, code, verdict, id, at) for code, id in zip(codes, ids, strict=False)]


def _codes(accept: str, application: str, code: str) -> list[str]:
    """MSA-1 of each acknowledgement (HL7 v2.9, chapters 2.9.2 and 2.9.3)."""
    if not accept and not application:
        return [code]
    wanted = [_COMMIT[code]] if _wanted(accept, code) else []
    if _wanted(application, code):
        wanted.append(code)
    return wanted if code == ACCEPTED else wanted[:1]


def _wanted(condition: str, code: str) -> bool:
    wanted = _CONDITIONS.get(condition or "NE")
    return wanted is None or code in wanted


def _message(header: Header, code: str, verdict: Verdict, control_id: str, at: datetime) -> bytes:
    """In the sender's own delimiters, character set and version; sender and receiver change places."""
    separator, encoding = header.raw(1), header.raw(2) or b"^~\\&"
    component = encoding[:1]
    event = header.component(9, 2).encode("latin-1")
    kind = component.join((b"ACK", event, b"ACK")) if event else b"ACK"
    msh = [
        b"MSH" + separator + encoding,
        *(header.raw(number) for number in (5, 6, 3, 4)),
        at.strftime("%Y%m%d%H%M%S%z").encode(),
        b"",
        kind,
        control_id.encode(),
        header.raw(11) or b"P",
        header.raw(12) or b"2.5",
    ]
    if header.text(18).split("~")[0].upper() in CODECS:  # one that nobody knows is not repeated
        msh += [b""] * 5 + [header.raw(18)]
    msa = [b"MSA", code.encode(), header.raw(10)]
    is_warning = bool(verdict.condition) and verdict.code == ACCEPTED
    if is_warning and _is_old(header):
        msa.append(
            _safe(f"{verdict.location} {verdict.reason}", header)
        )  # its ERR has no severity: it would say refused
    segments = [separator.join(msh), separator.join(msa)]
    if verdict.condition and not (is_warning and _is_old(header)):
        segments.append(separator.join(_err(header, verdict, encoding)))
    return b"\r".join(segments) + b"\r"


def _err(header: Header, verdict: Verdict, encoding: bytes) -> list[bytes]:
    """ERR: one coded composite up to version 2.4; location, code, severity (table 0516) and text from 2.5 on."""
    component, sub = encoding[:1], encoding[3:4] or b"&"
    segment, _, field = verdict.location.partition("-")
    number, text = str(verdict.condition).encode(), ERROR_TEXTS[verdict.condition].encode()
    if _is_old(header):
        return [b"ERR", component.join((segment.encode(), b"", field.encode(), sub.join((number, text))))]
    location = component.join((segment.encode(), b"1", field.encode())) if field else segment.encode()
    coded = component.join((number, text, b"HL70357"))
    reason = _safe(verdict.reason, header)
    severity = b"W" if verdict.code == ACCEPTED else b"E"
    return [b"ERR", b"", location, coded, severity, b"", b"", b"", reason]


def _is_old(header: Header) -> bool:
    """Before version 2.5, where ERR is one composite."""
    return header.component(12, 1)[:3] in ("2.1", "2.2", "2.3", "2.4")


def _safe(reason: str, header: Header) -> bytes:
    """Our own words in ASCII, a space for each of the sender's delimiters (an unreadable header has none to mind)."""
    delimiters = header.raw(1) + header.raw(2)
    words = reason.encode("ascii", "replace")
    return b" ".join(bytes(32 if byte in delimiters else byte for byte in words if byte >= 32).split())
