"""A running Envoy in front of four small services that say what reached them."""

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

# pytest calls this file gateway.tests.conftest and makes an empty module "gateway" for it, which hides the package.
if getattr(sys.modules.get("gateway"), "__file__", None) is None:
    sys.modules.pop("gateway", None)

from gateway.envoy import command
from gateway.render import write
from gateway.settings import GatewaySettings

ISSUER = "http://region.test"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Issuer:
    """Signs tokens as the application platform would; the RSA key stands in the same key set (id tokens)."""

    ec: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "ec-1", "alg": "ES256"}))
    rsa: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "rsa-1", "alg": "RS256"}))

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.ec.as_dict(private=False), self.rsa.as_dict(private=False)]}

    def token(self, *doors: str, alg: str = "ES256", key: ECKey | RSAKey | None = None, **claims: Any) -> str:
        now = int(time.time())
        body = {
            "iss": ISSUER,
            "sub": "staff-1",
            "aud": [f"{ISSUER}/{door}" for door in doors or ("vis/fhir", "fhir", "exchange")],
            "iat": now,
            "exp": now + 600,
            "client_id": "a-client",
            **claims,
        }
        signer = key or (self.ec if alg == "ES256" else self.rsa)
        header = {"alg": alg, "kid": signer.kid or "ec-1"}
        return jwt.encode(header, {k: v for k, v in body.items() if v is not None}, signer, algorithms=[alg])


@dataclass
class Reached:
    """One request as a service saw it."""

    service: str
    method: str
    path: str
    headers: dict[str, str]
    length: int


class Services:
    """vis, information, exchange and application in one process: each answers with what it saw."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.urls: dict[str, str] = {}
        self.seen: list[Reached] = []
        self._runners: list[web.AppRunner] = []

    async def start(self) -> None:
        for name in ("vis", "information", "exchange", "application"):
            app = web.Application(client_max_size=2**30)
            app.router.add_get("/auth/jwks", self._jwks)
            app.router.add_get("/portal/events", self._events)
            app.router.add_get("/vis/fhir/slow", self._slow)
            app.router.add_post("/vis/fhir/first", self._first)
            app.router.add_route("*", "/{tail:.*}", self._echo(name))
            runner = web.AppRunner(app, max_line_size=2**16)
            await runner.setup()
            port = free_port()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self._runners.append(runner)
            self.urls[name] = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _jwks(self, _: web.Request) -> web.Response:
        return web.json_response(self.issuer.jwks())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for beat in range(4):
            await response.write(f"data: {beat}\n\n".encode())
            await asyncio.sleep(0.6)
        return response

    async def _first(self, request: web.Request) -> web.Response:
        return web.Response(body=await request.content.readany())

    async def _slow(self, _: web.Request) -> web.Response:
        await asyncio.sleep(3)
        return web.Response(text="late")

    def _echo(self, service: str) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            length = 0
            async for chunk in request.content.iter_chunked(65536):
                length += len(chunk)
            headers = {name.lower(): value for name, value in request.headers.items()}
            reached = Reached(service, request.method, request.raw_path, headers, length)
            self.seen.append(reached)
            return web.json_response(
                {"service": service, "path": request.raw_path, "headers": headers, "length": length},
                headers={"server": "secret/1.0", "x-envoy-upstream-service-time": "1"},
            )

        return answer


@dataclass
class Gateway:
    """A running Envoy and a client for it."""

    settings: GatewaySettings
    client: aiohttp.ClientSession
    issuer: Issuer
    log: Path
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.gateway_port}"

    def bearer(self, *doors: str, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(*doors, **claims)}"}

    async def raw(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send bytes as they are (no client tidies them) and read one whole answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.settings.gateway_port, limit=2**20)
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        body = await asyncio.wait_for(reader.readexactly(int(headers.get("content-length", "0"))), 10)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return int(status.split()[1]), headers, body

    def get(self, path: str, **headers: str) -> bytes:
        lines = [f"GET {path} HTTP/1.1", "Host: region.test", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def logged(self, request_id: str) -> dict[str, Any]:
        """The access log's line about one request; Envoy writes at intervals, so this waits for it."""
        for _ in range(150):
            lines = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
            found = [line for line in lines if line["request"] == request_id]
            if found:
                return found[0]
            await asyncio.sleep(0.1)
        raise AssertionError("the request was not logged")


Start = Callable[..., AbstractAsyncContextManager[Gateway]]


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
async def services(issuer: Issuer) -> AsyncIterator[Services]:
    services = Services(issuer)
    await services.start()
    yield services
    await services.stop()


@pytest.fixture(scope="session")
def start(services: Services, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Start a gateway with settings of one's own: `async with start(rate_limit=5) as gateway`."""

    @asynccontextmanager
    async def running(**changes: Any) -> AsyncIterator[Gateway]:
        folder = tmp_path_factory.mktemp("gateway")
        urls = {f"{name}_url": url for name, url in services.urls.items()}
        log = folder / "access.log"
        settings = GatewaySettings(
            **{"public_url": ISSUER, "gateway_port": free_port(), "gateway_log": str(log), **urls, **changes}
        )
        config = folder / "envoy.yaml"
        write(settings, config)
        process = await asyncio.create_subprocess_exec(
            *command(settings, config), "--file-flush-interval-msec", "200", stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await _listens(settings.gateway_port, process)
            async with aiohttp.ClientSession(f"http://127.0.0.1:{settings.gateway_port}") as client:
                yield Gateway(settings, client, issuer, log, process.pid)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    return running


@pytest.fixture(scope="session")
async def gateway(start: Start) -> AsyncIterator[Gateway]:
    async with start() as running:
        yield running


async def _listens(port: int, process: asyncio.subprocess.Process) -> None:
    for _ in range(200):
        assert process.returncode is None, "Envoy stopped"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        await writer.wait_closed()
        return
    raise AssertionError("Envoy does not listen")
