"""How much: sizes, times and each client's share, refused with a reason and a way on."""

import asyncio
import json
import time
from collections import Counter
from typing import Any

import pytest

LIMIT = 50 * 1024 * 1024


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(gateway: Any, services: Any) -> None:
    services.seen.clear()
    token = gateway.bearer()["Authorization"]
    head = f"POST /vis/fhir HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\nContent-Length: {LIMIT + 1}\r\n\r\n"

    status, headers, body = await gateway.raw(head.encode())

    assert status == 413
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["type"] == "/problems/gateway/body-too-large"
    assert services.seen == []


async def test_a_body_of_just_the_limit_passes(gateway: Any) -> None:
    async with gateway.client.post("/vis/fhir", data=b"x" * LIMIT, headers=gateway.bearer()) as answer:
        assert (await answer.json())["length"] == LIMIT


async def test_a_chunked_body_is_refused_when_it_grows_too_large(start: Any, services: Any) -> None:
    async def pieces(count: int) -> Any:
        for _ in range(count):
            yield b"x" * 50_000

    services.seen.clear()
    async with start(max_body=1_000_000) as gateway:
        async with gateway.client.post("/vis/fhir", data=pieces(19), headers=gateway.bearer()) as answer:
            assert (await answer.json())["length"] == 950_000
        status, headers, body = await gateway.raw(_chunked(gateway, 25 * [b"x" * 50_000]))

    assert status == 413
    assert headers["content-type"] == "application/problem+json"
    assert b"body-too-large" in body
    assert len(services.seen) == 1


def _chunked(gateway: Any, pieces: list[bytes]) -> bytes:
    token = gateway.bearer()["Authorization"]
    head = f"POST /vis/fhir HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


async def test_a_body_that_says_its_length_streams_to_the_service(gateway: Any) -> None:
    # The service answers what came first; were the body gathered, it would never answer this half request.
    token = gateway.bearer()["Authorization"]
    head = f"POST /vis/fhir/first HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\nContent-Length: 10\r\n\r\n"

    status, _, body = await gateway.raw(head.encode() + b"first")

    assert (status, body) == (200, b"first")


@pytest.mark.parametrize(("length", "status"), [(16 * 1024, 200), (16 * 1024 + 1, 414)])
async def test_an_address_may_be_16_kb(gateway: Any, length: int, status: int) -> None:
    path = "/fhir/Patient?_id="
    path += "a" * (length - len(path))

    got, headers, body = await gateway.raw(gateway.get(path, **gateway.bearer()))

    assert got == status
    if status == 414:
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["type"] == "/problems/gateway/url-too-long"


async def test_headers_that_are_too_large_are_refused(gateway: Any) -> None:
    status, headers, body = await gateway.raw(gateway.get("/fhir/metadata", big="x" * 40_000))

    assert status == 431
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["type"] == "/problems/gateway/headers-too-large"


async def test_one_client_uses_up_its_share_and_the_others_do_not_notice(start: Any) -> None:
    async def ask(gateway: Any, headers: dict[str, str]) -> Any:
        async with gateway.client.get("/fhir/Patient/1", headers=headers) as answer:
            return answer.status, answer.headers, await answer.read()

    async with start(rate_limit=5) as gateway:
        eager, calm = gateway.bearer(sub="eager"), gateway.bearer(sub="calm")
        answers = [await ask(gateway, eager) for _ in range(12)]
        other = [await ask(gateway, calm) for _ in range(5)]
        await asyncio.sleep(1.1)
        later = await ask(gateway, eager)

    statuses = Counter(status for status, _, _ in answers)
    assert set(statuses) == {200, 429}
    assert statuses[200] <= 10
    refused = next(answer for answer in answers if answer[0] == 429)
    assert refused[1]["Retry-After"] == "1"
    assert refused[1]["Content-Type"] == "application/problem+json"
    assert json.loads(refused[2])["type"] == "/problems/gateway/too-many-requests"
    assert [status for status, _, _ in other] == [200] * 5
    assert later[0] == 200


async def test_a_new_token_of_the_same_client_does_not_renew_its_share(start: Any) -> None:
    async with start(rate_limit=3) as gateway:
        statuses = []
        for _ in range(8):
            async with gateway.client.get("/fhir/Patient/1", headers=gateway.bearer(jti=str(time.time()))) as answer:
                statuses.append(answer.status)

    assert 429 in statuses


async def test_where_nobody_is_known_the_address_has_the_share(start: Any) -> None:
    async with start(rate_limit=3) as gateway:
        statuses = []
        for _ in range(8):
            async with gateway.client.post("/auth/token") as answer:
                statuses.append(answer.status)

    assert statuses[:3] == [200, 200, 200]
    assert 429 in statuses


async def test_a_service_that_answers_too_late_gives_504(start: Any) -> None:
    async with (
        start(request_timeout=1) as gateway,
        gateway.client.get("/vis/fhir/slow", headers=gateway.bearer()) as answer,
    ):
        problem = await answer.json(content_type="application/problem+json")

    assert answer.status == problem["status"] == 504
    assert problem["type"] == "/problems/gateway/service-late"


async def test_a_service_that_is_away_gives_503_with_a_way_on(start: Any) -> None:
    async with (
        start(vis_url="http://127.0.0.1:9") as gateway,
        gateway.client.get("/vis/fhir/Patient/1", headers=gateway.bearer()) as answer,
    ):
        problem = await answer.json(content_type="application/problem+json")

    assert answer.status == problem["status"] == 503
    assert problem["type"] == "/problems/gateway/service-away"
    assert answer.headers["Retry-After"] == "1"
    assert "127.0.0.1" not in json.dumps(problem)


async def test_a_request_that_arrives_too_slowly_is_given_up(start: Any) -> None:
    async with start(receive_timeout=1) as gateway:
        token = gateway.bearer()["Authorization"]
        head = f"POST /vis/fhir HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\nContent-Length: 10\r\n\r\nfive5"
        status, headers, body = await gateway.raw(head.encode())

    assert status == 408
    assert headers["content-type"] == "application/problem+json"
    assert b"slow-request" in body


async def test_a_request_that_is_not_http_is_answered(gateway: Any) -> None:
    status, _, _ = await gateway.raw(b"GET /fhir HTTP/1.1\r\nContent-Length: many\r\n\r\n")

    assert status == 400
