"""What was stored becomes record events, in order, labelled, once; what cannot be told is parked and can be replayed."""

from typing import Any

import pytest

from integration_platform.testing import a_message, a_pid, an_adt, an_oru
from integration_platform.translate import hl7v2
from kit.outbox import read_headers


async def test_a_record_event_is_what_the_contract_says(exchange: Any) -> None:
    await exchange.send(an_oru("L1", value="5.60"))
    await exchange.translate()

    [(row, record)] = await exchange.told()
    headers = {name: value.decode() for name, value in read_headers(row["headers"])}
    assert headers["ce_type"] == "exchange.record.v1"
    assert headers["ce_source"] == "/exchange/demo"
    assert headers["content-type"] == "application/vnd.fvm.record+zstd"
    assert len(row["key"]) == 32
    assert int(row["key"], 16) > 0
    assert (record["part"], record["parts"]) == (1, 1)
    patient, report, observation = record["entries"]
    assert [entry["op"] for entry in record["entries"]] == ["put"] * 3
    assert patient["resource"]["identifier"][0]["value"] == "191212121212"
    assert observation["resource"]["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert report["resource"]["result"] == [{"reference": f"Observation/{observation['id']}"}]
    assert observation["label"]["unit"] == "SE0000000001-1001"
    [message] = await exchange.messages()
    assert observation["version"] == message["id"]


async def test_every_notation_of_a_personnummer_has_one_key_and_others_have_others(exchange: Any) -> None:
    for nth, identifier in enumerate(("191212121212^^^PNR", "19121212-1212^^^&1.2.752.129.2.1.3.1&ISO", "M7^^^NUS^MR")):
        await exchange.send(an_oru(f"L{nth}", pid=a_pid(identifier)))
    await exchange.translate()
    first, second, third = [row["key"] for row, _ in await exchange.told()]
    assert first == second != third


async def test_messages_are_told_in_the_order_in_which_they_came(exchange: Any) -> None:
    sender = await exchange.connect()
    await sender.exchange(*(an_oru(f"L{nth}", value=f"{nth}.0") for nth in range(200)))
    await sender.close()
    assert await exchange.translate() == 200
    values = [record["entries"][2]["resource"]["valueQuantity"]["value"] for _, record in await exchange.told()]
    assert values == [float(nth) for nth in range(200)]
    versions = [record["entries"][2]["version"] for _, record in await exchange.told()]
    assert versions == sorted(versions)


async def test_a_merge_is_told_as_an_instruction(exchange: Any) -> None:
    await exchange.send(an_adt("A40", pid=a_pid("191212121212^^^PNR~M1^^^NUS^MR"), more="MRG|M2^^^NUS^MR"))
    await exchange.translate()
    [(_, record)] = await exchange.told()
    [_, merge] = record["entries"]
    assert merge["op"] == "merge"
    assert merge["survivor"][0] == {
        "system": "http://electronichealth.se/identifier/personnummer",
        "value": "191212121212",
    }
    assert merge["retired"] == [{"system": "urn:fvm:sender:demo:NUS", "value": "M2"}]


async def test_a_receipt_says_what_became_of_a_message(exchange: Any) -> None:
    await exchange.send(an_adt("A01", more="AL1|1|DA|X\rPV1|1|I"))
    [message] = await exchange.messages()
    assert message["state"] == "received"
    await exchange.translate()
    async with exchange.client() as operator:
        receipt = (await operator.get(f"/exchange/receipts/{message['id']}")).json()
    assert receipt["state"] == "translated"
    assert receipt["resources"] == {"Patient": 1}
    assert receipt["left_out"] == {"AL1": 1}
    assert receipt["transaction"]


async def test_what_cannot_be_told_is_parked_with_a_reason_and_the_rest_goes_on(exchange: Any) -> None:
    await exchange.send(a_message("ADT^A08", "PID|1||||Ek^Eva", control="NOBODY"))
    await exchange.send(an_oru("L1"))
    await exchange.translate()
    [parked] = await exchange.messages(state="parked")
    assert (parked["control_id"], parked["code"], parked["location"]) == (
        "NOBODY",
        "exchange/missing-identity",
        "PID-3",
    )
    assert "Ek" not in str(parked)
    assert len(await exchange.told()) == 1


@pytest.mark.parametrize("pid", ["PID|1||||Ek^Eva", "PID|1"])
async def test_an_answer_about_nobody_is_kept_whole_and_owed_by_the_operators_until_it_is_replayed(
    exchange: Any, pid: str
) -> None:
    await exchange.send(
        a_message("ORU^R01", pid, "OBR|1||F1|A^A^L", "OBX|1|NM|K^Kalium^L||6.7|mmol/L|||||F", control="NOONE")
    )
    await exchange.translate()
    assert await exchange.told() == []
    [parked] = await exchange.messages(state="parked")
    assert (parked["control_id"], parked["code"]) == ("NOONE", "exchange/missing-identity")
    async with exchange.client() as operator:
        answer = await operator.post(f"/exchange/messages/{parked['id']}/replay")
    assert answer.json()["state"] == "received"
    await exchange.translate()
    assert [one["code"] for one in await exchange.messages(state="parked")] == ["exchange/missing-identity"]


async def test_a_fault_of_ours_parks_one_message_and_a_replay_tells_it(
    exchange: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await exchange.send(an_oru("L1"))
    with monkeypatch.context() as patched:
        patched.setattr(hl7v2, "translate", lambda *_: 1 / 0)
        await exchange.translate()
    [parked] = await exchange.messages(state="parked")
    assert parked["code"] == "exchange/translator-fault"

    async with exchange.client() as operator:
        answer = await operator.post(f"/exchange/messages/{parked['id']}/replay")
    assert answer.json()["state"] == "received"
    await exchange.translate()
    [(_, record)] = await exchange.told()
    assert record["entries"][0]["version"] == parked["id"]


async def test_a_large_message_is_told_in_parts_under_one_key(exchange: Any) -> None:
    results = [f"OBX|{nth}|ST|T{nth}^Test^L||{'åäö ' * 9}||||||F" for nth in range(1200)]
    raw = a_message("ORU^R01", a_pid(), "OBR|1||F1|A^A^L", *results)
    await exchange.send(raw)
    await exchange.translate()
    rows = await exchange.told()
    assert len({row["key"] for row, _ in rows}) == 1
    assert len({record["transaction"] for _, record in rows}) == 1
    assert [record["part"] for _, record in rows] == list(range(1, len(rows) + 1))
    assert {record["parts"] for _, record in rows} == {len(rows)}
    assert sum(len(record["entries"]) for _, record in rows) == 1202


async def test_lists_of_messages_are_paged_and_filtered(exchange: Any) -> None:
    sender = await exchange.connect()
    await sender.exchange(*(an_oru(f"L{nth}") for nth in range(5)))
    await sender.close()
    first = await exchange.messages(count=2)
    second = await exchange.messages(count=2, before=first[-1]["id"])
    assert [message["control_id"] for message in first + second] == ["L4", "L3", "L2", "L1"]
    assert await exchange.messages(state="parked") == []
    assert len(await exchange.messages(door="mllp", sender="demo", state="received")) == 5
