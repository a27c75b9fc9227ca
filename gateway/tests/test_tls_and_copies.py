"""The gateway's certificate is renewed while it runs; services may have several copies, and certificates of their own."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509

from gateway.envoy import validate
from gateway.render import write
from gateway.settings import GatewaySettings
from kit.settings import WrongSettings, read
from kit.testing_tls import Authority

PUBLIC = "https://region.test"


async def serial(port: int, ca: Path) -> int:
    context = ssl.create_default_context(cafile=ca)
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="region.test")
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der).serial_number


async def test_the_gateway_speaks_tls_and_takes_a_renewed_certificate_without_a_restart(
    start: Any, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "certificates")
    pair = authority.issue("region.test", ["region.test"])
    files = {"gateway_certificate": pair.certificate, "gateway_key": pair.key}
    async with start(public_url=PUBLIC, **files) as gateway:
        port = gateway.settings.gateway_port
        assert await serial(port, authority.ca) == pair.serial

        context = ssl.create_default_context(cafile=authority.ca)
        async with aiohttp.ClientSession() as client:
            url = f"https://127.0.0.1:{port}/portal/static/x.css"
            async with client.get(url, ssl=context, server_hostname="region.test") as answer:
                assert answer.status == 200
                assert "max-age" in answer.headers["strict-transport-security"]
            with pytest.raises(aiohttp.ClientError):  # nobody speaks in the clear there
                await gateway.client.get("/health/ready")

        renewed = authority.issue("region.test", ["region.test"])
        async with asyncio.timeout(10):
            while await serial(port, authority.ca) != renewed.serial:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert renewed.serial != pair.serial


@asynccontextmanager
async def a_copy(name: str, context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """One copy of a service: says its name, and whether it is ready."""
    state: dict[str, Any] = {"ready": True, "asked": 0}

    async def ready(_: web.Request) -> web.Response:
        state["asked"] += 1
        return web.Response(status=200 if state["ready"] else 503)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=name)

    app = web.Application()
    app.router.add_get("/health/serving", ready)
    app.router.add_get("/vis/fhir/metadata", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield runner.addresses[0][1], state
    finally:
        await runner.cleanup()


async def answers(gateway: Any, count: int = 20) -> set[str]:
    found = set()
    for _ in range(count):
        async with gateway.client.get("/vis/fhir/metadata") as answer:
            found.add(f"{answer.status} {await answer.text()}" if answer.status == 200 else str(answer.status))
    return found


async def until(check: Callable[[], Any]) -> None:
    async with asyncio.timeout(15):
        while not await check():  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_copy_that_is_told_to_stop_gets_no_more_requests(start: Any) -> None:
    async with (
        a_copy("one") as (one, first),
        a_copy("two") as (two, _),
        start(vis_url=f"http://127.0.0.1:{one},http://127.0.0.1:{two}") as gateway,
    ):

        async def both() -> bool:
            return await answers(gateway) == {"200 one", "200 two"}

        async def only_the_second() -> bool:
            return await answers(gateway) == {"200 two"}

        await until(both)
        first["ready"] = False
        await until(only_the_second)
        first["ready"] = True
        await until(both)


async def test_one_copy_that_is_ready_is_enough_however_many_are_not(start: Any) -> None:
    async with (
        a_copy("one") as (one, first),
        a_copy("two") as (two, second),
        a_copy("three") as (three, third),
        start(vis_url=",".join(f"http://127.0.0.1:{port}" for port in (one, two, three))) as gateway,
    ):
        first["ready"] = second["ready"] = False

        async def only_the_third() -> bool:
            return await answers(gateway) == {"200 three"}

        await until(only_the_third)
        third["ready"] = False  # better one that says it is not ready than nobody

        async def somebody() -> bool:
            return len(await answers(gateway)) == 3 and "503" not in await answers(gateway)

        await until(somebody)


async def test_a_copy_that_has_died_costs_nobody_a_request(start: Any) -> None:
    """Envoy has not looked yet: the connection fails, and the other copy is asked."""
    async with a_copy("two") as (two, _):
        async with a_copy("one") as (dead, _):
            pass
        async with start(vis_url=f"http://127.0.0.1:{dead},http://127.0.0.1:{two}") as gateway:
            assert await answers(gateway) == {"200 two"}


async def test_services_may_be_reached_over_tls_by_their_names_only(start: Any, tmp_path: Path) -> None:
    authority, strangers = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    right, wrong_name = authority.issue("vis", ["127.0.0.1"]), authority.issue("other", ["192.0.2.1"])
    for pair, ca, expected in (
        (right, authority.ca, {"200 vis"}),
        (right, strangers.ca, {"503"}),
        (wrong_name, authority.ca, {"503"}),
    ):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)
        async with (
            a_copy("vis", context) as (port, _),
            start(vis_url=f"https://127.0.0.1:{port}", services_ca=ca) as gateway,
        ):
            assert await answers(gateway, 3) == expected


async def test_a_renewed_authority_of_the_services_is_trusted_without_a_restart(start: Any, tmp_path: Path) -> None:
    former, next_one = Authority(tmp_path / "former"), Authority(tmp_path / "next", "Next CA")
    trusted = tmp_path / "trusted/ca.pem"
    trusted.parent.mkdir()
    trusted.write_bytes(former.ca.read_bytes())
    pair = next_one.issue("vis", ["127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    async with (
        a_copy("vis", context) as (port, _),
        start(vis_url=f"https://127.0.0.1:{port}", services_ca=trusted) as gateway,
    ):
        assert await answers(gateway, 3) == {"503"}

        both = trusted.with_name("new")
        both.write_bytes(former.ca.read_bytes() + next_one.ca.read_bytes())
        both.replace(trusted)

        async def known() -> bool:
            return await answers(gateway, 3) == {"200 vis"}

        await until(known)


async def test_a_service_whose_certificate_has_expired_is_not_spoken_to(start: Any, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("vis", ["127.0.0.1"], minutes=-1)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    async with (
        a_copy("vis", context) as (port, _),
        start(vis_url=f"https://127.0.0.1:{port}", services_ca=authority.ca) as gateway,
        gateway.client.get("/vis/fhir/metadata") as answer,
    ):
        assert answer.status == 503
        # The access log has Envoy's reason: the connection failed, each time (UF, URX).
        assert "UF" in (await gateway.logged(answer.headers["x-request-id"]))["why"]


def test_envoy_accepts_a_whole_deployment_with_names_and_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("region.test", ["region.test"])
    urls = {f"{name}_url": f"https://{name}:8443" for name in ("vis", "information", "exchange", "application")}
    files = {"gateway_certificate": pair.certificate, "gateway_key": pair.key, "services_ca": authority.ca}
    write(GatewaySettings(public_url=PUBLIC, gateway_host="0.0.0.0", **urls, **files), tmp_path / "envoy.yaml")

    validate(tmp_path / "envoy.yaml")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"GATEWAY_KEY": "/a/key"}, "FVM_GATEWAY_CERTIFICATE and FVM_GATEWAY_KEY are set together."),
        (
            {"GATEWAY_KEY": "/a/key", "GATEWAY_CERTIFICATE": "/b/pem", "PUBLIC_URL": PUBLIC},
            "FVM_GATEWAY_CERTIFICATE and FVM_GATEWAY_KEY lie in one folder, which is watched.",
        ),
        (
            {"GATEWAY_KEY": "/a/key", "GATEWAY_CERTIFICATE": "/a/pem"},
            "FVM_PUBLIC_URL begins with https:// where the gateway has a certificate.",
        ),
        ({"VIS_URL": "https://vis"}, "FVM_VIS_URL is https, so FVM_SERVICES_CA says who signs its certificate."),
        ({"VIS_URL": "vis:80"}, "FVM_VIS_URL is wrong: must be scheme://host[:port] with nothing after it."),
        (
            {"VIS_URL": "http://a, https://b"},
            "FVM_VIS_URL is wrong: all addresses of one service begin with the same scheme.",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], sentence: str
) -> None:
    monkeypatch.delenv("FVM_PUBLIC_URL", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(f"FVM_{name}", value)

    with pytest.raises(WrongSettings) as wrong:
        read(GatewaySettings)

    assert str(wrong.value) == sentence
