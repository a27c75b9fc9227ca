"""REC-12, D18: an answer that comes by HL7 v2 is owed one acknowledgement, which a doctor gives at VIS; a correction owes another."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from integration_platform.testing import a_message

Until = Callable[..., Awaitable[Any]]
Look = Callable[..., Awaitable[list[dict[str, Any]]]]


def an_answer(number: str, control: str, value: str, state: str = "F") -> str:
    """P-kalium, answered a moment ago."""
    at = (datetime.now(ZoneInfo("Europe/Stockholm")) - timedelta(minutes=5)).strftime("%Y%m%d%H%M%S")
    return a_message(
        "ORU^R01^ORU_R01",
        f"PID|1||{number}^^^LIMS^MR||Provsson^Prov^^^^^L||19500907|M",
        f"OBR|1|P{number}^VIS|F{number}^LIMS|NPU03568^P-Kalium^NPU|||{at}|||||||||||||||{at}||LAB|{state}",
        f"OBX|1|NM|NPU03568^P-Kalium^NPU||{value}|mmol/L^mmol/L^UCUM|3.5-4.4|H|||{state}",
        control=control,
    )


async def test_an_answer_by_hl7_is_acknowledged_once_and_its_correction_anew(
    region: Any, look: Look, until: Until
) -> None:
    number = f"J{uuid4().hex[:12].upper()}"
    assert "MSA|AA" in await region.say(an_answer(number, f"1-{number}", "5.60"))

    async def known() -> Any:
        [patient] = await look(f"Patient?identifier=urn:fvm:sender:demo:LIMS|{number}")
        return patient["id"]

    id = await until(known)
    async with region.client("anna") as anna:
        for door in ("relations", "choices"):
            body = {"id": str(uuid4()), "reason": "Telefonsamtal i dag"}
            taken = await anna.post(f"/information/access/patients/{id}/{door}", json=body)
            assert taken.status_code == 201, taken.text
        address = f"/vis/fhir/Task?patient={id}&code=urn:fvm:task|result"

        async def task(status: str) -> Any:
            found = (await anna.get(address)).json().get("entry", [])
            assert [one["resource"]["status"] for one in found] == [status]
            return found[0]["resource"]

        async def requested() -> Any:
            return await task("requested")

        owed = await until(requested)
        assert (owed["priority"], owed["for"]["reference"]) == ("urgent", f"Patient/{id}")
        focus = owed["focus"]["reference"]
        report = (await anna.get(f"/fhir/{focus}")).json()

        async def acknowledge(version: str) -> Any:
            said = [{"name": "version", "valueString": version}, {"name": "outcome", "valueCode": "action"}]
            return await anna.post(
                f"/vis/fhir/{focus}/$acknowledge",
                json={"resourceType": "Parameters", "parameter": said},
                headers={"fvm-patient": id},
            )

        done = await acknowledge(report["meta"]["versionId"])
        assert (done.status_code, done.json()["status"]) == (200, "completed")
        assert "MSA|AA" in await region.say(an_answer(number, f"2-{number}", "4.10", "C"))
        await until(requested)  # the laboratory corrected itself: it is to be read again
        corrected = (await anna.get(f"/fhir/{focus}")).json()
        assert corrected["meta"]["versionId"] != report["meta"]["versionId"]
        assert (await acknowledge(corrected["meta"]["versionId"])).status_code == 200
        await task("completed")
