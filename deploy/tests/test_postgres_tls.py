"""PostgreSQL as compose.tls.yaml starts it: only over TLS, with a certificate that names the server; asked by both drivers."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography import x509
from sqlalchemy.exc import DBAPIError

from fvm import databases, nobody, ports, postgres
from fvm.part import Part, Running
from fvm.trouble import Trouble
from kit.db import Database
from kit.testing_tls import Authority

DEPLOY = Path(__file__).parents[1]


def _programs() -> Path:
    """A PostgreSQL that speaks TLS: not every build does."""
    for folder in (
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        postgres.binary("postgres").parent,
    ):
        program = folder / "postgres"
        if (
            program.exists()
            and "libssl" in subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        ):
            return folder
    pytest.skip("no PostgreSQL with TLS is installed")


@pytest.fixture(scope="module")
def secured() -> Iterator[tuple[str, Authority]]:
    programs, folder = _programs(), Path(tempfile.mkdtemp(prefix="fvm-test-pg-tls-"))
    folder.chmod(0o711)
    authority = Authority(folder / "certificates")
    pair = authority.issue("postgres", ["localhost"])
    data, port = folder / "data", ports.settle({}, ("postgres",), set())["postgres"]
    data.mkdir(mode=0o700)
    pair.key.chmod(0o600)
    for mine in (data, pair.key):
        nobody.give(mine)
    run = {"check": True, "capture_output": True, "cwd": "/"}
    arguments = ["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "-D", str(data)]
    subprocess.run([*nobody.prefix(), str(programs / "initdb"), *arguments], **run)  # type: ignore[call-overload]
    told = {
        "config_file": DEPLOY / "postgres/postgresql.conf", "hba_file": DEPLOY / "postgres/pg_hba.tls.conf",
        "ssl": "on", "ssl_cert_file": pair.certificate, "ssl_key_file": pair.key,
        # Only what this machine has otherwise than a server of its own.
        "port": port, "unix_socket_directories": data, "shared_buffers": "16MB", "max_connections": 20, "fsync": "off",
    }  # fmt: skip
    files = folder / "settings"
    files.mkdir(mode=0o755)
    for name in ("config_file", "hba_file"):
        told[name] = shutil.copy(told[name], files)
    options = [option for name, value in told.items() for option in ("-c", f"{name}={value}")]
    command = (*nobody.prefix(), str(programs / "postgres"), "-D", str(data), *options)
    running = Running(Part("postgres", command, stop=2, cwd=Path("/")), folder / "logs", folder / "run")
    ready = [str(programs / "pg_isready"), "-q", "-h", "localhost", "-p", str(port)]
    try:
        running.wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, 30)
        psql = [str(programs / "psql"), "-q", "-h", str(data), "-p", str(port), "-U", "postgres", "-c"]
        subprocess.run([*nobody.prefix(), *psql, "alter role postgres password 'secret'"], **run)  # type: ignore[call-overload]
        yield f"postgresql://postgres:secret@localhost:{port}/postgres", authority
    finally:
        running.end()
        shutil.rmtree(folder, ignore_errors=True)


async def test_a_url_that_verifies_the_server_is_taken_by_both_drivers(secured: Any) -> None:
    url, authority = secured
    database = Database(f"{url}?sslmode=verify-full&sslrootcert={authority.ca}")
    await database.start()
    try:
        encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
        assert await database.pool.fetchval(encrypted) is True
        async with database.transaction() as tx:
            assert (await tx.exec_driver_sql(encrypted)).scalar() is True
    finally:
        await database.stop()


async def test_a_renewed_certificate_is_shown_after_a_reload_and_open_connections_go_on(secured: Any) -> None:
    url, authority = secured
    before = await _serial(url, authority)
    open_before = await asyncpg.connect(f"{url}?sslmode=verify-full&sslrootcert={authority.ca}")
    try:
        renewed = authority.issue("postgres", ["localhost"])
        renewed.key.chmod(0o600)
        nobody.give(renewed.key)
        assert await open_before.fetchval("select pg_reload_conf()")

        async with asyncio.timeout(10):
            while await _serial(url, authority) == before:  # noqa: ASYNC110 - PostgreSQL tells nobody
                await asyncio.sleep(0.05)
        assert await _serial(url, authority) == renewed.serial
        assert await open_before.fetchval("select 1") == 1
    finally:
        await open_before.close()


async def _serial(url: str, authority: Authority) -> int:
    """Of the certificate that a new connection is shown."""
    connection = await asyncpg.connect(f"{url}?sslmode=verify-full&sslrootcert={authority.ca}")
    try:
        shown = connection._transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(shown).serial_number
    finally:
        await connection.close()


async def test_a_server_whose_certificate_is_not_trusted_is_told_from_one_that_is_away(
    secured: Any, tmp_path: Path
) -> None:
    url, authority = secured
    by_a_stranger = f"{url}?sslmode=verify-full&sslrootcert={Authority(tmp_path).ca}"
    with pytest.raises(Trouble, match="shows a certificate that is not trusted") as told:
        await databases.connect(by_a_stranger)
    assert "secret" not in told.value.sentence

    expired = authority.issue("postgres", ["localhost"], minutes=-1)
    expired.key.chmod(0o600)
    nobody.give(expired.key)
    good = f"{url}?sslmode=verify-full&sslrootcert={authority.ca}"
    async with asyncio.timeout(20):
        await _reload(url)
        while True:
            try:
                await (await asyncpg.connect(good)).close()
            except OSError:
                break
            await asyncio.sleep(0.05)
    with pytest.raises(Trouble, match="its certificate has expired"):
        await databases.connect(good)

    renewed = authority.issue("postgres", ["localhost"])
    renewed.key.chmod(0o600)
    nobody.give(renewed.key)
    await _reload(url)


async def _reload(url: str) -> None:
    """As an administrator would who cannot trust the certificate any more: still over TLS."""
    connection = await asyncpg.connect(f"{url}?sslmode=require")
    await connection.execute("select pg_reload_conf()")
    await connection.close()


async def test_in_the_clear_by_another_name_or_with_a_strangers_certificate_nobody_comes_in(
    secured: Any, tmp_path: Path
) -> None:
    url, authority = secured
    other = url.replace("localhost", "127.0.0.1")
    for wrong in (
        f"{url}?sslmode=disable",
        f"{url}?sslmode=verify-full&sslrootcert={Authority(tmp_path).ca}",
        f"{other}?sslmode=verify-full&sslrootcert={authority.ca}",
    ):
        database = Database(wrong)
        with pytest.raises((asyncpg.InvalidAuthorizationSpecificationError, OSError)):
            await database.start()
        with pytest.raises((DBAPIError, OSError)):
            await database.check()
        await database.stop()
