"""Writes what the services say of themselves over HTTP: OpenAPI and CapabilityStatements, from the real apps.

    .venv/bin/python contracts/http/generate.py          writes contracts/http/*.yaml and contracts/fhir/capability-*.json
    .venv/bin/python contracts/http/generate.py --check  writes nothing; exit code 1 and the names of files that are old

Nothing is started: no database, no broker. The addresses are those of a region with FVM_PUBLIC_URL's default.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

CONTRACTS = Path(__file__).parents[1]
_SERVICES = ("vis", "information_platform", "integration_platform", "application_platform")
_NO_DATABASE = "postgresql://nobody@127.0.0.1/none"
_WIDTH = 120


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file and what it should say."""
    for package in _SERVICES:
        settings = import_module(f"{package}.settings").Settings(database_url=_NO_DATABASE, mode="demo")
        app: Any = import_module(f"{package}.main").build(settings).app
        name = package.replace("_", "-")
        yield CONTRACTS / "http" / f"{name}.openapi.yaml", _yaml(app.openapi())
        if hasattr(app, "statement"):
            yield CONTRACTS / "fhir" / f"capability-{app.door}.json", compact(app.statement()) + "\n"


def _yaml(contract: Mapping[str, Any]) -> str:
    head = "# Generated from the code by contracts/http/generate.py; do not edit.\n"
    plain = json.loads(json.dumps(contract))  # no anchors for what is the same object
    return head + yaml.dump(plain, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=_WIDTH)


class _Plain(yaml.SafeDumper):
    """Writes everything out."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def compact(value: Any, indent: int = 0) -> str:
    """JSON in which whatever fits on a line stands on one, so that a difference is a line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= _WIDTH or not isinstance(value, dict | list) or not value:
        return line
    inner = " " * (indent + 1)
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(name)}: {compact(one, indent + 1)}" for name, one in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(inner + compact(one, indent + 1) for one in value) + "\n" + " " * indent + "]"


def main() -> int:
    """Writes, or checks; the exit code."""
    old = [(path, text) for path, text in files() if not path.exists() or path.read_text() != text]
    for path, text in old:
        print(path.relative_to(CONTRACTS.parent))  # noqa: T201 - this is a command
        if "--check" not in sys.argv:
            path.write_text(text)
    return 1 if old and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
