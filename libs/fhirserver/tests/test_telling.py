"""Record events can be opened again, and what is no record is refused."""

from datetime import UTC, datetime

import pytest

from access import Label
from fhirserver.index import Entries
from fhirserver.store import Row, Tombstone
from fhirserver.telling import RecordLabel, Teller, opened, sealed
from kit.events import CloudEvent, UnreadableEvent

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LABELS = {1: Label("P", "U", "voo", "a b"), 2: Label("", "", "register")}


def row(id: str, patients: dict[int, str], body: bytes = b'{"a":1.10}', type_name: str = "Observation") -> Row:
    return Row(1, type_name, 1, id, 3, AT, 1, Entries(patients=patients), body, b"")


def event(data: bytes) -> CloudEvent:
    return CloudEvent("1", "s", "t", AT, data, "k")


def test_a_row_is_told_with_its_label_and_its_very_bytes() -> None:
    (record, changed) = Teller("s", "record", "changed").messages([row("1", {7: "p"})], [], LABELS, AT)
    assert (record.topic, record.key, changed.topic, changed.key) == ("record", "p", "changed", "p")
    (entry,) = opened(record.event).entries
    assert bytes(entry.resource) == b'{"a":1.10}'
    assert (entry.op, entry.type, entry.id, entry.version, entry.updated) == ("put", "Observation", "1", 3, AT)
    assert entry.label.label() == LABELS[1]


def test_a_deletion_is_told_to_whom_it_concerned() -> None:
    stone = Tombstone(1, "Observation", 1, "1", 4, AT, 7, 1, "p")
    nobody = Tombstone(1, "Organization", 1, "2", 4, AT, 0, 2)
    told = Teller("s", "record", "changed").messages([], [stone, nobody], LABELS, AT)
    assert [(one.topic, one.key) for one in told] == [("record", "p"), ("record", "Organization/2"), ("changed", "p")]
    assert opened(told[0].event).entries[0].op == "delete"


def test_where_no_record_is_told_each_change_is_told_by_its_ids() -> None:
    told = Teller("s", None, "changed").messages([row("1", {7: "p", 8: "q"}), row("2", {})], [], LABELS, AT)
    assert [(one.topic, one.key) for one in told] == [("changed", "p"), ("changed", "q"), ("changed", "Observation/2")]
    assert b'"patients":[]' in told[2].event.data
    assert all(b"1.10" not in one.event.data for one in told)


def test_order_within_a_patient_is_the_order_of_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhirserver.telling.PART_LIMIT", 500)
    rows = [row(str(n), {n % 2: f"p{n % 2}"}) for n in range(20)]
    told = Teller("s", "record").messages(rows, [], LABELS, AT)
    for key in ("p0", "p1"):
        parts = [opened(one.event) for one in told if one.key == key]
        assert len(parts) > 1
        assert [(part.part, part.parts) for part in parts] == [(n, len(parts)) for n in range(1, len(parts) + 1)]
        assert [entry.id for part in parts for entry in part.entries] == [
            str(n) for n in range(20) if f"p{n % 2}" == key
        ]


@pytest.mark.parametrize(
    "data",
    [b"", b"\x02x", b"\x01x", b"x", sealed(b""), sealed(b"[]"), sealed(b'{"entries":[]}'), sealed(b'{"transaction":1,"entries":[]}'),
     sealed(b'{"transaction":"t","entries":[{"op":"put"}]}'), sealed(b'{"transaction":"t","entries":{}}'), sealed(b"[" * 100_000)],
)  # fmt: skip
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        opened(event(data))


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = sealed(b'{"transaction":"t","entries":[],"x":"' + b" " * 80_000_000 + b'"}')
    assert len(bomb) < 100_000
    with pytest.raises(UnreadableEvent):
        opened(event(bomb))


def test_a_label_travels_whole() -> None:
    assert RecordLabel("P", "U", None, ["b", "a"]).label() == Label("P", "U", "", "a b")
