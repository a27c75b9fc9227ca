"""An app is let in by a person: authorization code with PKCE, refresh, introspection, revocation."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from httpx2 import AsyncClient, Response
from joserfc import jwt
from joserfc.jwk import KeySet

from application_platform.tokens import clients, grants
from kit.auth import Verifier
from kit.outbox import outbox

SignIn = Callable[..., Awaitable[Response]]
CALLBACK = "http://localhost:9090/callback"
VERIFIER = "a-verifier-that-is-long-enough-to-be-taken-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
DOCTOR = "SE0000000001-P001"
PATIENT = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"


def request(**changes: str | None) -> dict[str, str]:
    asked: dict[str, str | None] = {
        "response_type": "code",
        "client_id": "demo-app",
        "redirect_uri": CALLBACK,
        "scope": "openid profile offline_access user/Observation.rs",
        "state": "a-state-hard-to-guess",
        "aud": "http://fvm.test/fhir",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "nonce": "a-nonce",
        **changes,
    }
    return {name: value for name, value in asked.items() if value is not None}


def told(answer: Response) -> dict[str, str]:
    """What the app hears at its redirect_uri."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(CALLBACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def code_for(browser: AsyncClient, **changes: str | None) -> str:
    return told(await browser.get("/auth/authorize", params=request(**changes)))["code"]


def exchange(code: str, /, **changes: str) -> dict[str, str]:
    fixed = {"grant_type": "authorization_code", "client_id": "demo-app", "redirect_uri": CALLBACK}
    return {**fixed, "code": code, "code_verifier": VERIFIER, **changes}


async def tokens(browser: AsyncClient, **changes: str | None) -> dict[str, Any]:
    answer = await browser.post("/auth/token", data=exchange(await code_for(browser, **changes)))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def revoked(demo: Any) -> list[str]:
    async with demo.db.transaction() as tx:
        return list((await tx.execute(sa.select(outbox.c.key).order_by(outbox.c.id))).scalars().all())


async def test_a_doctor_lets_an_app_in(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    answer = told(await browser.get("/auth/authorize", params=request()))
    assert (answer["state"], answer["iss"]) == ("a-state-hard-to-guess", "http://fvm.test")

    response = await browser.post("/auth/token", data=exchange(answer["code"]))

    body = response.json()
    assert (response.headers["cache-control"], response.headers["pragma"]) == ("no-store", "no-cache")
    assert body["scope"] == "openid profile offline_access user/Observation.rs"
    assert "patient" not in body
    verifier = Verifier("http://keys.invalid", "http://fvm.test", "http://fvm.test/fhir")
    verifier.use(demo.office.issuer.ring.jwks())
    caller = await verifier.caller(body["access_token"])
    assert (caller.subject, caller.client, caller.kind) == (DOCTOR, "demo-app", "staff")
    assert caller.commission is not None
    assert demo.office.issuer.read(body["access_token"])["aud"] == ["http://fvm.test/fhir"]


async def test_the_id_token_is_for_the_app_and_no_access_token(
    demo: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, DOCTOR)
    body = await tokens(browser)

    keys = KeySet.import_key_set((await browser.get("/auth/jwks")).json())
    read = jwt.decode(body["id_token"], keys, algorithms=["RS256"])
    assert (read.claims["iss"], read.claims["aud"], read.claims["sub"]) == ("http://fvm.test", "demo-app", DOCTOR)
    assert (read.claims["nonce"], read.claims["name"]) == ("a-nonce", "Anna Lind")
    assert demo.office.issuer.read(body["id_token"]) is None


async def test_patients_apps_do_not_come_to_the_door_of_care(browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, PATIENT)

    refused = told(await browser.get("/auth/authorize", params=request(aud="http://fvm.test/vis/fhir")))
    assert refused["error"] == "access_denied"


async def test_who_is_not_signed_in_is_led_through_the_door_first(browser: AsyncClient, sign_in: SignIn) -> None:
    answer = await browser.get("/auth/authorize", params=request())

    address = urlsplit(answer.headers["location"])
    assert address.path == "/auth/sign-in"
    back = parse_qs(address.query)["next"][0]
    to = (await sign_in(browser, DOCTOR, next=back)).headers["location"]
    assert "code" in told(await browser.get(to))
    await browser.get("/auth/sign-in")


async def test_an_app_may_also_ask_with_a_form(browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    answer = await browser.post("/auth/authorize", data=request())

    assert "code" in told(await browser.get(answer.headers["location"]))


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "http://evil.test/callback"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?more=1"},
        {"redirect_uri": None},
        {"client_id": "nobody"},
        {"client_id": "bench"},
    ],
    ids=str,
)
async def test_an_unknown_app_or_address_is_never_redirected_to(
    browser: AsyncClient, sign_in: SignIn, changes: dict[str, str | None]
) -> None:
    for signed_in in (False, True):
        if signed_in:
            await sign_in(browser, DOCTOR)
        answer = await browser.get("/auth/authorize", params=request(**changes))
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/application/unknown-app")
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"state": None}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "http://elsewhere.test/fhir"}, "invalid_request"),
        ({"aud": "http://fvm.test/portal"}, "invalid_request"),
        ({"launch": "made-up"}, "invalid_request"),
        ({"launch": ""}, "invalid_request"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
    ],
    ids=str,
)
async def test_a_request_that_is_not_in_order_is_told_to_the_app(
    browser: AsyncClient, sign_in: SignIn, changes: dict[str, str | None], error: str
) -> None:
    await sign_in(browser, DOCTOR)

    assert told(await browser.get("/auth/authorize", params=request(**changes)))["error"] == error


