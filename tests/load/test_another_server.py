"""Any FHIR server on this machine can be measured, alone or beside a region: nothing of ours is asked of it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fvm_load import beside, synthea
from fvm_load.rows import Row

from fvm import health

BENCH = Path(__file__).with_name("bench.py")


@pytest.fixture
def another() -> Iterator[str]:
    """Its base."""
    command = [sys.executable, str(BENCH.with_name("another_server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def test_a_server_without_token_law_and_database_is_measured(another: str, tmp_path: Path) -> None:
    if synthea.folder() is None:
        pytest.skip("../shared/data/synthea is not there")
    options = ["--vis", another, "--only", "wide", "--quick", "--seconds", "1", "--results", str(tmp_path)]
    done = subprocess.run([sys.executable, str(BENCH), *options], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert {"wide/chained/bench/8", "wide/has/bench/8", "wide/code/bench/8", "wide/name/bench/16"} == measured_in(
        tmp_path
    )
    asked = health.ask(f"{another}/asked")[1]
    assert asked["asked"] > 100
    assert asked["tokens"] == 0
    assert "NOT TO BE TRUSTED" not in done.stdout
    assert beside.software(another) == "Another 1.0"


def measured_in(folder: Path) -> set[str]:
    """The keys of the rows with a figure."""
    [file] = folder.glob("*-quick.json")
    return {row["key"] for row in json.loads(file.read_text())["rows"] if row["value"]}


def a_row(key: str, value: float, log: str = "on") -> Row:
    return Row(key, key, "requests/s", value, log=log)


def test_ours_without_log_stands_beside_what_hapi_is_known_for_and_the_other_server() -> None:
    rows = [a_row("wide/has/staff/8", 900.0), a_row("wide/has/bench/8", 1_000.0)]
    rows += beside.renamed([a_row("wide/has/bench/8", 1_460.0, log="off")], off=True)
    rows += beside.renamed([a_row("wide/has/bench/8", 73.0, log="?")], off=False)

    lines = {line.split("  ")[0]: line.split() for line in beside.table(rows, "Another 1.0")}

    assert lines["_has"] == ["_has", "900", "1,460", "146", "10.0", "×", "73", "20.0", "×"]
    assert lines["create"] == ["create", "–", "–", "472", "–", "–", "–"]
    assert beside.table([a_row("wide/has/bench/8", 1_000.0)], "") == []


def test_a_log_that_was_on_is_not_passed_off_as_off() -> None:
    [row] = beside.renamed([a_row("read/direct/staff/64", 1.0)], off=True)
    assert row.key == "read/direct/staff/64/log-off"
    assert row.note.startswith("NOT TO BE TRUSTED")
