"""A region's backup as files: one dump per database, made and read with the programs of the embedded PostgreSQL."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fvm import databases, postgres
from fvm.memory import Memory
from fvm.part import Running
from fvm.places import Places
from fvm.region import SLOWEST_STORE
from fvm.settings import Settings
from fvm.trouble import Trouble

# The reader before its sources: what they tell in between stands behind its positions and is read again from Kafka.
ORDER = ("information", "application", "exchange", "vis")
MANIFEST, MEMORY, SECRETS = "backup.json", "region.json", "secrets"


@dataclass(slots=True)
class Manifest:
    """What a backup says of itself. `sums` are SHA-256 of its files; `epochs` by service at its time."""

    id: str
    region: str
    mode: str
    at: str
    postgres: str
    epochs: dict[str, int] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)


@contextmanager
def administrator(settings: Settings, places: Places, memory: Memory, running: bool) -> Iterator[databases.Admin]:
    """The door to the region's PostgreSQL; the region's own server is started for as long where it does not run."""
    if settings.postgres_url:
        yield databases.Admin(settings.postgres_url, ours=False)
        return
    server = postgres.of(places, memory)
    if running:
        yield databases.Admin(server.url, ours=True)
        return
    server.prepare()
    started = Running(server.part(), places.logs, places.run)
    try:
        started.wait_until(server.ready, SLOWEST_STORE)
        yield databases.Admin(server.url, ours=True)
    finally:
        started.end()


def dump(admin: databases.Admin, role: str, password: str, file: Path) -> None:
    """One database in PostgreSQL's own format, without its keys (fvm.keysafe); raises Trouble."""
    arguments = ["--format=custom", "--compress=1", "--exclude-table-data=keys.*", f"--file={file}"]
    _run("pg_dump", arguments, admin.url_for(role, ""), password)
    file.chmod(0o600)


def load(admin: databases.Admin, role: str, password: str, database: str, file: Path) -> None:
    """Reads a dump into an empty database, whole or not at all; everything in it becomes the role's."""
    _run(
        "pg_restore",
        ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", str(file)],
        admin.url_for(role, "", database),
        password,
    )


def _run(program: str, arguments: list[str], url: str, password: str) -> None:
    # The password goes by the environment: arguments can be read by every user of the machine.
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "PGPASSWORD": password}
    command = [str(postgres.binary(program)), f"--dbname={url}", *arguments]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Trouble(f"{program} failed: {_first(done.stderr)}")


def _first(said: str) -> str:
    """The first complaint, without the lines that quote data."""
    lines = [line for line in said.splitlines() if "error" in line.lower()] or said.splitlines() or ["it said nothing"]
    return lines[0].strip()[:300]


def write(folder: Path, manifest: Manifest) -> None:
    """Adds the sums of all files; comes last, so that a folder without it is no backup."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    manifest.sums = {str(path.relative_to(folder)): checksum(path) for path in files}
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1))
    (folder / MANIFEST).chmod(0o600)


def read(folder: Path) -> Manifest:
    """Raises Trouble where the folder is no backup, or a file of it is missing or changed."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text()))
    except FileNotFoundError as absent:
        raise Trouble(f"{folder} is no backup: it has no {MANIFEST}.") from absent
    except (ValueError, TypeError) as broken:
        raise Trouble(f"{folder / MANIFEST} cannot be read ({broken}); use another backup.") from broken
    wrong = [name for name, told in manifest.sums.items() if not _is(folder / name, told)]
    needed = {f"{service}.dump" for service in ORDER} | {MEMORY}
    wrong += sorted(needed - set(manifest.sums))
    if wrong:
        raise Trouble(f"{folder} is damaged ({', '.join(wrong)}); use another backup.")
    return manifest


def _is(file: Path, told: str) -> bool:
    return file.is_file() and checksum(file) == told


def checksum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def named(epochs: Mapping[str, int]) -> str:
    """`1`, or each service's where they differ."""
    found = set(epochs.values())
    return str(found.pop()) if len(found) == 1 else ", ".join(f"{name} {epoch}" for name, epoch in epochs.items())
