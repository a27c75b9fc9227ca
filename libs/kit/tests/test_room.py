"""A full disk of the database is a refusal with a name, remembered for a moment."""

import asyncpg
import pytest
import sqlalchemy.exc

from kit import room
from kit.refusals import as_problem


class Wrapped(Exception):
    """As SQLAlchemy's driver hands on what asyncpg raised."""


def a_full_disk() -> Exception:
    """As it arrives: asyncpg's error behind the driver's, behind SQLAlchemy's."""
    inner = Wrapped()
    inner.__cause__ = asyncpg.DiskFullError("could not extend file")
    return sqlalchemy.exc.DBAPIError("insert", {}, inner)


@pytest.fixture(autouse=True)
def _nothing_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_last", float("-inf"))


@pytest.mark.parametrize("error", [asyncpg.DiskFullError("full"), a_full_disk()])
def test_a_full_disk_is_said_so_and_may_be_tried_again(error: Exception) -> None:
    assert not room.full()

    problem = as_problem(error)

    assert (problem.code, problem.kind.status) == ("kit/no-room", 503)
    assert "extend" not in problem.detail
    assert room.full()


def test_any_other_error_is_no_full_disk() -> None:
    assert as_problem(asyncpg.DataError("x")).code == "kit/fault"
    assert as_problem(asyncpg.AdminShutdownError("x")).code == "kit/unavailable"
    assert not room.full()


def test_it_is_forgotten_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert room.noticed(asyncpg.DiskFullError("full"))
    last = room._last
    monkeypatch.setattr("kit.room.time.monotonic", lambda: last + 21)

    assert not room.full()
