"""The house as files and as modules: what the tests of its shape look at."""

import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

from kit.problems import Problem

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "fhircore", "kit", "access", "fhirserver", "vis", "information_platform", "integration_platform",
    "application_platform", "gateway", "fvm",
)  # fmt: skip


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every file of the project: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return sorted(path for path in set(paths) if path.is_file())


@pytest.fixture(scope="session")
def code(files: list[Path]) -> list[Path]:
    """Every Python file."""
    return [path for path in files if path.suffix == ".py"]


@pytest.fixture(scope="session")
def pages(files: list[Path]) -> list[Path]:
    """Every page of text."""
    return [path for path in files if path.suffix == ".md"]


@pytest.fixture(scope="session")
def problems() -> list[type[Problem]]:
    """Every refusal of the house, by code; Problem itself is none."""
    for package in PACKAGES:
        for module in walk_packages(import_module(package).__path__, f"{package}."):
            if (
                not module.name.endswith("__main__")
                and ".migrations" not in module.name
                and ".alembic" not in module.name
            ):
                import_module(module.name)
    ours = {one for one in _below(Problem) if one.__module__.partition(".")[0] in PACKAGES}
    return sorted(ours, key=lambda one: (one.code, one.__module__))


def _below(kind: type[Problem]) -> Iterator[type[Problem]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
