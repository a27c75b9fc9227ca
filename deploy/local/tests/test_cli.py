"""The command line: help for every verb, one sentence and an exit status for every failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fvm import cli, ports


def fvm(*arguments: str, data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("FVM_")}
    doors = ports.settle({}, ("FVM_GATEWAY_PORT", "FVM_MLLP_PORT"), set())
    return subprocess.run(
        [sys.executable, "-m", "fvm", *arguments],
        env={**others, **{name: str(port) for name, port in doors.items()}, "FVM_DATA": str(data), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


VERBS = [module.__name__.rpartition(".")[2] for module in cli.VERBS]


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "bench"])
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([verb, "--help"])

    assert ended.value.code == 0
    assert f"usage: fvm {verb}" in capsys.readouterr().out


def test_bench_explains_itself_and_is_a_program_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--help"]) == 0
    assert "usage: fvm bench" in capfd.readouterr().out


def test_an_unknown_verb_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["start"])

    assert ended.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_a_token_without_a_region_says_how_to_start_one(tmp_path: Path) -> None:
    outcome = fvm("token", data=tmp_path)

    assert outcome.returncode == 1
    assert outcome.stderr == f"fvm: No region is running in {tmp_path}; start it with `make run` or `make up`.\n"
    assert outcome.stdout == ""


def test_stopping_where_nothing_runs_is_no_failure(tmp_path: Path) -> None:
    outcome = fvm("down", data=tmp_path)

    assert outcome.returncode == 0
    assert "No region was running" in outcome.stdout


def test_reset_asks_first_and_leaves_other_peoples_files_alone(tmp_path: Path) -> None:
    (tmp_path / "region.json").write_text('{"id": "x"}')
    (tmp_path / "logs").mkdir()
    (tmp_path / "thesis.txt").write_text("mine")

    unsure = fvm("reset", data=tmp_path)
    sure = fvm("reset", "--yes", data=tmp_path)

    assert unsure.returncode == 2
    assert "fvm reset --yes" in unsure.stderr
    assert sure.returncode == 0
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_wrong_database_url_is_said_without_its_password_and_starts_nothing(tmp_path: Path) -> None:
    outcome = fvm("up", data=tmp_path, FVM_POSTGRES_URL="postgresql://boss:hush@127.0.0.1:1/postgres")

    assert outcome.returncode == 1
    assert "PostgreSQL does not answer at 127.0.0.1:1; start it, or correct FVM_POSTGRES_URL." in outcome.stderr
    assert "hush" not in outcome.stderr + outcome.stdout
    assert not (tmp_path / "kafka").exists()


def test_a_data_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    refused = fvm("up", data=tmp_path / "file" / "region")

    assert refused.returncode == 1
    assert "(FVM_DATA) cannot be used: Not a directory." in refused.stderr
    assert "Traceback" not in refused.stderr
