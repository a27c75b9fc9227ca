"""Keys are stable, secret and never zero; stored bodies come back byte for byte."""

import os

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.codec import ZSTD, Codec, UnknownFormat
from fhirserver.keys import Keys
from fhirserver.store import Row
from fhirserver.wishes import Put


def test_a_key_is_the_same_each_time_and_another_under_another_secret() -> None:
    one, again, other = Keys(b"a" * 32), Keys(b"a" * 32), Keys(b"b" * 32)
    assert one.of("Patient/1") == again.of("Patient/1") == one.token("Patient/1")
    assert one.of("Patient/1") != other.of("Patient/1")
    assert one.of("Patient/1") != one.of("Patient/2")


@given(st.text())
def test_keys_fit_a_bigint_and_are_never_zero(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    assert -(2**63) <= Keys(b"k").of(text) < 2**63
    assert Keys(b"k").of(text) != 0


def test_the_memory_of_tokens_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhirserver.keys._MEMO_LIMIT", 3)
    keys = Keys(b"k")
    first = [keys.token(str(n)) for n in range(10)]
    assert len(keys._memo) <= 3
    assert [keys.token(str(n)) for n in range(10)] == first


@given(st.binary(max_size=2000))
def test_what_is_packed_is_unpacked(body: bytes) -> None:
    codec = Codec()
    assert codec.unpack(codec.pack(body), 0) == body
    assert codec.pack(body)[0] == ZSTD


def test_a_body_that_was_packed_without_a_dictionary_is_read_too() -> None:
    assert Codec().unpack(bytes([ZSTD]) + zstandard.ZstdCompressor().compress(b"{}"), 0) == b"{}"


def test_large_and_noisy_bodies_are_kept() -> None:
    for body in (b"", b"x" * 5_000_000, os.urandom(100_000)):
        assert Codec().unpack(Codec().pack(body), 0) == body


def test_a_format_of_the_future_is_refused_by_name() -> None:
    with pytest.raises(UnknownFormat, match="2"):
        Codec().unpack(b"\x02anything", 0)


def test_rows_and_wishes_have_no_room_for_typing_errors() -> None:
    for made in (Put("Patient", "1", b"", {}, 1), Row.__new__(Row)):
        with pytest.raises(AttributeError):
            made.nonsense = 1  # type: ignore[union-attr]
