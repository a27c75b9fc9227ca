"""Acknowledgements say what happened, to whom it happened, in the sender's own terms."""

import pytest

from integration_platform.hl7v2 import header
from integration_platform.hl7v2.ack import ACCEPT, Verdict, replies
from integration_platform.hl7v2.message import Message
from integration_platform.testing import NOON, a_message, an_oru

REFUSED = Verdict("AR", 200, "no such type", "MSH-9")
FAILED = Verdict("AE", 100, "no PID segment | at all", "PID")


def answered(raw: str | bytes, verdict: Verdict = ACCEPT) -> list[Message]:
    raw = raw if isinstance(raw, bytes) else raw.encode()
    return [Message(reply) for reply in replies(header.read(raw), verdict, "A1", NOON)]


def test_original_mode_has_one_answer_with_the_message_s_own_control_id() -> None:
    [reply] = answered(an_oru("LAB-77"))
    msh, msa = reply.first("MSH"), reply.first("MSA")
    assert msh is not None
    assert msa is not None
    assert (msa.text(1), msa.text(2)) == ("AA", "LAB-77")
    assert [msh.text(number) for number in (3, 4, 5, 6)] == ["FVM", "NORR", "LIMS", "KEM"]
    assert (msh.text(9), msh.text(9, 2), msh.text(9, 3)) == ("ACK", "R01", "ACK")
    assert (msh.text(10), msh.text(11), msh.text(12), msh.text(18)) == ("A1", "P", "2.5", "UNICODE UTF-8")
    assert reply.first("ERR") is None


def test_a_refusal_has_an_err_segment_that_says_why() -> None:
    [reply] = answered(an_oru(), FAILED)
    assert reply.first("MSA").text(1) == "AE"  # type: ignore[union-attr]
    err = reply.first("ERR")
    assert err is not None
    assert (err.text(2), err.text(3), err.text(3, 2), err.text(4)) == ("PID", "100", "Segment sequence error", "E")
    assert err.text(8) == "no PID segment at all"


def test_before_version_2_5_the_error_is_one_composite() -> None:
    [reply] = answered(an_oru(msh_12="2.3"), REFUSED)
    assert reply.first("ERR").raw(1) == "MSH^^9^200&Unsupported message type"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("accept", "application", "verdict", "codes"),
    [
        ("", "", ACCEPT, ["AA"]),
        ("AL", "NE", ACCEPT, ["CA"]),
        ("NE", "AL", ACCEPT, ["AA"]),
        ("AL", "AL", ACCEPT, ["CA", "AA"]),
        ("NE", "NE", ACCEPT, []),
        ("ER", "", ACCEPT, []),
        ("ER", "", REFUSED, ["CR"]),
        ("SU", "ER", REFUSED, ["AR"]),
        ("SU", "ER", ACCEPT, ["CA"]),
        ("AL", "", FAILED, ["CE"]),
    ],
)
def test_enhanced_mode_answers_as_msh_15_and_16_ask(
    accept: str, application: str, verdict: Verdict, codes: list[str]
) -> None:
    found = answered(an_oru(msh_15=accept, msh_16=application), verdict)
    assert [reply.first("MSA").text(1) for reply in found] == codes  # type: ignore[union-attr]
    assert len({reply.header.control_id for reply in found}) == len(found)


def test_an_acknowledgement_is_never_acknowledged() -> None:
    assert answered(a_message("ACK^R01^ACK", "MSA|AA|1")) == []


def test_what_is_not_hl7_gets_a_plain_refusal() -> None:
    [raw] = replies(None, Verdict("AR", 200, "not hl7", "MSH"), "A1", NOON)
    reply = Message(raw)
    assert reply.first("MSA").text(1) == "AR"  # type: ignore[union-attr]
    assert reply.header.kind == "ACK^"


def test_the_control_id_comes_back_byte_by_byte() -> None:
    raw = a_message("ORU^R01", "PID|1", control="å\\T\\1", charset="").encode("latin-1")
    [reply] = replies(header.read(raw), ACCEPT, "A1", NOON)
    assert b"MSA|AA|\xe5\\T\\1\r" in reply


def test_own_delimiters_come_back() -> None:
    [reply] = replies(header.read(b"MSH#*!?%#A#B#C#D#20260101##ADT*A08#1#P#2.5\rPID#1"), FAILED, "A1", NOON)
    assert reply.startswith(b"MSH#*!?%#C#D#A#B#")
    assert b"ERR##PID#100*Segment sequence error*HL70357#E" in reply


WARNED = Verdict("AA", 102, "that number is nobody's", "PID-3")


@pytest.mark.parametrize(
    ("accept", "application", "verdict", "codes"),
    [
        ("AL", "AL", REFUSED, ["CR"]),
        ("AL", "AL", FAILED, ["CE"]),
        ("ER", "ER", FAILED, ["CE"]),
        ("NE", "AL", FAILED, ["AE"]),
        ("SU", "AL", REFUSED, ["AR"]),
        ("", "ER", FAILED, ["AE"]),
        ("AL", "AL", WARNED, ["CA", "AA"]),
    ],
)
def test_what_is_not_taken_over_is_refused_once_since_it_never_reaches_the_application(
    accept: str, application: str, verdict: Verdict, codes: list[str]
) -> None:
    found = answered(an_oru(msh_15=accept, msh_16=application), verdict)
    assert [reply.first("MSA").text(1) for reply in found] == codes  # type: ignore[union-attr]


def test_the_second_acknowledgement_has_an_id_that_no_other_message_s_has() -> None:
    first, second = answered(an_oru(msh_15="AL", msh_16="AL"))
    assert (first.header.control_id, second.header.control_id) == ("A1", "A1-2")


def test_a_warning_is_an_acceptance_with_an_err_segment_of_severity_w() -> None:
    [reply] = answered(an_oru(), WARNED)
    err = reply.first("ERR")
    assert reply.first("MSA").text(1) == "AA"  # type: ignore[union-attr]
    assert err is not None
    assert (err.text(2), err.text(2, 3), err.text(3), err.text(4)) == ("PID", "3", "102", "W")
    assert err.text(8) == "that number is nobody's"


def test_before_version_2_5_a_warning_is_a_text_in_msa_3_and_no_err_that_would_say_refused() -> None:
    [reply] = answered(an_oru(msh_12="2.3"), WARNED)
    assert reply.first("MSA").text(3) == "PID-3 that number is nobody's"  # type: ignore[union-attr]
    assert reply.first("ERR") is None
