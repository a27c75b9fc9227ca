"""A specialist system speaks HL7 v2 over MLLP: facts in the region's record, right answers, nothing lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from integration_platform.testing import a_message, an_adt, an_oru

Look = Callable[..., Awaitable[list[dict[str, Any]]]]
Until = Callable[..., Awaitable[Any]]


def msa(reply: str) -> tuple[str, str]:
    """Code and control id of the acknowledgement."""
    [segment] = [line for line in reply.split("\r") if line.startswith("MSA")]
    fields = segment.split("|")
    return fields[1], fields[2]


def a_number() -> str:
    """A record number of the sender's own that nobody else has."""
    return f"J{uuid4().hex[:12].upper()}"


def pid(number: str, family: str = "Provsson", given: str = "Prov") -> str:
    return f"PID|1||{number}^^^LIMS^MR||{family}^{given}^^^^^L||19500907|M"


def pv1(number: str, *, kind: str = "I", end: str = "") -> str:
    """Class, place, visit number (PV1-19), beginning (PV1-44) and end."""
    return "|".join(
        ["PV1", "1", kind, "MED1^12^2^NUS", *[""] * 15, f"{number}^^^VIS^VN", *[""] * 24, "20260301081500", end]
    )


async def of_number(look: Look, number: str) -> dict[str, Any]:
    [patient] = await look(f"Patient?identifier=urn:fvm:sender:demo:LIMS|{number}")
    return patient


async def shown(bench: httpx2.AsyncClient, control: str, **query: Any) -> dict[str, Any]:
    """The kept message with this control id, as operators see it."""
    answer = await bench.get("/exchange/messages", params={"count": 200, **query})
    assert answer.status_code == 200, answer.text
    [message] = [one for one in answer.json() if one["control_id"] == control]
    return dict(message)


async def test_a_visit_is_followed_from_admission_to_discharge(region: Any, look: Look, until: Until) -> None:
    number, visit = a_number(), a_number()
    expected = {"A01": "in-progress", "A04": "in-progress", "A08": "in-progress", "A03": "finished"}
    for event, status in expected.items():
        control = f"{event}-{number}"
        family = "Bytnamnsson" if event in ("A08", "A03") else "Provsson"
        end = "20260303100000" if event == "A03" else ""
        reply = await region.say(an_adt(event, control, pid=pid(number, family), more=pv1(visit, end=end)))
        assert msa(reply) == ("AA", control)

        async def arrived(status: str = status, family: str = family) -> dict[str, Any]:
            [encounter] = await look(f"Encounter?identifier=urn:fvm:sender:demo:VIS|{visit}")
            patient = await of_number(look, number)
            assert (encounter["status"], patient["name"][0]["family"]) == (status, family)
            assert encounter["subject"]["reference"] == f"Patient/{patient['id']}"
            return encounter

        encounter = await until(arrived)
    assert encounter["period"]["end"].startswith("2026-03-03T10:00:00")
    assert encounter["location"][0]["location"]["display"] == "MED1, 12, 2, NUS"


async def test_a_lab_answer_becomes_a_report_with_its_observation_and_a_correction_its_next_version(
    region: Any, look: Look, until: Until, bench: httpx2.AsyncClient
) -> None:
    number, order = a_number(), a_number()
    first = an_oru(f"1-{number}", value="5.60", pid=pid(number)).replace("F100^LIMS", f"{order}^LIMS")
    corrected = first.replace(f"1-{number}", f"2-{number}").replace("|5.60|", "|4.10|").replace("|F\r", "|C\r")
    assert msa(await region.say(first)) == ("AA", f"1-{number}")

    async def arrived(value: str, status: str) -> dict[str, Any]:
        patient = await of_number(look, number)
        [report] = await look(f"DiagnosticReport?patient={patient['id']}")
        [result] = await look(f"Observation?patient={patient['id']}&code=urn:oid:1.2.752.108.1|NPU03568")
        assert report["result"] == [{"reference": f"Observation/{result['id']}"}]
        assert (str(result["valueQuantity"]["value"]), result["status"]) == (value, status)
        return result

    result = await until(lambda: arrived("5.60", "final"))
    assert result["valueQuantity"]["unit"] == "mmol/L"
    assert msa(await region.say(corrected)) == ("AA", f"2-{number}")
    again = await until(lambda: arrived("4.10", "corrected"))
    assert again["id"] == result["id"]
    history = await bench.get(f"/fhir/Observation/{result['id']}/_history")
    assert [entry["resource"]["status"] for entry in history.json()["entry"]] == ["corrected", "final"]


