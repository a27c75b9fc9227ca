"""What every test may ask for, started at the first question: a real PostgreSQL, a real Kafka, the shared test data."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fvm import kafka, ports, postgres
from fvm.part import Part, Running

ROOT = Path(__file__).parent


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """An administrator's URL: FVM_POSTGRES_URL, else a server of the session's own (fsync off)."""
    if given := os.environ.get("FVM_POSTGRES_URL"):
        yield given
        return
    with _folder("fvm-test-postgres-") as folder:
        port = ports.settle({}, ("postgres",), set())["postgres"]
        server = postgres.Server(folder / "postgres", port, secrets.token_urlsafe(12), durable=False)
        server.prepare()
        with _running(server.part(), folder) as running:
            running.wait_until(server.ready, 60)
            yield server.url


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """Bootstrap servers: FVM_KAFKA, else a broker of the session's own. Topics are never made by themselves."""
    if given := os.environ.get("FVM_KAFKA"):
        yield given
        return
    with _folder("fvm-test-kafka-") as folder:
        picked = ports.settle({}, ("broker", "controller"), set())
        broker = kafka.Broker(folder / "kafka", picked["broker"], picked["controller"], secrets.token_urlsafe(12))
        broker.prepare()
        with _running(broker.part(), folder) as running:
            running.wait_until(broker.ready, 60)
            yield broker.bootstrap


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The shared test data beside the checkout; the test is skipped, and says so, where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared test data (../shared/data beside the checkout) is not here")
    return folder


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that PostgreSQL's user may pass when we are root (pytest's own are closed to others)."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(part: Part, folder: Path) -> Iterator[Running]:
    running = Running(part, folder / "logs", folder / "run")
    try:
        yield running
    finally:
        running.end()
