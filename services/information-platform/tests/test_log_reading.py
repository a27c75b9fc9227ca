"""The region's access log as patients and reviewers read it, and the patterns in it (sweden.md §4.5)."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from fhirserver.door import FhirDoor
from fhirserver.engine import Engine
from information_platform import record
from information_platform.log import api
from information_platform.log.checking import Checks
from information_platform.log.patterns import Patterns
from information_platform.log.reporting import Reports
from information_platform.log.testing import (
    DOCTOR,
    ELSEWHERE,
    NORR,
    REVIEW,
    WARD,
    a_person,
    a_read,
    collected,
    hears,
    tells,
)
from information_platform.testing import Region
from kit.caller import Caller, Commission
from kit.telemetry import TraceContext
from kit.testing import TestIssuer
from kit.web import new_app

BASE = "http://localhost:8080"


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
    logged = await engine.db.pool.fetch("select actor, args from access_log where activity = 'review'")
    assert [tuple(row) for row in logged] == [("SE0000000001-P9", "not-justified")]


async def test_log_02_each_month_a_few_accesses_of_each_unit_are_drawn_for_review(
    engine: Engine, region: Region, client: httpx2.AsyncClient, reviewer: dict[str, str]
) -> None:
    patients = [await a_person(region) for _ in range(4)]
    ward = replace(WARD, unit="SE0000000001-N78")
    nurse, robot = replace(DOCTOR, commission=ward), Caller("robot", "system", "robot", commission=ward)
    await collected(
        engine,
        *[await a_read(engine, patient, nurse) for patient in patients],
        *[await a_read(engine, patient, robot) for patient in patients],
    )
    checks = Checks(engine, 3)
    at = datetime.now(UTC)
    later = (at.replace(day=1) + timedelta(days=33)).replace(day=3)

    assert await checks.once(later) >= 3
    assert await checks.once(later) == 0  # once a month
    found = (await client.get("/information/log/reviews?count=1000", headers=reviewer)).json()["reviews"]
    drawn = [one for one in found if one["pattern"] == "random"]
    mine = [one for one in drawn if one["unit"] == ward.unit]
    assert len(mine) == 3
    assert "robot" not in {one["actor"] for one in drawn}
    assert all(one["patient"] for one in mine)
    closed = {"justified": True, "note": "Var i vården av patienten"}
    by = mine[0]["id"]
    assert (await client.post(f"/information/log/reviews/{by}", json=closed, headers=reviewer)).status_code == 200
    (month,) = (await client.get("/information/log/checks", headers=reviewer)).json()["checks"]
    assert (month["month"], month["justified"], month["not_justified"]) == (f"{at:%Y-%m}", 1, 0)
    assert month["drawn"] == month["open"] + 1


async def _looked(engine: Engine) -> None:
    """The loop's look, as if it came a minute later."""
    await engine.db.pool.execute("alter table log_batch disable trigger user")
    await engine.db.pool.execute("update log_batch set heard = heard - interval '1 minute'")
    await engine.db.pool.execute("alter table log_batch enable trigger user")
    await Patterns(engine, 5).once()
