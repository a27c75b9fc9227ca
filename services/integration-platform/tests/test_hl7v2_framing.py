"""MLLP frames come whole, in pieces, many at once, or broken: nothing is lost and nothing swallows its neighbour."""

from hypothesis import given
from hypothesis import strategies as st

from integration_platform.hl7v2.mllp import Frame, Framer, wrap


def fed(*pieces: bytes, limit: int = 1000) -> list[Frame]:
    framer = Framer(limit)
    return [frame for piece in pieces for frame in framer.feed(piece)]


def test_several_frames_in_one_read_are_several_frames() -> None:
    assert fed(wrap(b"one") + wrap(b"two")) == [Frame(b"one"), Frame(b"two")]


payloads = st.binary(min_size=1, max_size=60).filter(lambda raw: b"\x0b" not in raw and b"\x1c" not in raw)


@given(st.lists(payloads, max_size=8), st.lists(st.integers(1, 40), min_size=1))
def test_frames_are_the_same_however_the_bytes_arrive(messages: list[bytes], sizes: list[int]) -> None:
    stream, at, pieces = b"".join(map(wrap, messages)), 0, []
    while at < len(stream):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream[at : at + size])
        at += size
    assert fed(*pieces) == [Frame(message) for message in messages]


@given(st.lists(st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\n", b"A", b"MSH|"]), max_size=60))
def test_no_byte_is_lost_whatever_comes(tokens: list[bytes]) -> None:
    framer = Framer(1000)
    frames = [frame for token in tokens for frame in framer.feed(token)]
    last = framer.rest("no-end-block")
    kept = b"".join(frame.payload for frame in [*frames, *([last] if last else [])])
    assert kept.count(b"A") == tokens.count(b"A")
    assert kept.count(b"MSH|") == tokens.count(b"MSH|")


def test_bytes_before_the_start_block_are_kept_and_the_message_is_read() -> None:
    assert fed(b"noise" + wrap(b"one")) == [Frame(b"noise", "outside-a-frame", answered=False), Frame(b"one")]


def test_line_ends_between_frames_are_nothing() -> None:
    assert fed(wrap(b"one") + b"\r\n" + wrap(b"two") + b"\n") == [Frame(b"one"), Frame(b"two")]


def test_a_message_without_start_block_is_answered() -> None:
    assert fed(b"MSH|x\x1c\r" + wrap(b"two")) == [Frame(b"MSH|x", "no-start-block"), Frame(b"two")]


def test_a_frame_without_end_block_does_not_swallow_the_next_message() -> None:
    assert fed(b"\x0bone" + wrap(b"two")) == [Frame(b"one", "no-end-block"), Frame(b"two")]


def test_an_end_block_without_its_carriage_return_is_understood() -> None:
    assert fed(b"\x0bone\x1c" + wrap(b"two")) == [Frame(b"one"), Frame(b"two")]
    framer = Framer()
    assert framer.feed(b"\x0bone\x1c") == []
    assert framer.rest("too-slow") == Frame(b"one")


def test_an_empty_frame_is_answered() -> None:
    assert fed(wrap(b"")) == [Frame(b"", "empty")]


def test_a_frame_beyond_the_limit_is_refused_and_nothing_more_is_read() -> None:
    framer = Framer(100)
    assert framer.feed(b"\x0b" + b"x" * 60) == []
    [frame] = framer.feed(b"x" * 60)
    assert frame.flaw == "too-large"
    assert framer.closing
    assert framer.feed(wrap(b"two")) == []


def test_half_a_frame_is_kept_when_the_sender_goes_away() -> None:
    framer = Framer()
    framer.feed(wrap(b"one") + b"\x0bhal")
    assert framer.rest("no-end-block") == Frame(b"hal", "no-end-block")
    assert Framer().rest("no-end-block") is None
