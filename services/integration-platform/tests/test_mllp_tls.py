"""MLLP over TLS: senders show certificates, are told apart by them, and meet a renewed one without a restart."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from integration_platform.hl7v2.message import Message
from integration_platform.hl7v2.mllp import Framer, wrap
from integration_platform.senders.model import Peer, Senders
from integration_platform.settings import Settings
from integration_platform.testing import a_sender, an_oru
from kit.settings import WrongSettings, read
from kit.testing import fresh_database
from kit.testing_tls import Authority, Pair


@dataclass
class Guarded:
    """A production Exchange whose MLLP port asks for certificates of `authority`."""

    exchange: Any
    authority: Authority

    async def open(self, own: Pair | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context(cafile=self.authority.ca)
        if own is not None:
            context.load_cert_chain(own.certificate, own.key)
        port = self.exchange.parts.door.port
        return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")

    async def send(self, own: Pair | None, *messages: str) -> list[tuple[str, str]]:
        """The answers' code and control id; empty where the connection is refused."""
        found: list[tuple[str, str]] = []
        try:
            reader, writer = await self.open(own)
            writer.write(b"".join(wrap(raw.encode()) for raw in messages))
            framer = Framer()
            while len(found) < len(messages) and (data := await asyncio.wait_for(reader.read(65536), 10)):
                segments = [Message(frame.payload).first("MSA") for frame in framer.feed(data)]
                found += [(msa.text(1), msa.text(2)) for msa in segments if msa is not None]
            writer.close()
        except (ssl.SSLError, ConnectionError):
            pass
        return found

    async def register(self, **sender: Any) -> None:
        body = {
            "name": "Lab", "unit": "SE2321000016-2001", "unit_name": "Kemlab", "provider": "SE2321000016-0001",
            "provider_name": "Region Norr", "port": self.exchange.parts.door.port, **sender,
        }  # fmt: skip
        async with self.exchange.client() as operator:
            answered = await operator.post("/exchange/senders", json=body)
            assert answered.status_code == 201, answered.text
            listed = (await operator.get("/exchange/senders")).json()
        assert sender.items() <= next(one for one in listed if one["id"] == sender["id"]).items()
        await self.exchange.parts.register.refresh()


@pytest.fixture
async def guarded(postgres_url: str, opening: Any, tmp_path: Path) -> AsyncIterator[Guarded]:
    authority = Authority(tmp_path)
    pair = authority.issue("exchange", ["localhost"])
    files = {"mllp_certificate": pair.certificate, "mllp_key": pair.key, "mllp_clients": authority.ca}
    async with (
        fresh_database(postgres_url, "integration_platform", mode="production") as url,
        opening(url, "production", **files) as exchange,
    ):
        yield Guarded(exchange, authority)


async def test_a_sender_is_told_apart_by_its_certificate(guarded: Guarded) -> None:
    lab, other = guarded.authority.issue("lims.lab.test"), guarded.authority.issue("other", ["other.test"])
    await guarded.register(id="lab", certificate="lims.lab.test")
    await guarded.register(id="other", certificate="other.test", application="LIMS")

    assert await guarded.send(lab, an_oru("L1"), an_oru("L2")) == [("AA", "L1"), ("AA", "L2")]
    assert await guarded.send(other, an_oru("O1")) == [("AA", "O1")]

    kept = await guarded.exchange.messages()
    assert {(one["control_id"], one["sender"]) for one in kept} == {("L1", "lab"), ("L2", "lab"), ("O1", "other")}


async def test_who_shows_no_certificate_or_a_strangers_is_not_heard(guarded: Guarded, tmp_path: Path) -> None:
    await guarded.register(id="lab", certificate="lab")
    strangers = Authority(tmp_path / "strangers")

    for own in (None, strangers.issue("lab"), guarded.authority.issue("lab", minutes=-1)):
        assert await guarded.send(own, an_oru("L1")) == []

    assert await guarded.exchange.messages() == []


async def test_a_certificate_that_nobody_registered_is_refused_kept_and_replayed_once_registered(
    guarded: Guarded,
) -> None:
    lab = guarded.authority.issue("Labbets LIMS, åtta", ["lims.lab.test"])
    assert await guarded.send(lab, an_oru("L1")) == [("AR", "L1")]
    [kept] = await guarded.exchange.messages()
    assert (kept["state"], kept["code"]) == ("parked", "exchange/unregistered-sender")

    await guarded.register(id="lab", certificate="Labbets LIMS, åtta")
    async with guarded.exchange.client() as operator:
        assert (await operator.post(f"/exchange/messages/{kept['id']}/replay")).status_code == 202
    assert await guarded.exchange.translate() == 1


async def test_a_renewed_certificate_is_met_by_new_connections_while_old_ones_go_on(guarded: Guarded) -> None:
    await guarded.register(id="lab", certificate="lab")
    lab = guarded.authority.issue("lab")
    reader, writer = await guarded.open(lab)
    before = _serial(writer)

    renewed = guarded.authority.issue("exchange", ["localhost"])
    async with asyncio.timeout(10):
        while True:
            _, other = await guarded.open(lab)
            seen = _serial(other)
            other.close()
            if seen == renewed.serial:
                break
            await asyncio.sleep(0.1)

    assert seen != before
    writer.write(wrap(an_oru("L1").encode()))
    assert b"MSA|AA|L1" in await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 10)
    writer.close()


def _serial(writer: asyncio.StreamWriter) -> int:
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der).serial_number


def test_the_narrowest_registration_wins_and_a_peer_survives_being_written_down() -> None:
    peer = Peer("10.0.0.7", frozenset({"Labbets LIMS, åtta", "lims.lab.test"}))
    wide, narrow = a_sender(id="wide", port=2575), a_sender(id="narrow", port=2575, certificate="lims.lab.test")

    found = Senders((wide, narrow)).at_mllp(2575, peer, "LIMS", "KEM")
    stranger = Senders((wide, narrow)).at_mllp(2575, Peer("10.0.0.7"), "LIMS", "KEM")

    assert found is narrow
    assert stranger is wide
    assert Peer.of(str(peer)) == peer


def test_certificates_of_senders_need_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FVM_DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("FVM_MLLP_CLIENTS", "/ca.pem")

    with pytest.raises(WrongSettings, match="without TLS nobody shows a certificate"):
        read(Settings)
