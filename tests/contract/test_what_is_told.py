"""What each service tells is its example, to the letter, and what its schema promises.

FVM_GOLDEN=1 writes the examples anew from the code; read the difference before it is committed.
"""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import zstandard

import information_platform.settings
import vis.settings
from access import REGISTER, Label
from application_platform.events import SessionRevoked
from fhircore.types import TYPES
from fhirserver.accesslog import batch_text
from fhirserver.codec import Codec
from fhirserver.index import Indexer
from fhirserver.keys import Keys
from fhirserver.labels import Labels
from fhirserver.logtelling import ToldBatch, ToldLabel
from fhirserver.logtelling import outgoing as logged
from fhirserver.logwho import Numbers
from fhirserver.store import Row, Tombstone
from fhirserver.telling import Teller
from fhirserver.wishes import Put
from fhirserver.writing import Writer
from information_platform import record as region
from information_platform.persons.register import Register, told
from integration_platform.events import record_events
from integration_platform.hl7v2.message import Message
from integration_platform.testing import PERSONNUMMER, a_pid, an_adt, an_origin, an_oru
from integration_platform.translate.hl7v2 import translate
from kit.caller import Caller, Commission
from kit.events import to_headers
from kit.outbox import Outgoing
from vis import record as work

EXAMPLES = Path(__file__).parents[2] / "contracts" / "events" / "examples"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TRANSACTION = UUID("3f0c7a52-6a0e-4f6b-9a55-5a1b6a0c2d11")
KEYS = Keys(b"the secret of no database at all")
LABELS = {1: REGISTER, 2: Label("SE0000000001-0001", "SE0000000001-1001", "und-kkm-ure")}
NOWHERE = "postgresql://nobody@127.0.0.1/none"

PATIENT = (
    b'{"resourceType":"Patient","identifier":[{"system":"http://electronichealth.se/identifier/personnummer",'
    b'"value":"%s"}],"name":[{"family":"Tolvansson","given":["Tolvan"]}]}' % PERSONNUMMER.encode()
)
POTASSIUM = (
    b'{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:oid:1.2.752.108.1",'
    b'"code":"NPU03568"}]},"subject":{"reference":"Patient/tolvan"},"effectiveDateTime":"2026-03-02T08:30:00+01:00",'
    b'"valueQuantity":{"value":5.60,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}'
)


def a_row(type_name: str, id: str, raw: bytes, label: int, version: int) -> Row:
    writer = Writer(KEYS, Codec(), Labels(), Indexer(KEYS), None)
    return writer.row(Put(type_name, id, raw, json.loads(raw), label), version, NOON)


def of_the_engine(teller: Teller | None) -> dict[str, Outgoing]:
    """A patient, a value of theirs, and a condition that was deleted."""
    assert teller is not None
    rows = [a_row("Patient", "tolvan", PATIENT, 1, 1), a_row("Observation", "p-kalium", POTASSIUM, 2, 3)]
    key, patient = KEYS.of("Condition/c1"), KEYS.of("Patient/tolvan")
    gone = Tombstone(key, "Condition", TYPES["Condition"].number, "c1", 2, NOON, patient, 2, patient="tolvan")
    return {message.topic: message for message in teller.messages(rows, [gone], LABELS, NOON)}


def of_exchange(message: str) -> Outgoing:
    origin = an_origin()
    [outgoing] = record_events(translate(Message(message.encode()), origin), origin, TRANSACTION, b"a key of hashes")
    return outgoing


async def of_persons() -> Outgoing:
    class Known:
        """Stands in for the database: who is known by what."""

        async def fetch(self, _query: str, _person: str) -> list[dict[str, str]]:
            system = "http://electronichealth.se/identifier/personnummer"
            return [{"system": system, "value": PERSONNUMMER}]

    register = Register(Known(), KEYS, Codec(), NOON)  # type: ignore[arg-type]
    return await told(register, "tolvan", ["tolvan-at-the-lab"])


def of_the_log() -> Outgoing:
    """Tolvan's potassium was read at a ward."""
    ward = Commission(
        "c-1", "SE0000000001-1001", "Norrby", "SE0000000001-0001", "Region Norr", "Läkare", rights=frozenset()
    )
    number, who = Numbers().of(Caller("SE0000000001-P1", "staff", "journal", "Anna Andersson", commission=ward))
    key, type_number = KEYS.of("Patient/tolvan"), TYPES["Observation"].number
    columns: list[list[Any]] = [
        ["SE0000000001-P1"], ["c-1"], ["journal"], ["care"], ["read"], [None],
        [f"{{{key}}}"], [f"{{{type_number}}}"], ["{2}"], [1], [0], [number], [None],
    ]  # fmt: skip
    text = batch_text(NOON, "pdl-2", columns)
    label = ToldLabel("SE0000000001-0001", "SE0000000001-1001", "und-kkm-ure")
    told = ToldBatch(
        "fvm/vis", 4711, 0, sha256(text).digest(), msgspec.Raw(text), {str(key): "tolvan"}, {"2": label},
        {str(number): msgspec.Raw(who)},
    )  # fmt: skip
    return logged(told, NOON)


