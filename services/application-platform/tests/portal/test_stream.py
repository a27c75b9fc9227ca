"""News: a notice comes over the stream as ids, and the line and rows are fetched as the reader."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

TOLVAN = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a01"
STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
AT = "2026-11-23T09:12:00+01:00"


def an_answer(value: float = 5.6, id: str = "9", patient: str = TOLVAN) -> list[dict[str, Any]]:
    subject = {"reference": f"Patient/{patient}"}
    high = [{"coding": [{"code": "H"}]}] if value > 5 else []
    return [
        {
            "resourceType": "Observation",
            "id": f"o{id}",
            "status": "final",
            "code": {"text": "P-Kalium"},
            "subject": subject,
            "effectiveDateTime": AT,
            "valueQuantity": {"value": value, "unit": "mmol/L"},
            "interpretation": high,
        },
        {
            "resourceType": "DiagnosticReport",
            "id": f"r{id}",
            "status": "final",
            "code": {"text": "Elektrolytstatus"},
            "subject": subject,
            "effectiveDateTime": AT,
            "result": [{"reference": f"Observation/o{id}"}],
        },
    ]


def named(resources: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(found["resourceType"], found["id"]) for found in resources]


async def events(response: ClientResponse) -> AsyncIterator[tuple[str, str, dict[str, Any]]]:
    """(event, id, data) of an open stream."""
    found: dict[str, str] = {}
    async for line in response.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            found[name] = value
        elif found.pop("retry", None) is None and "event" in found:
            yield found["event"], found["id"], json.loads(found["data"])
            found = {}


async def next_of(stream: AsyncIterator[tuple[str, str, dict[str, Any]]]) -> tuple[str, str, dict[str, Any]]:
    async with asyncio.timeout(5):
        return await anext(stream)


async def ticket_of(staff: ClientSession) -> str:
    body = await (await staff.get(f"/portal/patients/{TOLVAN}")).text()
    found = re.search(r'id="live"[^>]* data-ticket="([0-9a-f]+)"', body)
    assert found is not None
    return found.group(1)


async def test_a_notice_names_ids_and_a_lost_stream_goes_on_where_it_was(served: Any, staff: ClientSession) -> None:
    watched = f"{TOLVAN}~{await ticket_of(staff)}"
    asked = len(served.platform.asked)
    async with staff.get("/portal/events", params={"patient": watched}) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        stream = events(response)
        assert (await next_of(stream))[0] == "ready"
        served.hub.publish([TOLVAN, "somebody"], ["Observation/1"])
        kind, position, data = await next_of(stream)
        assert (kind, data) == ("changed", {"patient": TOLVAN, "what": ["Observation/1"]})
    served.hub.publish([TOLVAN], ["Observation/2"])
    async with staff.get(
        "/portal/events", params={"patient": watched}, headers={"Last-Event-ID": position}
    ) as response:
        stream = events(response)
        assert (await next_of(stream))[0] == "ready"
        assert (await next_of(stream))[2]["what"] == ["Observation/2"]
    assert len(served.platform.asked) == asked  # the ticket was enough


async def test_without_a_ticket_the_record_decides_as_the_reader(served: Any, staff: ClientSession) -> None:
    async with staff.get("/portal/events", params=[("patient", TOLVAN), ("patient", "hidden~forged")]) as response:
        assert (await next_of(events(response)))[2] == {"patients": [TOLVAN]}
    assert ("GET", "/fhir/Patient/hidden", "Bearer token-of-anna") in served.platform.asked


async def test_a_patient_is_told_of_their_own_record_only(tolvan: ClientSession) -> None:
    async with tolvan.get("/portal/events", params=[("patient", TOLVAN), ("patient", STINA)]) as response:
        assert (await next_of(events(response)))[2] == {"patients": [TOLVAN]}


async def test_a_position_that_is_gone_says_that_something_was_missed(staff: ClientSession) -> None:
    async with staff.get("/portal/events", params={"patient": TOLVAN, "after": "old-7"}) as response:
        stream = events(response)
        assert [(await next_of(stream))[0] for _ in range(2)] == ["ready", "missed"]


async def test_a_stream_ends_when_the_session_has_ended(served: Any, staff: ClientSession) -> None:
    async with staff.get("/portal/events", params={"patient": TOLVAN}) as response:
        stream = events(response)
        await next_of(stream)
        served.sessions.discard("staff")
        served.hub.publish([TOLVAN], ["Observation/1"])
        assert [(await next_of(stream))[0] for _ in range(2)] == ["changed", "signed-out"]
        with pytest.raises(StopAsyncIteration):
            await next_of(stream)


async def test_a_stream_needs_a_session(served: Any) -> None:
    async with ClientSession(served.url) as nobody, nobody.get("/portal/events") as response:
        assert response.status == 401


async def test_the_line_tells_the_newest_answer_and_the_rows_go_with_it(served: Any, staff: ClientSession) -> None:
    answer = an_answer()
    served.platform.add(*answer)
    what = [("what", f"{type}/{id}") for type, id in named(answer)]
    response = await staff.post(f"/portal/patients/{TOLVAN}/news", data=what)
    body = await response.text()
    line, rows = body.split('data-part="rows"')
    words = " ".join(unescape(re.sub(r"<[^>]+>", " ", line)).split())
    assert re.search(r"Nytt provsvar \d\d:\d\d · P-Kalium 5,6 mmol/L högt", words)
    assert 'data-key="DiagnosticReport/r9"' in rows
    assert ">Ny</span>" in rows
    assert rows.count("data-key=") == 1


async def test_several_answers_are_counted(served: Any, staff: ClientSession) -> None:
    both = [*an_answer(4.1, "1"), *an_answer(4.2, "2")]
    served.platform.add(*both)
    what = [("what", f"{type}/{id}") for type, id in named(both)]
    body = await (await staff.post(f"/portal/patients/{TOLVAN}/news", data=what)).text()
    assert "Nya provsvar" in body
    assert "senast av 2" in body


async def test_what_the_reader_may_not_see_leaves_the_line_alone(staff: ClientSession) -> None:
    named_only = [("what", "Observation/withheld"), ("what", "Claim/1"), ("what", "../../etc"), ("what", "")]
    response = await staff.post(f"/portal/patients/{TOLVAN}/news", data=named_only)
    assert (response.status, await response.text()) == (204, "")


async def test_another_patients_facts_are_not_let_in_by_naming_them(served: Any, staff: ClientSession) -> None:
    answer = an_answer(id="s", patient=STINA)
    served.platform.add(*answer)
    what = [("what", f"{type}/{id}") for type, id in named(answer)]
    assert (await staff.post(f"/portal/patients/{TOLVAN}/news", data=what)).status == 204


async def test_after_missed_notices_the_page_asks_by_time(served: Any, staff: ClientSession) -> None:
    served.platform.add(*an_answer(id="m"))
    since = [("since", "2026-01-01T00:00:00Z")]
    body = await (await staff.post(f"/portal/patients/{TOLVAN}/news", data=since)).text()
    assert 'data-key="DiagnosticReport/rm"' in body
    later = [("since", "2099-01-01T00:00:00Z")]
    assert (await staff.post(f"/portal/patients/{TOLVAN}/news", data=later)).status == 204
