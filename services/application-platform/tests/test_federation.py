"""People sign in with another issuer: a small one of our own plays SITHS and BankID, well-behaved and not."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
import yaml
from aiohttp import web
from httpx2 import AsyncClient, Response
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from pydantic import ValidationError

from application_platform.identity import vouching
from application_platform.identity.vouching import NotVouched, Provider
from application_platform.sign_in.elsewhere import attempt_table

NURSE = "SE0000000009-P777"
STAFF = {
    "employeeHsaId": NURSE,
    "name": "Nora Test",
    "commissionHsaId": "SE0000000009-C777",
    "commissionName": "Sjuksköterska",
    "commissionPurpose": "Vård och behandling",
    "commissionRight": ["Läsa;VoB;SJF", "Skriva;VoB;SJF"],
    "healthCareUnitHsaId": "SE0000000009-1777",
    "healthCareUnitName": "Testenheten",
    "healthcareProviderId": "SE0000000009-0001",
    "healthCareProviderName": "Testregionen",
    "acr": "http://id.sambi.se/loa/loa3",
}
LOA3 = ["http://id.sambi.se/loa/loa3"]
KNOWN, UNKNOWN = "199002222397", "191212121212"


@dataclass
class Issuer:
    """An OpenID provider: codes are given by `let`, as if somebody had signed in there."""

    url: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "op-1", "use": "sig"}))
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    signer: Any = None
    asked: list[dict[str, str]] = field(default_factory=list)
    userinfo: dict[str, Any] = field(default_factory=dict)

    async def configuration(self, _: web.Request) -> web.Response:
        told = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
        }
        told |= {"jwks_uri": f"{self.url}/jwks", "userinfo_endpoint": f"{self.url}/me"}
        return web.json_response({**told, "authorization_response_iss_parameter_supported": True, **self.metadata})

    async def jwks(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def me(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer at-1"
        return web.json_response(self.userinfo)

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append({**form, "authorization": request.headers.get("Authorization", "")})
        claims = self.codes.pop(form["code"], None)
        if claims is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        said = {"alg": "RS256", "kid": "op-1", **self.header}
        signed = jwt.encode(said, claims, self.signer or self.key, algorithms=[said["alg"]])
        return web.json_response({"access_token": "at-1", "token_type": "Bearer", "id_token": signed})

    def let(self, address: str, who: dict[str, Any], **changes: Any) -> dict[str, str]:
        """What the browser comes back with after somebody signed in at `address`."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (asked["response_type"], asked["code_challenge_method"], asked["client_id"]) == ("code", "S256", "fvm")
        now = int(time.time())
        claims = {"iss": self.url, "aud": "fvm", "sub": "abc", "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        claims |= {**who, **changes}
        self.codes["c1"] = {name: value for name, value in claims.items() if value is not None}
        return {"state": asked["state"], "code": "c1", "iss": self.url}


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    found = Issuer()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", found.configuration)
    app.router.add_get("/jwks", found.jwks)
    app.router.add_get("/me", found.me)
    app.router.add_post("/token", found.token)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    found.url = f"http://{host}:{port}"
    yield found
    await runner.cleanup()


@pytest.fixture(scope="module")
async def platform(
    postgres_url: str, issuer: Issuer, new_platform: Any, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Any]:
    """A production region with two ways in."""
    folder: Path = tmp_path_factory.mktemp("federated")
    (folder / "secret").write_text("s:cret &\n")
    one = {"issuer": issuer.url, "client_id": "fvm", "client_secret_file": str(folder / "secret")}
    providers = [
        {**one, "id": "siths", "name": "SITHS eID", "kind": "staff", "acr": LOA3},
        {**one, "id": "bankid", "name": "BankID", "kind": "patient", "userinfo": True},
    ]
    (folder / "providers.yaml").write_text(yaml.safe_dump({"providers": providers}))
    async with new_platform(postgres_url, folder, "production", identity_providers=folder / "providers.yaml") as found:

        async def find(personnummer: str) -> str | None:
            return "patient-1" if personnummer == KNOWN else None

        found.app.state.find_patient = find
        yield found


@pytest.fixture
async def browser(platform: Any, issuer: Issuer) -> AsyncIterator[AsyncClient]:
    issuer.metadata, issuer.header, issuer.signer, issuer.userinfo = {}, {}, None, {}
    for one in platform.app.state.issuers.values():
        one._metadata_at = one._keys_at = float("-inf")
    async with platform.browser() as client:
        yield client


async def out(browser: AsyncClient, provider: str = "siths", to: str = "/portal/search") -> str:
    answer = await browser.get(f"/auth/sign-in/with/{provider}", params={"next": to})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def back(browser: AsyncClient, told: dict[str, str], provider: str = "siths") -> Response:
    return await browser.get(
        f"/auth/sign-in/from/{provider}", params=told, headers={"X-Forwarded-For": str(time.time_ns())}
    )


async def sign_in(browser: AsyncClient, issuer: Issuer, who: dict[str, Any] = STAFF, **changes: Any) -> Response:
    return await back(browser, issuer.let(await out(browser), who, **changes))


async def test_production_leads_to_the_issuers_it_knows(browser: AsyncClient) -> None:
    answer = await browser.get("/auth/sign-in", params={"next": "/portal/search"})
    page = await browser.get(answer.headers["location"])

    assert "SITHS eID" in page.text
    assert 'href="/auth/sign-in/with/bankid?next=%2Fportal%2Fsearch"' in page.text
    posted = await browser.post("/auth/sign-in", data={"person": NURSE}, headers={"Origin": "http://fvm.test"})
    assert posted.json()["type"] == "/problems/application/only-in-demo"


async def test_idn_02_a_nurse_comes_in_under_the_commission_that_her_issuer_names(
    platform: Any, browser: AsyncClient, issuer: Issuer
) -> None:
    answer = await sign_in(browser, issuer)

    assert (answer.status_code, answer.headers["location"]) == (303, "/portal/search")
    assert "fvm_session=" in answer.headers["set-cookie"]
    page = await browser.get("/auth/sessions")
    assert "Testenheten" in page.text
    sent = issuer.asked[-1]
    assert sent["redirect_uri"] == "http://fvm.test/auth/sign-in/from/siths"
    assert sent["authorization"].startswith("Basic ")
    async with platform.db.transaction() as tx:
        row = (
            await tx.execute(sa.text("select purpose, valid_to from commission where id = 'SE0000000009-C777'"))
        ).one()
        who = (
            await tx.execute(sa.text("select issuer from browser_session order by created_at desc limit 1"))
        ).scalar()
    assert row.purpose == "care"
    assert row.valid_to is not None
    assert who == issuer.url


async def test_a_patient_comes_in_as_the_patient_that_the_region_knows(browser: AsyncClient, issuer: Issuer) -> None:
    issuer.userinfo = {"sub": "abc", "https://id.oidc.se/claim/personalIdentityNumber": KNOWN, "name": "Test Testsson"}
    answer = await back(browser, issuer.let(await out(browser, "bankid"), {}), "bankid")
    assert answer.status_code == 303
    assert "Test Testsson" not in answer.headers["location"]

    issuer.userinfo["https://id.oidc.se/claim/personalIdentityNumber"] = UNKNOWN
    nobody = await back(browser, issuer.let(await out(browser, "bankid"), {}), "bankid")
    assert nobody.status_code == 403
    assert "Du finns inte i regionens register" in nobody.text


async def test_userinfo_of_somebody_else_is_not_believed(browser: AsyncClient, issuer: Issuer) -> None:
    issuer.userinfo = {"sub": "other", "https://id.oidc.se/claim/personalIdentityNumber": KNOWN, "name": "X"}
    answer = await back(browser, issuer.let(await out(browser, "bankid"), {}), "bankid")

    assert (answer.status_code, "fvm_session" in browser.cookies) == (403, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://evil.test"},
        {"aud": "another"},
        {"aud": ["fvm", "another"], "azp": "another"},
        {"nonce": "guess"},
        {"nonce": None},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"iat": int(time.time()) + 3600},
        {"sub": None},
        {"acr": "http://id.sambi.se/loa/loa2"},
        {"acr": None},
        {"employeeHsaId": None},
        {"employeeHsaId": "not an hsa id"},
        {"commissionHsaId": None},
        {"commissionPurpose": "Något annat"},
        {"healthcareProviderId": None},
    ],
    ids=lambda changes: ",".join(changes),
)
async def test_idn_05_a_token_that_does_not_say_enough_lets_nobody_in(
    browser: AsyncClient, issuer: Issuer, changes: dict[str, Any]
) -> None:
    answer = await sign_in(browser, issuer, **changes)

    assert answer.status_code == 403
    assert "räcker inte för att släppa in dig" in answer.text
    assert "fvm_session" not in browser.cookies


