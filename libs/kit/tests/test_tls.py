"""Certificates are read from files, asked of peers, and renewed while connections come and go."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509

from kit import tls
from kit.alive import main as alive
from kit.broker import reaching
from kit.db import Database
from kit.settings import Broker, WrongSettings
from kit.testing_tls import Authority, Pair


@asynccontextmanager
async def listening(certificate: tls.Certificate) -> AsyncIterator[tuple[int, list[frozenset[str]]]]:
    heard: list[frozenset[str]] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(tls.names(writer.get_extra_info("ssl_object")))
        writer.write(b"hej")
        writer.write_eof() if writer.can_write_eof() else None
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=certificate.context)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def shown(port: int, ca: Path, own: Pair | None = None) -> int:
    """The serial number of the certificate that the server shows now; its greeting must come too."""
    context = ssl.create_default_context(cafile=ca)
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    try:
        assert await reader.read(3) == b"hej"
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der).serial_number
    finally:
        writer.close()


async def test_a_renewed_certificate_is_shown_to_the_next_connection(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first = authority.issue("server", ["localhost"])
    certificate = tls.Certificate(first.certificate, first.key)
    async with listening(certificate) as (port, _):
        assert await shown(port, authority.ca) == first.serial
        second = authority.issue("server", ["localhost"])
        assert certificate.refresh()
        assert not certificate.refresh()
        assert await shown(port, authority.ca) == second.serial


async def test_a_renewal_that_is_half_done_leaves_the_old_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first = authority.issue("server", ["localhost"])
    certificate = tls.Certificate(first.certificate, first.key)
    other = authority.issue("other", ["localhost"])
    async with listening(certificate) as (port, _):
        first.key.write_bytes(other.key.read_bytes())  # a key that does not belong to the certificate
        assert not certificate.refresh()
        assert await shown(port, authority.ca) == first.serial
        second = authority.issue("server", ["localhost"])
        assert certificate.refresh()
        assert await shown(port, authority.ca) == second.serial


async def test_peers_show_a_certificate_of_the_trusted_authority_and_are_known_by_its_names(tmp_path: Path) -> None:
    authority, strangers = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs", "Others")
    server = authority.issue("server", ["localhost"])
    certificate = tls.Certificate(server.certificate, server.key, authority.ca)
    async with listening(certificate) as (port, heard):
        await shown(port, authority.ca, authority.issue("lab", ["lims.lab.test"]))
        assert heard == [{"lab", "lims.lab.test"}]
        for nobody in (None, strangers.issue("lab"), authority.issue("late", minutes=-1)):
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                await shown(port, authority.ca, nobody)
        assert len(heard) == 1


async def test_an_authority_that_is_no_longer_trusted_is_refused_without_a_restart(tmp_path: Path) -> None:
    authority, former = Authority(tmp_path / "ours"), Authority(tmp_path / "former", "Former")
    server, old = authority.issue("server", ["localhost"]), former.issue("lab")
    clients = tmp_path / "clients.pem"
    clients.write_bytes(authority.ca.read_bytes() + former.ca.read_bytes())
    certificate = tls.Certificate(server.certificate, server.key, clients)
    async with listening(certificate) as (port, heard):
        await shown(port, authority.ca, old)
        clients.write_bytes(authority.ca.read_bytes())
        assert certificate.refresh()
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            await shown(port, authority.ca, old)
        await shown(port, authority.ca, authority.issue("new"))
        assert heard == [{"lab"}, {"new"}]


def test_files_that_are_no_certificates_are_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("not a certificate")

    with pytest.raises(WrongSettings, match=r"^These certificates cannot be used \(SSLError\): .*a\.pem"):
        tls.Certificate(tmp_path / "a.pem", tmp_path / "a.pem")


def test_kafka_is_reached_as_the_settings_say(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("vis")
    plain = reaching("a:1,b:2")
    safe = reaching(Broker("a:1", "SASL_SSL", authority.ca, own.certificate, own.key, "vis", "secret", "SCRAM-SHA-256"))

    assert plain == {"bootstrap_servers": "a:1,b:2", "security_protocol": "PLAINTEXT"}
    assert safe["ssl_context"].verify_mode == ssl.CERT_REQUIRED
    assert (safe["sasl_mechanism"], safe["sasl_plain_username"]) == ("SCRAM-SHA-256", "vis")


async def test_a_database_url_says_how_the_server_is_reached(postgres_url: str) -> None:
    """The two drivers read the same URL; this server has no TLS, so who insists on it is refused by both."""
    refused = Database(f"{postgres_url}?sslmode=require")
    with pytest.raises(ConnectionError, match="SSL"):
        await refused.start()
    with pytest.raises(ConnectionError, match="SSL"):
        await refused.check()
    await refused.stop()

    taken = Database(f"{postgres_url}?sslmode=prefer")
    await taken.start()
    await taken.check()
    await taken.stop()


def test_a_service_that_does_not_answer_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FVM_PORT", "1")

    assert alive([]) == 1


async def test_who_is_turned_away_is_counted_with_the_reason(tmp_path: Path) -> None:
    authority, strangers = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs", "Others")
    server = authority.issue("server", ["localhost"])
    certificate = tls.Certificate(server.certificate, server.key, authority.ca, door="mllp")
    async with listening(certificate) as (port, _):
        await shown(port, authority.ca, authority.issue("lab"))
        assert certificate.strangers.lately() == {}
        for nobody in (None, strangers.issue("lab"), authority.issue("late", minutes=-1)):
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                await shown(port, authority.ca, nobody)

    assert certificate.strangers.lately() == {"none shown": 1, "untrusted": 1, "expired": 1}