async def test_prompt_none_does_not_show_a_page(browser: AsyncClient) -> None:
    assert told(await browser.get("/auth/authorize", params=request(prompt="none")))["error"] == "login_required"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": VERIFIER + "x"},
        {"code_verifier": ""},
        {"code_verifier": CHALLENGE},
        {"redirect_uri": "http://127.0.0.1:9090/callback"},
        {"redirect_uri": ""},
        {"code": "made-up"},
    ],
    ids=str,
)
async def test_a_code_is_worth_nothing_without_what_belongs_to_it(
    browser: AsyncClient, sign_in: SignIn, changes: dict[str, str]
) -> None:
    await sign_in(browser, DOCTOR)
    answer = await browser.post("/auth/token", data=exchange(await code_for(browser), **changes))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_code_that_comes_twice_ends_the_grant(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    code = await code_for(browser)
    first = (await browser.post("/auth/token", data=exchange(code))).json()

    second = await browser.post("/auth/token", data=exchange(code))

    assert second.json()["error"] == "invalid_grant"
    sid = demo.office.issuer.read(first["access_token"])["sid"]
    assert sid in await revoked(demo)
    data = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": "demo-app"}
    assert (await browser.post("/auth/token", data=data)).json()["error"] == "invalid_grant"


async def test_a_code_is_too_old_after_a_minute(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    code = await code_for(browser)
    async with demo.db.transaction() as tx:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await tx.execute(grants.authorization_code.update().values(expires_at=past))

    assert (await browser.post("/auth/token", data=exchange(code))).json()["error"] == "invalid_grant"


async def test_a_code_belongs_to_the_app_that_asked(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    async with demo.db.transaction() as tx:
        row = {"id": "other-app", "kind": "app", "name": "Other", "auth": "none", "grants": ["authorization_code"]}
        row |= {"scopes": ["user/*.rs"], "doors": ["information"], "redirect_uris": [CALLBACK], "approved": False}
        await clients.save(tx, [row])
    await sign_in(browser, DOCTOR)

    answer = await browser.post("/auth/token", data=exchange(await code_for(browser), client_id="other-app"))
    assert answer.json()["error"] == "invalid_grant"
    unapproved = told(await browser.get("/auth/authorize", params=request(client_id="other-app")))
    assert unapproved["error"] == "access_denied"


def refresh(body: dict[str, Any], **changes: str) -> dict[str, str]:
    fixed = {"grant_type": "refresh_token", "client_id": "demo-app", "refresh_token": body["refresh_token"]}
    return {**fixed, **changes}


async def test_refresh_tokens_rotate_and_an_old_one_ends_the_grant(
    demo: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, DOCTOR)
    first = await tokens(browser)
    second = (await browser.post("/auth/token", data=refresh(first, scope="user/Observation.rs offline_access"))).json()
    assert second["scope"] == "user/Observation.rs offline_access"
    wider = await browser.post("/auth/token", data=refresh(second, scope="user/*.cruds"))
    assert wider.json()["error"] == "invalid_scope"

    assert (await browser.post("/auth/token", data=refresh(first))).json()["error"] == "invalid_grant"
    assert (await browser.post("/auth/token", data=refresh(second))).json()["error"] == "invalid_grant"
    assert demo.office.issuer.read(first["access_token"])["sid"] in await revoked(demo)


async def test_signing_out_ends_apps_that_live_with_the_session_but_not_offline_ones(
    demo: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, DOCTOR)
    online = await tokens(browser, scope="online_access user/Observation.rs")
    offline = await tokens(browser, scope="offline_access user/Observation.rs")

    await sign_in.out(browser)  # type: ignore[attr-defined]

    assert (await browser.post("/auth/token", data=refresh(online))).json()["error"] == "invalid_grant"
    assert (await browser.post("/auth/token", data=refresh(offline))).status_code == 200
    told_sids = await revoked(demo)
    assert demo.office.issuer.read(online["access_token"])["sid"] in told_sids
    assert demo.office.issuer.read(offline["access_token"])["sid"] not in told_sids


async def test_an_app_gets_nothing_more_when_the_commission_has_ended(
    demo: Any, browser: AsyncClient, sign_in: SignIn
) -> None:
    await sign_in(browser, DOCTOR)
    body = await tokens(browser)
    change = sa.text("update commission set valid_to = :at where id = 'SE0000000001-C001'")
    async with demo.db.transaction() as tx:
        await tx.execute(change, {"at": datetime.now(UTC) - timedelta(seconds=1)})
    try:
        assert (await browser.post("/auth/token", data=refresh(body))).json()["error"] == "invalid_grant"
    finally:
        async with demo.db.transaction() as tx:
            await tx.execute(change, {"at": None})


async def test_introspection_tells_who_asks_properly(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    token = (await tokens(browser))["access_token"]
    data, own = {"token": token}, ("information", demo.secret("information"))

    body = (await browser.post("/auth/introspect", data=data, auth=own)).json()
    assert (body["active"], body["client_id"], body["sub"]) == (True, "demo-app", DOCTOR)
    assert set(body["scope"].split()) == {"openid", "profile", "offline_access", "user/Observation.rs"}
    itself = await browser.post("/auth/introspect", data=data, headers={"Authorization": f"Bearer {token}"})
    assert itself.json()["active"] is True

    assert (await browser.post("/auth/introspect", data={**data, "client_id": "demo-app"})).status_code == 401
    assert (await browser.post("/auth/introspect", data=data)).status_code == 401
    other = {"Authorization": f"Bearer {token}"}
    assert (await browser.post("/auth/introspect", data={"token": "x"}, headers=other)).status_code == 401
    forged = token[:-4] + "AAAA"
    assert (await browser.post("/auth/introspect", data={"token": forged}, auth=own)).json() == {"active": False}


async def test_a_system_looks_into_tokens_with_its_own(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    token = (await tokens(browser))["access_token"]
    own = ("information", demo.secret("information"))
    asker = (await browser.post("/auth/token", data={"grant_type": "client_credentials"}, auth=own)).json()
    header = {"Authorization": f"Bearer {asker['access_token']}"}

    seen = (await browser.post("/auth/introspect", data={"token": token}, headers=header)).json()
    assert (seen["active"], seen["client_id"]) == (True, "demo-app")
    other = (await browser.post("/auth/introspect", data={"token": asker["access_token"]}, headers=header)).json()
    assert (other["active"], other["client_id"]) == (True, "information")


async def test_revoking_an_access_token_ends_the_apps_grant(demo: Any, browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    body = await tokens(browser)
    data = {"token": body["access_token"], "client_id": "demo-app"}

    assert (await browser.post("/auth/revoke", data=data)).status_code == 200

    own = ("information", demo.secret("information"))
    answer = await browser.post("/auth/introspect", data={"token": body["access_token"]}, auth=own)
    assert answer.json() == {"active": False}
    assert (await browser.post("/auth/token", data=refresh(body))).json()["error"] == "invalid_grant"
    assert demo.office.issuer.read(body["access_token"])["sid"] in await revoked(demo)


async def test_a_system_gives_its_own_token_back_but_not_anothers(demo: Any, browser: AsyncClient) -> None:
    vis, lab = ("vis", demo.secret("vis")), ("lab", demo.secret("lab"))
    data = {"grant_type": "client_credentials"}
    token = (await browser.post("/auth/token", data=data, auth=vis)).json()["access_token"]

    await browser.post("/auth/revoke", data={"token": token}, auth=lab)
    assert (await browser.post("/auth/introspect", data={"token": token}, auth=lab)).json()["active"] is True
    await browser.post("/auth/revoke", data={"token": token}, auth=vis)
    assert (await browser.post("/auth/introspect", data={"token": token}, auth=lab)).json() == {"active": False}
    assert (await browser.post("/auth/revoke", data={"token": "unknown"}, auth=vis)).status_code == 200
    assert (await browser.post("/auth/revoke", data={}, auth=vis)).status_code == 400


async def test_an_app_may_have_the_person_sign_in_again(browser: AsyncClient, sign_in: SignIn) -> None:
    await sign_in(browser, DOCTOR)
    answer = await browser.get("/auth/authorize", params=request(prompt="login"))

    page = await browser.get(answer.headers["location"])
    assert page.status_code == 200
    assert "Anna Lind" in page.text
    back = parse_qs(urlsplit(answer.headers["location"]).query)["next"][0]
    assert "prompt" not in parse_qs(urlsplit(back).query)
    assert "code" in told(await browser.get((await sign_in(browser, DOCTOR, next=back)).headers["location"]))


async def test_many_people_at_once_do_not_wait_for_each_other_for_ever(demo: Any, sign_in: SignIn) -> None:
    async def one() -> int:
        async with demo.browser() as own:
            await sign_in(own, DOCTOR)
            return len(await code_for(own))

    async with asyncio.timeout(20):
        assert all(await asyncio.gather(*(one() for _ in range(25))))


async def test_guesses_at_secrets_do_not_keep_others_out(demo: Any, browser: AsyncClient) -> None:
    data = {"grant_type": "client_credentials"}
    guesses = [browser.post("/auth/token", data=data, auth=("hemsjukvard", f"guess {n}")) for n in range(15)]

    async with asyncio.timeout(20):
        guessing = asyncio.gather(*guesses)
        assert (await browser.get("/auth/sign-in")).status_code == 200
        assert {answer.status_code for answer in await guessing} == {401}
