"""`--flame`: of which rows, what is drawn, and what is said where py-spy is not there or may not look."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fvm_load import flames
from fvm_load.flames import Flames
from fvm_load.options import PATHS, parse
from fvm_load.rows import Row

from fvm.trouble import Trouble

BUSY = "import time\nend = time.monotonic() + 30\ndef at_work():\n    while time.monotonic() < end: sum(range(999))\nat_work()"


@pytest.fixture
def busy() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        yield process.pid
        process.kill()


def looker(folder: Path, *wanted: str) -> Flames:
    found = flames.wanted(wanted, print)
    assert found is not None
    found.folder = folder
    return found


def test_rows_that_are_named_are_measured_and_such_a_run_is_not_kept() -> None:
    named, every = parse(["--flame", "search/date,read"]), parse(["--flame"])

    assert (named.flame, named.only, named.no_save) == (("search/date", "read"), ("read", "search"), True)
    assert (every.flame, every.only) == ((), PATHS)
    assert parse([]).flame is None
    assert flames.wanted(None, print) is None
    with pytest.raises(SystemExit):
        parse(["--flame", "cooking"])


def test_what_a_process_does_while_a_row_is_measured_is_drawn_whole_in_itself(busy: int, tmp_path: Path) -> None:
    look = looker(tmp_path, "search/date")
    row = Row("search/date/bench/16", "Observation?patient=&date=", "requests/s", 1.0, cpu={"vis": 12.34})
    look.begin("read/direct/bench/64", {"vis": lambda: [busy]})
    assert list(tmp_path.iterdir()) == []

    look.begin(row.key, {"vis": lambda: [busy], "postgres": lambda: [1]})
    time.sleep(1.5)
    try:
        look.end()
    except Trouble as refused:
        pytest.skip(refused.sentence)
    page = look.write([row])

    assert page is not None
    assert 'href="search-date-bench-16.vis.svg"' in page.read_text()
    assert "12.3" in page.read_text()
    drawn = (tmp_path / "search-date-bench-16.vis.svg").read_text()
    assert "at_work" in drawn
    assert 'src="http' not in drawn + page.read_text()
    assert 'href="http' not in drawn + page.read_text()


def test_without_py_spy_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(
        Trouble, match="Flame graphs need py-spy, which is not installed here; `make setup-tests` brings it"
    ):
        flames.wanted((), print)
