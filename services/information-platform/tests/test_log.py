"""The region's access log: told by every service, collected, judged, and read by patients and reviewers (sweden.md §4.5)."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest

from access import Label
from fhircore.types import TYPES
from fhirserver.accesslog import AccessLog, Entry
from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from fhirserver.logtelling import LogTeller, ToldBatch, opened, outgoing, unpacked
from fhirserver.telling import sealed
from information_platform import record
from information_platform.log import api, months
from information_platform.log.collecting import handlers
from information_platform.log.patterns import Patterns
from information_platform.log.reporting import Reports
from information_platform.log.upkeep import Upkeep, alarms
from information_platform.log.verifying import verify
from information_platform.settings import Settings
from information_platform.testing import Region
from kit.caller import Caller, Commission
from kit.events import CloudEvent, from_headers
from kit.outbox import read_headers
from kit.telemetry import TraceContext
from kit.testing import TestIssuer
from kit.web import new_app

BASE = "http://localhost:8080"
NORR, SOLL = "SE0000000001-N", "SE0000000002-S"
WARD = Commission("c-1", "SE0000000001-N1", "Norrby", NORR, "Region Norr", "Läkare")
REVIEW = Commission(
    "c-9",
    "SE0000000001-N1",
    "Norrby",
    NORR,
    "Region Norr",
    "Verksamhetschef",
    "administration",
    frozenset({"log.review"}),
)
ELSEWHERE = Commission(
    "c-8", "SE0000000002-S1", "Sjövik", SOLL, "Hälsoakuten", "Chef", "administration", frozenset({"log.review"})
)
DOCTOR = Caller("SE0000000001-P1", "staff", "journal", "Anna Andersson", commission=WARD)
OBSERVATION = TYPES["Observation"].number


@pytest.fixture
async def client(engine: Engine, issuer: TestIssuer) -> AsyncIterator[httpx2.AsyncClient]:
    """The service with its log, for whatever token a test sends."""
    verifier = issuer.verifier(record.PATH)
    inner = new_app("x", db=engine.db, verifier=verifier, routers=[api.router(engine)], fhir_base=record.PATH)
    app = TraceContext(FhirDoor(inner, engine, verifier, record.PATH))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=BASE) as found:
        yield found


@pytest.fixture
def reviewer(issuer: TestIssuer) -> dict[str, str]:
    return issuer.headers("staff", commission=REVIEW, subject="SE0000000001-P9", audience=[record.PATH])


def patient_token(issuer: TestIssuer, patient: str) -> dict[str, str]:
    return issuer.headers("patient", subject=patient, patient=patient, audience=[record.PATH], commission=None)


_people = iter(range(1, 1000))


async def a_person(region: Region, **more: Any) -> str:
    """A new Patient of the region."""
    id = f"log-person-{next(_people)}"
    entry = {
        "op": "put", "type": "Patient", "id": id, "version": 1, "updated": "2026-11-01T10:00:00Z",
        "label": {"provider": "", "unit": "", "type": "register", "security": []},
        "resource": {"resourceType": "Patient", "id": id, **more},
    }  # fmt: skip
    data = sealed(json.dumps({"transaction": id, "entries": [entry]}).encode())
    await region.hears("vis.record.v1", CloudEvent(id, "fvm/vis", "x", datetime.now(UTC), data, id))
    return id


async def logs(engine: Engine, *entries: Entry) -> None:
    """These rows are written, as any interaction would."""
    async with engine.db.pool.acquire() as con:
        await engine.log.append(con, entries)


async def a_read(engine: Engine, patient: str, caller: Caller = DOCTOR, activity: str = "read", **more: Any) -> Entry:
    label = await engine.labels.number(engine.db.pool, Label(NORR, WARD.unit, "und", ""))
    about = ((engine.keys.of(f"Patient/{patient}"), OBSERVATION, label),)
    return Entry(caller, activity, about, more.pop("returned", 1), **more)


async def tells(engine: Engine) -> list[CloudEvent]:
    """What the loop told of the log since, as it comes out of Kafka."""
    async with engine.db.pool.acquire() as con:
        while await LogTeller(engine).once(con):
            pass
        rows = await con.fetch("delete from outbox where topic = 'audit.access.v1' returning id, key, headers, value")
    return [
        from_headers(read_headers(row["headers"]), row["key"], row["value"])
        for row in sorted(rows, key=lambda row: row["id"])
    ]


async def hears(engine: Engine, *events: CloudEvent) -> None:
    async with engine.db.transaction() as tx:
        await handlers(engine)["audit.access.v1"](tx, events)


async def collected(engine: Engine, *entries: Entry) -> None:
    """Logged, told and heard."""
    await logs(engine, *entries)
    await hears(engine, *await tells(engine))


async def alarmed(engine: Engine) -> list[str]:
    return [row[0] for row in await engine.db.pool.fetch("select what from log_alarm order by id")]


async def test_a_batch_is_told_once_with_what_its_numbers_mean(engine: Engine, region: Region) -> None:
    """LOG-04, LOG-09: rows are queued by the commit that writes them and told whole."""
    patient = await a_person(region)
    await tells(engine)
    await logs(engine, await a_read(engine, patient), await a_read(engine, patient, returned=0, withheld=1))

    [event] = await tells(engine)
    told = opened(event)

    assert event.source == told.source == "fvm/information"
    assert set(told.patients.values()) == {patient}
    assert [label.provider for label in told.labels.values()] == [NORR]
    [who] = [json.loads(bytes(value)) for value in told.who.values()]
    assert (who["id"], who["name"], who["unit"], who["role"]) == (DOCTOR.subject, DOCTOR.name, WARD.unit, WARD.role)
    assert await tells(engine) == []
    await hears(engine, event)


async def test_the_patient_reads_who_read_where_when_and_what_for(
    engine: Engine, region: Region, client: httpx2.AsyncClient, issuer: TestIssuer
) -> None:
    """LOG-01, LOG-12, LOG-13; reading the extract is logged itself (LOG-15)."""
    patient, other = await a_person(region), await a_person(region)
    await collected(engine, await a_read(engine, patient), await a_read(engine, other))

    answer = await client.get("/information/log/mine", headers=patient_token(issuer, patient))

    assert answer.status_code == 200, answer.text
    [access] = answer.json()["accesses"]
    assert access["careUnit"] == {"id": WARD.unit, "name": "Norrby"}
    assert access["careProvider"] == {"id": NORR, "name": "Region Norr"}
    assert (access["userName"], access["userTitle"]) == ("Anna Andersson", "Läkare")
    assert (access["purpose"], access["activityType"]) == ("Vård och behandling", "Läsa")
    assert access["resourceTypes"] == {"Observation": 1}
    assert datetime.fromisoformat(access["accessDate"]).utcoffset() == timedelta(0)  # LOG-10
    await hears(engine, *await tells(engine))
    again = (await client.get("/information/log/mine", headers=patient_token(issuer, patient))).json()["accesses"]
    assert [one["activity"] for one in again] == ["Läste loggutdrag om sig själv", "Läste en uppgift"]
    assert again[0]["self"] is True
    assert other not in json.dumps(again)


async def test_the_log_is_read_by_reviewers_only_and_within_their_care_provider(
    engine: Engine, region: Region, client: httpx2.AsyncClient, issuer: TestIssuer, reviewer: dict[str, str]
) -> None:
    """LOG-15."""
    patient = await a_person(region)
    await collected(engine, await a_read(engine, patient))
    address = f"/information/log/posts?patient={patient}"
    nurse = issuer.headers("staff", commission=WARD, audience=[record.PATH])
    theirs = issuer.headers("staff", commission=ELSEWHERE, audience=[record.PATH])

    refused = [(await client.get(address, headers=one)) for one in (nurse, patient_token(issuer, patient))]
    assert [one.status_code for one in refused] == [403, 403]
    assert refused[0].json()["type"] == "/problems/log/not-a-reviewer"
    assert (await client.get(address, headers=theirs)).json()["posts"] == []
    assert len((await client.get(address, headers=reviewer)).json()["posts"]) == 1
    rows = await engine.db.pool.fetch(
        "select actor, args from access_log where activity = 'log-read' order by id desc limit 1"
    )
    assert [tuple(row) for row in rows] == [("SE0000000001-P9", "patient")]


async def test_a_post_has_the_members_of_the_national_log(
    engine: Engine, region: Region, client: httpx2.AsyncClient, reviewer: dict[str, str]
) -> None:
    """LOG-04, LOG-05, LOG-06, LOG-07: counts, client, decision and policy; what was refused is there too."""
    patient = await a_person(region)
    await collected(engine, await a_read(engine, patient, returned=0, withheld=1, args="law/blocked"))

    found = (await client.get(f"/information/log/posts?patient={patient}", headers=reviewer)).json()["posts"]

    [post] = found
    assert post["system"] == "fvm/information"
    assert post["activity"]["type"] == "Läsa"
    assert post["activity"]["args"] == "law/blocked"
    assert post["activity"]["purpose"] == "Vård och behandling"
    assert post["user"]["careProvider"]["id"] == NORR
    assert post["user"]["careUnit"]["id"] == WARD.unit
    assert post["user"]["assignment"] == "c-1"
    assert post["user"]["client"] == "journal"
    assert post["resources"] == [
        {"type": "Observation", "patient": patient, "careProvider": NORR, "careUnit": WARD.unit, "information": "und"}
    ]
    assert (post["returned"], post["withheld"], post["policy"][:3]) == (0, 1, "pdl")
    assert len(post["id"]) == 36


async def test_reports_are_by_patient_user_and_unit_and_pages_follow_each_other(
    engine: Engine, region: Region, client: httpx2.AsyncClient, reviewer: dict[str, str]
) -> None:
    """LOG-11."""
    patient = await a_person(region)
    busy = Caller("SE0000000001-P77", "staff", "journal", "Bo Berg", commission=Commission(
        "c-77", "SE0000000001-N77", "Avd 77", NORR, "Region Norr", "Sjuksköterska"))  # fmt: skip
    for _ in range(5):
        await collected(engine, *[await a_read(engine, patient, busy) for _ in range(2)])
    for asked in (f"patient={patient}", "user=SE0000000001-P77", "unit=SE0000000001-N77"):
        seen: list[str] = []
        after = ""
        while True:
            page = await client.get(f"/information/log/posts?{asked}&count=3&after={after}", headers=reviewer)
            seen += [post["id"] for post in page.json()["posts"]]
            after = page.json()["next"]
            if not after:
                break
        assert len(seen) == len(set(seen)) == 10, asked
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+", "%2B")
    late = await client.get(f"/information/log/posts?patient={patient}&since={soon}", headers=reviewer)
    assert late.json() == {"posts": [], "next": None}


async def test_a_large_report_is_ordered_and_fetched_by_its_id(
    engine: Engine, region: Region, client: httpx2.AsyncClient, issuer: TestIssuer, reviewer: dict[str, str]
) -> None:
    """LOG-11: async report with id."""
    patient = await a_person(region)
    await collected(engine, *[await a_read(engine, patient) for _ in range(3)])

    ordered = await client.post("/information/log/reports", json={"patient": patient}, headers=reviewer)
    address = f"/information/log/reports/{ordered.json()['id']}"
    assert (ordered.status_code, (await client.get(address, headers=reviewer)).status_code) == (202, 202)
    assert await Reports(engine).once()
    ready = await client.get(address, headers=reviewer)

    assert ready.status_code == 200
    assert len([json.loads(line) for line in ready.text.splitlines()]) == 3
    other = issuer.headers("staff", commission=REVIEW, subject="SE0000000001-P8", audience=[record.PATH])
    assert (await client.get(address, headers=other)).status_code == 404


_EDITS = {
    "index": "delete from log_entry where batch = $1",
    "taken": "insert into log_batch select nextval('log_batch_number'), at, source, chain, seq, rows, hash, body from log_batch where id = $1",
    "batch": "update log_batch set hash = '\\x00' where id = $1",
    "end": "delete from log_batch where id >= $1 and chain = (select chain from log_batch where id = $1)",
    "stray": "delete from log_batch where id = $1",
}  # fmt: skip


@pytest.mark.parametrize("finding", list(_EDITS))
async def test_the_verifier_finds_what_somebody_edited_removed_or_put_in(
    engine: Engine, region: Region, finding: str
) -> None:
    """LOG-08."""
    patient = await a_person(region)
    for _ in range(3):
        await collected(engine, await a_read(engine, patient))
    before = await verify(engine)
    assert before.findings == []
    assert before.posts >= 3
    number = await engine.db.pool.fetchval("select max(batch) - 1 from log_entry")
    async with engine.db.pool.acquire() as con:
        await con.execute("create table kept_batch as table log_batch; create table kept_entry as table log_entry")
        await con.execute("alter table log_batch disable trigger user; alter table log_entry disable trigger user")
        try:
            await con.execute(_EDITS[finding], number)
            found = {one.what for one in (await verify(engine)).findings}
        finally:
            await con.execute("truncate log_batch, log_entry")
            await con.execute("insert into log_batch table kept_batch; insert into log_entry table kept_entry")
            await con.execute("drop table kept_batch, kept_entry")
            await con.execute("alter table log_batch enable trigger user; alter table log_entry enable trigger user")

    assert finding in found
    assert (await verify(engine)).findings == []


async def test_the_collected_log_cannot_be_changed_by_an_ordinary_statement(engine: Engine, region: Region) -> None:
    """LOG-08: append-only."""
    await collected(engine, await a_read(engine, await a_person(region)))
    for statement in ("update log_batch set rows = 0", "delete from log_entry", "delete from log_batch"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await engine.db.pool.execute(statement)


def spoiled(event: CloudEvent, **changed: Any) -> CloudEvent:
    """The same event with another content."""
    told: ToldBatch = unpacked(event.data)
    for name, value in changed.items():
        setattr(told, name, value)
    return outgoing(told, event.time).event


async def test_a_batch_that_does_not_follow_its_chain_is_kept_and_raises_an_alarm(
    engine: Engine, region: Region
) -> None:
    """LOG-08: edited on its way, one missing, and one that somebody put in; the same batch told twice is none of them."""
    patient = await a_person(region)
    log = AccessLog()  # a chain of its own
    async with engine.db.pool.acquire() as con:
        for _ in range(5):
            await log.append(con, [await a_read(engine, patient)])
    events = [event for event in await tells(engine) if unpacked(event.data).chain in _chains(log)]
    count = len(await alarmed(engine))

    await hears(engine, events[0])
    await hears(engine, events[0], events[1])
    assert len(await alarmed(engine)) == count
    edited = bytes(unpacked(events[2].data).batch).replace(b'"care"', b'"quality"')
    await hears(engine, spoiled(events[2], batch=type(unpacked(events[2].data).batch)(edited)))
    await hears(engine, events[4])
    await hears(engine, spoiled(events[1], hash=b"\x01" * 32))

    assert (await alarmed(engine))[count:] == ["hash", "gap", "taken"]
    kept = await engine.db.pool.fetchval(
        "select count(*) from log_batch where chain = any($1::bigint[])", list(_chains(log))
    )
    assert kept == 5
    async with engine.db.pool.acquire() as con:
        assert (await alarms(con)).parked >= 3
    assert {one.what for one in (await verify(engine)).findings} >= {"hash", "gap", "taken"}
    await engine.db.pool.execute(
        "alter table log_batch disable trigger user; alter table log_entry disable trigger user"
    )
    for table, column in (("log_entry", "batch"), ("log_batch", "id")):
        await engine.db.pool.execute(
            f"delete from {table} where {column} in (select id from log_batch where chain = any($1::bigint[]))",
            list(_chains(log)),
        )
    await engine.db.pool.execute("delete from log_head where chain = any($1::bigint[])", list(_chains(log)))
    await engine.db.pool.execute("alter table log_batch enable trigger user; alter table log_entry enable trigger user")


def _chains(log: AccessLog) -> set[int]:
    return {chain.id for chain in log._chains.values()}


async def test_the_log_is_kept_for_at_least_five_years(engine: Engine) -> None:
    """LOG-03: a setting that refuses less; months past it are dropped whole, younger ones never."""
    with pytest.raises(ValueError, match="greater than or equal to 5"):
        Settings(database_url=engine.db.url, log_years=4)
    now = datetime(2031, 12, 15, tzinfo=UTC)
    async with engine.db.pool.acquire() as con, con.transaction():
        await months.ensure(con, [datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)])
    undo = engine.db.pool
    dropped = await _dropped(engine, now)
    assert "2026-10" in dropped
    assert "2026-12" not in dropped
    assert await undo.fetchval("select to_regclass('log_batch_y2026m12')") is not None


async def _dropped(engine: Engine, now: datetime) -> list[str]:
    """What upkeep would drop, undone."""
    async with engine.db.pool.acquire() as con:
        undo = con.transaction()
        await undo.start()
        found = await months.drop_before(con, now, 5)
        await undo.rollback()
    return found


async def test_upkeep_makes_the_months_that_come(engine: Engine) -> None:
    await Upkeep(engine.db, 5).once(datetime(2027, 5, 20, tzinfo=UTC))
    for name in ("y2027m05", "y2027m06"):
        assert await engine.db.pool.fetchval("select to_regclass($1)", f"log_entry_{name}") is not None


async def test_a_patient_reads_their_log_as_audit_events(
    engine: Engine, region: Region, client: httpx2.AsyncClient, issuer: TestIssuer
) -> None:
    """LOG-14."""
    patient, other = await a_person(region), await a_person(region)
    await collected(engine, await a_read(engine, patient), await a_read(engine, patient, activity="history"))
    headers = patient_token(issuer, patient)

    today = datetime.now(UTC).date().isoformat()
    found = await client.get(f"/fhir/AuditEvent?patient={patient}&date=ge{today}&_count=1", headers=headers)

    assert found.status_code == 200, found.text
    bundle = found.json()
    [event] = [entry["resource"] for entry in bundle["entry"]]
    assert event["action"] == "R"
    assert event["subtype"][0]["code"] == "history"
    assert event["agent"][0]["who"]["identifier"]["value"] == DOCTOR.subject
    assert event["purposeOfEvent"][0]["text"] == "Vård och behandling"
    assert {"urn:fvm:log:activity-type", "urn:fvm:log:returned"} <= {one["url"] for one in event["extension"]}
    alone = await client.get(f"/fhir/AuditEvent/{event['id']}", headers=headers)
    assert alone.json() == event
    [following] = [one["url"] for one in bundle["link"] if one["relation"] == "next"]
    second = (await client.get(following, headers=headers)).json()
    assert [one["resource"]["subtype"][0]["code"] for one in second["entry"]] == ["read"]
    stranger = await client.get(f"/fhir/AuditEvent/{event['id']}", headers=patient_token(issuer, other))
    assert stranger.status_code == 404
    assert (
        await client.get(f"/fhir/AuditEvent?patient={patient}", headers=patient_token(issuer, other))
    ).status_code == 404
    valid = await client.post("/fhir/AuditEvent/$validate", json={**event, "id": "x"}, headers=bench_headers(issuer))
    assert valid.json()["issue"][0]["diagnostics"] == "All OK", valid.text


def bench_headers(issuer: TestIssuer) -> dict[str, str]:
    return issuer.headers("system", scope="system/*.cruds fvm/everything", audience=[record.PATH])


async def test_a_reviewer_searches_audit_events_by_agent_type_and_time(
    engine: Engine, region: Region, client: httpx2.AsyncClient, reviewer: dict[str, str]
) -> None:
    """LOG-14, LOG-15."""
    patient = await a_person(region)
    agent = Caller("SE0000000001-P55", "staff", "journal", "Cia Ceder", commission=WARD)
    await collected(
        engine, await a_read(engine, patient, agent), await a_read(engine, patient, agent, activity="search")
    )

    async def codes(query: str) -> list[str]:
        answer = await client.get(f"/fhir/AuditEvent?{query}", headers=reviewer)
        assert answer.status_code == 200, answer.text
        return [entry["resource"]["subtype"][0]["code"] for entry in answer.json().get("entry", [])]

    agents = "agent:identifier=urn:oid:1.2.752.29.4.19|SE0000000001-P55"
    assert sorted(await codes(agents)) == ["read", "search"]
    assert await codes(f"{agents}&subtype=read&type=rest") == ["read"]
    assert await codes(f"{agents}&action=E") == ["search"]
    assert await codes(f"{agents}&date=lt2020-01-01") == []
    assert len(await codes("_count=1")) == 1
    refused = await client.get("/fhir/AuditEvent?site=x", headers=reviewer)
    assert (refused.status_code, refused.json()["resourceType"]) == (400, "OperationOutcome")


async def test_audit_events_of_others_stay_documents_and_the_log_is_not_written_to(
    engine: Engine, bench: httpx2.AsyncClient, client: httpx2.AsyncClient, reviewer: dict[str, str]
) -> None:
    """LOG-08, D4: who may not read the log meets the stored documents; nobody writes at the face."""
    answer = await bench.get("/AuditEvent")
    assert answer.status_code == 200
    assert not [one for one in answer.json().get("entry", []) if one["resource"]["id"].startswith("log-")]
    for method in ("PUT", "DELETE"):
        refused = await client.request(
            method,
            "/fhir/AuditEvent/log-1-1-1",
            headers=reviewer,
            json={"resourceType": "AuditEvent", "id": "log-1-1-1"},
        )
        assert refused.status_code in (403, 405)


async def test_patterns_open_review_tasks_that_a_manager_closes(
    engine: Engine, region: Region, client: httpx2.AsyncClient, reviewer: dict[str, str]
) -> None:
    """LOG-02, LOG-16: mass look-up, self, surname, deceased, protected, refused again and again."""
    agent = Caller("SE0000000001-P66", "staff", "journal", "Dan Dalunde", commission=WARD)
    name = {"family": "Dalunde", "given": ["Eva"]}
    cousin = await a_person(region, name=[name], deceasedBoolean=True)
    own = await a_person(region, name=[{"family": "Dalunde", "given": ["Dan"]}])
    hidden = await a_person(region, meta={"security": [{"code": "R"}]})
    crowd = [await a_person(region) for _ in range(3)]
    await collected(
        engine,
        *[await a_read(engine, patient, agent) for patient in (cousin, own, hidden, *crowd)],
        *[await a_read(engine, crowd[0], agent, returned=0, withheld=1) for _ in range(5)],
    )
    await _looked(engine)
    await _looked(engine)

    found = (await client.get("/information/log/reviews", headers=reviewer)).json()["reviews"]

    mine = {(one["pattern"], one["patient"]): one for one in found if one["actor"] == agent.subject}
    assert set(mine) == {
        ("surname", cousin), ("deceased", cousin), ("self", own), ("protected", hidden), ("mass", ""), ("denied", ""),
    }  # fmt: skip
    assert (mine["mass", ""]["count"], mine["denied", ""]["count"]) == (6, 5)
    one = mine["self", own]["id"]
    closed = {"justified": False, "note": "Läste sin egen journal"}
    assert (await client.post(f"/information/log/reviews/{one}", json=closed, headers=reviewer)).status_code == 200
    assert (await client.post(f"/information/log/reviews/{one}", json=closed, headers=reviewer)).status_code == 404
    done = (await client.get("/information/log/reviews?state=not-justified", headers=reviewer)).json()["reviews"]
    assert [(task["id"], task["closed_by"]) for task in done] == [(one, "SE0000000001-P9")]


async def _looked(engine: Engine) -> None:
    """The loop's look, as if it came a minute later."""
    await engine.db.pool.execute("alter table log_batch disable trigger user")
    await engine.db.pool.execute("update log_batch set heard = heard - interval '1 minute'")
    await engine.db.pool.execute("alter table log_batch enable trigger user")
    await Patterns(engine, 5).once()
