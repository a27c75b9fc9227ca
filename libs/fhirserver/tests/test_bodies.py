"""JSON surgery on bytes changes what it says and nothing else."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhircore.outcome import InvalidFHIR
from fhirserver.bodies import (
    conditional_references,
    instant,
    minified,
    parsed,
    quoted,
    repeats_a_name,
    replacer,
    stamped,
    unquoted,
)
from fhirserver.rewriting import Links

words = st.text(st.characters(codec="utf-8"), max_size=10)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(words, plain), st.integers(0, 3), st.booleans())
def test_minifying_takes_white_space_only(data: dict[str, Any], indent: int, escaped: bool) -> None:
    written = json.dumps(data, indent=indent or None, ensure_ascii=escaped).encode()
    small = minified(written)
    assert json.loads(small) == data
    assert small == json.dumps(data, separators=(",", ":"), ensure_ascii=escaped).encode()


@pytest.mark.parametrize("number", ["1.10", "1e2", "1E+2", "-0.0", "0.000", "12345678901234567890.10", "1.0e-7"])
def test_a_number_stays_as_it_was_written(number: str) -> None:
    raw = ('{"resourceType":"X","a":' + number + "}").encode()
    assert stamped(minified(raw), "X", "1", 1, "t").endswith(f'"a":{number}}}'.encode())


def test_stamping_puts_type_id_and_meta_first_and_keeps_the_rest_in_order() -> None:
    raw = b'{"b":1,"id":"old","meta":{"tag":[1],"versionId":"9","lastUpdated":"x"},"resourceType":"X","a":[1.0]}'
    assert stamped(raw, "X", "n", 2, "2026") == (
        b'{"resourceType":"X","id":"n","meta":{"versionId":"2","lastUpdated":"2026","tag":[1]},"b":1,"a":[1.0]}'
    )
    assert (
        stamped(b"{}", "X", "n", 1, "t") == b'{"resourceType":"X","id":"n","meta":{"versionId":"1","lastUpdated":"t"}}'
    )


def test_only_references_that_are_named_are_replaced() -> None:
    raw = (
        rb'{"a":{"reference":"urn:uuid:1"},"b":{"reference":"urn:uuid:2"},"c":"urn:uuid:1",'
        rb'"d":"\"reference\":\"urn:uuid:1\"","e":{"reference":"Patient/1"},"f":{"reference":"http:\/\/x"}}'
    )
    links = Links({b"urn:uuid:1": b"Patient/7", b"Patient/1": b"no", b"http://x": b"Patient/8"})
    changed = links.applied(raw, "Basic", None, "")
    assert changed == (
        rb'{"a":{"reference":"Patient/7"},"b":{"reference":"urn:uuid:2"},"c":"urn:uuid:1",'
        rb'"d":"\"reference\":\"urn:uuid:1\"","e":{"reference":"Patient/1"},"f":{"reference":"Patient/8"}}'
    )


def test_conditional_references_are_found_as_written() -> None:
    raw = (
        rb'{"a":{"reference":"Patient?identifier=x|\u00e5"},"b":{"reference":"Patient/1"},"c":{"reference":"urn:x?y"}}'
    )
    assert conditional_references(raw) == {rb"Patient?identifier=x|\u00e5"}
    assert unquoted(rb"Patient?identifier=x|\u00e5") == "Patient?identifier=x|å"


def test_a_replacer_rewrites_references_that_match() -> None:
    rewrite = replacer("Patient/(?:a|b)", lambda text: text + "x")
    raw = b'[{"reference":"Patient/a"},{"reference":"Patient/ab"}]'
    assert rewrite(raw) == b'[{"reference":"Patient/ax"},{"reference":"Patient/ab"}]'


@given(words)
def test_quoting_and_unquoting_are_opposites(text: str) -> None:
    assert unquoted(quoted(text)) == text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{]",
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{}{}",
        b"NaN",
    ],
)
def test_what_is_no_json_is_refused_without_any_of_it(raw: bytes) -> None:
    with pytest.raises(InvalidFHIR) as refused:
        parsed(minified(raw))
    assert len(str(refused.value)) < 100
    assert refused.value.issues[0].code in ("structure", "too-costly")


@pytest.mark.parametrize(
    ("raw", "repeats"),
    [
        (b'{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}', False),
        (b'{"a":1,"a":1}', True),
        (b'{"x":[{"a":1,"a":1}]}', True),
        (rb'{"a":1,"\u0061":1}', True),
        (rb'{"b":"\u0022:","a":1,"a":1}', True),
        (rb'{"b":"\u0022:","a":1}', False),
        (rb'{"b":"\":","c":"x\":\":"}', False),
        (b'{"a":123456789012345678901234567890,"b":1}', False),
        (b'{"a":123456789012345678901234567890,"a":1}', True),
    ],
)
def test_a_name_that_stands_twice_is_seen(raw: bytes, repeats: bool) -> None:
    assert repeats_a_name(raw, parsed(raw)) is repeats


@given(st.dictionaries(words, plain))
def test_no_name_is_said_to_stand_twice_where_none_does(data: dict[str, Any]) -> None:
    for escaped in (True, False):
        raw = json.dumps(data, separators=(",", ":"), ensure_ascii=escaped).encode()
        assert not repeats_a_name(raw, parsed(raw))


def test_instants_are_utc_with_milliseconds() -> None:
    assert instant(datetime(2026, 1, 2, 3, 4, 5, 678_912, UTC)) == "2026-01-02T03:04:05.678Z"
    assert instant(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))) == "2026-01-02T02:04:05.000Z"