async def test_a_token_of_another_key_or_algorithm_lets_nobody_in(browser: AsyncClient, issuer: Issuer) -> None:
    issuer.signer = RSAKey.generate_key(2048, {"kid": "op-1"})
    assert (await sign_in(browser, issuer)).status_code == 403
    issuer.signer, issuer.header = OctKey.import_key("x" * 40), {"alg": "HS256"}
    assert (await sign_in(browser, issuer)).status_code == 403
    issuer.signer, issuer.header = None, {"kid": "unknown"}
    assert (await sign_in(browser, issuer)).status_code == 403


async def test_an_answer_is_good_once_and_in_the_browser_that_asked(
    platform: Any, browser: AsyncClient, issuer: Issuer
) -> None:
    told = issuer.let(await out(browser), STAFF)
    async with platform.browser() as other:
        stolen = await back(other, told)
        assert (stolen.status_code, "fvm_session" in other.cookies) == (403, False)
        await out(other)
        assert (await back(other, told)).status_code == 403

    assert (await back(browser, told)).status_code == 303
    assert (await back(browser, told)).status_code == 403


async def test_an_answer_of_another_issuer_is_not_taken(browser: AsyncClient, issuer: Issuer) -> None:
    for change in ({"iss": "http://evil.test"}, {"iss": None}):
        told = {**issuer.let(await out(browser), STAFF), **change}
        answer = await back(browser, {name: value for name, value in told.items() if value is not None})
        assert answer.status_code == 403
    other_way = issuer.let(await out(browser), STAFF)
    assert (await back(browser, other_way, "bankid")).status_code == 403


