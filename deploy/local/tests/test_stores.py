"""The embedded stores: what has a data folder's name is whole, and nothing that may be data is ever removed."""

import os
from pathlib import Path

import pytest

from fvm import nobody, postgres
from fvm.trouble import Trouble

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")


@pytest.fixture
def behind_a_closed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder below one that only its owner may pass, and an open place elsewhere."""
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "open").mkdir()
    monkeypatch.setattr(nobody, "OPEN_PLACE", tmp_path / "open")
    return tmp_path / "home" / "var" / "postgres"


def test_a_folder_that_is_no_cluster_is_refused_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nobody, "needed", lambda: False)
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.txt").write_text("mine")

    with pytest.raises(Trouble, match="is no PostgreSQL data folder"):
        postgres.Server(tmp_path / "postgres", 1, "x").prepare()

    assert (tmp_path / "postgres" / "thesis.txt").read_text() == "mine"


def test_an_ordinary_users_data_lies_where_it_is_told(
    behind_a_closed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nobody, "needed", lambda: False)

    assert nobody.place_for(behind_a_closed_folder) == behind_a_closed_folder
    assert nobody.prefix() == ()


@as_root
def test_roots_data_behind_a_closed_folder_lies_in_an_open_place_and_goes_with_its_link(
    behind_a_closed_folder: Path,
) -> None:
    real = nobody.place_for(behind_a_closed_folder)

    real.mkdir()
    assert real.is_relative_to(nobody.OPEN_PLACE)
    assert behind_a_closed_folder.resolve() == real
    assert nobody.place_for(behind_a_closed_folder) == real
    nobody.remove(behind_a_closed_folder)
    assert not real.exists()
    assert not behind_a_closed_folder.is_symlink()


@as_root
def test_data_that_was_closed_off_later_is_refused_by_the_name_of_the_closed_folder(
    behind_a_closed_folder: Path,
) -> None:
    behind_a_closed_folder.mkdir(parents=True)

    with pytest.raises(Trouble, match=r"may not pass .* on the way to"):
        nobody.place_for(behind_a_closed_folder)


def test_log_files_get_neither_statements_nor_details(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nobody, "needed", lambda: False)
    (tmp_path / "PG_VERSION").write_text("18")

    postgres.Server(tmp_path, 5432, "x").prepare()

    settings = (tmp_path / "fvm.conf").read_text()
    assert "log_min_error_statement = 'panic'" in settings
    assert "log_error_verbosity = 'terse'" in settings
    assert "fsync" not in settings
