"""HL7 v2 text: segments, repetitions, escapes, nulls, character sets."""

from pathlib import Path

import pytest

from integration_platform.hl7v2 import header
from integration_platform.hl7v2.charset import UnknownCharacterSet, WrongCharacterSet
from integration_platform.hl7v2.escapes import Delimiters, unescape
from integration_platform.hl7v2.header import NotHL7
from integration_platform.hl7v2.message import Message
from integration_platform.testing import a_message, an_oru

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "hl7v2"


def test_fields_components_and_subcomponents_are_counted_as_hl7_counts_them() -> None:
    message = Message(a_message("ADT^A01^ADT_A01", "PID|1||1^^^A&1.2.3&ISO^MR~2^^^B||Ek^Eva").encode())
    pid = message.first("PID")
    assert pid is not None
    assert [cx.text(1) for cx in pid.repetitions(3)] == ["1", "2"]
    assert pid.text(3, 4, 2) == "1.2.3"
    assert pid.text(3, 4) == "A"
    assert pid.text(5, 2) == "Eva"
    assert pid.text(99) == ""
    assert message.first("MSH").text(9, 2) == "A01"  # type: ignore[union-attr]
    assert message.header.kind == "ADT^A01"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"rad 1\.br\rad 2", "rad 1\nrad 2"),
        (r"\X41\\X4243\ och \XC3A5\\XE5\ ", "ABC och åå "),
        (r"\H\fet\N\ text", "fet text"),
        (r"\.sp2\x\.in+3\y", "\n\nxy"),
        (r"100 \ 20", r"100 \ 20"),
        (r"slut\ ", "slut\\ "),
        (r"\Zlokal\ kvar", r"\Zlokal\ kvar"),
        (r"C:\temp\F\x", r"C:\temp|x"),
        (r"\X4\ ", r"\X4\ "),
    ],
)
def test_escapes_become_what_they_stand_for_and_others_stay(written: str, meant: str) -> None:
    assert unescape(written, Delimiters(), "iso8859-1") == meant


def test_an_explicit_null_is_no_value() -> None:
    message = Message(a_message("ADT^A08", 'PID|1||1^^^A||""^Eva||""').encode())
    pid = message.first("PID")
    assert pid is not None
    assert pid.repetitions(7) == []
    assert pid.text(5, 1) == ""
    assert pid.text(5, 2) == "Eva"


def test_control_characters_do_not_reach_the_record() -> None:
    message = Message(a_message("ADT^A08", r"PID|1||1||E\X00\k\X07\^E" + "\x08va").encode())
    assert message.first("PID").text(5, 1) == "Ek"  # type: ignore[union-attr]
    assert message.first("PID").text(5, 2) == "Eva"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("", "iso8859-1"),
        ("8859/1", "iso8859-1"),
        ("8859/15", "iso8859-15"),
        ("UNICODE UTF-8", "utf-8"),
        ("UNICODE", "utf-8"),
        ("unicode utf-8", "utf-8"),
        ("~UNICODE UTF-8", "utf-8"),
        ("ASCII~8859/1", "ascii"),
    ],
)
def test_text_is_read_in_the_character_set_of_msh_18(declared: str, codec: str) -> None:
    name = "Ek" if codec == "ascii" else "Åkerlöf"
    message = Message(a_message("ADT^A08", f"PID|1||1||{name}", charset=declared).encode(codec))
    assert message.first("PID").text(5) == name  # type: ignore[union-attr]


def test_a_byte_order_mark_means_utf_8_and_is_removed() -> None:
    message = Message(b"\xef\xbb\xbf" + a_message("ADT^A08", "PID|1||1||Åberg", charset="").encode())
    assert message.first("PID").text(5) == "Åberg"  # type: ignore[union-attr]
    assert message.codec == "utf-8"


def test_text_in_another_character_set_than_it_says_is_refused() -> None:
    with pytest.raises(WrongCharacterSet):
        Message(a_message("ADT^A08", "PID|1||1||Åberg").encode("latin-1"))
    with pytest.raises(UnknownCharacterSet):
        Message(a_message("ADT^A08", "PID|1||1||Ek", charset="KLINGON").encode())


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n"])
def test_segments_may_end_with_any_line_ending(ending: str) -> None:
    message = Message(an_oru().replace("\r", ending).encode())
    assert [segment.name for segment in message.segments] == ["MSH", "PID", "OBR", "OBX"]
    assert message.header.text(18) == "UNICODE UTF-8"


def test_own_delimiters_are_used() -> None:
    message = Message(b"MSH#*!?%#A#B###20260101##ADT*A08#1#P#2.5\rPID#1##1!2##Ek*Eva?F?x%y")
    assert [cx.text(1) for cx in message.first("PID").repetitions(3)] == ["1", "2"]  # type: ignore[union-attr]
    assert message.first("PID").text(5, 2) == "Eva#x"  # type: ignore[union-attr]
    assert message.first("PID").text(5, 2, 2) == "y"  # type: ignore[union-attr]


@pytest.mark.parametrize("raw", [b"", b"hello", b"PID|1", b"MSH", b"MSHX^~\\&", b"\x00\xff"])
def test_what_does_not_begin_with_msh_is_not_hl7(raw: bytes) -> None:
    with pytest.raises(NotHL7):
        header.read(raw)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="shared test data are not here")
def test_every_sample_message_parses_with_type_and_control_id() -> None:
    files = sorted(SAMPLES.glob("*.hl7"))
    assert len(files) == 35
    for file in files:
        message = Message(file.read_bytes())
        assert message.header.control_id, file.name
        assert "^" in message.header.kind, file.name
        assert len(message.segments) > 3, file.name
