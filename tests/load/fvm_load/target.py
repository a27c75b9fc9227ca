"""What is measured: the local region as `fvm` knows it, or the addresses that were given."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from fvm import memory as remembered
from fvm import pids, postgres, state
from fvm.databases import Admin
from fvm.places import Places, checkout
from fvm.ports import listener
from fvm.services import SERVICES
from fvm.settings import from_environment
from fvm.trouble import Trouble
from fvm_load.processes import Pids, title, with_children

_ADDRESSES = ("vis", "region", "gateway", "application", "mllp")


@dataclass(frozen=True, slots=True)
class Target:
    """Base URLs ("" where there is none), databases by service, and whose CPU is counted."""

    name: str
    vis: str = ""
    region: str = ""
    gateway: str = ""
    application: str = ""
    mllp: tuple[str, int] | None = None
    databases: Mapping[str, str] = field(default_factory=dict)
    processes: Mapping[str, Pids] = field(default_factory=dict)
    token: str = ""
    public: str = ""  # VIS's FHIR base as everybody knows it; only of a region of this machine's data folder
    data: Path | None = None
    admin: str = ""  # PostgreSQL as its administrator; of such a region too

    @property
    def gateway_vis(self) -> str:
        """VIS's FHIR base behind the gateway."""
        return f"{self.gateway}/vis/fhir" if self.gateway else ""


def find(options: argparse.Namespace) -> Target:
    """Raises Trouble when no region runs, or when an address is not on this machine."""
    if any(getattr(options, name) for name in _ADDRESSES):
        return _given(options)
    return _local(options)


def _local(options: argparse.Namespace) -> Target:
    settings = from_environment()
    places = Places(settings.data)
    if state.runner(places) is None:
        raise Trouble(f"No region is running in {settings.data}; start it with `make run` or `make up`.")
    memory = remembered.load(places.memory)
    if memory.mode != "demo":
        raise Trouble("This region is production; a bench writes made-up patients and runs in demo regions only.")
    ports = memory.ports
    url = settings.postgres_url or postgres.of(places, memory).url
    admin = Admin(url, ours=not settings.postgres_url)
    names = {service.name: service.database(settings.prefix) for service in SERVICES}
    running = {known.name: known.pid for known in pids.read(places.run) if pids.alive(known)}
    return Target(
        name="a demo region on this machine",
        vis=f"http://127.0.0.1:{ports['vis']}/vis/fhir",
        region=f"http://127.0.0.1:{ports['information']}/fhir",
        gateway=settings.gate,
        application=f"http://127.0.0.1:{ports['application']}",
        mllp=("127.0.0.1", settings.mllp_port),
        databases={name: admin.url_for(role, memory.password(role)) for name, role in names.items()},
        processes={name: _group(name, pid) for name, pid in running.items()},
        token=options.token or "",
        public=f"{settings.public_url}/vis/fhir",
        data=settings.data,
        admin=admin.url,
    )


def _group(name: str, pid: int) -> Pids:
    # The runner's children are the other groups; it counts alone.
    return (lambda: [pid]) if name == state.RUNNER else (lambda: with_children(pid))


def _given(options: argparse.Namespace) -> Target:
    urls = {name: (getattr(options, name) or "").rstrip("/") for name in ("vis", "region", "gateway", "application")}
    for url in urls.values():
        if url:
            must_be_here(urlsplit(url).hostname or "")
    mllp = None
    if options.mllp:
        host, _, port = options.mllp.rpartition(":")
        must_be_here(host)
        mllp = (host, int(port))
    databases = {}
    if options.postgres:
        parts = urlsplit(options.postgres)
        names = {service.name: service.database(options.prefix) for service in SERVICES}
        databases = {
            name: urlunsplit((parts.scheme, parts.netloc, f"/{base}", parts.query, "")) for name, base in names.items()
        }
    return Target(
        name="the addresses given",
        **urls,
        mllp=mllp,
        databases=databases,
        processes=_found(options, urls, mllp),
        token=options.token or "",
    )


def _found(options: argparse.Namespace, urls: Mapping[str, str], mllp: tuple[str, int] | None) -> dict[str, Pids]:
    """The processes that listen at these addresses."""
    names = {"vis": "vis", "region": "information", "gateway": "envoy", "application": "application"}
    ports = {names[name]: urlsplit(url).port for name, url in urls.items() if url}
    ports["exchange"] = urlsplit(options.exchange).port if options.exchange else mllp[1] if mllp else None
    found: dict[str, Pids] = {}
    for name, port in ports.items():
        pid = listener(port) if port else None
        if pid is not None:
            found[name] = _group(name, pid)
    server = listener(urlsplit(options.postgres).port or 5432) if options.postgres else None
    if server is not None:
        # A server that others use too: only the connections to this region's databases count.
        mark = f" {options.prefix}_"
        found["postgres"] = lambda: with_children(server, lambda pid: mark in title(pid))
    return found


def must_be_here(host: str) -> None:
    """Raises Trouble for the address of another machine."""
    try:
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here:
        raise Trouble(f"{host or 'That address'} is not this machine; the bench measures only what runs beside it.", 2)


def data_folder() -> Path:
    """The shared test data beside the checkout."""
    return checkout().parent / "shared" / "data"
