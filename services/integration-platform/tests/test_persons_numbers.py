"""Numbers of persons at the doors: a mistyped one is kept, flagged and identifies nobody; a living person's is not kept."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from integration_platform.hl7v2 import header
from integration_platform.receiving import numbers
from integration_platform.receiving.handlers import keeping
from integration_platform.receiving.model import opened
from integration_platform.testing import a_message, a_pid, an_adt, an_oru
from integration_platform.translate.persons import UNPROVEN
from kit.events import CloudEvent

PNR = "http://electronichealth.se/identifier/personnummer"
OID = "SE&1.2.752.129.2.1.3.1&ISO^NNSWE"
RIGHT, WRONG, REAL = "191212121212", "191212121213", "198507099805"
EVENTS = {"content-type": "application/cloudevents+json"}


def pid(*cxs: str) -> str:
    return a_pid("~".join(cxs))


def number(value: str) -> str:
    return f"{value}^^^{OID}"


def msa(reply: Any) -> str:
    code: str = reply.first("MSA").text(1)
    return code


async def told(exchange: Any) -> list[dict[str, Any]]:
    """The Patients that were told to the region."""
    await exchange.translate()
    entries = [entry for _, record in await exchange.told() for entry in record["entries"]]
    return [entry["resource"] for entry in entries if entry.get("type") == "Patient"]


async def test_a_number_with_a_wrong_check_digit_is_taken_with_a_warning_and_kept_as_sent_and_flagged(
    exchange: Any,
) -> None:
    reply = await exchange.send(an_oru("L1", pid=pid(number(WRONG))))

    err = reply.first("ERR")
    assert (msa(reply), err.text(2), err.text(2, 3), err.text(4)) == ("AA", "PID", "3", "W")
    assert "identifies nobody" in err.text(8)
    assert WRONG not in err.text(8)
    [patient] = await told(exchange)
    [identifier] = patient["identifier"]
    assert (identifier["system"], identifier["value"]) == (PNR, WRONG)
    assert identifier["extension"] == [{"url": UNPROVEN, "valueBoolean": True}]


async def test_the_warning_stands_on_the_message_and_its_receipt_and_can_be_listed(exchange: Any) -> None:
    await exchange.send(an_oru("L1"))
    await exchange.send(an_oru("L2", pid=pid(number(WRONG))))

    [warned] = await exchange.messages(state="warned")
    assert (warned["control_id"], warned["answer"], warned["code"]) == ("L2", "AA", None)
    assert warned["warning"].startswith("PID-3: ")
    async with exchange.client() as client:
        assert (await client.get(f"/exchange/receipts/{warned['id']}")).json()["warning"] == warned["warning"]
    assert {one["control_id"]: one["warning"] is None for one in await exchange.messages()} == {"L1": True, "L2": False}


async def test_a_message_sent_again_gets_its_warning_again(exchange: Any) -> None:
    first = await exchange.send(an_oru("L1", pid=pid(number(WRONG))))
    again = await exchange.send(an_oru("L1", pid=pid(number(WRONG))))
    assert first.first("ERR").raw(8) == again.first("ERR").raw(8)


async def test_a_source_that_corrects_a_mistyped_number_keeps_its_patient(exchange: Any) -> None:
    own = "4711^^^MRN"
    for control, cxs in (("L1", (number(WRONG), own)), ("L2", (number(RIGHT), own)), ("L3", (own,))):
        await exchange.send(an_oru(control, pid=pid(*cxs)))
    assert len({patient["id"] for patient in await told(exchange)}) == 1


async def test_the_right_number_counts_where_a_wrong_one_stands_before_it(exchange: Any) -> None:
    await exchange.send(an_oru("L1", pid=pid(number(WRONG), number(RIGHT))))
    await exchange.send(an_oru("L2", pid=pid(number(RIGHT))))
    await exchange.translate()
    assert len({row["key"] for row, _ in await exchange.told()}) == 1


@pytest.mark.parametrize(
    ("cx", "warned"),
    [
        (number(RIGHT), False),
        (number("19121212-1212"), False),
        (number(WRONG), True),
        ("196109732394^^^SE&1.2.752.129.2.1.3.3&ISO", True),
        ("98240301ZZ0^^^SE&1.2.752.74.9.1&ISO", True),
        ("991981000011^^^SE&1.2.752.97.3.1.3&ISO", True),
        ("191212121213^^^PNR", True),
        (WRONG, False),  # nobody says what it is
        ("A17^^^RESERVNUMMER", False),  # a reserve number of the sender's own
        ("4711^^^MRN", False),
    ],
)
def test_only_what_should_say_who_a_person_is_can_be_wrong(cx: str, warned: bool) -> None:
    raw = an_oru(pid=pid(cx)).encode()
    assert bool(numbers.in_message(raw, header.read(raw)).warning) is warned


async def test_the_retired_number_of_a_merge_is_looked_at_too(exchange: Any) -> None:
    reply = await exchange.send(an_adt("A40", more=f"MRG|{number(WRONG)}"))
    assert (msa(reply), reply.first("ERR").text(2)) == ("AA", "MRG")


@pytest.mark.parametrize(
    "raw",
    [
        an_oru("L1", pid=pid(number(REAL))),
        an_oru("L1", pid=pid("4711^^^MRN", "850709-9805^^^PNR")),
        an_oru("L1", pid=pid(REAL)),
        an_adt("A40", "L1", more=f"MRG|{number(REAL)}"),
        a_message("SIU^S12", pid(number(REAL)), control="L1"),  # a type that is not taken either
        an_oru("L1", pid=pid(number(REAL)), charset="KLINGON"),
        an_oru("L1", pid=pid(number(REAL))).replace("\r", "\n"),
    ],
)
async def test_a_number_that_somebody_may_have_is_refused_in_a_demo_region_and_only_the_header_is_kept(
    exchange: Any, raw: str
) -> None:
    reply = await exchange.send(raw)

    assert msa(reply) == "AE"
    assert "official test number" in reply.first("ERR").text(8)
    assert "191212121212" in reply.first("ERR").text(8)
    [kept] = await exchange.messages(state="parked")
    assert (kept["code"], kept["control_id"]) == ("exchange/not-a-test-number", "L1")
    body = opened(await exchange.db.pool.fetchval("select body from message"))
    assert body.startswith(b"MSH|")
    assert b"PID" not in body


async def test_the_corrected_message_is_taken_though_its_control_id_is_the_same(exchange: Any) -> None:
    assert msa(await exchange.send(an_oru("L1", pid=pid(number(REAL))))) == "AE"
    assert msa(await exchange.send(an_oru("L1"))) == "AA"


async def test_in_production_everybody_is_somebody(production: Any) -> None:
    body = {"id": "lab", "name": "Lab", "unit": "U", "unit_name": "U", "provider": "P", "provider_name": "P",
            "port": production.parts.door.port, "client": "bench"}  # fmt: skip
    async with production.client() as operator:
        assert (await operator.post("/exchange/senders", json=body)).status_code == 201
        await production.parts.register.refresh()
        assert msa(await production.send(an_oru("L1", pid=pid(number(REAL))))) == "AA"
        answer = await operator.post("/exchange/events", content=an_event(REAL), headers=EVENTS)
    assert answer.status_code == 202


def an_event(value: str, id: str = "e1") -> bytes:
    patient = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": PNR, "value": value}]}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}
    return msgspec.json.encode(
        {"specversion": "1.0", "id": id, "source": "/lab", "type": "t", "subject": value, "data": bundle}
    )


async def post(exchange: Any, content: bytes) -> Any:
    async with exchange.client() as client:
        return await client.post("/exchange/events", content=content, headers=EVENTS)


async def test_an_event_with_a_wrong_check_digit_is_taken_with_a_warning_and_flagged(exchange: Any) -> None:
    answer = await post(exchange, an_event(WRONG))
    assert answer.status_code == 202
    assert "identifies nobody" in answer.json()["warning"]
    [patient] = await told(exchange)
    assert patient["identifier"][0]["extension"] == [{"url": UNPROVEN, "valueBoolean": True}]
    assert "warning" not in (await post(exchange, an_event(RIGHT, "e2"))).json()


async def test_an_event_with_a_number_that_somebody_may_have_is_refused_in_a_demo_region_and_not_kept(
    exchange: Any,
) -> None:
    answer = await post(exchange, an_event("850709-9805"))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/exchange/not-a-test-number")
    assert "191212121212" in answer.json()["detail"]
    body = opened(await exchange.db.pool.fetchval("select body from message"))
    assert b"9805" not in body
    assert b'"source":"/lab"' in body


async def test_an_event_on_kafka_with_a_number_that_somebody_may_have_is_parked_without_it(exchange: Any) -> None:
    data = msgspec.json.encode({"resourceType": "Patient", "identifier": [{"system": PNR, "value": REAL}]})
    keep = keeping(exchange.parts.register, exchange.parts.bodies, lambda: None, demo=True)
    async with exchange.db.transaction() as tx:
        await keep(
            tx,
            [
                CloudEvent("k1", "/lab", "t", datetime.now(UTC), data),
                CloudEvent("k2", "/lab", "t", datetime.now(UTC), data),
            ],
        )
    assert {one["code"] for one in await exchange.messages(state="parked")} == {"exchange/not-a-test-number"}
    bodies = [opened(row["body"]) for row in await exchange.db.pool.fetch("select body from message")]
    assert len(bodies) == 2
    assert not any(REAL.encode() in body for body in bodies)


async def test_many_at_once_are_each_judged_alone(exchange: Any) -> None:
    answers = await asyncio.gather(
        *(post(exchange, an_event(value, f"e{nth}")) for nth, value in enumerate([RIGHT, REAL, WRONG] * 5))
    )
    assert [answer.status_code for answer in answers] == [202, 422, 202] * 5
