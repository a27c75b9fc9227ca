"""What Exchange tells and takes is what contracts/events promises."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
from referencing import Registry, Resource

from integration_platform.testing import a_pid, an_adt, an_origin, an_oru
from integration_platform.translate import fhir
from kit.outbox import read_headers

CONTRACTS = Path(__file__).parents[3] / "contracts" / "events"


def schema(name: str) -> jsonschema.Draft202012Validator:
    files = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in CONTRACTS.glob("*.schema.json")}
    registry: Registry[Any] = Registry().with_resources(
        (key, Resource.from_contents(value)) for key, value in files.items()
    )
    return jsonschema.Draft202012Validator(files[name], registry=registry)


async def test_record_events_are_what_was_promised(exchange: Any) -> None:
    for raw in (
        an_oru("L1"),
        an_adt("A03", "L2"),
        an_adt("A40", "L3", pid=a_pid("191212121212^^^PNR~M1^^^NUS^MR"), more="MRG|M2^^^NUS^MR"),
    ):
        await exchange.send(raw)
    await exchange.translate()
    told = await exchange.told()
    assert len(told) == 3
    for row, record in told:
        schema("exchange.record.v1.schema.json").validate(record)
        headers = {name: value.decode() for name, value in read_headers(row["headers"])}
        schema("cloudevents.schema.json").validate(headers)


def test_the_promised_example_of_the_inbox_can_be_read() -> None:
    example = (CONTRACTS / "examples" / "exchange.inbox.v1.json").read_bytes()
    schema("exchange.inbox.v1.schema.json").validate(msgspec.json.decode(example))
    [person, deleted] = fhir.translate(example, an_origin())
    assert fhir.types_of([person]) == {"Patient", "Observation"}
    assert person.person[1] == "191212121212"
    assert fhir.types_of([deleted]) == {"Observation"}
