"""The application platform with a database of its own: in a demo region, and in production."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient, Response

from application_platform import main
from application_platform.settings import Settings
from application_platform.tokens.actions import Office
from application_platform.tokens.watch import KeyWatch
from application_platform.upkeep import Upkeep
from kit.db import Database
from kit.testing import fresh_database

PUBLIC = "http://fvm.test"


@dataclass
class Platform:
    """One running platform; `browser()` is a client with a cookie jar of its own."""

    app: FastAPI
    db: Database
    office: Office
    upkeep: Upkeep
    secrets: Path

    def browser(self, **headers: str) -> AsyncClient:
        return AsyncClient(transport=ASGITransport(self.app), base_url=PUBLIC, headers=headers)

    def secret(self, client_id: str) -> str:
        return (self.secrets / f"{client_id}.secret").read_text().strip()


@asynccontextmanager
async def a_platform(postgres_url: str, folder: Path, mode: str) -> AsyncIterator[Platform]:
    async with fresh_database(postgres_url, "application_platform", mode=mode) as url:
        settings = Settings(database_url=url, mode=mode, public_url=PUBLIC, data=folder)
        db = Database(url)
        await db.start()
        parts = main.new_parts(settings, db)
        upkeep = main.new_upkeep(settings, parts)
        watch = KeyWatch(db, parts.office.issuer)
        await upkeep.begin()
        await watch.start()
        try:
            yield Platform(main.create_app(settings, parts, {}), db, parts.office, upkeep, folder / "secrets")
        finally:
            await watch.stop()
            await parts.portal.record.stop()
            await db.stop()


@pytest.fixture(scope="session")
async def demo(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with a_platform(postgres_url, tmp_path_factory.mktemp("demo"), "demo") as platform:
        yield platform


@pytest.fixture(scope="session")
async def production(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with a_platform(postgres_url, tmp_path_factory.mktemp("production"), "production") as platform:
        yield platform


@pytest.fixture
async def browser(demo: Platform) -> AsyncIterator[AsyncClient]:
    async with demo.browser() as client:
        yield client


class SignIn:
    """Signs in as a person would: opens the page, sends its form."""

    async def __call__(
        self, browser: AsyncClient, person: str, *, commission: str | None = None, **form: str
    ) -> Response:
        data = {"person": person, "csrf": await self.csrf(browser, "/auth/sign-in?again=true"), **form}
        answer = await browser.post("/auth/sign-in", data=data, headers={"Origin": PUBLIC})
        return await self.choose(browser, commission, **form) if commission else answer

    async def choose(self, browser: AsyncClient, commission: str, **form: str) -> Response:
        data = {"commission": commission, "csrf": await self.csrf(browser, "/auth/commission"), **form}
        return await browser.post("/auth/commission", data=data, headers={"Origin": PUBLIC})

    async def out(self, browser: AsyncClient) -> Response:
        return await browser.post("/auth/sign-out", headers={"Origin": PUBLIC})

    async def csrf(self, browser: AsyncClient, page: str) -> str:
        """The token of a page's form, as it stands there."""
        text = (await browser.get(page)).text
        found = re.search(r'name="csrf" value="([^"]+)"', text)
        assert found, text
        return found[1]


@pytest.fixture(scope="session")
def sign_in() -> SignIn:
    return SignIn()
