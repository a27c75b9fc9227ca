"""The Dockerfile's own commands build every image: from wheels and locked files alone, by an ordinary user."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
IMAGES = ("vis", "information-platform", "integration-platform", "application-platform", "gateway", "local")
WRITTEN = ("/var/lib/fvm", "/etc/fvm/gateway")

# What a running image holds of ours is imported whole; a dependency that nobody declared would be missing.
IMPORT_ALL = """
import importlib, importlib.metadata, pkgutil, sys
import site
house = ("fhircore", "kit", "access", "fhirserver", "vis", "information_platform", "integration_platform",
         "application_platform", "gateway", "fvm")
found = 0
for name in house:
    try:
        package = importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert error.name == name, error
        continue
    assert package.__file__.startswith(sys.prefix), package.__file__
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        last = module.name.rpartition(".")[2]
        if not last.startswith(("__main__", "testing", "0")) and ".alembic" not in module.name:
            importlib.import_module(module.name)
            found += 1
print(found)
"""


@pytest.mark.parametrize("service", IMAGES)
def test_an_image_is_built_from_locked_wheels_and_holds_all_it_needs(images: Any, service: str) -> None:
    root = images.of(service)

    done = images.run(root, "-c", IMPORT_ALL)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10
    installed = {found.name for found in (root / "opt/fvm/lib/python3.11/site-packages").glob("*")}
    assert f"fvm_{service.replace('-', '_')}-0.1.0.dist-info" in installed
    assert not [name for name in installed if name.startswith("__editable__") or name == "pip"]
    others = {f"fvm_{one.replace('-', '_')}-0.1.0.dist-info" for one in IMAGES[:4]} - {
        f"fvm_{service.replace('-', '_')}-0.1.0.dist-info"
    }
    assert service == "local" or not others & installed, "one service per image"


def test_an_image_has_exactly_the_locked_versions(images: Any) -> None:
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ \\]+)", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE))
    root = images.of("vis")
    listing = "import importlib.metadata as m; print('\\n'.join(f'{d.name}=={d.version}' for d in m.distributions()))"

    done = images.run(root, "-c", listing)

    got = dict(line.split("==") for line in done.stdout.split())
    theirs = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in got.items() if "fvm" not in name}
    assert theirs
    assert {name: version for name, version in theirs.items() if locked.get(name) != version} == {}


def test_data_files_of_the_packages_are_in_their_wheels(images: Any) -> None:
    """Everything in a source folder that is not Python travels too: definitions, pages, routes, migrations."""
    for service, package in (("vis", "libs/fhircore/src/fhircore"), ("gateway", "gateway/src/gateway"),
                             ("application-platform", "services/application-platform/src/application_platform")):  # fmt: skip
        there = images.of(service) / "opt/fvm/lib/python3.11/site-packages" / Path(package).name
        wanted = {
            str(path.relative_to(ROOT / package))
            for path in (ROOT / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert {name for name in wanted if not (there / name).exists()} == set(), package


def test_what_builds_is_locked_as_for_developers() -> None:
    developers = (ROOT / "requirements/dev.txt").read_text()
    lines = [line for line in (ROOT / "deploy/build.txt").read_text().splitlines() if not line.startswith("#")]

    assert [line for line in lines if line not in developers] == []
    assert any(line.startswith("hatchling==") for line in lines)


def test_the_image_runs_as_nobody_in_particular_and_writes_almost_nowhere(dockerfile: list[Any]) -> None:
    last = [step for step in dockerfile if step.stage == 1]
    said = {step.word: step.rest for step in last}

    assert said["USER"] == "10001:10001"
    assert not [step for step in last if step.word == "RUN"], "nothing is run where root would be needed"
    owned = [step.rest.split()[-1] for step in last if "--chown" in step.rest]
    assert owned == list(WRITTEN)
    assert yaml.safe_load(said["ENTRYPOINT"]) == ["python", "-m"]  # no shell between the engine's signal and Python


def test_every_source_that_is_copied_exists_and_is_let_through(dockerfile: list[Any]) -> None:
    let = {
        line.removeprefix("!")
        for line in (ROOT / "deploy/Dockerfile.dockerignore").read_text().split()
        if line.startswith("!")
    }
    copied = {
        source
        for step in dockerfile
        if step.word == "COPY" and "--from" not in step.rest
        for source in step.rest.split()[:-1]
    }

    assert {source for source in copied if not (ROOT / source).exists()} == set()
    assert copied == let


def test_a_service_without_settings_says_what_is_missing(images: Any) -> None:
    done = images.run(images.of("vis"), "-m", "vis", "serve")

    assert done.returncode == 1
    assert done.stderr == (
        "FVM_DATABASE_URL is not set (nor FVM_DATABASE_URL_FILE); docs/reference/settings.md says what it is.\n"
    )