@pytest.mark.parametrize(("declared", "codec"), [("8859/1", "latin-1"), ("UNICODE UTF-8", "utf-8"), ("", "latin-1")])
async def test_swedish_letters_are_right_whatever_character_set_is_declared(
    region: Any, look: Look, until: Until, declared: str, codec: str
) -> None:
    number = a_number()
    message = an_adt("A04", number, pid=pid(number, "Öberg-Åkerström", "Märta"), more=pv1(a_number(), kind="O"))
    message = message.replace("UNICODE UTF-8", declared)
    assert msa(await region.say(message.encode(codec))) == ("AA", number)

    async def arrived() -> dict[str, Any]:
        return await of_number(look, number)

    patient = await until(arrived)
    assert patient["name"][0] == {"use": "official", "family": "Öberg-Åkerström", "given": ["Märta"]}
    assert number in str(await look("Patient?family=oberg-akerstrom&_count=1000"))


@pytest.mark.parametrize(
    ("message", "code", "problem"),
    [
        (a_message("ADT^A99^ADT_A99", pid("1"), control="CTRL"), "AR", "exchange/unsupported-message"),
        (a_message("MDM^T02^MDM_T02", pid("1"), control="CTRL"), "AR", "exchange/unsupported-message"),
        (a_message("ORU^R01^ORU_R01", "PV1|1|I", control="CTRL"), "AE", "exchange/missing-segment"),
        (a_message("ADT^A40^ADT_A39", pid("1"), control="CTRL"), "AE", "exchange/missing-segment"),
        (a_message("", pid("1"), control="CTRL"), "AR", "exchange/missing-field"),
        (a_message("ADT^A04", pid("1"), control="CTRL", msh_12="3.0"), "AR", "exchange/unsupported-version"),
        (a_message("ADT^A04", pid("1"), control="CTRL", charset="KLINGON"), "AE", "exchange/unknown-character-set"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
async def test_what_is_not_understood_is_answered_with_its_code_kept_and_shown(
    region: Any, bench: httpx2.AsyncClient, message: str, code: str, problem: str
) -> None:
    control = a_number()
    assert msa(await region.say(message.replace("CTRL", control))) == (code, control)
    kept = await shown(bench, control, state="parked")
    assert (kept["code"], kept["answer"], kept["door"]) == (problem, code, "mllp")


async def test_text_in_another_character_set_than_declared_is_refused_and_kept(
    region: Any, bench: httpx2.AsyncClient
) -> None:
    control = a_number()
    message = an_adt("A04", control, pid=pid(control, "Öberg"), more=pv1(a_number()))
    assert msa(await region.say(message.encode("latin-1"))) == ("AE", control)
    assert (await shown(bench, control, state="parked"))["code"] == "exchange/wrong-character-set"


async def newest(bench: httpx2.AsyncClient) -> int:
    answer = await bench.get("/exchange/messages", params={"count": 1})
    return int(answer.json()[0]["id"]) if answer.json() else 0


async def since(bench: httpx2.AsyncClient, before: int) -> list[dict[str, Any]]:
    answer = await bench.get("/exchange/messages", params={"state": "parked", "door": "mllp", "count": 200})
    return [one for one in answer.json() if one["id"] > before]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x0bnot HL7 at all\x1c\r",
        b"\x0b\x1c\r",
        b"MSH|^~\\&|LIMS|KEM|||20260302||ADT^A04|no start|P|2.5\r\x1c\r",
        b"\x0b\xff\xfe\x00\x01\x1c\r",
    ],
    ids=["no MSH", "empty", "no start block", "not text"],
)
async def test_a_broken_frame_is_answered_ar_kept_and_shown(region: Any, bench: httpx2.AsyncClient, raw: bytes) -> None:
    async with await region.wire() as wire:
        wire.writer.write(raw)
        reply = await wire.hear()
    assert msa(reply)[0] == "AR"
    receipt = reply.split("|")[9].removeprefix("FVM")  # our control id is the number under which it is kept
    kept = (await bench.get(f"/exchange/messages/{receipt}")).json()
    assert (kept["state"], kept["door"]) == ("parked", "mllp")
    assert kept["code"] in ("exchange/broken-frame", "exchange/not-hl7")


async def test_half_a_frame_is_kept_when_the_sender_hangs_up(
    region: Any, bench: httpx2.AsyncClient, until: Until
) -> None:
    before, number = await newest(bench), a_number()
    async with await region.wire() as wire:
        wire.writer.write(b"\x0b" + an_adt("A04", number, pid=pid(number), more=pv1("1")).encode()[:-20])
        await wire.writer.drain()

    async def kept() -> None:
        [half] = await since(bench, before)
        assert (half["control_id"], half["code"]) == (number, "exchange/broken-frame")

    await until(kept)


async def test_an_oversized_frame_is_refused_at_once_and_the_neighbour_is_served(
    region: Any, bench: httpx2.AsyncClient
) -> None:
    before, number = await newest(bench), a_number()
    beginning = an_adt("A04", number, pid=pid(number), more=pv1("1")).encode()
    async with await region.wire() as large, await region.wire() as small:
        large.writer.write(b"\x0b" + beginning + b"NTE|1||" + b"x" * 17_000_000)
        beside = a_number()
        good = an_adt("A04", beside, pid=pid(beside), more=pv1(a_number()))
        async with asyncio.timeout(5):
            assert msa(await small.say(good)) == ("AA", beside)
        assert msa(await large.hear()) == ("AR", number)
    assert number in {one["control_id"] for one in await since(bench, before)}


async def test_a_frame_that_comes_slowly_holds_up_nobody_and_is_taken_when_it_ends(region: Any) -> None:
    number = a_number()
    message = an_adt("A04", number, pid=pid(number), more=pv1(a_number())).encode()
    async with await region.wire() as slow, await region.wire() as quick:
        slow.writer.write(b"\x0b")
        for at in range(0, len(message), 40):
            slow.writer.write(message[at : at + 40])
            await slow.writer.drain()
            other = a_number()
            reply = await quick.say(an_adt("A04", other, pid=pid(other), more=pv1(a_number())), 5)
            assert msa(reply) == ("AA", other)
        slow.writer.write(b"\x1c\r")
        assert msa(await slow.hear()) == ("AA", number)


async def test_a_frame_that_never_ends_is_refused_when_its_time_is_up_and_kept(
    region: Any, bench: httpx2.AsyncClient
) -> None:
    number = a_number()
    async with await region.wire() as wire:
        wire.writer.write(b"\x0b" + an_adt("A04", number, pid=pid(number), more=pv1("1")).encode())
        assert msa(await wire.hear(60)) == ("AR", number)
    assert (await shown(bench, number, state="parked"))["code"] == "exchange/broken-frame"


async def test_the_same_message_sent_again_gets_the_same_answer_and_is_kept_once(
    region: Any, bench: httpx2.AsyncClient
) -> None:
    number = a_number()
    message = an_adt("A04", number, pid=pid(number), more=pv1(a_number()))
    first, again = await region.say(message), await region.say(message)
    assert first == again
    assert (await shown(bench, number))["answer"] == "AA"


async def test_a_message_that_only_looks_like_one_sent_before_is_a_new_one_and_flagged(
    region: Any, bench: httpx2.AsyncClient
) -> None:
    number = a_number()
    for family in ("Först", "Sedan"):
        await region.say(an_adt("A04", number, pid=pid(number, family), more=pv1("1")))
    answer = await bench.get("/exchange/messages", params={"count": 50})
    assert [one["changed"] for one in answer.json() if one["control_id"] == number] == [True, False]
