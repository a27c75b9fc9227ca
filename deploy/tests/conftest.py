"""What a container engine would do, without one: the Dockerfile's commands and compose's, run by a fresh ordinary user."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
USER = 10001  # as the Dockerfile says


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of the Dockerfile, its continued lines joined."""

    word: str
    rest: str
    stage: int


def steps(text: str) -> list[Step]:
    found, stage = [], -1
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    for line in joined.splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            stage += word == "FROM"
            found.append(Step(word, rest.strip(), stage))
    return found


def as_user(command: list[str]) -> list[str]:
    """Run by the containers' user, where we may choose; else by whoever we are, who is no administrator either."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", *command]


def a_python() -> str:
    """A Python 3.11 with venv that every user may run, as the official image has it; skipped, and said, where none is."""
    for candidate in ("/usr/local/bin/python3.11", "/usr/bin/python3.11", shutil.which("python3.11")):
        if candidate and Path(candidate).exists():
            probe = [
                *as_user([candidate]),
                "-c",
                "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))",
            ]
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return candidate
    pytest.skip("no Python 3.11 with venv that an ordinary user may run")


class Images:
    """Builds what deploy/Dockerfile says, layer by layer, below one folder instead of below /."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._steps = steps((DEPLOY / "Dockerfile").read_text())
        self._built: dict[str, Path] = {}

    @cached_property
    def base(self) -> Path:
        """The layers that all services share: everything above `ARG SERVICE`."""
        python = a_python()
        base = self.folder / "base"
        for name in ("src", "bin"):
            (base / name).mkdir(parents=True)
        self._give(self.folder)
        self._python = python
        for step in self._shared:
            self._do(step, base, base, {})
        return base

    def of(self, service: str) -> Path:
        """The root of the image of one service."""
        if service not in self._built:
            base, root = self.base, self.folder / service
            root.mkdir()
            self._give(root)
            for step in self._steps[len(self._shared) :]:
                self._do(step, base, root, {"SERVICE": service})
            self._built[service] = root
        return self._built[service]

    @property
    def _shared(self) -> list[Step]:
        until = next(n for n, step in enumerate(self._steps) if (step.word, step.rest) == ("ARG", "SERVICE"))
        return self._steps[:until]

    def environment(self, root: Path) -> dict[str, str]:
        """The ENV of the last stage."""
        last = self._steps[-1].stage
        told = [step.rest for step in self._steps if step.word == "ENV" and step.stage == last]
        return {
            name: inside(value, root)
            for line in told
            for name, _, value in [p.partition("=") for p in shlex.split(line)]
        }

    def run(self, root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`python ARGUMENTS` in a container of this image."""
        return subprocess.run(
            as_user([str(root / "opt/fvm/bin/python"), *arguments]),
            env=self.environment(root), cwd="/", capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def entrypoint(self) -> list[str]:
        return list(yaml.safe_load(next(step.rest for step in self._steps if step.word == "ENTRYPOINT")))

    def healthcheck(self) -> list[str]:
        rest = next(step.rest for step in self._steps if step.word == "HEALTHCHECK")
        return list(yaml.safe_load(rest.partition("CMD ")[2]))

    def _do(self, step: Step, base: Path, root: Path, arguments: Mapping[str, str]) -> None:
        if step.word == "RUN":
            self._run(step.rest, base, root, arguments)
        elif step.word == "COPY":
            self._copy(step, base, root)
        else:
            assert step.word in {
                "FROM",
                "ARG",
                "ENV",
                "WORKDIR",
                "USER",
                "EXPOSE",
                "HEALTHCHECK",
                "STOPSIGNAL",
                "ENTRYPOINT",
            }

    def _run(self, command: str, base: Path, root: Path, arguments: Mapping[str, str]) -> None:
        text = inside(command, root, base)
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder / "home"), "LC_ALL": "C.UTF-8",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", **arguments, **registry(),
        }  # fmt: skip
        script = f'set -e; python() {{ {self._python} "$@"; }}; {text}'
        done = subprocess.run(
            as_user(["/bin/sh", "-c", script]),
            cwd=base / "src", env=environment, capture_output=True, text=True, check=False, timeout=500,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def _copy(self, step: Step, base: Path, root: Path) -> None:
        words = [word for word in step.rest.split() if not word.startswith("--")]
        *sources, target = words
        there = root / target.lstrip("/") if target.startswith("/") else base / "src" / target
        for source in sources:
            if "--from=build" in step.rest:
                if inside(source, root, base) == str(there):
                    continue  # stages share one folder here, so what is made in one is there in the other
                found = Path(inside(source, root, base))
            else:
                found = ROOT / source
            goal = there / found.name if target.endswith("/") else there
            goal.parent.mkdir(parents=True, exist_ok=True)
            if found.is_dir():
                shutil.copytree(found, goal, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copyfile(found, goal)
            self._give(goal)
            self._give(goal.parent, whole=False)

    def _give(self, path: Path, *, whole: bool = True) -> None:
        if os.geteuid() == 0:
            for one in (path, *(path.rglob("*") if whole else ())):
                os.lchown(one, USER, USER)


def ignored(folder: str, names: list[str]) -> set[str]:
    """Dockerfile.dockerignore's lines that name things by a pattern."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    patterns = [line.removeprefix("**/") for line in lines if line.startswith("**/")]
    return set(shutil.ignore_patterns(*patterns)(folder, names))


def registry() -> dict[str, str]:
    """Where this machine gets its packages from; an engine would be told in its own way."""
    kept = ("PIP_INDEX_URL", "PIP_CONFIG_FILE", "PIP_TRUSTED_HOST", "PIP_CERT", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
    return {name: os.environ[name] for name in (*kept, *map(str.lower, kept)) if name in os.environ}


def inside(text: str, root: Path, base: Path | None = None) -> str:
    """The same text with the image's paths moved below `root` (and those of the build below `base`)."""
    text = re.sub(r"(?<![\w.}/])/(opt/fvm|var/lib/fvm|etc/fvm)\b", lambda found: f"{root}{found[0]}", text)
    if base is not None:
        text = re.sub(r"(?<![\w.}/])/(build|wheels|empty|src)\b", lambda found: f"{base}{found[0]}", text)
    return text


@pytest.fixture(scope="session")
def images() -> Iterator[Images]:
    folder = Path(tempfile.mkdtemp(prefix="fvm-test-images-"))
    folder.chmod(0o755)
    (folder / "home").mkdir()
    try:
        yield Images(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    """compose.yaml as an engine reads it: merged."""
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


@dataclass
class Container:
    """One service of compose.yaml as a process."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                as_user(self.command), env=self.environment, stdout=out, stderr=subprocess.STDOUT, cwd="/",
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def ended(self, seconds: float) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def tell_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def words(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]


@pytest.fixture(scope="session")
def dockerfile() -> list[Step]:
    return steps((DEPLOY / "Dockerfile").read_text())


@pytest.fixture(scope="session")
def container() -> type[Container]:
    return Container
