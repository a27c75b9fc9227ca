"""Fixtures of the kit's tests: a sample service's database of one's own, and an issuer of tokens."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.db import Database
from kit.testing import TestIssuer, fresh_database

sys.path.insert(0, str(Path(__file__).parent))  # for sample_service


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[Database]:
    async with fresh_database(postgres_url, "sample_service") as url:
        database = Database(url)
        await database.start()
        yield database
        await database.stop()


@pytest.fixture(scope="session")
def issuer() -> TestIssuer:
    return TestIssuer()
