"""The operator's words: ages, ids, contents, findings with what to do; backups that say whether they are whole."""

import errno
import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zstandard

from fvm import dumps, listening, looking
from fvm.commands import backup, lag, parked, reconcile
from fvm.comparing import Compared, Difference, Sums
from fvm.looking import Finding
from fvm.places import Places
from fvm.settings import Settings
from fvm.supervise import Watch
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


class HalfARegion:
    """Two services, of which one does not answer."""

    names = ("exchange", "vis")

    def get(self, service: str, _path: str, **_query: str) -> Any:
        if service == "vis":
            raise Trouble("VIS does not answer; `fvm doctor` says what is wrong.")
        held = {"id": "message-7", "state": "parked", "at": "2026-11-26T12:00:00Z", "topic": "mllp", "code": "x/y"}
        return {"messages": [{**held, "attempts": 0, "reason": "why"}]}


def test_what_is_parked_is_listed_although_one_service_is_silent_which_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parked, "Services", lambda _settings: HalfARegion())

    assert parked._list(Namespace(reason=None)) == 1

    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("message-7 ")
    assert said[1:] == ["Not known: VIS does not answer; `fvm doctor` says what is wrong."]


def test_content_is_readable_in_whatever_form_it_travelled() -> None:
    record = b"\x01" + zstandard.ZstdCompressor().compress(b'{"entries":[]}')

    assert json.loads(parked.readable(record)) == {"entries": []}
    assert parked.readable(b"MSH|^~\\&\rPID|1") == "MSH|^~\\&\nPID|1"
    assert parked.readable(b"\x01no zstd") == "(8 bytes that cannot be opened)"


def test_the_lag_of_a_silent_service_is_said_not_left_out() -> None:
    quiet = {
        "epoch": 1,
        "kafka": True,
        "kafka_why": "",
        "clock_seconds": 0.0,
        "full": False,
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


class FullDisk:
    """A region whose one part has died and cannot be started again while the disk is full."""

    def __init__(self) -> None:
        self.full = True
        self.running: list[Any] = [self._part(dead=True)]

    def again(self, dead: Any) -> Any:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._part(dead=False)

    def _part(self, *, dead: bool) -> Any:
        return SimpleNamespace(
            part=SimpleNamespace(name="vis"), exited=lambda: 1 if dead else None, remember=lambda: None,
            since=0.0, log="vis.log", pid=7,
        )  # fmt: skip


def test_a_full_disk_does_not_end_the_runner_which_starts_the_dead_part_when_there_is_room() -> None:
    now, said, region = [0.0], [], FullDisk()
    watch = Watch(region, said.append, lambda: now[0])  # type: ignore[arg-type]
    for _ in range(4):
        watch.look()
        now[0] += 10
    assert "could not be started again" in said[-1]
    assert "No space left" in said[-1]

    region.full = False
    now[0] += 60
    watch.look()

    assert said[-1] == "vis was started again (pid 7)"


def a_lag(**more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "epoch": 1, "kafka": True, "kafka_why": "", "clock_seconds": 0.0, "full": False,
        "outbox": [], "arrows": [], "readings": [], "waiting": [], "parked": [], "steps": [],
    }  # fmt: skip
    return {**empty, **more}


def test_a_backup_says_what_it_cannot_hold() -> None:
    arrow = {"reader": "information", "topic": "vis.record.v1", "behind": 1200}

    assert backup.only_at_kafka({"vis": a_lag(), "information": a_lag()}) == ""
    assert backup.only_at_kafka({"information": a_lag(arrows=[arrow])}).startswith(
        "About 1,200 messages are at Kafka only"
    )
    assert "vis had read is not known" in backup.only_at_kafka({"vis": None, "information": a_lag()})


def test_what_a_service_stands_on_is_said_by_the_doctor_with_a_page_for_each() -> None:
    door = {"name": "door mllp", "waiting": 0, "oldest_seconds": None, "newest_seconds": None, "per_minute": 0.0,
            "parked": 0, "turned_away": {"expired": 2}}  # fmt: skip
    ill = a_lag(kafka=False, kafka_why="expired", clock_seconds=-1200.0, full=True, steps=[door])
    found = {one.what: (one.found, one.todo) for one in listening._stopped("exchange", ill)}

    assert list(listening._stopped("exchange", a_lag())) == []
    assert found["disk of exchange"][0] == "its database says that the disk is full"
    assert found["clock of exchange"][0] == "20 min behind its database's"
    assert found["kafka of exchange"][0] == "Kafka's certificate has expired"
    assert found["door mllp"][0] == "2 peers turned away in the last minute (certificate: expired)"
    pages = {todo.rpartition("; ")[2] for _, todo in found.values() if "docs/" in todo}
    assert len(pages) == 3
    assert all((Path(__file__).parents[3] / page).is_file() for page in pages)


def test_a_part_that_died_of_a_full_disk_is_told_so(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.logs.mkdir()
    places.postgres.mkdir()
    assert listening._dead(places, "postgres").found == "does not run"
    words = 'PANIC:  could not write to file "pg_wal/xlogtemp.7": No space left on device\n'
    (places.logs / "postgres.log").write_text(words)

    assert listening._dead(places, "postgres").found == "does not run: its disk is full"
