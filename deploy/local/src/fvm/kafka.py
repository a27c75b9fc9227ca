"""The region's own Apache Kafka: one node that is broker and controller (KRaft), started and stopped by us."""

import os
import re
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fvm.part import Part
from fvm.places import kafka_jars
from fvm.trouble import Trouble
from kit.outbox import LARGEST_MESSAGE

OLDEST_JAVA = 17
HEAP = ("-Xms64m", "-Xmx256m")
JVM = (
    *HEAP,
    "-XX:+UseSerialGC",
    # Only the quick compiler: measured on two cores it starts with 2.6 s of CPU instead of 4.4, moves the first 100,000
    # messages with 1.5 s instead of 2.3, and takes 25 MB less.
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:MaxDirectMemorySize=64m",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker on 127.0.0.1:`port` with its files in `folder`; `controller` is its second, inner port."""

    folder: Path
    port: int
    controller: int
    cluster: str

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Writes the settings, and formats the data folder at the first start (0.9 s)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self._properties, self._settings(self._data))
        if not self._data.exists():
            self._format()

    def _format(self) -> None:
        """Formats beside the data's place and moves it there when it is whole: what has the name is never half."""
        new, properties = self.folder / "data.new", self.folder / "format.properties"
        shutil.rmtree(new, ignore_errors=True)
        _write(properties, self._settings(new))
        format_it = ["kafka.tools.StorageTool", "format", "--standalone", "-t", self.cluster, "-c", str(properties)]
        done = subprocess.run([*_java(), *format_it], check=False, capture_output=True, text=True)
        properties.unlink()
        if done.returncode:
            shutil.rmtree(new, ignore_errors=True)
            raise Trouble(f"Kafka's folder could not be formatted: {(done.stderr or done.stdout).strip()[-600:]}")
        new.rename(self._data)

    def part(self) -> Part:
        command = (*_java(), "kafka.Kafka", str(self._properties))
        return Part("kafka", command, stop=signal.SIGTERM, patience=20.0)

    def ready(self) -> bool:
        """True when the broker's port is open; KRaft opens it only when the broker is registered."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _settings(self, data: Path) -> dict[str, str]:
        broker, controller = f"PLAINTEXT://127.0.0.1:{self.port}", f"CONTROLLER://127.0.0.1:{self.controller}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{self.controller}",
            "listeners": f"{broker},{controller}",
            "advertised.listeners": broker,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(data),
            "auto.create.topics.enable": "false",
            "num.partitions": "6",
            "message.max.bytes": str(LARGEST_MESSAGE),
            "log.segment.bytes": "67108864",
            "log.index.size.max.bytes": "1048576",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "8",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # After kill -9 the controller waits for the old session: with the default 13 s, so 5.5 s.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "log.cleaner.dedupe.buffer.size": "16777216",  # of the default 128 MB; the heap is small
        }


def _write(file: Path, settings: dict[str, str]) -> None:
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


def java() -> str:
    """The Java to use: JAVA_HOME's, else the one on the path; Trouble where there is none of version 17 or newer."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=f"{home}/bin") if home else None
    program = program or shutil.which("java")
    if program is None:
        raise Trouble(
            "There is no Java, and Kafka needs 17 or newer: apt-get install openjdk-17-jre-headless (or set FVM_KAFKA)."
        )
    version = java_version(program)
    if version < OLDEST_JAVA:
        raise Trouble(f"{program} is Java {version}; Kafka needs Java 17 or newer (JAVA_HOME may point at one).")
    return program


@cache
def java_version(program: str) -> int:
    """The feature release number (17); 0 where it cannot be told."""
    told = subprocess.run([program, "-version"], check=False, capture_output=True, text=True)
    found = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    return int(found[1]) if found else 0


def jars() -> Path:
    """The folder of Kafka's jars; Trouble where Maven has not filled it yet."""
    folder = kafka_jars()
    if not any(folder.glob("kafka_*.jar")):
        raise Trouble("Kafka's jars are not there; run `make setup`, or set FVM_KAFKA to a broker of your own.")
    return folder


def must_be_runnable() -> None:
    """Raises Trouble when Java or the jars are missing."""
    java()
    jars()


def _java() -> tuple[str, ...]:
    return (java(), *JVM, "-cp", f"{jars()}/*")
