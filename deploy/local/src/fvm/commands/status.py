"""`fvm status`: which parts run, how they feel, and how much memory they take."""

import argparse
import json
from typing import Any

from fvm import health, pids, proc, services, show, state
from fvm import memory as remembered
from fvm.places import Places
from fvm.settings import from_environment


def add(verbs: Any) -> None:
    own = verbs.add_parser(
        "status", help="what runs and how it feels; exit status 3 when it is not ready", description=__doc__
    )
    own.add_argument(
        "--json", action="store_true", help="for programs: phase, doors, and each part's pid, port, memory"
    )
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    places = Places(settings.data)
    now = state.read(places)
    ports = remembered.load(places.memory).ports if places.memory.exists() else {}
    ports |= {"envoy": settings.gateway_port}
    known = pids.read(places.run)
    parts = [_part(one, ports, settings.gate) for one in known if pids.alive(one)]
    dead = sorted(one.name for one in known if not pids.alive(one))
    if chosen.json:
        told = {"phase": now.phase, "reason": now.reason, "data": str(settings.data), "urls": now.urls}
        print(json.dumps({**told, "parts": parts, "dead": dead}, indent=1))
    else:
        _show(now, parts, dead)
    return 0 if now.phase == "ready" and not dead and all(part["well"] is not False for part in parts) else 3


def _part(known: pids.Known, ports: dict[str, int], gate: str) -> dict[str, Any]:
    port = ports.get(known.name)
    well = None
    if known.name in {service.name for service in services.SERVICES} | {"envoy"}:
        door = gate if known.name == "envoy" else f"http://127.0.0.1:{port}"
        well = health.ask(f"{door}/health/ready")[0] == 200
    return {
        "name": known.name,
        "pid": known.pid,
        "port": port,
        "well": well,
        "pss_mb": proc.memory(known.pid, alone=known.name == state.RUNNER),
    }


def _show(now: state.State, parts: list[dict[str, Any]], dead: list[str]) -> None:
    unwell = [part["name"] for part in parts if part["well"] is False] + (dead if parts else [])
    if now.phase == "failed":
        print(f"The region did not start: {now.reason}")
    elif now.phase == "ready" and unwell:
        print(f"The region runs, but not ready: {', '.join(unwell)} (`fvm doctor` says what to do).")
    elif now.phase == "stopped" and parts:
        print("The runner is gone, but parts of the region still run; `make up` takes over, `make down` stops them.")
    else:
        print(f"The region is {now.phase}.")
    if not parts:
        return
    feels = {True: "ready", False: "NOT READY", None: ""}
    for part in parts:
        port, pss = part["port"] or "", part["pss_mb"]
        print(f"  {part['name']:<12} pid {part['pid']:<8} port {port:<6} {pss:>6.0f} MB  {feels[part['well']]}")
    for name in dead:
        print(f"  {name:<12} does not run")
    print(f"  {'together':<32} {sum(part['pss_mb'] for part in parts):>6.0f} MB (PSS)")
    show.table(list(now.urls.items()))
