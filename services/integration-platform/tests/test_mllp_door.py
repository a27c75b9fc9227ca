"""Messages at the MLLP door are stored before they are answered, answered rightly, and never lost."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from integration_platform.hl7v2.mllp import wrap
from integration_platform.receiving.model import opened
from integration_platform.testing import a_message, a_pid, an_adt, an_oru
from kit.testing import fresh_database

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "hl7v2"


def answer(reply: Any) -> tuple[str, str]:
    msa = reply.first("MSA")
    return msa.text(1), msa.text(2)


async def test_an_answered_message_is_in_the_store_byte_by_byte(exchange: Any) -> None:
    raw = an_oru("L1", charset="8859/1").encode("latin-1")

    assert answer(await exchange.send(raw)) == ("AA", "L1")

    [row] = await exchange.db.pool.fetch("select * from message")
    assert opened(row["body"]) == raw
    assert (row["sender"], row["kind"], row["control_id"], row["source"]) == ("demo", "ORU^R01", "L1", "LIMS|KEM")
    assert await exchange.db.pool.fetchval("select count(*) from message_waiting") == 1


async def test_many_messages_may_be_on_the_way_and_are_answered_in_order(exchange: Any) -> None:
    sender = await exchange.connect()
    replies = await sender.exchange(*(an_oru(f"L{nth}") for nth in range(500)))
    await sender.close()

    assert [answer(reply) for reply in replies] == [("AA", f"L{nth}") for nth in range(500)]
    stored = await exchange.db.pool.fetch("select control_id from message order by id")
    assert [row["control_id"] for row in stored] == [f"L{nth}" for nth in range(500)]


async def test_a_message_sent_again_is_stored_once_and_gets_the_same_answer(exchange: Any) -> None:
    first, again = await exchange.send(an_oru("L1")), await exchange.send(an_oru("L1"))

    assert first.header.fields == again.header.fields
    assert answer(again) == ("AA", "L1")
    assert await exchange.db.pool.fetchval("select count(*) from message") == 1

    refused, refused_again = (
        await exchange.send(a_message("ADT^A99", a_pid())),
        await exchange.send(a_message("ADT^A99", a_pid())),
    )
    assert refused.header.fields == refused_again.header.fields
    assert refused.first("ERR").raw(3) == refused_again.first("ERR").raw(3)


async def test_twins_in_one_group_are_stored_once(exchange: Any) -> None:
    sender = await exchange.connect()
    replies = await sender.exchange(*[an_oru("L1")] * 20)
    await sender.close()

    assert [answer(reply) for reply in replies] == [("AA", "L1")] * 20
    assert await exchange.db.pool.fetchval("select count(*) from message") == 1


async def test_the_same_control_id_with_other_content_is_a_new_message_and_flagged(exchange: Any) -> None:
    await exchange.send(an_oru("L1", value="5.60"))
    assert answer(await exchange.send(an_oru("L1", value="5.70"))) == ("AA", "L1")

    second, first = await exchange.messages()
    assert (first["changed"], second["changed"]) == (False, True)


@pytest.mark.parametrize(
    ("raw", "code", "condition"),
    [
        (a_message("SIU^S12", a_pid()), "AR", "200"),
        (a_message("ADT^A99", a_pid()), "AR", "201"),
        (a_message("ORU^R01", a_pid(), msh_12="3.0"), "AR", "203"),
        (a_message("", a_pid()), "AR", "101"),
        (a_message("ORU^R01", a_pid(), control=""), "AR", "101"),
        (a_message("ORU^R01", "OBR|1"), "AE", "100"),
        (an_oru(charset="KLINGON"), "AE", "103"),
        (an_oru().replace("Tolvan", "Åke").encode("latin-1"), "AE", "102"),
        (b"hello", "AR", "100"),
        (b"", "AR", "100"),
    ],
)
async def test_what_is_refused_is_answered_with_the_reason_and_kept(
    exchange: Any, raw: Any, code: str, condition: str
) -> None:
    reply = await exchange.send(raw)

    assert answer(reply)[0] == code
    assert reply.first("ERR").text(3) == condition
    [kept] = await exchange.messages(state="parked")
    assert kept["reason"]
    assert kept["code"].startswith("exchange/")
    assert kept["answer"] == code


async def test_broken_frames_are_answered_and_kept_and_the_next_message_is_taken(exchange: Any) -> None:
    sender = await exchange.connect()
    sender.write(b"\x0b" + an_oru("L1").encode() + wrap(an_oru("L2").encode()))
    sender.write(an_oru("L3").encode() + b"\x1c\r" + b"noise" + wrap(an_oru("L4").encode()))

    replies = [answer(await sender.reply()) for _ in range(4)]
    await sender.close()

    assert replies == [("AR", "L1"), ("AA", "L2"), ("AR", "L3"), ("AA", "L4")]
    parked = await exchange.messages(state="parked")
    assert {message["code"] for message in parked} == {"exchange/broken-frame"}
    assert len(parked) == 3


async def test_an_oversized_frame_is_refused_at_once_and_its_beginning_kept(exchange: Any) -> None:
    sender = await exchange.connect()
    sender.write(b"\x0b" + an_oru("BIG").encode() + b"x" * 300_000)

    assert answer(await sender.reply()) == ("AR", "BIG")
    assert await sender.closed()
    await sender.close()
    [kept] = await exchange.messages(state="parked")
    assert kept["reason"] == "The frame is larger than we take"


async def test_a_slow_frame_is_refused_and_others_are_served_meanwhile(exchange: Any) -> None:
    slow = await exchange.connect()
    slow.write(b"\x0b" + an_oru("SLOW").encode()[:150])

    assert answer(await exchange.send(an_oru("QUICK"))) == ("AA", "QUICK")
    assert answer(await slow.reply()) == ("AR", "SLOW")
    assert await slow.closed()
    await slow.close()


async def test_an_idle_connection_stays_open(exchange: Any) -> None:
    sender = await exchange.connect()
    await sender.exchange(an_oru("L1"))
    sender.write(b"\r\n")
    await asyncio.sleep(0.8)
    assert answer((await sender.exchange(an_oru("L2")))[0]) == ("AA", "L2")
    await sender.close()


async def test_half_a_frame_of_a_lost_connection_is_kept(exchange: Any) -> None:
    sender = await exchange.connect()
    sender.write(b"\x0b" + an_oru("HALF").encode()[:120])
    await sender.writer.drain()
    await sender.close()
    await asyncio.sleep(0.2)

    [kept] = await exchange.messages()
    assert (kept["state"], kept["control_id"], kept["code"]) == ("parked", "HALF", "exchange/broken-frame")


async def test_a_sender_that_closes_its_half_still_gets_its_answer(exchange: Any) -> None:
    sender = await exchange.connect()
    sender.write(wrap(an_oru("L1").encode()))
    sender.writer.write_eof()
    assert answer(await sender.reply()) == ("AA", "L1")
    assert await sender.closed()
    await sender.close()


async def test_enhanced_mode_is_answered_as_asked(exchange: Any) -> None:
    assert answer(await exchange.send(an_oru("L1", msh_15="AL", msh_16="NE"))) == ("CA", "L1")
    sender = await exchange.connect()
    sender.write(wrap(an_oru("L2", msh_15="NE", msh_16="NE").encode()))
    [reply] = await sender.exchange(an_oru("L3"))
    await sender.close()
    assert answer(reply) == ("AA", "L3")
    assert len(await exchange.messages()) == 3


async def test_an_acknowledgement_is_kept_and_not_acknowledged(exchange: Any) -> None:
    sender = await exchange.connect()
    sender.write(wrap(a_message("ACK^R01", "MSA|AA|7", control="A1").encode()))
    [reply] = await sender.exchange(an_oru("L1"))
    await sender.close()
    assert answer(reply) == ("AA", "L1")
    assert [message["code"] for message in await exchange.messages(state="parked")] == [
        "exchange/unexpected-acknowledgement"
    ]


async def test_nul_bytes_and_long_names_do_not_stop_the_store(exchange: Any) -> None:
    raw = an_oru("L\x001", msh_3="X" * 5000)
    assert answer(await exchange.send(raw))[0] == "AA"
    [kept] = await exchange.messages()
    assert len(kept["source"]) == 200


async def test_a_database_that_goes_away_loses_nothing_and_nothing_is_answered_before_it_is_stored(
    postgres_url: str, opening: Any
) -> None:
    async with fresh_database(postgres_url, "integration_platform") as url, opening(url, "demo") as exchange:
        sender = await exchange.connect()
        answers = asyncio.create_task(sender.exchange(*(an_oru(f"L{nth}") for nth in range(2000))))
        for _ in range(3):
            await asyncio.sleep(0.05)
            await cut_off(postgres_url, url)
        replies = await answers
        await sender.close()

        assert [answer(reply) for reply in replies] == [("AA", f"L{nth}") for nth in range(2000)]
        assert await exchange.db.pool.fetchval("select count(*) from message") == 2000


async def cut_off(postgres_url: str, url: str) -> None:
    """Ends every connection to this database, as a restarted server would."""
    administrator = await asyncpg.connect(postgres_url)
    name = url.rpartition("/")[2]
    await administrator.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    await administrator.close()


async def test_a_door_that_closes_answers_what_it_has_taken(postgres_url: str, opening: Any) -> None:
    async with fresh_database(postgres_url, "integration_platform") as url:
        async with opening(url, "demo") as exchange:
            sender = await exchange.connect()
            for nth in range(400):
                sender.write(wrap(an_oru(f"L{nth}").encode()))
            first = await sender.reply()
        replies = [first]
        with suppress(ConnectionError):
            while True:
                replies.append(await sender.reply())
        await sender.close()
        connection = await asyncpg.connect(url)
        stored = {row["control_id"] for row in await connection.fetch("select control_id from message")}
        await connection.close()
    assert {answer(reply)[1] for reply in replies} == stored


async def test_an_unregistered_sender_is_refused_in_production_kept_and_replayed_once_registered(
    production: Any,
) -> None:
    reply = await production.send(an_oru("L1"))
    assert answer(reply) == ("AR", "L1")
    [kept] = await production.messages()
    assert (kept["state"], kept["code"], kept["sender"]) == ("parked", "exchange/unregistered-sender", None)

    await register(production, id="lab", port=production.parts.door.port, application="LIMS", network="127.0.0.0/8")
    assert answer(await production.send(an_oru("L1"))) == ("AA", "L1")
    assert answer(await production.send(an_oru("L2").replace("|LIMS|", "|OTHER|", 1))) == ("AR", "L2")

    async with production.client() as operator:
        assert (await operator.post(f"/exchange/messages/{kept['id']}/replay")).status_code == 202
        assert (await operator.post(f"/exchange/messages/{kept['id']}/replay")).status_code == 409
    await production.translate()
    states = {message["control_id"]: message["state"] for message in await production.messages(sender="lab")}
    assert states == {"L1": "translated"}


async def test_a_disabled_sender_is_refused(production: Any) -> None:
    await register(production, id="lab", port=production.parts.door.port)
    assert answer(await production.send(an_oru("L1"))) == ("AA", "L1")
    async with production.client() as operator:
        assert (await operator.post("/exchange/senders/lab/disable")).status_code == 204
    await production.parts.register.refresh()
    assert answer(await production.send(an_oru("L2"))) == ("AR", "L2")


async def test_test_messages_are_not_taken_into_production(production: Any) -> None:
    await register(production, id="lab", port=production.parts.door.port)
    assert answer(await production.send(an_oru("L1", msh_11="T"))) == ("AR", "L1")


async def register(exchange: Any, **sender: Any) -> None:
    body = {
        "name": "Lab", "unit": "SE2321000016-2001", "unit_name": "Kemlab", "provider": "SE2321000016-0001",
        "provider_name": "Region Norr", **sender,
    }  # fmt: skip
    async with exchange.client() as operator:
        answered = await operator.post("/exchange/senders", json=body)
        assert answered.status_code == 201, answered.text
    await exchange.parts.register.refresh()


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="shared test data are not here")
async def test_every_sample_is_answered_and_translated_or_kept_with_a_reason(exchange: Any) -> None:
    files = sorted(SAMPLES.glob("*.hl7"))
    replies = [await exchange.send(file.read_bytes()) for file in files]
    await exchange.translate()

    kept = await exchange.messages(count=200)
    assert len(kept) == len({file.read_bytes() for file in files}) == 35
    for reply, message in zip(replies, reversed(kept), strict=True):
        assert answer(reply)[1] == message["control_id"]
        assert message["state"] == ("translated" if answer(reply)[0] in ("AA", "CA") else "parked")
        assert (message["reason"] is None) == (message["state"] == "translated")


async def test_an_adt_with_its_visit_becomes_one_event(exchange: Any) -> None:
    await exchange.send(an_adt("A01"))
    assert await exchange.translate() == 1
    [(row, record)] = await exchange.told()
    assert row["topic"] == "exchange.record.v1"
    assert [entry["type"] for entry in record["entries"]] == ["Patient", "Encounter"]
