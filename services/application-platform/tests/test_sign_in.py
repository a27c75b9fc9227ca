"""Development sign-in, the choice of commission, the session, and the way out."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import APIRouter, Request
from httpx2 import AsyncClient, Response

from application_platform.identity import sessions
from application_platform.identity.sessions import browser_session
from application_platform.sign_in import browser as browser_rules
from application_platform.sign_in.signed_in import CurrentSession, WritingSession, still_signed_in, token_for_session
from kit.auth import Verifier
from kit.outbox import outbox, read_headers

SignIn = Callable[..., Awaitable[Response]]
COOKIE = "fvm_session"
ORIGIN = {"Origin": "http://fvm.test"}
PAGE = {"Accept": "text/html"}

a_portal = APIRouter(prefix="/try")


@a_portal.get("/me")
async def show_me(request: Request, session: CurrentSession) -> dict[str, Any]:
    return {
        "id": session.id,
        "name": session.person.name,
        "unit": session.commission.unit_name if session.commission else None,
        "token": token_for_session(session),
        "csrf": session.csrf,
        "alive": await still_signed_in(request, session),
    }


@a_portal.post("/me")
async def change_me(session: WritingSession) -> dict[str, str]:
    return {"name": session.person.name}


@pytest.fixture(scope="module", autouse=True)
def a_page(demo: Any) -> None:
    demo.app.include_router(a_portal)


async def told(demo: Any, session_id: str) -> list[dict[str, Any]]:
    async with demo.db.transaction() as tx:
        rows = (await tx.execute(sa.select(outbox).where(outbox.c.key == session_id))).all()
    for row in rows:
        assert row.topic == "application.session-revoked.v1"
        assert dict(read_headers(row.headers))["ce_type"] == b"application.session-revoked.v1"
    return [json.loads(row.value) for row in rows]


async def test_a_nurse_signs_in_and_is_known_with_her_commission(browser: AsyncClient, sign_in: SignIn) -> None:
    answer = await sign_in(browser, "SE0000000001-P002")

    assert (answer.status_code, answer.headers["location"]) == (303, "/portal/")
    cookie = answer.headers.get_list("set-cookie")[0]
    assert cookie.startswith(f"{COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    me = (await browser.get("/try/me")).json()
    assert (me["name"], me["unit"], me["alive"]) == ("Björn Ek", "Medicinmottagningen Norrby", True)


async def test_pages_call_services_with_the_persons_own_token(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, "SE0000000001-P001")
    me = (await browser.get("/try/me")).json()

    for door in ("/vis/fhir", "/fhir", "/exchange", "/portal"):
        verifier = Verifier("http://keys.invalid", "http://fvm.test", f"http://fvm.test{door}")
        verifier.use(demo.office.issuer.ring.jwks())
        caller = await verifier.caller(me["token"])
        assert (caller.subject, caller.client, caller.session) == ("SE0000000001-P001", "portal", me["id"])
        assert caller.commission is not None
    assert (await browser.get("/try/me")).json()["token"] == me["token"]


async def test_a_patient_signs_in_without_a_commission(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    patient = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
    answer = await sign_in(browser, patient)

    assert answer.headers["location"] == "/portal/"
    me = (await browser.get("/try/me")).json()
    assert (me["name"], me["unit"]) == ("Stina Bergström", None)
    claims = demo.office.issuer.read(me["token"])
    assert (claims["patient"], claims["scope"]) == (patient, "patient/*.rs")
    assert claims["aud"] == ["http://fvm.test/vis/fhir", "http://fvm.test/fhir", "http://fvm.test/portal"]


async def test_idn_01_someone_with_two_commissions_chooses_one(browser: AsyncClient, sign_in: SignIn) -> None:
    answer = await sign_in(browser, "SE0000000001-P003", next="/portal/patients?sida=2")

    assert answer.headers["location"] == "/auth/commission?next=%2Fportal%2Fpatients%3Fsida%3D2"
    undecided = await browser.get("/portal/search", headers=PAGE)
    assert undecided.headers["location"] == "/auth/commission?next=%2Fportal%2Fsearch"
    page = await browser.get(answer.headers["location"])
    assert "Medicinmottagningen Norrby" in page.text
    assert "Vårdcentralen Sjövik" in page.text

    chosen = await sign_in.choose(browser, "SE0000000002-C003", next="/portal/patients?sida=2")  # type: ignore[attr-defined]
    assert chosen.headers["location"] == "/portal/patients?sida=2"
    assert (await browser.get("/try/me")).json()["unit"] == "Vårdcentralen Sjövik"


async def test_changing_commission_ends_what_was_given_under_the_first(
    demo: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, "SE0000000001-P003")
    await sign_in.choose(browser, "SE0000000001-C003")  # type: ignore[attr-defined]
    before, cookie = (await browser.get("/try/me")).json(), browser.cookies[COOKIE]

    await sign_in.choose(browser, "SE0000000002-C003")  # type: ignore[attr-defined]

    after = (await browser.get("/try/me")).json()
    assert after["id"] != before["id"]
    assert [event["reason"] for event in await told(demo, before["id"])] == ["commission-changed"]
    async with demo.browser(Cookie=f"{COOKIE}={cookie}") as thief:
        assert (await thief.get("/try/me")).status_code == 401


async def test_a_commission_of_someone_else_or_that_has_ended_cannot_be_chosen(
    browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, "SE0000000001-P003")
    for commission in ("SE0000000001-C001", "SE0000000002-C002", "nothing"):
        answer = await sign_in.choose(browser, commission)  # type: ignore[attr-defined]
        assert answer.status_code == 403
        assert "Uppdraget gäller inte längre" in answer.text
    assert (await browser.get("/try/me")).status_code == 401


async def test_staff_without_a_valid_commission_are_not_let_in(browser: AsyncClient, sign_in: SignIn) -> None:
    answer = await sign_in(browser, "SE0000000002-P002")

    assert answer.status_code == 403
    assert "Elin Sand har inget uppdrag som gäller nu" in answer.text
    assert COOKIE not in browser.cookies


async def test_an_ended_commission_is_shown_with_its_last_day(browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, "SE0000000002-P001")
    page = (await browser.get("/auth/commission")).text

    assert "Medicinmottagningen Norrby" in page
    assert "2025-06-30" in page


async def test_a_commission_that_ends_during_the_session_ends_the_work(
    demo: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, "SE0000000002-P003")
    change = sa.text("update commission set valid_to = :at where id = 'SE0000000002-C004'")
    async with demo.db.transaction() as tx:
        await tx.execute(change, {"at": datetime.now(UTC) - timedelta(seconds=1)})
    try:
        answer = await browser.get("/try/me", headers=PAGE)
        assert answer.headers["location"].startswith("/auth/commission")
    finally:
        async with demo.db.transaction() as tx:
            await tx.execute(change, {"at": None})


async def test_signing_out_ends_the_session_everywhere(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, "SE0000000001-P001")
    me, cookie = (await browser.get("/try/me")).json(), browser.cookies[COOKIE]

    answer = await browser.post("/auth/sign-out", data={"csrf": me["csrf"]}, headers=ORIGIN)

    assert (answer.status_code, answer.headers["location"]) == (303, "/auth/sign-in")
    assert COOKIE not in browser.cookies
    [event] = await told(demo, me["id"])
    assert (event["session"], event["reason"]) == (me["id"], "signed-out")
    async with demo.browser(Cookie=f"{COOKIE}={cookie}") as thief:
        assert (await thief.get("/try/me")).status_code == 401
    introspected = await browser.post("/auth/introspect", data={"token": me["token"]}, auth=("vis", demo.secret("vis")))
    assert introspected.json() == {"active": False}


async def test_signing_in_as_another_ends_the_session_before(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, "SE0000000001-P001")
    before = (await browser.get("/try/me")).json()["id"]
    await sign_in(browser, "SE0000000001-P002")

    assert [event["reason"] for event in await told(demo, before)] == ["superseded"]


@pytest.mark.parametrize(
    "change",
    [
        {"seen_at": datetime.now(UTC) - timedelta(minutes=61)},
        {"expires_at": datetime.now(UTC) - timedelta(seconds=1)},
    ],
    ids=["idle", "absolute"],
)
async def test_a_session_ends_by_itself(
    demo: Any, browser: AsyncClient, sign_in: SignIn, change: dict[str, datetime]
) -> None:
    await sign_in(browser, "SE0000000001-P001")
    me = (await browser.get("/try/me")).json()
    async with demo.db.transaction() as tx:
        await tx.execute(browser_session.update().where(browser_session.c.id == me["id"]).values(change))

    assert (await browser.get("/try/me")).status_code == 401
    async with demo.db.transaction() as tx:
        assert not await sessions.alive(tx, me["id"], datetime.now(UTC), demo.office.limits)


async def test_the_cookies_secret_is_not_in_the_database(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, "SE0000000001-P001")
    secret = browser.cookies[COOKIE]
    async with demo.db.transaction() as tx:
        rows = (await tx.execute(sa.select(browser_session))).all()

    assert rows
    assert not any(secret in str(value) or secret.encode() == value for row in rows for value in row)


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "http://fvm.test.evil.test", None])
async def test_a_form_from_another_site_changes_nothing(
    browser: AsyncClient, sign_in: SignIn, origin: str | None
) -> None:
    await sign_in(browser, "SE0000000001-P001")
    me = (await browser.get("/try/me")).json()
    headers = {"Origin": origin} if origin else {}

    for path, data in [
        ("/auth/sign-out", {"csrf": me["csrf"]}),
        ("/auth/sign-in", {"person": "SE0000000001-P002", "csrf": me["csrf"]}),
        ("/auth/commission", {"commission": "SE0000000001-C001", "csrf": me["csrf"]}),
        ("/try/me", {"csrf": me["csrf"]}),
    ]:
        answer = await browser.post(path, data=data, headers=headers)
        assert answer.status_code == 403
        assert "from-elsewhere" in answer.text or "annan adress än http://fvm.test" in answer.text
    assert (await browser.get("/try/me")).json()["id"] == me["id"]


async def test_a_form_needs_the_token_of_its_page(browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, "SE0000000001-P001")
    me = (await browser.get("/try/me")).json()

    assert (await browser.post("/try/me", headers=ORIGIN)).status_code == 403
    assert (await browser.post("/try/me", data={"csrf": "guess"}, headers=ORIGIN)).status_code == 403
    by_field = await browser.post("/try/me", data={"csrf": me["csrf"]}, headers=ORIGIN)
    by_header = await browser.post("/try/me", headers={**ORIGIN, "X-CSRF-Token": me["csrf"]})
    assert by_field.status_code == by_header.status_code == 200
    for path, data in [
        ("/auth/sign-in", {"person": "SE0000000001-P002"}),
        ("/auth/commission", {"commission": "SE0000000001-C001"}),
    ]:
        answer = await browser.post(path, data={**data, "csrf": "old"}, headers=ORIGIN)
        assert answer.status_code == 403
        assert "Sidan var för gammal" in answer.text
    assert (await browser.get("/try/me")).json()["id"] == me["id"]


async def test_whoever_is_not_signed_in_is_led_to_the_door_and_back(browser: AsyncClient, sign_in: SignIn) -> None:
    page = await browser.get("/portal/search?flik=prov", headers=PAGE)
    assert (page.status_code, page.headers["location"]) == (
        303,
        "/auth/sign-in?next=%2Fportal%2Fsearch%3Fflik%3Dprov",
    )

    fragment = await browser.get(
        "/try/me", headers={"HX-Request": "true", "HX-Current-URL": "http://fvm.test/portal/patients/1"}
    )
    assert (fragment.status_code, fragment.headers["hx-redirect"]) == (
        401,
        "/auth/sign-in?next=%2Fportal%2Fpatients%2F1",
    )
    script = await browser.get("/try/me")
    assert (script.status_code, script.json()["type"]) == (401, "/problems/application/not-signed-in")

    back = await sign_in(browser, "SE0000000001-P001", next="/portal/search?flik=prov")
    assert back.headers["location"] == "/portal/search?flik=prov"
    again = await browser.get("/auth/sign-in?next=/portal/search")
    assert again.headers["location"] == "/portal/search"


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.test/",
        "//evil.test/portal",
        "/\\evil.test",
        "/portal\\..\\evil",
        "/portal/\r\nSet-Cookie: a=b",
        "/portalevil",
        "/vis/fhir/Patient",
        "/auth/sign-out",
        "javascript:alert(1)",
        "",
        None,
    ],
)
def test_after_sign_in_one_is_never_led_elsewhere(text: str | None) -> None:
    assert browser_rules.safe_next(text) == "/portal/"


async def test_production_refuses_development_sign_in(production: Any) -> None:
    async with production.browser() as browser:
        page = await browser.get("/auth/sign-in", headers=PAGE)
        assert page.status_code == 403
        assert "Utvecklingsinloggning finns bara i en testregion" in page.text
        posted = await browser.post("/auth/sign-in", data={"person": "SE0000000001-P001"}, headers=ORIGIN)
        assert (posted.status_code, posted.json()["type"]) == (403, "/problems/application/only-in-demo")
        assert COOKIE not in browser.cookies
