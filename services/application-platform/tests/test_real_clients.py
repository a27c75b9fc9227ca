"""Clients that nobody here wrote sign in and read: Authlib, fhirclient, fhirpy of PyPI; openid-client, fhir-kit-client, fhirclient of npm.

`make test` installs them (requirements/dev.in, clients/package-lock.json); where npm is not here, its three are skipped.
"""

import asyncio
import json
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from httpx2 import AsyncClient, Response
from joserfc.jwk import RSAKey

from application_platform.tokens import clients
from kit.auth import Verifier, bearer

SignIn = Callable[..., Awaitable[Response]]
CALLBACK = "http://localhost:9090/callback"
DOCTOR = "SE0000000001-P001"
PATIENT = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
HERE = Path(__file__).parent
CAPABILITY = HERE.parents[2] / "contracts/fhir/capability-region.json"
OBSERVATION = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "p-glukos"}}

fhir = APIRouter(prefix="/fhir")


@fhir.get("/metadata")
async def metadata(request: Request) -> JSONResponse:
    """The contract of the region's door, at this address."""
    text = CAPABILITY.read_text()
    base = json.loads(text)["implementation"]["url"].removesuffix("/fhir")
    return JSONResponse(json.loads(text.replace(base, request.app.state.settings.issuer)))


@fhir.get("/Patient/{id}")
async def patient(request: Request, id: str) -> JSONResponse:
    caller = await request.app.state.door.caller(bearer(request.headers.get("authorization")))
    assert caller.patient == id
    return JSONResponse({"resourceType": "Patient", "id": id, "name": [{"family": "Bergström", "given": ["Stina"]}]})


@fhir.get("/Observation")
async def observations(request: Request) -> JSONResponse:
    caller = await request.app.state.door.caller(bearer(request.headers.get("authorization")))
    assert any(scope.endswith(("*.rs", "*.read", "Observation.rs", "Observation.read")) for scope in caller.scopes)
    entry = [{"resource": OBSERVATION, "search": {"mode": "match"}}]
    return JSONResponse({"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": entry})


@dataclass
class Region:
    """The platform over real HTTP, with a small record beside it."""

    url: str
    platform: Any
    sign_in: Any

    @asynccontextmanager
    async def signed_in(self, person: str) -> AsyncIterator[AsyncClient]:
        async with AsyncClient(base_url=self.url, headers={"Origin": self.url}) as browser:
            data = {"person": person, "csrf": await self.sign_in.csrf(browser, "/auth/sign-in")}
            assert (await browser.post("/auth/sign-in", data=data)).status_code == 303
            yield browser

    async def let_in(self, browser: AsyncClient, an_app: Any, address: str) -> str:
        """Where the browser comes back to after the person has let the app in."""
        answer = await browser.get(address)
        if answer.status_code == 200:
            form = {name: an_app.field(answer, name) for name in ("csrf", "asked")}
            ticked = [part.split('"')[0] for part in answer.text.split('name="scope" value="')[1:]]
            answer = await browser.post("/auth/allow", data={**form, "decision": "allow", "scope": ticked})
        assert answer.status_code == 303, answer.text
        to: str = answer.headers["location"]
        assert to.startswith(CALLBACK)
        return to


@pytest.fixture(scope="module")
async def region(
    postgres_url: str, new_platform: Any, sign_in: SignIn, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Region]:
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{door.getsockname()[1]}"
    async with new_platform(postgres_url, tmp_path_factory.mktemp("clients"), "demo", public_url=url) as platform:
        app = platform.app
        app.state.door = Verifier(f"{url}/auth/jwks", url, f"{url}/fhir")
        app.include_router(fhir)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[door]))
        yield Region(url, platform, sign_in)
        server.should_exit = True
        await serving
        await app.state.door.stop()


