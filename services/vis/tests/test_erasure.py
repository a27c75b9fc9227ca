"""D8, REC-06, EVT-04: bodies are sealed under destroyable keys, and an order of destruction leaves nothing that can be read."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from fhirserver.erasing import destroy, owners_of
from fhirserver.operations import jobs, sealing
from fhirserver.problems import Conflict
from fhirserver.testing import holding, known_to
from kit.db import Database
from kit.erasing import Eraser, Order, note, read_proof, telling
from kit.keyring import Keyring, keyring
from kit.sealing import SEALED, Master, NotForHere
from kit.testing import fresh_database
from vis import record
from vis.care.drafts import place_of
from vis.erasing import eraser
from vis.settings import Settings

WORD = "Kvastfening"  # stands in everything that is about the person and nowhere else
MASTER = Master.new()


@pytest.fixture(scope="module")
async def engine(postgres_url: str) -> AsyncIterator[Engine]:
    """As the others' tests have it, with keys."""
    async with fresh_database(postgres_url, "vis") as url:
        settings = Settings(database_url=url, mode="demo", full_text=True, referential_integrity=False)
        db = Database(url)
        await db.start()
        made = Engine(db, record.mount(settings), lambda: None, ring=keyring(MASTER))
        await made.start()
        await known_to(db.pool, ("SE0000000001-N1", "SE0000000002-S1"))
        yield made
        await made.stop()
        await db.stop()


def ring_of(engine: Engine) -> Keyring:
    assert engine.codec.ring is not None
    return engine.codec.ring


def an_eraser(engine: Engine) -> Eraser:
    return eraser(engine)


async def ordered(engine: Engine, patient: str, *resources: str) -> Order:
    order = Order(str(uuid.uuid4()), datetime.now(UTC), [patient], list(resources))
    async with engine.db.pool.acquire() as con, con.transaction():
        assert await note(con, order)
        assert not await note(con, order)
    return order


