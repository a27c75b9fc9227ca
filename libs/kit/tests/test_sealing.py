"""D8: what is sealed opens only where it was put, only with its own key, and only while that key is there."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.sealing import MORE, DataKey, Master, NotForHere, WrongMaster, key_of, new_key

places = st.integers(-(2**63), 2**63 - 1)


@given(st.binary(max_size=2000), places)
def test_what_is_sealed_opens_where_it_was_put(content: bytes, place: int) -> None:
    key = DataKey(*new_key())
    sealed = key.seal(content, place)
    assert key.opened(sealed, place) == content
    assert key_of(sealed) == key.id
    assert len(sealed) == len(content) + MORE


@given(st.binary(max_size=200), places, places)
def test_it_opens_nowhere_else(content: bytes, place: int, other: int) -> None:
    key = DataKey(*new_key())
    sealed = key.seal(content, place)
    if other != place:
        with pytest.raises(NotForHere):
            key.opened(sealed, other)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_changed_bit_anywhere_is_noticed(content: bytes, data: st.DataObject) -> None:
    key = DataKey(*new_key())
    sealed = bytearray(key.seal(content, 1))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(NotForHere):
        key.opened(bytes(sealed), 1)


@given(st.binary(max_size=200))
def test_another_key_does_not_open_it(content: bytes) -> None:
    id, raw = new_key()
    with pytest.raises(NotForHere):
        DataKey(id, os.urandom(32)).opened(DataKey(id, raw).seal(content, 7), 7)


def test_the_same_content_is_never_the_same_twice() -> None:
    key = DataKey(*new_key())
    assert len({key.seal(b"the same", 1) for _ in range(100)}) == 100


def test_what_is_too_short_to_be_sealed_is_refused() -> None:
    with pytest.raises(NotForHere):
        key_of(b"\x02short")
    with pytest.raises(NotForHere):
        DataKey(*new_key()).opened(b"\x02short", 1)


def test_a_key_is_wrapped_for_its_own_id_alone() -> None:
    master, key = Master.read(Master.new()), DataKey(*new_key())
    wrapped = master.wrap(key)
    assert master.unwrap(key.id, wrapped).raw == key.raw
    assert key.raw not in wrapped
    with pytest.raises(WrongMaster):
        master.unwrap(key.id + 1, wrapped)
    with pytest.raises(WrongMaster):
        Master.read(Master.new()).unwrap(key.id, wrapped)


def test_after_a_rotation_old_keys_open_and_new_ones_are_wrapped_anew() -> None:
    old, new = Master.new(), Master.new()
    key = DataKey(*new_key())
    before, after = Master.read(old), Master.read(new + old)
    wrapped = before.wrap(key)
    again = after.wrap(after.unwrap(key.id, wrapped))
    assert not after.is_current(wrapped)
    assert after.is_current(again)
    assert Master.read(new).unwrap(key.id, again).raw == key.raw


@pytest.mark.parametrize("text", ["", "no base64!", base64.b64encode(b"short").decode()])
def test_a_master_key_that_is_none_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(WrongMaster) as refused:
        Master.read(text)
    assert not text or text not in str(refused.value)