async def test_metadata_of_somebody_else_is_not_used(browser: AsyncClient, issuer: Issuer) -> None:
    issuer.metadata = {"issuer": "http://evil.test"}
    answer = await browser.get("/auth/sign-in/with/siths")

    assert answer.status_code == 503
    assert "SITHS eID svarar inte just nu" in answer.text


async def test_a_no_elsewhere_is_said_in_swedish_and_never_leads_astray(browser: AsyncClient, issuer: Issuer) -> None:
    state = parse_qs(urlsplit(await out(browser, to="https://evil.test/")).query)["state"][0]
    answer = await back(browser, {"state": state, "error": "access_denied", "iss": issuer.url})
    assert answer.status_code == 403
    assert "Inloggningen med SITHS eID avbröts" in answer.text
    assert "evil.test" not in answer.text
    assert (await browser.get("/auth/sign-in/with/nobody")).status_code == 404


async def test_an_attempt_grows_old(platform: Any, browser: AsyncClient, issuer: Issuer) -> None:
    told = issuer.let(await out(browser), STAFF)
    async with platform.db.transaction() as tx:
        await tx.execute(attempt_table.update().values(expires_at=sa.func.now() - sa.text("interval '1 second'")))

    assert (await back(browser, told)).status_code == 403


async def test_an_issuer_cannot_hand_out_somebody_elses_commission(browser: AsyncClient, issuer: Issuer) -> None:
    assert (await sign_in(browser, issuer)).status_code == 303
    answer = await sign_in(browser, issuer, employeeHsaId="SE0000000009-P778")

    assert answer.status_code == 403


def a_provider(**changes: Any) -> Provider:
    one = {"id": "x", "name": "X", "kind": "staff", "issuer": "https://idp.test", "client_id": "fvm"}
    return Provider.model_validate({**one, "client_secret_file": "secret", **changes})


def test_idn_06_what_a_claim_means_is_configuration() -> None:
    ena = "https://id.ena-infrastructure.se/attributes/employee"
    mapped = a_provider(claims={"person": [ena], "purpose": ["ändamål"]}, purposes={"vård": "care"})
    claims = {name: value for name, value in STAFF.items() if name not in ("employeeHsaId", "commissionPurpose")}

    found = vouching.read(mapped, {**claims, ena: NURSE, "ändamål": "vård"})

    assert found.person == NURSE
    assert found.commission is not None
    assert (found.commission.purpose, found.commission.provider) == ("care", "SE0000000009-0001")


@pytest.mark.parametrize("spelling", ["healthCareProviderHsaId", "healthcareProviderId", "healthCareProviderId"])
@pytest.mark.parametrize("prefix", ["", "http://sambi.se/attributes/1/"])
def test_idn_03_claims_are_known_in_every_spelling_of_the_wild(spelling: str, prefix: str) -> None:
    claims = {name: value for name, value in STAFF.items() if name != "healthcareProviderId"}
    claims[spelling if spelling != "healthCareProviderHsaId" else prefix + spelling] = "SE0000000009-0001"

    found = vouching.read(a_provider(), claims)

    assert found.commission is not None
    assert found.commission.provider == "SE0000000009-0001"


@pytest.mark.parametrize(
    ("said", "ours"), [("Vård och behandling", "care"), ("Kvalitetsregister", "quality"), ("Statistik", "statistics")]
)
def test_idn_04_a_purpose_becomes_ours(said: str, ours: str) -> None:
    found = vouching.read(a_provider(), {**STAFF, "commissionPurpose": said})

    assert found.commission is not None
    assert (found.commission.purpose, found.commission.rights) == (ours, frozenset(STAFF["commissionRight"]))


def test_rights_over_the_region_come_only_through_the_table() -> None:
    claims = {**STAFF, "commissionRight": ["Läsa;VoB;SJF", "exchange.operate", "apps.manage", "Drift"]}

    plain = vouching.read(a_provider(), claims)
    mapped = vouching.read(a_provider(rights={"Drift": "exchange.operate"}), claims)

    assert plain.commission is not None
    assert mapped.commission is not None
    assert plain.commission.rights == {"Läsa;VoB;SJF", "Drift"}
    assert mapped.commission.rights == {"Läsa;VoB;SJF", "Drift", "exchange.operate"}


@pytest.mark.parametrize("number", ["9002222397", "19900222-239", "abc", "", "1990022223971"])
def test_a_personnummer_needs_its_century(number: str) -> None:
    with pytest.raises(NotVouched):
        vouching.read(a_provider(kind="patient"), {"personalIdentityNumber": number, "name": "X"})


@pytest.mark.parametrize("issuer", ["http://idp.test", "ftp://idp.test", "https://idp.test?x=1", "idp.test", ""])
def test_an_issuer_without_tls_is_not_configured(issuer: str) -> None:
    with pytest.raises(ValidationError):
        a_provider(issuer=issuer)
