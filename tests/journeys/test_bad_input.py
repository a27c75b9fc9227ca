"""Whatever is wrong with what comes in, it gets its coded answer at once, and who asks beside it is served as ever."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest

FHIR = {"content-type": "application/fhir+json"}
EVENT = {"content-type": "application/cloudevents+json"}
AT_ONCE = 5.0  # seconds a refusal, or a good request beside it, may take on a busy machine
PATIENT = '{"resourceType":"Patient","name":[{"family":"Prov"}]}'
NESTED = '{"resourceType":"Patient","extension":' + '[{"url":"http://x","extension":' * 50 + "[]" + "}]" * 50 + "}"
EVENT_OF = '{"specversion":"1.0","id":"b1","source":"/s","type":"t","data":%s}'


@pytest.fixture
async def beside(region: Any) -> AsyncIterator[None]:
    """Somebody who reads all the while: every answer is right and in time."""
    slowest, stop = 0.0, asyncio.Event()

    async def reads() -> None:
        nonlocal slowest
        async with region.client() as client:
            while not stop.is_set():
                for base in ("/vis/fhir", "/fhir"):
                    began = time.monotonic()
                    answer = await client.get(f"{base}/Patient", params={"_count": 1})
                    assert answer.status_code == 200, answer.text
                    slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(0.01)

    reading = asyncio.create_task(reads())
    await asyncio.sleep(0.05)
    yield
    stop.set()
    await reading
    assert slowest < AT_ONCE


async def coded(answer: httpx2.Response, status: int, began: float, code: str = "") -> None:
    """A refusal with a code, in the language of the door, and without what was sent."""
    assert answer.status_code == status, answer.text[:500]
    assert time.monotonic() - began < AT_ONCE
    body = answer.json()
    if body.get("resourceType") == "OperationOutcome":
        [issue, *_] = body["issue"]
        assert (issue["severity"] in ("error", "fatal"), bool(issue["code"]), bool(issue["diagnostics"])) == (True,) * 3
    else:
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert body["type"].startswith("/problems/")
    assert code in answer.text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", ""),
        ("", ""),
        ("[]", ""),
        ("\ufeff{", ""),
        ('{"resourceType":"Patient"', ""),
        ('{"resourceType":"Patient","active":"yes"}', "Patient.active"),
        ('{"resourceType":"Patient","name":"Prov"}', "Patient.name"),
        ('{"resourceType":"Patient","birthDate":"12 december"}', "Patient.birthDate"),
        ('{"resourceType":"Patient","nickname":"x"}', "nickname"),
        ('{"resourceType":"Observation","status":"final"}', ""),
        (NESTED, "nest"),
        ("[" * 100_000, ""),
        ('{"resourceType":"Patient","id":' + '{"a":' * 100 + "1" + "}" * 100 + "}", "nest"),
    ],
    ids=[
        "cut off", "empty", "a list", "byte order mark", "no end", "text for boolean", "text for list", "no date",
        "unknown element", "wrong type for the address", "100 deep", "100,000 brackets", "deep id",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("beside")
async def test_a_body_that_is_wrong_is_refused_saying_where(bench: httpx2.AsyncClient, body: str, says: str) -> None:
    began = time.monotonic()
    answer = await bench.post("/vis/fhir/Patient", content=body.encode(), headers=FHIR)
    assert answer.status_code in (400, 422), answer.text[:500]
    await coded(answer, answer.status_code, began, says)


@pytest.mark.parametrize("base", ["/vis/fhir", "/fhir"])
@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("Nonsense", 404, "Nonsense"),
        ("Nonsense/1", 404, "Nonsense"),
        ("Patient?nonsense=1", 400, "nonsense"),
        ("Patient?name:nonsense=1", 400, "nonsense"),
        ("Patient?birthdate=yesterday", 400, "birthdate"),
        ("Patient?_count=many", 400, "_count"),
        ("Patient?_sort=nonsense", 400, "nonsense"),
        ("Patient?_include=Patient:nonsense", 400, "nonsense"),
        ("Patient?_cursor=forged", 400, "cursor"),
        ("Observation?value-quantity=gt", 400, "value-quantity"),
        ("Patient/not%20an%20id", 400, "id"),
        ("Patient/5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02/_history/none", 404, ""),
        ("Patient/5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02/$nonsense", 405, ""),
        ("Patient/00000000-0000-4000-8000-000000000000", 404, ""),
    ],
)
@pytest.mark.usefixtures("beside")
async def test_an_address_that_is_wrong_is_refused_naming_what(
    bench: httpx2.AsyncClient, base: str, path: str, status: int, says: str
) -> None:
    began = time.monotonic()
    answer = await bench.get(f"{base}/{path}")
    await coded(answer, status, began, says)


@pytest.mark.parametrize("base", ["/vis/fhir", "/exchange/events"])
@pytest.mark.parametrize("length", ["content-length: 60000000", "transfer-encoding: chunked"], ids=["said", "not said"])
@pytest.mark.usefixtures("beside")
async def test_a_body_of_60_mb_is_refused_before_it_is_taken(region: Any, base: str, length: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", region.settings.gateway_port)
    answer = asyncio.create_task(reader.read(2000))
    began = time.monotonic()
    kind = FHIR["content-type"] if base == "/vis/fhir" else EVENT["content-type"]
    lines = [
        f"POST {base} HTTP/1.1",
        "host: x",
        f"authorization: Bearer {region.token()}",
        f"content-type: {kind}",
        length,
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    with suppress(ConnectionError):  # it has said no and hung up while we were still talking
        while "chunked" in length and not answer.done() and time.monotonic() - began < AT_ONCE:
            writer.write(b"%x\r\n%s\r\n" % (1_000_000, b" " * 1_000_000))
            await writer.drain()
    said = (await asyncio.wait_for(answer, 10)).decode()
    writer.transport.abort()
    assert said.startswith("HTTP/1.1 413 ")
    assert "/problems/gateway/body-too-large" in said
    assert time.monotonic() - began < AT_ONCE


def damaged(token: str) -> dict[str, str]:
    """The same token with a wrong signature, claims changed, no algorithm, cut in half."""
    head, claims, signature = token.split(".")
    none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"
    return {
        "signature": f"{head}.{claims}.{signature[:-8]}AAAAAAAA",
        "claims": f"{head}.{claims[:-6]}AAAAAA.{signature}",
        "unsigned": f"{none}.{claims}.",
        "half": token[: len(token) // 2],
        "words": "let me in",
    }


@pytest.mark.parametrize("path", ["/vis/fhir/Patient", "/fhir/Patient", "/exchange/messages"])
@pytest.mark.usefixtures("beside")
async def test_a_wrong_token_is_refused_at_every_door(region: Any, path: str) -> None:
    began = time.monotonic()
    async with region.client(None) as nobody:
        await coded(await nobody.get(path), 401, began, "token-missing")
        for what, token in damaged(region.token()).items():
            began = time.monotonic()
            answer = await nobody.get(path, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 401, what
            assert answer.headers["www-authenticate"].startswith("Bearer")
            await coded(answer, 401, began)
        other_door = await nobody.get("/fhir/Patient", headers={"authorization": f"Bearer {region.token('lab')}"})
        assert other_door.status_code == 401


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", EVENT, 400, "exchange/unreadable-event"),
        (b"\xff\xfe", EVENT, 400, "exchange/unreadable-event"),
        (b"{}", EVENT, 400, "exchange/unreadable-event"),
        ((EVENT_OF % '"text"').encode(), EVENT, 422, "exchange/not-fhir"),
        ((EVENT_OF % '{"resourceType":"Nonsense"}').encode(), EVENT, 422, "exchange/not-fhir"),
        ((EVENT_OF % '{"resourceType":"Patient","gender":7}').encode(), EVENT, 422, "exchange/not-fhir"),
        ((EVENT_OF % ("[" * 500 + "]" * 500)).encode(), EVENT, 422, "exchange/not-fhir"),
        ((EVENT_OF % ("[" * 100_000)).encode(), EVENT, 400, "exchange/unreadable-event"),
        (b"<xml/>", {"content-type": "application/xml"}, 415, "exchange/unsupported-media-type"),
    ],
    ids=["cut off", "not text", "nothing in it", "no resource", "unknown type", "invalid", "deep", "brackets", "xml"],
)
@pytest.mark.usefixtures("beside")
async def test_an_event_that_cannot_be_read_is_refused_kept_and_shown(
    bench: httpx2.AsyncClient, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    began = time.monotonic()
    answer = await bench.post("/exchange/events", content=content, headers=headers)
    await coded(answer, status, began, code)
    if status == 415:
        return
    parked = await bench.get("/exchange/messages", params={"state": "parked", "door": "events", "count": 200})
    assert code in {one["code"] for one in parked.json()}


@pytest.mark.parametrize(
    ("bundle", "says"),
    [
        ({"resourceType": "Bundle", "type": "collection"}, "Bundle.type"),
        ({"resourceType": "Bundle", "type": "transaction", "entry": [{}]}, "Bundle.entry[0]"),
        ({"resourceType": "Bundle", "type": "transaction", "entry": "x"}, "entry"),
        (
            {"resourceType": "Bundle", "type": "transaction", "entry": [
                {"resource": json.loads(PATIENT), "request": {"method": "POST", "url": "Patient"}},
                {"resource": {"resourceType": "Patient", "gender": "?"}, "request": {"method": "POST", "url": "Patient"}},
            ]},
            "Bundle.entry[1]",
        ),
        (
            {"resourceType": "Bundle", "type": "transaction", "entry": [
                {"resource": {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                              "subject": {"reference": "Patient?identifier=http://nobody|1"}},
                 "request": {"method": "POST", "url": "Observation"}},
            ]},
            "Bundle.entry[0]",
        ),
    ],
    ids=["collection", "no request", "entry is text", "second is invalid", "condition without a match"],
)  # fmt: skip
@pytest.mark.usefixtures("beside")
async def test_a_transaction_with_one_wrong_entry_is_refused_whole_saying_which(
    bench: httpx2.AsyncClient, bundle: dict[str, Any], says: str
) -> None:
    async def patients() -> int:
        return int((await bench.get("/vis/fhir/Patient", params={"_summary": "count"})).json()["total"])

    before, began = await patients(), time.monotonic()
    answer = await bench.post("/vis/fhir", json=bundle, headers=FHIR)
    assert answer.status_code in (400, 404, 412, 422), answer.text
    await coded(answer, answer.status_code, began, says)
    assert await patients() == before
