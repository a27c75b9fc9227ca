"""The edge: commit before answer, refusals in two formats, health, metrics without addresses, the contract."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import APIRouter

from kit import malformed
from kit.db import Database
from kit.problems import Header, Kind, Problem
from kit.testing import TestIssuer
from kit.web import SignedIn, Tx, new_app

router = APIRouter()


class TooLate(Problem):
    kind = Kind.CONFLICT
    code = "sample/too-late"
    title = "It is too late for that"


@router.post("/pair/{a}")
async def add(a: str, tx: Tx, b: str | None = None) -> dict[str, str]:
    await tx.execute(sa.text("insert into pair values (:a, :b)"), {"a": a, "b": b})
    return {"a": a}


@router.post("/refused/{a}")
@router.post("/fhir/refused/{a}", include_in_schema=False)
async def refused(a: str, tx: Tx) -> None:
    await tx.execute(sa.text("insert into pair (a) values (:a)"), {"a": a})
    raise TooLate("Already done", at="Thing.status", headers=(Header("ETag", 'W/"2"'),))


@router.get("/fault")
@router.get("/fhir/fault", include_in_schema=False)
async def fault() -> None:
    raise RuntimeError("19121212-1212 is in this text")


@router.get("/me")
async def me(caller: SignedIn) -> str:
    return caller.subject


@pytest.fixture
async def client(db: Database, issuer: TestIssuer) -> AsyncIterator[httpx2.AsyncClient]:
    app = new_app("Sample", db=db, verifier=issuer.verifier("/fhir"), routers=[router], fhir_base="/fhir")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        yield client


async def pairs(db: Database) -> list[str]:
    return [row["a"] for row in await db.pool.fetch("select a from pair order by a")]


async def test_a_commit_that_fails_is_never_answered_with_success(client: httpx2.AsyncClient, db: Database) -> None:
    response = await client.post("/pair/x", params={"b": "nobody"})  # the foreign key is checked at commit

    assert response.status_code == 500
    assert response.json()["type"] == "/problems/kit/fault"
    assert await pairs(db) == []


async def test_what_is_answered_is_committed(client: httpx2.AsyncClient, db: Database) -> None:
    response = await client.post("/pair/x", params={"b": "x"})

    assert response.status_code == 200
    assert await pairs(db) == ["x"]


async def test_a_character_that_no_text_of_the_database_can_hold_is_malformed_input(
    client: httpx2.AsyncClient, db: Database
) -> None:
    response = await client.post("/pair/a%00b")

    assert (response.status_code, response.json()["type"]) == (400, "/problems/kit/malformed")
    assert await pairs(db) == []


async def test_a_refusal_rolls_back_and_says_why(client: httpx2.AsyncClient, db: Database) -> None:
    response = await client.post("/refused/x")

    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["etag"] == 'W/"2"'
    body = response.json()
    assert {key: body[key] for key in ("type", "title", "status", "detail", "instance", "at")} == {
        "type": "/problems/sample/too-late",
        "title": "It is too late for that",
        "status": 409,
        "detail": "Already done",
        "instance": "/refused/x",
        "at": "Thing.status",
    }
    assert await pairs(db) == []


async def test_below_the_fhir_base_a_refusal_is_an_operation_outcome(client: httpx2.AsyncClient) -> None:
    response = await client.post("/fhir/refused/x")

    assert response.status_code == 409
    assert response.headers["content-type"] == "application/fhir+json"
    [issue] = response.json()["issue"]
    assert (issue["code"], issue["expression"]) == ("conflict", ["Thing.status"])


async def test_an_unforeseen_error_tells_only_the_trace(
    client: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"

    response = await client.get("/fault", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    outcome = await client.get("/fhir/fault")

    assert response.status_code == outcome.status_code == 500
    assert response.json()["trace"] == trace
    assert outcome.json()["issue"][0]["code"] == "exception"
    logged = capsys.readouterr().out
    assert "builtins.RuntimeError at test_web.py" in logged
    for text in (response.text, outcome.text, logged):
        assert "1212" not in text


async def test_malformed_input_is_400_in_both_formats_and_in_the_contract(client: httpx2.AsyncClient) -> None:
    missing = await client.post("/nowhere/x")
    wrong_method = await client.delete("/me")
    contract = (await client.get("/openapi.json")).json()

    assert missing.status_code == 404
    assert missing.json()["type"] == "/problems/kit/no-such-route"
    assert (wrong_method.status_code, wrong_method.headers["allow"]) == (405, "GET")
    responses = contract["paths"]["/pair/{a}"]["post"]["responses"]
    assert "422" not in responses
    assert "application/problem+json" in responses["400"]["content"]
    assert (
        "HTTPValidationError" not in contract["components"]["schemas"] if "schemas" in contract["components"] else True
    )


@pytest.mark.parametrize(
    ("error", "detail", "at"),
    [
        ({"type": "int_parsing", "loc": ("query", "count")}, "count must be a whole number", "count"),
        ({"type": "missing", "loc": ("body", "id")}, "id is missing", "id"),
        ({"type": "missing", "loc": ("body",)}, "The body is missing", None),
        ({"type": "json_invalid", "loc": ("body", 7)}, "The body is not JSON", None),
        (
            {"type": "literal_error", "loc": ("query", "state", "literal['a','b']"), "ctx": {"expected": "'a' or 'b'"}},
            "state must be 'a' or 'b'", "state",
        ),
        ({"type": "less_than_equal", "loc": ("query", "count"), "ctx": {"le": 200}}, "count must be at most 200", "count"),
        (
            {"type": "value_error", "loc": ("body", "charset"), "msg": "Value error, not in table 0211"},
            "charset: not in table 0211", "charset",
        ),
        ({"type": "something_new", "loc": ("body", "list", 3, "id"), "msg": "1212 it is"},
         "list.3.id is not what is asked for here", "list/3/id"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_our_own_words_without_the_value(error: Any, detail: str, at: str | None) -> None:
    [issue] = malformed.issues([error, error])
    assert (issue.detail, issue.at) == (detail, at)


async def test_only_signed_in_callers_pass(client: httpx2.AsyncClient, issuer: TestIssuer) -> None:
    nobody = await client.get("/me")
    forged = await client.get("/me", headers=TestIssuer().headers())
    doctor = await client.get("/me", headers=issuer.headers())

    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    assert (forged.status_code, forged.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert doctor.json() == "SE2321000016-person-1"


async def test_ready_names_what_is_not(db: Database) -> None:
    async def broken() -> None:
        raise ConnectionError("secret")

    app = new_app("Sample", db=db, verifier=None, checks={"kafka": broken})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        ready = await client.get("/health/ready")
        live = await client.get("/health/live")

    assert (ready.status_code, live.status_code) == (503, 200)
    assert ready.json() == {"status": "fail", "checks": {"database": "pass", "kafka": "fail"}}


async def test_a_database_that_is_away_is_503_not_500(issuer: TestIssuer) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    app = new_app("Sample", db=away, verifier=None, routers=[router])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        response = await client.post("/pair/x")
    await away.stop()

    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


async def test_metrics_know_route_templates_and_no_addresses(client: httpx2.AsyncClient) -> None:
    await client.post("/pair/191212121212", params={"b": "191212121212"})
    await client.get("/unknown/191212121212")

    text = (await client.get("/metrics")).text

    assert 'route="/pair/{a}"' in text
    assert 'route="unmatched"' in text
    assert "191212121212" not in text


async def test_a_body_above_the_limit_is_413(db: Database) -> None:
    echo = APIRouter()

    @echo.post("/echo")
    async def take(body: dict[str, str]) -> dict[str, str]:
        return body

    app = new_app("Sample", db=db, verifier=None, routers=[echo], body_limit=20)

    async def in_chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"    "

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        small = await client.post("/echo", json={"a": "b"})
        large = await client.post("/echo", json={"a": "b" * 100})
        unannounced = await client.post("/echo", content=in_chunks(), headers={"content-type": "application/json"})
        wrong = await client.post("/echo", content=b"{", headers={"content-type": "application/json"})

    assert [answer.status_code for answer in (small, large, unannounced, wrong)] == [200, 413, 413, 400]
    assert large.json()["type"] == "/problems/kit/too-large"
