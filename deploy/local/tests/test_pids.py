"""Pid files: a process of ours is found again after a crash, a stranger with the same pid is left alone."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fvm import pids


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_what_was_written_is_read_back_and_known_to_live(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    pids.write(tmp_path, pids.know("sleeper", sleeper.pid))

    [known] = pids.read(tmp_path)

    assert known.pid == sleeper.pid
    assert pids.alive(known)


def test_a_stranger_with_the_same_pid_is_not_stopped(sleeper: subprocess.Popen[bytes]) -> None:
    stranger = replace(pids.know("sleeper", sleeper.pid), started=1)

    assert not pids.end(stranger)
    assert sleeper.poll() is None


def test_a_pid_from_before_the_last_boot_is_not_stopped(sleeper: subprocess.Popen[bytes]) -> None:
    old = replace(pids.know("sleeper", sleeper.pid), boot="another")

    assert not pids.end(old)
    assert sleeper.poll() is None


def test_a_process_of_ours_is_stopped(sleeper: subprocess.Popen[bytes]) -> None:
    assert pids.end(pids.know("sleeper", sleeper.pid), patience=5)
    assert sleeper.wait(5) < 0


def test_a_process_that_will_not_listen_is_stopped_by_force() -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()

        assert pids.end(pids.know("stubborn", process.pid), patience=0.3)

        assert process.wait(5) == -9


def test_a_process_that_has_ended_is_not_alive(sleeper: subprocess.Popen[bytes]) -> None:
    known = pids.know("sleeper", sleeper.pid)
    sleeper.kill()
    sleeper.wait()

    assert not pids.alive(known)
    assert not pids.end(known)


def test_a_broken_pid_file_counts_as_absent(tmp_path: Path) -> None:
    (tmp_path / "half.pid").write_text('{"name": "ha')

    assert pids.read(tmp_path) == []
