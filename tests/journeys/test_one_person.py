"""A person is one person: one personnummer, written anyhow by anyone, is one Patient; a merge leaves a visible trace."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx2
import msgspec

from fhircore.identifiers import PERSONNUMMER
from integration_platform.testing import an_adt, an_oru

Look = Callable[..., Awaitable[list[dict[str, Any]]]]
Until = Callable[..., Awaitable[Any]]
NUMBER = "195009072553"  # official test numbers
OTHER = "189602029812"
JSON = {"content-type": "application/fhir+json"}
NOTATIONS = (
    ("195009072553", "SE&1.2.752.129.2.1.3.1&ISO", "NNSWE"),
    ("19500907-2553", "&1.2.752.129.2.1.3.1&ISO", ""),
    ("500907-2553", "PNR", ""),
    ("5009072553", "SKV&urn:oid:1.2.752.129.2.1.3.1&ISO", ""),
)


def oru(control: str, cx: str, family: str = "Enda") -> str:
    pid = f"PID|1||{cx}||{family}^Person^^^^^L||19500907|F"
    return an_oru(control, pid=pid).replace("F100^LIMS", f"{control}^LIMS")


async def the_person(look: Look, number: str = NUMBER) -> dict[str, Any]:
    [patient] = await look(f"Patient?identifier={PERSONNUMMER}|{number}")
    return patient


async def test_one_personnummer_in_any_notation_and_from_any_door_is_one_patient(
    region: Any, bench: httpx2.AsyncClient, look: Look, until: Until
) -> None:
    run = uuid4().hex[:8]
    for nth, (value, authority, kind) in enumerate(NOTATIONS):
        assert "|AA|" in await region.say(oru(f"N{nth}{run}", f"{value}^^^{authority}^{kind}"))
    patient = await until(lambda: the_person(look))
    event = {
        "specversion": "1.0", "id": run, "source": "/other", "type": "t",
        "data": {
            "resourceType": "Observation", "status": "final", "code": {"text": "Händelse"},
            "identifier": [{"system": "https://example.org/x", "value": run}],
            "subject": {"identifier": {"system": "urn:oid:1.2.752.129.2.1.3.1", "value": "500907-2553"}},
        },
    }  # fmt: skip
    sent = await bench.post(
        "/exchange/events",
        content=msgspec.json.encode(event),
        headers={"content-type": "application/cloudevents+json"},
    )
    assert sent.status_code == 202, sent.text
    vis_id = await in_vis(bench)
    made = await bench.post(
        "/vis/fhir/Observation",
        headers=JSON,
        json={
            "resourceType": "Observation", "status": "final", "code": {"text": f"VIS {run}"},
            "subject": {"reference": f"Patient/{vis_id}"},
        },
    )  # fmt: skip
    assert made.status_code == 201, made.text

    async def together() -> None:
        who = await the_person(look)
        facts = await look(f"Observation?patient={who['id']}&_count=1000")
        assert {fact["subject"]["reference"] for fact in facts} == {f"Patient/{who['id']}"}
        texts = [fact["code"]["text"] for fact in facts]
        assert (texts.count("P-Kalium") >= len(NOTATIONS), "Händelse" in texts, f"VIS {run}" in texts) == (True,) * 3

    await until(together)
    assert vis_id == patient["id"], "VIS gives a person whom the region knows the region's id"


async def in_vis(bench: httpx2.AsyncClient) -> str:
    """The id of this person in VIS, where it is made if it is not there."""
    made = await bench.post(
        "/vis/fhir/Patient",
        headers={**JSON, "if-none-exist": f"identifier={PERSONNUMMER}|{NUMBER}"},
        json={
            "resourceType": "Patient",
            "identifier": [{"system": "https://terminology.hl7.se/sid/se-personnummer", "value": "19500907-2553"}],
            "name": [{"family": "Enda", "given": ["Person"]}],
        },
    )  # fmt: skip
    assert made.status_code in (200, 201), made.text
    return made.headers["location"].split("/Patient/")[1].split("/")[0]


async def test_vis_refuses_a_second_patient_of_the_same_person_and_names_the_first(bench: httpx2.AsyncClient) -> None:
    first = await in_vis(bench)
    second = await bench.post(
        "/vis/fhir/Patient",
        headers=JSON,
        json={"resourceType": "Patient", "identifier": [{"system": PERSONNUMMER, "value": NUMBER}]},
    )
    assert second.status_code == 409
    assert first in second.text


async def test_a_merge_leaves_both_histories_under_one_person_and_a_visible_trace(
    region: Any, bench: httpx2.AsyncClient, look: Look, until: Until
) -> None:
    run = uuid4().hex[:10].upper()
    stays, gone = f"S{run}", f"G{run}"
    for number in (stays, gone):
        assert "|AA|" in await region.say(oru(f"O{number}", f"{number}^^^LIMS^MR"))
    system = "urn:fvm:sender:demo:LIMS"

    async def both() -> tuple[str, str]:
        [one], [other] = [await look(f"Patient?identifier={system}|{number}") for number in (stays, gone)]
        assert len(await look(f"Observation?patient={one['id']}")) == len(
            await look(f"Observation?patient={other['id']}")
        ) == 1  # fmt: skip
        return one["id"], other["id"]

    survivor, retired = await until(both)
    assert survivor != retired
    pid = f"PID|1||{stays}^^^LIMS^MR||Kvar^Är^^^^^L||19500907|F"
    assert "|AA|" in await region.say(an_adt("A40", f"M{run}", pid=pid, more=f"MRG|{gone}^^^LIMS^MR"))

    async def joined() -> None:
        old = (await bench.get(f"/fhir/Patient/{retired}")).json()
        assert (old.get("active"), old.get("link")) == (
            False, [{"other": {"reference": f"Patient/{survivor}"}, "type": "replaced-by"}]
        )  # fmt: skip
        new = (await bench.get(f"/fhir/Patient/{survivor}")).json()
        assert {"other": {"reference": f"Patient/{retired}"}, "type": "replaces"} in new.get("link", [])
        for either in (survivor, retired):
            assert len(await look(f"Observation?patient={either}")) == 2, "both histories are found under either id"
        everything = await look(f"Patient/{survivor}/$everything")
        assert sum(one["resourceType"] == "Observation" for one in everything) == 2

    await until(joined)
    # What still comes under the old number lands on the person.
    assert "|AA|" in await region.say(oru(f"L{gone}", f"{gone}^^^LIMS^MR"))

    async def later() -> None:
        assert len(await look(f"Observation?patient={survivor}")) == 3

    await until(later)


async def test_two_different_personnummer_are_never_merged_by_a_message_but_wait_for_a_human(
    region: Any, look: Look, until: Until
) -> None:
    run = uuid4().hex[:8]
    for number in (NUMBER, OTHER):
        await region.say(oru(f"D{number[-4:]}{run}", f"{number}^^^SE&1.2.752.129.2.1.3.1&ISO^NNSWE"))
        await until(lambda number=number: the_person(look, number))
    pid = f"PID|1||{NUMBER}^^^SE&1.2.752.129.2.1.3.1&ISO^NNSWE||Enda^Person||19500907|F"
    mrg = f"MRG|{OTHER}^^^SE&1.2.752.129.2.1.3.1&ISO^NNSWE"
    database = await region.database("information")
    try:
        before = await database.fetchval("select count(*) from inbox_parked where code = 'persons/different-persons'")
        assert "|AA|" in await region.say(an_adt("A40", f"X{run}", pid=pid, more=mrg))

        async def parked() -> None:
            assert before + 1 == await database.fetchval(
                "select count(*) from inbox_parked where code = 'persons/different-persons'"
            )

        await until(parked)
    finally:
        await database.close()
    assert (await the_person(look, NUMBER))["id"] != (await the_person(look, OTHER))["id"]


async def test_a_mistyped_number_is_found_as_it_was_sent_and_makes_nobody_one_with_anybody(
    region: Any, look: Look, until: Until
) -> None:
    run, wrong = uuid4().hex[:8], "195009072554"
    message = oru(f"W{run}", f"{wrong}^^^SE&1.2.752.129.2.1.3.1&ISO^NNSWE", "Mistyped")
    answer = await region.say(message)
    assert "MSA|AA|" in answer
    assert "|W|" in answer, "the sender is warned"
    assert "MSA|AA|" in await region.say(message.replace("|LIMS|", "|OTHER|", 1))

    async def both_there() -> None:
        found = await look(f"Patient?identifier=1.2.752.129.2.1.3.1|{wrong}")
        assert len(found) == 2, "two sources that write the same wrong number do not mean one person"
        for patient in found:
            [identifier] = patient["identifier"]
            assert identifier["extension"] == [{"url": "urn:fvm:identifier:unproven", "valueBoolean": True}]
            facts = await look(f"Observation?patient={patient['id']}")
            assert {fact["subject"]["reference"] for fact in facts} == {f"Patient/{patient['id']}"}

    await until(both_there)
    mistyped = {patient["id"] for patient in await look(f"Patient?identifier={wrong}")}
    right = {patient["id"] for patient in await look(f"Patient?identifier={NUMBER}")}
    assert len(mistyped) == 2
    assert mistyped.isdisjoint(right)


async def test_a_living_person_s_number_is_refused_at_every_door_of_a_demo_region(
    region: Any, bench: httpx2.AsyncClient
) -> None:
    real = "198507099805"  # formally right and in no list of test numbers
    answer = await region.say(oru(f"R{uuid4().hex[:8]}", f"{real}^^^SE&1.2.752.129.2.1.3.1&ISO^NNSWE"))
    assert "MSA|AE|" in answer
    patient = {"resourceType": "Patient", "identifier": [{"system": PERSONNUMMER, "value": real}]}
    event = {"specversion": "1.0", "id": uuid4().hex, "source": "/other", "type": "t", "data": patient}
    sent = await bench.post(
        "/exchange/events",
        content=msgspec.json.encode(event),
        headers={"content-type": "application/cloudevents+json"},
    )
    made = await bench.post("/vis/fhir/Patient", headers=JSON, json=patient)
    assert (sent.status_code, made.status_code) == (422, 422)
    for told in (answer, sent.text, made.text):
        assert "191212121212" in told, "it says what to use instead"
        assert real not in told
