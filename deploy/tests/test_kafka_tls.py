"""Kafka as compose.tls.yaml starts it: TLS, users with passwords, rights per topic; spoken to by the kit's own clients."""

import asyncio
import dataclasses
import secrets
import socket
import ssl
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from fvm import kafka, ports, topics
from fvm.part import Running
from fvm.trouble import Trouble
from kit.broker import Topic, ensure_topics, reachable, topics_there
from kit.kafka import Producer
from kit.outbox import LARGEST_MESSAGE, Message
from kit.problems import Unavailable
from kit.settings import Broker
from kit.testing_tls import Authority

PROPERTIES = Path(__file__).parents[1] / "kafka/server.tls.properties"
USERS = ("broker", "fvm", "vis", "information", "exchange", "application")


@dataclass
class Secured:
    """A running broker; `at(user)` is how that user reaches it."""

    bootstrap: str
    controller: str
    authority: Authority
    passwords: dict[str, str]
    folder: Path

    def at(self, user: str, **changes: object) -> Broker:
        broker = Broker(self.bootstrap, "SASL_SSL", self.authority.ca, None, None, user, self.passwords[user], "PLAIN")
        return dataclasses.replace(broker, **changes)  # type: ignore[arg-type]

    def administer(self, command: str, *options: str) -> None:
        """One of Kafka's own commands, as the user fvm."""
        settings = self.folder / "admin.properties"
        settings.write_text(
            "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nssl.truststore.type=PEM\n"
            f"ssl.truststore.location={self.authority.ca}\n"
            "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'username="fvm" password="{self.passwords["fvm"]}";\n'
        )
        where = ["--bootstrap-server", self.bootstrap, "--command-config", str(settings)]
        done = subprocess.run([*kafka._java(), command, *where, *options], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def certify(self) -> int:
        """Gives the broker a new certificate in the place of its old one; its serial number."""
        folder = self.folder / "certificates"
        pair = self.authority.issue("broker", ["localhost", "127.0.0.1"])
        draft = folder / "broker.new"
        draft.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes() + self.authority.ca.read_bytes())
        draft.replace(folder / "broker.pem")
        return pair.serial

    def shown(self, door: str) -> int:
        """The serial number of the certificate that a new connection is shown."""
        context = ssl.create_default_context(cafile=self.authority.ca)
        host, port = door.split(":")
        with (
            socket.create_connection((host, int(port)), 10) as plain,
            context.wrap_socket(plain, server_hostname=host) as safe,
        ):
            der = safe.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).serial_number


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    kafka.must_be_runnable()
    folder = tmp_path_factory.mktemp("kafka")
    picked = ports.settle({}, ("broker", "controller"), set())
    authority = Authority(folder / "certificates")
    passwords = {user: secrets.token_urlsafe(16) for user in USERS}
    (folder / "kafka_users").write_text("".join(f"{u}={p}\n" for u, p in passwords.items()))
    text = PROPERTIES.read_text()
    for image, here in (
        ("/certificates", str(folder / "certificates")),
        ("/run/secrets", str(folder)),
        ("/var/lib/kafka/data", str(folder / "data")),
        ("kafka:9092", f"localhost:{picked['broker']}"),
        ("kafka:9093", f"localhost:{picked['controller']}"),
        ("://:9092", f"://localhost:{picked['broker']}"),
        ("://:9093", f"://localhost:{picked['controller']}"),
    ):
        text = text.replace(image, here)
    properties = folder / "server.properties"
    properties.write_text(text)
    java = kafka._java()
    format_it = [*java, "kafka.tools.StorageTool", "format", "--standalone", "-t", str(uuid.uuid4()), "-c"]
    done = subprocess.run([*format_it, str(properties)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    broker = kafka.Broker(folder, picked["broker"], picked["controller"], "x")
    part = dataclasses.replace(broker.part(), command=(*java, "kafka.Kafka", str(properties)))
    doors = (f"localhost:{picked[name]}" for name in ("broker", "controller"))
    made = Secured(*doors, authority, passwords, folder)
    made.certify()
    running = Running(part, folder / "logs", folder / "run")
    try:
        running.wait_until(broker.ready, 60)
        yield made
    finally:
        running.end()


async def test_a_user_with_its_password_is_let_in_and_nobody_else(secured: Secured, tmp_path: Path) -> None:
    assert await reachable(secured.at("fvm"))

    for stranger in (
        secured.at("fvm", password="wrong"),
        secured.at("fvm", ca=Authority(tmp_path).ca),  # a broker that our authority did not sign
        secured.bootstrap,
    ):
        assert not await reachable(stranger)


async def test_who_is_refused_hears_that_kafka_cannot_be_reached(secured: Secured) -> None:
    with pytest.raises(Unavailable):
        await topics_there(secured.at("vis", password="wrong"))


async def test_each_service_writes_its_own_topics_and_no_other(secured: Secured) -> None:
    wanted = topics.load()
    names = {topic.name: topics.full_name(topic.name, "north") for topic in wanted}
    await ensure_topics(secured.at("fvm"), [Topic(name, 1) for name in names.values()])
    for rights in topics.rights(wanted, "north"):
        await asyncio.to_thread(secured.administer, "org.apache.kafka.tools.AclCommand", "--add", *rights)

    for service in ("vis", "information"):
        for topic in wanted:
            if topic.owner in ("vis", "information"):
                allowed = await _may_write(secured.at(service), names[topic.name])
                assert allowed == (topic.owner == service), f"{service} to {topic.name}"


async def test_rights_end_at_the_regions_own_topics(secured: Secured) -> None:
    other = topics.full_name("vis.record.v1", "south")
    await ensure_topics(secured.at("fvm"), [Topic(other, 1)])

    assert not await _may_write(secured.at("vis"), other)
    assert other not in await topics_there(secured.at("vis"))
    assert other in await topics_there(secured.at("fvm"))


async def _may_write(where: Broker, topic: str) -> bool:
    producer = Producer(where)
    try:
        async with asyncio.timeout(10):
            await producer.send_all([Message(topic, b"k", b"v", [])])
    except Exception as error:
        if "Authorization" not in type(error).__name__:
            raise
        return False
    finally:
        await producer.stop()
    return True


async def test_a_broker_whose_certificate_cannot_be_trusted_is_told_from_one_that_is_away(
    secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"SECURITY": "SASL_SSL", "MECHANISM": "PLAIN", "USER": "fvm", "PASSWORD": secured.passwords["fvm"]}
    for name, value in told.items():
        monkeypatch.setenv(f"FVM_KAFKA_{name}", value)
    monkeypatch.setenv("FVM_KAFKA_CA", str(Authority(tmp_path).ca))
    with pytest.raises(Trouble, match=r"^Kafka's certificate is not of an authority we trust at localhost"):
        await topics.apply(secured.bootstrap, "north", topics.load())

    monkeypatch.setenv("FVM_KAFKA_CA", str(secured.authority.ca))
    expired = secured.authority.issue("expired", ["localhost"], minutes=-1)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(expired.certificate, expired.key)
    async with await asyncio.start_server(lambda _reader, _writer: None, "localhost", 0, ssl=context) as late:
        door = f"localhost:{late.sockets[0].getsockname()[1]}"
        with pytest.raises(Trouble, match=r"^Kafka's certificate has expired at localhost"):
            await topics.apply(door, "north", topics.load())


KEYSTORES = [f"listener.name.{name}.ssl.keystore.location" for name in ("sasl_ssl", "controller")]


async def test_a_renewed_certificate_is_taken_without_a_restart_while_producers_go_on(secured: Secured) -> None:
    await ensure_topics(secured.at("fvm"), [Topic("renewal", 1)])
    producer = Producer(secured.at("fvm"))
    message = Message("renewal", b"k", b"v", [])
    again = ",".join(f"{name}={secured.folder}/certificates/broker.pem" for name in KEYSTORES)
    told = ["--entity-type", "brokers", "--entity-name", "1", "--alter", "--add-config", again]
    doors = (secured.bootstrap, secured.controller)
    try:
        await producer.send_all([message])
        for _ in range(2):  # the second time the broker is told what it was told before
            renewed = secured.certify()
            await asyncio.to_thread(secured.administer, "kafka.admin.ConfigCommand", *told)

            async with asyncio.timeout(20):
                # Each thread of a door takes it for itself, so several connections are looked at.
                while {secured.shown(door) for door in doors * 4} != {renewed}:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.2)
            await producer.send_all([message])
    finally:
        await producer.stop()
    assert await reachable(secured.at("vis"))


def test_both_brokers_take_the_largest_message_that_we_send() -> None:
    for file in (PROPERTIES, PROPERTIES.with_name("server.properties")):
        assert f"message.max.bytes={LARGEST_MESSAGE}" in file.read_text().splitlines(), file.name
