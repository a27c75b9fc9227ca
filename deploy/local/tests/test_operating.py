"""The operator's words: ages, ids, contents, findings with what to do; backups that say whether they are whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from fvm import dumps, looking
from fvm.commands import lag, parked, reconcile
from fvm.comparing import Compared, Difference, Sums
from fvm.looking import Finding
from fvm.settings import Settings
from fvm.trouble import Trouble


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "?"),
        (0.44, "0.4 s"),
        (59, "59 s"),
        (180, "3 min"),
        (7199, "120 min"),
        (36_000, "10 h"),
        (400_000, "5 days"),
    ],
)
def test_an_age_is_short(seconds: float | None, said: str) -> None:
    assert lag.age(seconds) == said


def test_an_id_says_whose_message_it_is() -> None:
    found = {id: parked.service_of(id) for id in ("information-17", "vis-waiting-3", "message-42")}

    assert found == {"information-17": "information", "vis-waiting-3": "vis", "message-42": "exchange"}


@pytest.mark.parametrize("id", ["17", "nobody-1", "information-", "message-1; drop", ""])
def test_what_is_no_id_is_refused_with_an_example(id: str) -> None:
    with pytest.raises(Trouble, match="information-17"):
        parked.service_of(id)


def test_content_is_readable_in_whatever_form_it_travelled() -> None:
    record = b"\x01" + zstandard.ZstdCompressor().compress(b'{"entries":[]}')

    assert json.loads(parked.readable(record)) == {"entries": []}
    assert parked.readable(b"MSH|^~\\&\rPID|1") == "MSH|^~\\&\nPID|1"
    assert parked.readable(b"\x01no zstd") == "(8 bytes that cannot be opened)"


def test_the_lag_of_a_silent_service_is_said_not_left_out() -> None:
    quiet = {
        "epoch": 1,
        "kafka": True,
        "outbox": [],
        "arrows": [],
        "readings": [],
        "waiting": [],
        "parked": [],
        "steps": [],
    }
    lines = lag.report({"vis": None, "exchange": quiet})

    assert lines[0] == "vis does not answer"
    assert lines.count("  nothing") == 3


def test_sums_do_not_depend_on_order_and_add_up_over_sources() -> None:
    one, other = Sums(), Sums()
    for sums, parts in ((one, (1, (1 << 64) - 1, 7)), (other, (7, 1, (1 << 64) - 1))):
        for hashed in parts:
            sums.add(("Observation", "p"), 1, hashed)

    assert one.of == other.of == {("Observation", "p"): (3, 7)}


def test_a_comparison_says_what_is_missing_and_what_nobody_has() -> None:
    found = Compared(
        types={"Observation": (3, 3)},
        differences=[
            Difference("missing", "Observation", "a", "vis", 2, None),
            Difference("only in the region", "Observation", "b", "", 0, 1),
        ],
    )
    text = "\n".join(reconcile.report(found))

    assert "1 missing, 1 only in the region" in text
    assert "Observation/a: vis has version 2" in text
    assert "Observation/b: no source has it, the region version 1" in text


def test_a_finding_keeps_what_is_wrong_and_what_to_do_apart() -> None:
    def refuses() -> str:
        raise Trouble("Kafka's jars are not there; run `make setup`.")

    assert looking.tried("Kafka", refuses) == Finding("Kafka", "Kafka's jars are not there", "run `make setup`.")
    assert looking.tried("Envoy", lambda: "there").good


def test_a_broken_memory_and_another_mode_are_found_before_a_start(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    assert [finding.good for finding in looking.data_folder(settings)] == [True]
    (tmp_path / "region.json").write_text('{"id": "x", "mode": "production"')
    [broken] = looking.data_folder(settings)
    (tmp_path / "region.json").write_text('{"id": "x", "mode": "production"}')
    [other] = looking.data_folder(settings)

    assert "cannot be read" in broken.found
    assert "put back a copy" in broken.todo
    assert "FVM_MODE=production" in other.found


def test_a_store_of_ones_own_that_is_away_is_named(tmp_path: Path) -> None:
    settings = Settings(tmp_path, postgres_url="postgresql://postgres:secret@127.0.0.1:1/postgres", kafka="127.0.0.1:1")
    found = list(looking.stores(settings))

    assert [finding.good for finding in found] == [False, False]
    assert "127.0.0.1:1" in found[0].found + found[1].found
    assert "secret" not in str(found)


def a_backup(folder: Path) -> Path:
    folder.mkdir()
    for name in (*(f"{service}.dump" for service in dumps.ORDER), dumps.MEMORY):
        (folder / name).write_text(name)
    dumps.write(folder, dumps.Manifest("id", "", "demo", "2026-11-26T12:00:00+00:00", "18", {"vis": 1}))
    return folder


def test_a_whole_backup_is_read_and_its_files_are_the_owners(tmp_path: Path) -> None:
    folder = a_backup(tmp_path / "saved")

    assert dumps.read(folder).at == "2026-11-26T12:00:00+00:00"
    assert (folder / dumps.MANIFEST).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["vis.dump", "region.json", "backup.json"])
def test_a_backup_without_one_of_its_files_is_refused(tmp_path: Path, name: str) -> None:
    folder = a_backup(tmp_path / "saved")
    (folder / name).unlink()

    with pytest.raises(Trouble, match=r"is no backup|is damaged"):
        dumps.read(folder)


def test_a_changed_file_is_found(tmp_path: Path) -> None:
    folder = a_backup(tmp_path / "saved")
    (folder / "information.dump").write_text("something else")

    with pytest.raises(Trouble, match=r"damaged \(information.dump\)"):
        dumps.read(folder)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lag"], "No region is running"),
        (["parked", "list"], "No region is running"),
        (["reconcile"], "No region is running"),
        (["backup", "saved"], "There is no region"),
        (["restore", "nowhere"], "is no backup"),
    ],
)
def test_each_verb_says_in_a_sentence_why_it_cannot(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fvm", *arguments],
        cwd=tmp_path, env={"FVM_DATA": str(tmp_path / "region"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*saved*"))
