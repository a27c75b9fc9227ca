"""What goes through with a request, what is taken off, and what is written down about it."""

import re
from typing import Any

TRACEPARENT = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$")


async def _seen_by_service(gateway: Any, **headers: str) -> tuple[dict[str, str], Any]:
    async with gateway.client.get("/fhir/Patient/1", headers=gateway.bearer() | headers) as answer:
        return (await answer.json())["headers"], answer.headers


async def test_a_trace_is_made_where_none_came(gateway: Any) -> None:
    first, _ = await _seen_by_service(gateway)
    second, _ = await _seen_by_service(gateway)

    assert TRACEPARENT.match(first["traceparent"])
    assert first["traceparent"] != second["traceparent"]


async def test_a_trace_that_came_goes_on(gateway: Any) -> None:
    for flags in ("00", "01"):
        sent = f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"
        seen, _ = await _seen_by_service(gateway, traceparent=sent, tracestate="vendor=1")

        assert seen["traceparent"] == sent
        assert seen["tracestate"] == "vendor=1"


async def test_a_trace_that_is_not_well_formed_is_replaced(gateway: Any) -> None:
    for sent in ("19121212-1212", "00-xyz-1-01", "", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"):
        seen, _ = await _seen_by_service(gateway, traceparent=sent)

        assert TRACEPARENT.match(seen["traceparent"])
        assert "1912" not in seen["traceparent"][:12]


async def test_each_request_has_an_id_of_ours_that_service_and_client_both_see(gateway: Any) -> None:
    seen, answer = await _seen_by_service(gateway, **{"x-request-id": "19121212-1212"})

    assert re.match(r"^[0-9a-f-]{36}$", seen["x-request-id"])
    assert answer["x-request-id"] == seen["x-request-id"]


async def test_headers_that_mean_something_inside_do_not_come_from_outside(gateway: Any) -> None:
    inner = {
        "X-FVM-Caller": "everyone",
        "x-fvm-anything": "1",
        "x-fvm-client": "another",
        "x-fvm-subject": "another",
        "x-envoy-retry-on": "5xx",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "baggage": "patient=1",
    }
    seen, _ = await _seen_by_service(gateway, **inner, **{"FVM-Patient": "p1", "Prefer": "return=minimal"})

    assert [name for name in seen if name.startswith(("x-fvm", "x-envoy")) or name == "baggage"] == ["x-fvm-client"]
    assert seen["x-fvm-client"] == "a-client"
    assert (seen["fvm-patient"], seen["prefer"]) == ("p1", "return=minimal")


async def test_on_a_public_route_no_claimed_client_reaches_the_service(gateway: Any) -> None:
    async with gateway.client.post("/auth/token", headers={"x-fvm-client": "bench", "x-fvm-subject": "me"}) as answer:
        seen = (await answer.json())["headers"]

    assert not [name for name in seen if name.startswith("x-fvm")]


async def test_answers_say_nothing_about_the_house_and_are_not_kept(gateway: Any) -> None:
    _, answer = await _seen_by_service(gateway)

    assert answer["server"] == "fvm"
    assert not [name for name in answer if name.lower().startswith("x-envoy")]
    assert answer["cache-control"] == "no-store"
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["referrer-policy"] == "same-origin"
    assert answer["x-frame-options"] == "DENY"
    assert "content-encoding" not in answer


async def test_refusals_carry_the_request_id_and_are_not_kept(gateway: Any) -> None:
    async with gateway.client.get("/nowhere") as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert problem["request"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert set(problem) == {"type", "title", "status", "detail", "request"}


async def test_the_log_names_the_route_and_never_path_query_address_or_person(gateway: Any) -> None:
    path = "/exchange/receipts/191212121212?name=Tolvan"
    headers = gateway.bearer(sub="tolvan-tolvansson", client_id="lab-system")
    async with gateway.client.get(path, headers=headers) as answer:
        request_id = answer.headers["x-request-id"]

    line = await gateway.logged(request_id)

    assert line["route"] == "exchange"
    assert (line["method"], line["status"], line["client"]) == ("GET", 200, "lab-system")
    assert TRACEPARENT.match(line["trace"])
    written = gateway.log.read_text()
    assert not [word for word in ("191212121212", "olvan", "/exchange", "127.0.0.1") if word in written]
