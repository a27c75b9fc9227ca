"""Signing keys: announced before they sign, kept until nothing they signed is alive, never shown."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from httpx2 import AsyncClient

from application_platform.tokens import keys
from application_platform.tokens.actions import revoked_token
from application_platform.tokens.issue import Issuer
from application_platform.tokens.watch import KeyWatch
from kit.auth import Verifier
from kit.caller import Caller

BENCH = Caller(subject="bench", kind="system", client="bench")


def of_kind(ring: keys.KeyRing, alg: str = keys.ACCESS) -> list[str]:
    return [key["kid"] for key in ring.public if key["alg"] == alg]


async def test_only_public_halves_are_shown(demo: Any, browser: AsyncClient) -> None:
    answer = await browser.get("/auth/jwks")

    shown = answer.json()["keys"]
    assert {(key["kty"], key["alg"], key["use"]) for key in shown} == {("EC", "ES256", "sig"), ("RSA", "RS256", "sig")}
    assert all(not {"d", "p", "q", "dp", "dq", "qi"} & key.keys() for key in shown)
    assert "max-age" in answer.headers["cache-control"]


async def test_the_next_key_is_known_to_verifiers_before_it_signs(demo: Any) -> None:
    issuer, at = demo.office.issuer, datetime.now(UTC)
    verifier = Verifier("http://keys.invalid", "http://fvm.test", "http://fvm.test/fhir")
    verifier.use(issuer.ring.jwks())
    before = issuer.access_token(BENCH, ["information"]).token

    async with demo.db.transaction() as tx:
        await keys.rotate(tx, at, keys.ACCESS)
        issuer.ring = await keys.load(tx)
    after = issuer.access_token(BENCH, ["information"]).token

    assert (await verifier.caller(after)).subject == "bench"
    verifier.use(issuer.ring.jwks())
    assert (await verifier.caller(before)).subject == "bench"
    assert issuer.read(before) is not None


async def test_keys_rotate_when_due_and_are_forgotten_after_the_longest_token(demo: Any) -> None:
    at = datetime.now(UTC) + timedelta(days=40)
    async with demo.db.transaction() as tx:
        await keys.rotate_if_due(tx, datetime.now(UTC), timedelta(days=30))
        before = await keys.load(tx)
        await keys.rotate_if_due(tx, at, timedelta(days=30))
        soon = await keys.load(tx)
        await keys.rotate(tx, at + timedelta(hours=26), keys.ACCESS)
        later = await keys.load(tx)
        await tx.rollback()

    assert before.signer(keys.ACCESS).kid not in of_kind(later)
    assert before.signer(keys.ACCESS).kid in of_kind(soon)
    assert soon.signer(keys.ACCESS).kid == of_kind(before)[1]
    assert soon.signer(keys.IDENTITY).kid != before.signer(keys.IDENTITY).kid


async def test_starting_again_changes_no_key(demo: Any) -> None:
    async with demo.db.transaction() as tx:
        before = (await tx.execute(sa.select(keys.signing_key.c.kid).order_by("kid"))).scalars().all()
    await demo.upkeep.begin()
    async with demo.db.transaction() as tx:
        after = (await tx.execute(sa.select(keys.signing_key.c.kid).order_by("kid"))).scalars().all()

    assert before == after


async def test_a_serving_process_hears_of_a_rotation_that_another_made(demo: Any) -> None:
    issuer = Issuer("http://fvm.test", 900)
    watch = KeyWatch(demo.db, issuer, every=0.02)
    await watch.start()
    before = issuer.ring.signer(keys.ACCESS).kid
    try:
        async with demo.db.transaction() as tx:
            await keys.rotate(tx, datetime.now(UTC), keys.ACCESS)
        async with asyncio.timeout(5):
            while issuer.ring.signer(keys.ACCESS).kid == before:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        await watch.stop()

    demo.office.issuer.ring = issuer.ring
    assert before in of_kind(issuer.ring)


async def test_upkeep_forgets_what_is_over_and_keeps_what_is_not(demo: Any) -> None:
    at = datetime.now(UTC)
    rows = [{"jti": "old", "until": at - timedelta(seconds=1)}, {"jti": "new", "until": at + timedelta(hours=1)}]
    async with demo.db.transaction() as tx:
        await tx.execute(revoked_token.insert(), rows)

    await demo.upkeep.once(at)

    async with demo.db.transaction() as tx:
        kept = (await tx.execute(sa.select(revoked_token.c.jti))).scalars().all()
    assert "new" in kept
    assert "old" not in kept


async def test_without_keys_nothing_is_signed() -> None:
    with pytest.raises(keys.NoSigningKey):
        Issuer("http://fvm.test", 900).access_token(BENCH, ["information"])