async def test_authlib_lets_a_doctor_in_refreshes_looks_and_gives_back(region: Region, an_app: Any) -> None:
    oauth = pytest.importorskip("authlib.integrations.httpx_client")
    async with AsyncClient() as plain:
        ends = (await plain.get(f"{region.url}/.well-known/openid-configuration")).json()
    scope = "openid fhirUser offline_access user/Observation.rs"
    app = oauth.OAuth2Client(
        "demo-app", scope=scope, redirect_uri=CALLBACK, code_challenge_method="S256", token_endpoint_auth_method="none"
    )
    verifier = "v" * 64
    address, state = app.create_authorization_url(
        ends["authorization_endpoint"], code_verifier=verifier, aud=f"{region.url}/fhir", nonce="n-1"
    )
    async with region.signed_in(DOCTOR) as browser:
        back = await region.let_in(browser, an_app, address)

    def use() -> tuple[Any, Any, Any, int]:
        first = app.fetch_token(
            ends["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
        )
        read = app.get(f"{region.url}/fhir/Observation").json()
        second = app.refresh_token(ends["token_endpoint"], refresh_token=first["refresh_token"])
        given_back = app.revoke_token(ends["revocation_endpoint"], token=second["refresh_token"])
        return first, read, second, given_back.status_code

    first, read, second, status = await asyncio.to_thread(use)
    assert (read["total"], status) == (1, 200)
    assert first["access_token"] != second["access_token"]
    assert set(second["scope"].split()) == set(scope.split())


async def test_authlib_believes_the_id_token(region: Region, an_app: Any) -> None:
    core = pytest.importorskip("authlib.oidc.core")
    from joserfc import jwt
    from joserfc.jwk import KeySet

    async with region.signed_in(DOCTOR) as browser:
        request = an_app.request(scope="openid fhirUser", aud=f"{region.url}/fhir", nonce="n-2")
        answer = await browser.get("/auth/authorize", params=request)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        body = (await browser.post("/auth/token", data=an_app.exchange(code))).json()
        keys = KeySet.import_key_set((await browser.get("/auth/jwks")).json())
    claims = jwt.decode(body["id_token"], keys, algorithms=["RS256"]).claims
    token = core.CodeIDToken(claims, {}, {"iss": {"value": region.url}}, {"nonce": "n-2", "client_id": "demo-app"})
    token.validate()

    assert token["fhirUser"] == f"{region.url}/fhir/Practitioner/{DOCTOR}"


async def test_authlib_signs_as_a_backend_system(region: Region) -> None:
    alg = "RS384"  # its private_key_jwt knows RSA keys only
    oauth = pytest.importorskip("authlib.integrations.httpx_client")
    rfc7523 = pytest.importorskip("authlib.oauth2.rfc7523")
    key = RSAKey.generate_key(2048, {"kid": alg})
    row = {"id": f"backend-{alg}", "kind": "system", "name": "Backend", "auth": "key", "grants": ["client_credentials"]}
    row |= {"scopes": ["system/*.rs"], "doors": ["information"], "redirect_uris": [], "approved": True, "demo": True}
    async with region.platform.db.transaction() as tx:
        await clients.save(tx, [{**row, "jwks": {"keys": [key.as_dict(private=False)]}}])

    def use() -> Any:
        system = oauth.OAuth2Client(
            row["id"], key.as_pem(private=True).decode(), token_endpoint_auth_method="private_key_jwt"
        )
        end = f"{region.url}/auth/token"
        system.register_client_auth_method(
            rfc7523.PrivateKeyJWT(end, claims={"exp": int(time.time()) + 60}, headers={"kid": alg}, alg=alg)
        )
        system.fetch_token(end, grant_type="client_credentials", scope="system/Observation.rs")
        return system.get(f"{region.url}/fhir/Observation").json()

    assert (await asyncio.to_thread(use))["total"] == 1


async def test_fhirclient_of_pypi_finds_the_way_from_metadata_and_reads_its_patient(
    region: Region, an_app: Any
) -> None:
    smart = pytest.importorskip("fhirclient.client")
    settings = {
        "app_id": "demo-app",
        "api_base": f"{region.url}/fhir",
        "redirect_uri": CALLBACK,
        "scope": "openid fhirUser launch/patient patient/*.read",
    }
    app = await asyncio.to_thread(smart.FHIRClient, settings)
    address = await asyncio.to_thread(lambda: app.authorize_url)
    async with region.signed_in(PATIENT) as browser:
        back = await region.let_in(browser, an_app, address)

    def use() -> tuple[bool, str, str]:
        app.handle_callback(back)
        return app.ready, app.patient.id, app.human_name(app.patient.name[0])

    ready, id, name = await asyncio.to_thread(use)
    assert (ready, id) == (True, PATIENT)
    assert "Bergström" in name


async def test_fhirpy_reads_with_the_token(region: Region, an_app: Any) -> None:
    fhirpy = pytest.importorskip("fhirpy")
    async with region.signed_in(DOCTOR) as browser:
        request = an_app.request(scope="user/*.rs", aud=f"{region.url}/fhir")
        answer = await browser.get("/auth/authorize", params=request)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        body = (await browser.post("/auth/token", data=an_app.exchange(code))).json()
    reader = fhirpy.AsyncFHIRClient(f"{region.url}/fhir", authorization=f"Bearer {body['access_token']}")

    [found] = await reader.resources("Observation").fetch()
    assert found.id == "o1"


@dataclass
class Node:
    """Runs a script of `clients/` where the npm packages are."""

    folder: Path

    async def start(self, script: str, *arguments: str) -> asyncio.subprocess.Process:
        shutil.copy(HERE / "clients" / script, self.folder / script)
        return await asyncio.create_subprocess_exec(
            "node", script, *arguments, cwd=self.folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )


@pytest.fixture
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Node:
    modules = Path(sys.prefix) / "clients/node_modules"  # deploy/local/bootstrap.sh
    if shutil.which("node") is None or not (modules / request.param).exists():
        pytest.skip(f"npm's {request.param} is not installed: make setup-tests does it where npm is")
    (tmp_path / "node_modules").symlink_to(modules)
    return Node(tmp_path)


@pytest.mark.parametrize("node", ["openid-client"], indirect=True)
async def test_openid_client_of_npm_lets_a_doctor_in_refreshes_and_gives_back(
    region: Region, an_app: Any, node: Node
) -> None:
    scope = "openid fhirUser offline_access user/Observation.read"
    run = await node.start("openid-client.mjs", region.url, "demo-app", CALLBACK, scope, f"{region.url}/fhir")
    assert run.stdin is not None
    assert run.stdout is not None
    address = (await run.stdout.readline()).decode().strip()
    async with region.signed_in(DOCTOR) as browser:
        back = await region.let_in(browser, an_app, address)
    rest, _ = await run.communicate(f"{back}\n".encode())

    told = json.loads(rest)
    assert told["claims"]["fhirUser"] == f"{region.url}/fhir/Practitioner/{DOCTOR}"
    assert set(told["scope"].split()) == set(told["again"].split()) == set(scope.split())
    assert told["reused"] == "invalid_grant"


@pytest.mark.parametrize("node", ["fhir-kit-client"], indirect=True)
async def test_fhir_kit_client_of_npm_finds_the_same_endpoints_whoever_answers_first(
    region: Region, an_app: Any, node: Node
) -> None:
    async with region.signed_in(DOCTOR) as browser:
        request = an_app.request(scope="user/*.rs", aud=f"{region.url}/fhir")
        answer = await browser.get("/auth/authorize", params=request)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        body = (await browser.post("/auth/token", data=an_app.exchange(code))).json()
    run = await node.start("fhir-kit-client.mjs", f"{region.url}/fhir", body["access_token"])
    out, _ = await run.communicate()

    told = json.loads(out)
    assert told == {"authorize": f"{region.url}/auth/authorize", "token": f"{region.url}/auth/token", "total": 1}


@pytest.mark.parametrize("node", ["fhirclient"], indirect=True)
async def test_fhirclient_of_npm_finds_its_way_from_the_region_and_reads_its_patient(
    region: Region, an_app: Any, node: Node
) -> None:
    scope = "openid fhirUser launch/patient patient/*.read"
    run = await node.start("fhirclient.mjs", f"{region.url}/fhir", "demo-app", CALLBACK, scope)
    assert run.stdin is not None
    assert run.stdout is not None
    address = (await run.stdout.readline()).decode().strip()
    async with region.signed_in(PATIENT) as browser:
        back = await region.let_in(browser, an_app, address)
    rest, _ = await run.communicate(f"{back}\n".encode())

    assert json.loads(rest) == {"patient": PATIENT, "total": 1, "fhirUser": f"{region.url}/fhir/Patient/{PATIENT}"}