def of_sessions() -> Outgoing:
    ended = SessionRevoked(
        session="0b9f1f0e-6a0a-4f0e-9b3c-6d1f6d1f2a10",
        reason="signed-out",
        revoked_at=datetime(2026, 3, 2, 7, 45, 12, 345_678, UTC),
        forget_after=datetime(2026, 3, 3, 7, 45, 12, 345_678, UTC),
    )
    return ended.outgoing()


@pytest.fixture(scope="module")
async def told_events() -> dict[str, Outgoing]:
    """By example: one event of each type, made by the code that tells it."""
    joined = an_adt("A40", pid=a_pid(), more="MRG|R77^^^LIMS^PI")
    return {
        **of_the_engine(work.mount(vis.settings.Settings(database_url=NOWHERE)).teller),
        **of_the_engine(region.mount(information_platform.settings.Settings(database_url=NOWHERE)).teller),
        "exchange.record.v1": of_exchange(an_oru()),
        "exchange.record.v1-merge": of_exchange(joined),
        "information.person-changed.v1": await of_persons(),
        "application.session-revoked.v1": of_sessions(),
        "audit.access.v1": of_the_log(),
    }


TOLD = (
    "vis.record.v1",
    "vis.changed.v1",
    "exchange.record.v1",
    "exchange.record.v1-merge",
    "information.record-changed.v1",
    "information.person-changed.v1",
    "application.session-revoked.v1",
    "audit.access.v1",
)


def content(outgoing: Outgoing) -> bytes:
    """The JSON inside an event, as the contract says it is packed; the transaction's own id made the example's."""
    data = outgoing.event.data
    if not outgoing.event.datacontenttype.endswith("+zstd"):
        return data
    assert data[0] == 1, "the format byte"
    text = zstandard.ZstdDecompressor().decompress(data[1:])
    own = json.loads(text).get("transaction")
    return text.replace(own.encode(), str(TRANSACTION).encode(), 1) if own else text


@pytest.mark.parametrize("name", TOLD)
def test_what_is_told_is_the_example(
    name: str, told_events: dict[str, Outgoing], promised: Callable[[str], Any], as_data: Callable[[bytes], Any]
) -> None:
    said = content(told_events[name])
    if os.environ.get("FVM_GOLDEN"):
        written(name, said)

    assert as_data(said) == promised(name)


@pytest.mark.parametrize("name", TOLD)
def test_what_is_told_is_what_the_schema_promises(
    name: str, told_events: dict[str, Outgoing], check: Callable[[str, Any], None]
) -> None:
    outgoing = told_events[name]

    check(outgoing.event.type, json.loads(content(outgoing)))
    check("cloudevents", {header: value.decode() for header, value in to_headers(outgoing.event)})


@pytest.mark.parametrize("name", TOLD)
def test_an_event_goes_to_the_topic_of_its_type_under_its_key(name: str, told_events: dict[str, Outgoing]) -> None:
    outgoing = told_events[name]

    assert outgoing.topic == outgoing.event.type == name.removesuffix("-merge")
    assert outgoing.key == outgoing.event.key == outgoing.event.subject


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_is_what_its_schema_promises(path: Path, check: Callable[[str, Any], None]) -> None:
    check(path.stem.partition("-merge")[0], json.loads(path.read_text()))


def test_every_schema_has_an_example_and_every_example_a_schema() -> None:
    schemas = {path.name.removesuffix(".schema.json") for path in EXAMPLES.parent.glob("*.v[0-9]*.schema.json")}

    assert {path.stem.partition("-merge")[0] for path in EXAMPLES.glob("*.json")} == schemas


@pytest.mark.parametrize("kind", ["record", "changed"])
def test_a_schema_refuses_what_is_not_promised(kind: str, check: Callable[[str, Any], None]) -> None:
    with pytest.raises(Exception, match=r"is a required property|is not valid"):
        check(kind, {"transaction": str(TRANSACTION), "patients": [], "entries": [{"op": "put", "updated": "now"}]})


def written(name: str, said: bytes) -> None:
    """The example anew, readable; every token stays as it was told."""
    (EXAMPLES / f"{name}.json").write_bytes(msgspec.json.format(said, indent=2) + b"\n")