async def carried_out(engine: Engine, order: Order) -> Any:
    """The proof, when the order is done."""
    by_order = an_eraser(engine)
    connection = await engine.db.connect()
    try:
        async with asyncio.timeout(30):
            while True:
                await by_order.once(connection)
                row = await connection.fetchrow("select proof from erasure_task where id = $1", uuid.UUID(order.id))
                assert row is not None
                if row["proof"] is not None:
                    return read_proof(row["proof"])
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def a_record(ward: Any, bench: httpx2.AsyncClient, word: str = WORD) -> tuple[str, str, str]:
    """A patient, an observation with an older version, and one that was deleted: the word is in all of it."""
    patient = await ward.patient(name=[{"family": word}], address=[{"line": [word], "city": "Norrby"}])
    observation = await ward.observation(patient, valueString=f"{word} ett", code={"text": f"{word} i blodet"})
    body = {"resourceType": "Observation", "id": observation, "status": "final", "code": {"text": f"{word} i blodet"},
            "subject": {"reference": f"Patient/{patient}"}, "valueString": f"{word} två"}  # fmt: skip
    assert (await bench.put(f"/Observation/{observation}", json=body)).status_code == 200
    gone = await ward.observation(patient, note=[{"text": word}])
    await bench.delete(f"/Observation/{gone}")
    keyed = {**body, "valueString": f"{word} tre"}
    del keyed["id"]
    headers = {"idempotency-key": f"k-{patient}", "prefer": "return=representation"}
    answer = await bench.post("/Observation", json=keyed, headers=headers)
    assert answer.status_code == 201, answer.text
    again = await bench.post("/Observation", json=keyed, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["valueString"] == f"{word} tre"
    return patient, observation, gone


async def bodies(engine: Engine) -> list[bytes]:
    rows = await engine.db.pool.fetch(
        "select body from res where pat <> 0 union all select body from hist where body is not null and pat <> 0"
        " union all select body from idempotency where body <> ''"
    )
    return [row["body"] for row in rows]


async def test_every_body_about_a_patient_is_sealed(ward: Any, bench: httpx2.AsyncClient, engine: Engine) -> None:
    patient, observation, _ = await a_record(ward, bench)
    assert {body[0] for body in await bodies(engine)} == {SEALED}
    held = await holding(engine.db.pool, WORD)
    assert set(held) <= {"public.str", "public.term"}, "only index rows say it"
    other = Engine(engine.db, engine.mount, lambda: None, ring=keyring(MASTER))  # another process: no key in memory
    await other.start()
    try:
        row = await engine.db.pool.fetchrow("select key, body from res where id = $1", observation)
        assert row is not None
        await other.codec.ready(engine.db.pool, [row["body"]])
        assert WORD.encode() in other.codec.unpack(row["body"], row["key"])
    finally:
        await other.stop()
    assert (await bench.get(f"/Patient/{patient}")).json()["name"][0]["family"] == WORD


async def test_everything_is_read_by_a_process_that_has_no_key_in_memory(
    ward: Any, bench: httpx2.AsyncClient, engine: Engine
) -> None:
    patient, observation, _ = await a_record(ward, bench)
    patch = [{"op": "replace", "path": "/valueString", "value": f"{WORD} fyra"}]
    asks: list[tuple[str, str, Any]] = [
        ("GET", f"/Observation/{observation}", None),
        ("GET", f"/Observation/{observation}/_history", None),
        ("GET", f"/Observation/{observation}/_history/1", None),
        ("GET", f"/Observation?patient={patient}", None),
        ("GET", f"/Observation?patient={patient}&_sort=code", None),
        ("GET", f"/Patient/{patient}/$everything", None),
        ("GET", f"/Observation/$lastn?patient={patient}", None),
        ("GET", f"/Patient?_id={patient}&_revinclude=Observation:subject", None),
        ("PATCH", f"/Observation/{observation}", patch),
        ("POST", "/$graphql", {"query": f'{{Patient(id:"{patient}"){{name{{family}}}}}}'}),
    ]
    for method, path, body in asks:
        ring = ring_of(engine)
        ring.drop(list(ring._keys))
        kind = "application/json-patch+json" if method == "PATCH" else "application/json"
        content = None if body is None else json.dumps(body)
        answer = await bench.request(method, path, content=content, headers={"content-type": kind})
        assert answer.status_code == 200, f"{path}: {answer.text}"
        assert WORD in answer.text, path


async def test_a_body_moved_to_another_row_does_not_open(ward: Any, bench: httpx2.AsyncClient, engine: Engine) -> None:
    patient, observation, _ = await a_record(ward, bench)
    row = await engine.db.pool.fetchrow("select key, body from res where id = $1", observation)
    assert row is not None
    await engine.codec.ready(engine.db.pool, [row["body"]])
    with pytest.raises(NotForHere):
        engine.codec.unpack(row["body"], engine.keys.of(f"Patient/{patient}"))


async def test_an_order_leaves_nothing_of_the_record(ward: Any, bench: httpx2.AsyncClient, engine: Engine) -> None:
    word = "Hajpraktik"
    patient, observation, gone = await a_record(ward, bench, word)
    bystander = await ward.patient(name=[{"family": "Bredvid"}])
    theirs = await ward.observation(bystander)
    sealed = await engine.db.pool.fetchval("select body from res where id = $1", observation)
    other = keyring(MASTER)
    assert other is not None
    other.pool = engine.search_pool
    await other.look()
    await other.ready(engine.db.pool, [sealed])
    proof = await carried_out(engine, await ordered(engine, patient))
    assert await holding(engine.db.pool, word) == {}
    assert (proof.copy, proof.left, len(proof.keys) >= 1) == ("vis", 0, True)
    assert proof.removed["res"] == 3
    assert proof.removed["hist"] >= 3
    for name in (f"Patient/{patient}", f"Observation/{observation}", f"Observation/{gone}"):
        answer = await bench.get(f"/{name}")
        assert answer.status_code == 410, name
        assert "kit/erased" in answer.text
    assert await ward.ids(f"/Observation?patient={patient}") == []
    assert (await bench.get(f"/Observation/{theirs}")).status_code == 200
    # The key is gone in this process, and in another within two seconds: a copied ciphertext says nothing.
    with pytest.raises(Exception, match="destroyed"):
        engine.codec.unpack(sealed, engine.keys.of(f"Observation/{observation}"))
    await other.look()
    await other.ready(engine.db.pool, [sealed])
    with pytest.raises(Exception, match="destroyed"):
        other.held(int(proof.keys[0]))
    log = await engine.db.pool.fetchval(
        "select count(*) from access_log where $1 = any(patients)", engine.keys.of(f"Patient/{patient}")
    )
    assert log > 0, "the access log stays (law)"
    told = await engine.db.pool.fetchval("select count(*) from outbox where topic = 'vis.erasure-done.v1'")
    assert told >= 1


async def test_what_is_written_afterwards_is_a_new_life(ward: Any, bench: httpx2.AsyncClient, engine: Engine) -> None:
    patient, observation, _ = await a_record(ward, bench, "Myskoxe")
    order = await ordered(engine, patient)
    body = {"resourceType": "Patient", "id": patient, "name": [{"family": "Nytt"}]}
    assert (await bench.put(f"/Patient/{patient}", json=body)).status_code == 200  # the order is not carried out yet
    await carried_out(engine, order)
    assert await holding(engine.db.pool, "Myskoxe") == {}
    assert (await bench.get(f"/Patient/{patient}")).json()["name"][0]["family"] == "Nytt"
    assert (await bench.get(f"/Observation/{observation}")).status_code == 410
    history = (await bench.get(f"/Patient/{patient}/_history")).json()
    assert [entry["resource"]["name"][0]["family"] for entry in history["entry"]] == ["Nytt"]


async def test_only_what_is_named_goes_and_the_rest_gets_another_key(
    ward: Any, bench: httpx2.AsyncClient, engine: Engine
) -> None:
    word = "Lavskrika"
    patient = await ward.patient(name=[{"family": "Kvar"}])
    wrong = await ward.observation(patient, valueString=word, code={"text": f"{word} i text"})
    right = await ward.observation(patient, valueString="Stannar")
    before = await engine.db.pool.fetchval("select body from res where id = $1", right)
    proof = await carried_out(engine, await ordered(engine, patient, f"Observation/{wrong}"))
    assert await holding(engine.db.pool, word) == {}
    after = await engine.db.pool.fetchval("select body from res where id = $1", right)
    assert before[1:9] != after[1:9]
    assert proof.removed["sealed again"] >= 2
    assert (await bench.get(f"/Observation/{right}")).json()["valueString"] == "Stannar"
    assert (await bench.get(f"/Patient/{patient}")).json()["name"][0]["family"] == "Kvar"
    assert (await bench.get(f"/Observation/{wrong}")).status_code == 410


async def test_an_order_that_was_cut_off_is_carried_out_by_who_comes_next(
    ward: Any, bench: httpx2.AsyncClient, engine: Engine
) -> None:
    patient, _, _ = await a_record(ward, bench, "Nordkapare")
    order = await ordered(engine, patient)
    first = await engine.db.connect()
    assert await an_eraser(engine).once(first) == 1  # the key is retired, nothing is destroyed
    await first.close()
    assert (await holding(engine.db.pool, "Nordkapare"))["public.str"] >= 1

    async def breaks(con: Any, done: Order, keys: Any) -> tuple[dict[str, int], int]:
        await destroy(engine, con, done, keys)
        raise ConnectionResetError

    broken = Eraser(
        engine.db,
        "vis",
        breaks,
        partial(owners_of, engine),
        lambda: engine.codec.ring,
        telling("x.y-z.v1"),
        lambda: None,
    )
    second = await engine.db.connect()
    for _ in range(100):  # until everybody who wrote before has ended
        try:
            assert await broken.once(second) == 0
        except ConnectionResetError:
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("it was never tried")
    await second.close()
    assert (await holding(engine.db.pool, "Nordkapare"))["public.str"] >= 1, "all or nothing"
    proof = await carried_out(engine, order)
    assert (proof.left, await holding(engine.db.pool, "Nordkapare")) == (0, {})


async def test_a_restored_order_is_done_before_anybody_is_served(
    ward: Any, bench: httpx2.AsyncClient, engine: Engine
) -> None:
    patient, _, _ = await a_record(ward, bench, "Tumlare")
    order = await ordered(engine, patient)
    await engine.db.pool.execute("update erasure_task set restored = true, retired_at = now() where done_at is null")
    await an_eraser(engine).before_serving()
    assert await holding(engine.db.pool, "Tumlare") == {}
    assert await engine.db.pool.fetchval("select done_at from erasure_task where id = $1", uuid.UUID(order.id))


async def test_with_sealing_off_what_is_sealed_is_read_and_nothing_new_is_sealed(
    ward: Any, bench: httpx2.AsyncClient, engine: Engine
) -> None:
    """So that every process can read before any writes (expand, then change)."""
    sealed = await ward.patient(name=[{"family": "Alkekung"}])
    ring_of(engine).seals = False
    try:
        plain = await ward.patient(name=[{"family": "Alkekung"}])
        first = await engine.db.pool.fetch(
            "select id, get_byte(body, 0) as format from res where id = any($1)", [sealed, plain]
        )
        assert {row["id"]: row["format"] for row in first} == {sealed: SEALED, plain: 1}
        for id in (sealed, plain):
            assert (await bench.get(f"/Patient/{id}")).json()["name"][0]["family"] == "Alkekung"
    finally:
        ring_of(engine).seals = True
    proof = await carried_out(engine, await ordered(engine, plain))
    assert proof.left == 0, "what was never sealed is destroyed too"
    assert (await bench.get(f"/Patient/{plain}")).status_code == 410


async def test_what_was_stored_before_there_were_keys_is_sealed_beside_everything_else(
    ward: Any, bench: httpx2.AsyncClient, engine: Engine, later: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies is followed by the next one, which goes on where it stood."""
    monkeypatch.setattr(sealing, "_BATCH", 2)
    ring_of(engine).seals = False
    with pytest.raises(sealing.NoKeys):
        await sealing.ask(engine)
    patient = await ward.patient(name=[{"family": "Labb"}])
    observation = await ward.observation(patient, valueString="Labb ett")
    body = {"resourceType": "Observation", "id": observation, "status": "final", "code": {"text": "x"},
            "subject": {"reference": f"Patient/{patient}"}, "valueString": "Labb två"}  # fmt: skip
    await bench.put(f"/Observation/{observation}", json=body)
    ring_of(engine).seals = True
    await sealing.ask(engine)
    with pytest.raises(Conflict):
        await sealing.ask(engine)
    job = await jobs.claim(engine.db.pool, [sealing.KIND], 15)
    assert job is not None
    calls = 0

    async def dies(*given: Any) -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise ConnectionResetError
        return await put(*given)

    put = sealing._put
    monkeypatch.setattr(sealing, "_put", dies)
    with pytest.raises(ConnectionResetError):
        await sealing.work(engine, jobs.Run(engine.db.pool, job))
    monkeypatch.setattr(sealing, "_put", put)
    again = await jobs.claim(engine.db.pool, [sealing.KIND], -1)
    assert again is not None
    told = await sealing.work(engine, jobs.Run(engine.db.pool, again))
    assert "sealed" in told
    rows = await engine.db.pool.fetch(
        "select body from res where pat <> 0 union all select body from hist where pat <> 0 and body is not null"
    )
    assert {row["body"][0] for row in rows} == {SEALED}
    assert (await bench.get(f"/Observation/{observation}/_history/1")).json()["valueString"] == "Labb ett"
    assert (await bench.get(f"/Observation/{observation}")).json()["valueString"] == "Labb två"


async def test_notes_that_are_being_written_go_too_and_later_ones_stay(ward: Any, engine: Engine) -> None:
    patient = await ward.patient()
    pat = engine.keys.of(f"Patient/{patient}")

    async def drafted(word: str) -> uuid.UUID:
        id = uuid.uuid4()
        async with engine.db.pool.acquire() as con, con.transaction():
            await con.execute(
                "insert into draft values ($1, $2, $3, 'x', 'u', 1, 'open', '', clock_timestamp())", id, pat, patient
            )
            body = await engine.codec.pack_for(con, word.encode(), [pat], place_of(id))
            await con.execute("insert into draft_version values ($1, 1, clock_timestamp(), $2)", id, body)
        return id

    gone = await drafted("före")
    order = await ordered(engine, patient)
    stays = await drafted("efter")
    proof = await carried_out(engine, order)
    assert proof.removed["draft"] == 1
    rows = await engine.db.pool.fetch("select draft, body from draft_version where draft = any($1)", [gone, stays])
    await engine.codec.ready(engine.db.pool, [row["body"] for row in rows])
    assert [(row["draft"], engine.codec.unpack(row["body"], place_of(row["draft"]))) for row in rows] == [
        (stays, b"efter")
    ]
