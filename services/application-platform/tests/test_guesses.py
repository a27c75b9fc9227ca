"""Guesses at credentials: after some of them nobody at that address is answered, whether the client exists or not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from application_platform.tokens import clients, guesses
from application_platform.tokens.guesses import Guesser

DATA = {"grant_type": "client_credentials"}


async def guess(browser: AsyncClient, client: str, secret: str, address: str) -> Response:
    return await browser.post("/auth/token", data=DATA, auth=(client, secret), headers={"X-Forwarded-For": address})


@pytest.mark.parametrize("client", ["lab", "nobody-at-all"])
async def test_a_guesser_has_to_wait_and_learns_nothing(
    demo: Any, browser: AsyncClient, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "OF_CLIENT", 3)
    address = f"203.0.113.7, 10.0.0.{len(client)}"
    answers = [await guess(browser, client, f"guess-{n}", address) for n in range(5)]

    assert [one.status_code for one in answers] == [401, 401, 401, 429, 429]
    assert answers[0].json() == {
        "error": "invalid_client",
        "error_description": "The client could not be authenticated",
    }
    assert 0 < int(answers[4].headers["retry-after"]) <= 301
    right = demo.secret("lab") if client == "lab" else "x"
    assert (await guess(browser, client, right, address)).status_code == 429


@pytest.mark.parametrize("client", ["lab", "nobody-at-all", "demo-app", ""])
async def test_every_guess_costs_one_hash_so_that_time_tells_nothing(
    demo: Any, browser: AsyncClient, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that exists, one that does not, and an app without a secret: each is compared with a hash of the same cost."""
    hashed: list[str] = []

    def matches(stored: str, secret: str) -> bool:
        hashed.append(stored)
        return False

    monkeypatch.setattr(clients, "_matches", matches)
    answer = await guess(browser, client, "a-guess", f"198.51.100.{40 + len(client)}")

    assert answer.status_code == 401
    assert len(hashed) == 1
    assert hashed[0].split("$")[1:4] == clients.hash_secret("x").split("$")[1:4]  # argon2id, version, memory and rounds


async def test_who_guesses_elsewhere_locks_nobody_out(
    demo: Any, browser: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "OF_CLIENT", 2)
    for n in range(4):
        await guess(browser, "lab", f"guess-{n}", "198.51.100.1")

    assert (await guess(browser, "lab", demo.secret("lab"), "198.51.100.2")).status_code == 200


async def test_trying_many_clients_from_one_address_is_guessing_too(
    browser: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "OF_ADDRESS", 3)
    answers = [await guess(browser, f"client-{n}", "x", "198.51.100.9") for n in range(5)]

    assert [one.status_code for one in answers] == [401, 401, 401, 429, 429]


async def test_after_a_while_one_may_try_again(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "OF_CLIENT", 1)
    who, at = Guesser("192.0.2.1", "lab"), datetime.now(UTC)
    async with demo.db.transaction() as tx:
        await guesses.failed(tx, who, at)
        assert await guesses.wait(tx, who, at) > 0
        assert await guesses.wait(tx, who, at + guesses.WINDOW + timedelta(seconds=1)) == 0
        await guesses.failed(tx, who, at + 2 * guesses.WINDOW)
        await tx.rollback()


async def test_neither_addresses_nor_names_are_kept(demo: Any, browser: AsyncClient) -> None:
    await guess(browser, "a-mistyped-name", "x", "192.0.2.77")
    async with demo.db.transaction() as tx:
        rows = (await tx.execute(guesses.failed_guess.select())).all()

    assert rows
    assert not any(b"192.0.2.77" in row.key or b"mistyped" in row.key for row in rows)


async def test_looking_into_and_giving_back_tokens_count_as_well(
    browser: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "OF_CLIENT", 2)
    headers = {"X-Forwarded-For": "198.51.100.20"}
    paths = ("/auth/introspect", "/auth/revoke", "/auth/introspect")
    answers = [await browser.post(path, data={"token": "x"}, auth=("lab", "no"), headers=headers) for path in paths]

    assert [one.status_code for one in answers] == [401, 401, 429]
