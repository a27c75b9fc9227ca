"""Every final result owes one acknowledgement: heard of, asked about, raised once, reopened when corrected, withdrawn with it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from fhirserver.engine import Engine
from kit.db import Database
from kit.events import CloudEvent
from kit.problems import Unavailable
from vis.care.owed import Owed, concerns, heard, task_for, tasks_for
from vis.care.tasks import id_of, moved_id

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
UNIT, PROVIDER = "SE0000000001-N1", "SE0000000001-N"


def a_result(id: str, patient: str = "p1", **more: Any) -> dict[str, Any]:
    known = {"id": id, "patient": patient, "provider": PROVIDER, "unit": UNIT, "version": "1", "status": "final"}
    return {**known, "issued": NOW.isoformat(), "effective": "", "abnormal": False, **more}


def test_a_final_result_raises_a_task_for_the_unit_that_answers_for_it() -> None:
    task = task_for(a_result("r1", abnormal=True), None, NOW)
    assert task is not None
    assert (task["status"], task["priority"], task["owner"]["reference"]) == (
        "requested",
        "urgent",
        f"Organization/{UNIT}",
    )
    assert (task["focus"]["reference"], task["for"]["reference"]) == ("DiagnosticReport/r1", "Patient/p1")
    again = task_for(a_result("r1"), None, NOW + timedelta(hours=1))
    assert again is not None
    assert again["id"] == task["id"]  # whoever raises it, and whenever


def test_what_is_open_stays_and_what_is_acknowledged_comes_back_only_with_another_version() -> None:
    task = task_for(a_result("r1"), None, NOW)
    assert task_for(a_result("r1", version="2"), task, NOW) is None
    done = {**(task or {}), "status": "completed", "input": [{"type": {"text": "version"}, "valueString": "1"}]}
    assert task_for(a_result("r1"), done, NOW) is None
    reopened = task_for(a_result("r1", version="2", status="corrected"), done, NOW)
    assert reopened is not None
    assert (reopened["status"], reopened["statusReason"]["text"]) == ("requested", "Svaret är rättat")


def test_a_result_that_is_withdrawn_takes_its_open_task_with_it() -> None:
    task = task_for(a_result("r1"), None, NOW)
    gone = task_for(a_result("r1", status="entered-in-error"), task, NOW)
    assert (gone or {})["status"] == "cancelled"
    assert task_for(a_result("r1", status="entered-in-error"), None, NOW) is None
    assert task_for(a_result("r1", status="entered-in-error"), {**(task or {}), "status": "completed"}, NOW) is None


def test_an_abnormal_result_is_late_after_a_day_and_others_after_a_week_counted_again_when_it_is_corrected() -> None:
    ends = [
        (task_for(a_result("r1", abnormal=odd), None, NOW) or {})["restriction"]["period"]["end"]
        for odd in (True, False)
    ]
    assert ends == ["2026-11-27T12:00:00+00:00", "2026-12-03T12:00:00+00:00"]
    task = task_for(a_result("r1"), None, NOW - timedelta(days=30))
    done = {**(task or {}), "status": "completed", "input": [{"type": {"text": "version"}, "valueString": "1"}]}
    again = task_for(a_result("r1", version="2"), done, NOW)
    assert (again or {})["restriction"]["period"]["end"] == "2026-12-03T12:00:00+00:00"


def test_what_is_withdrawn_and_then_answered_again_is_owed_again() -> None:
    task = task_for(a_result("r1"), None, NOW)
    gone = task_for(a_result("r1", status="cancelled"), task, NOW)
    back = task_for(a_result("r1", version="3"), gone, NOW)
    assert (back or {})["status"] == "requested"


def test_a_result_that_is_moved_leaves_the_old_patient_and_is_owed_at_the_new_one() -> None:
    first = task_for(a_result("r1"), None, NOW)
    old, new = tasks_for(a_result("r1", "p2"), first, None, NOW)
    assert (old["id"], old["status"], old["for"]["reference"]) == ((first or {})["id"], "cancelled", "Patient/p1")
    assert old["statusReason"]["text"] == "Svaret är flyttat till en annan patient"
    assert "p2" not in str(old)
    assert (new["id"], new["status"]) == (moved_id("result", "DiagnosticReport/r1", "p2"), "requested")
    assert new["for"]["reference"] == "Patient/p2"
    assert tasks_for(a_result("r1", "p2"), old, new, NOW) == []
    done = {**(first or {}), "status": "completed"}
    assert [one["id"] for one in tasks_for(a_result("r1", "p2"), done, None, NOW)] == [new["id"]]
    (again,) = tasks_for(a_result("r1"), old, None, NOW)
    assert (again["id"], again["status"]) == ((first or {})["id"], "requested")


def test_a_patient_with_two_ids_is_one_person_and_nothing_is_moved() -> None:
    first = task_for(a_result("r1"), None, NOW)
    assert tasks_for(a_result("r1", "p1-also"), first, None, NOW, same=lambda one, other: True) == []


@pytest.mark.parametrize("when", ["2026-10-01T08:00:00+02:00", "2019-05-01", "2019"])
def test_history_that_is_taken_in_is_not_waited_for(when: str) -> None:
    old = task_for(a_result("r1", issued=when, effective="2019-05-01"), None, NOW)
    assert old is None


def test_a_result_without_a_time_is_waited_for() -> None:
    assert task_for(a_result("r1", issued="", effective=""), None, NOW) is not None


class Region:
    """Answers what the information platform would of these results."""

    def __init__(self) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        self.away = False

    async def post(self, path: str, body: Any = None, *, bearer: str | None = None) -> Any:
        if self.away:
            raise Unavailable("away")
        assert (path, bearer) == ("/internal/records/results", "own")
        return [self.results[id] for id in body["ids"] if id in self.results]


class Own:
    async def token(self) -> str:
        return "own"


@pytest.fixture
async def region(engine: Engine) -> Region:
    await engine.db.pool.execute("delete from result_heard")
    return Region()


async def hear(db: Database, *ids: str) -> None:
    data = json.dumps({"patients": ["p"], "resources": [{"type": "DiagnosticReport", "id": id} for id in ids]}).encode()
    async with db.transaction() as tx:
        await heard(tx, [CloudEvent("e", "fvm/information", "x", NOW, data, "p")])


async def test_rec_12_a_result_of_the_region_raises_exactly_one_task_here(
    engine: Engine, ward: Any, region: Region, doctor: httpx2.AsyncClient
) -> None:
    patient, owed = await ward.patient(), Owed(engine, region, Own())  # type: ignore[arg-type]
    region.results["hl7-1"] = a_result("hl7-1", patient, issued=datetime.now(UTC).isoformat())
    for _ in range(2):
        await hear(engine.db, "hl7-1", "not-there")
        assert await owed.settle() == 2
    assert await engine.db.pool.fetchval("select count(*) from result_heard") == 0
    found = (await doctor.get(f"/Task?patient={patient}&code=urn:fvm:task|result")).json()["entry"]
    assert [(one["resource"]["status"], one["resource"]["meta"]["versionId"]) for one in found] == [("requested", "1")]
    said = {"resourceType": "Parameters", "parameter": [{"name": "version", "valueString": "1"}]}
    done = await doctor.post("/DiagnosticReport/hl7-1/$acknowledge", json=said, headers={"fvm-patient": patient})
    assert (done.status_code, done.json()["status"]) == (200, "completed")
    region.results["hl7-1"] |= {"version": "2", "status": "corrected"}
    await hear(engine.db, "hl7-1")
    await owed.settle()
    (again,) = (await doctor.get(f"/Task?patient={patient}&code=urn:fvm:task|result")).json()["entry"]
    assert again["resource"]["status"] == "requested"


async def test_the_answer_of_a_laboratory_is_owed_by_the_unit_in_whose_care_the_patient_is(
    engine: Engine, ward: Any, region: Region, doctor: httpx2.AsyncClient
) -> None:
    patient, owed = await ward.patient(), Owed(engine, region, Own())  # type: ignore[arg-type]
    visit = {
        "resourceType": "Encounter", "status": "in-progress", "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"}, "period": {"start": datetime.now(UTC).isoformat()},
    }  # fmt: skip
    await ward.add(visit, doctor, **{"fvm-patient": patient})
    region.results["lab-1"] = a_result("lab-1", patient, unit="SE-LAB", issued="")
    await hear(engine.db, "lab-1")
    await owed.settle()
    (task,) = (await doctor.get(f"/Task?patient={patient}&code=urn:fvm:task|result")).json()["entry"]
    assert task["resource"]["owner"]["reference"] == f"Organization/{UNIT}"


async def test_a_result_that_the_laboratory_moves_is_acknowledged_at_the_patient_it_is_about(
    engine: Engine, ward: Any, region: Region, doctor: httpx2.AsyncClient
) -> None:
    wrong, right = await ward.patient(), await ward.patient()
    owed = Owed(engine, region, Own())  # type: ignore[arg-type]
    for patient in (wrong, right):
        region.results["moved"] = a_result("moved", patient, issued="")
        await hear(engine.db, "moved")
        await owed.settle()

    async def states(patient: str) -> list[str]:
        found = (await doctor.get(f"/Task?patient={patient}&code=urn:fvm:task|result")).json()["entry"]
        return [one["resource"]["status"] for one in found]

    assert (await states(wrong), await states(right)) == (["cancelled"], ["requested"])
    said = {"resourceType": "Parameters", "parameter": [{"name": "version", "valueString": "1"}]}
    address = "/DiagnosticReport/moved/$acknowledge"
    late = await doctor.post(address, json=said, headers={"fvm-patient": wrong})
    assert late.status_code == 409
    done = await doctor.post(address, json=said, headers={"fvm-patient": right})
    assert (done.status_code, done.json()["for"]["reference"]) == (200, f"Patient/{right}")
    assert (await states(wrong), await states(right)) == (["cancelled"], ["completed"])


async def test_one_result_that_cannot_be_settled_is_kept_and_holds_no_other_up(
    engine: Engine, ward: Any, region: Region, doctor: httpx2.AsyncClient
) -> None:
    patient, owed = await ward.patient(), Owed(engine, region, Own())  # type: ignore[arg-type]
    for id in ("spoiled", "whole"):
        region.results[id] = a_result(id, patient, issued="")
    await hear(engine.db, "spoiled")
    await owed.settle()
    await engine.db.pool.execute(  # its task cannot be read any more
        "update res set body = '\\x09' where key = $1",
        engine.keys.of(f"Task/{id_of('result', 'DiagnosticReport/spoiled')}"),
    )
    await hear(engine.db, "spoiled", "whole")
    assert await owed.settle() == 2
    left = await engine.db.pool.fetch("select id, told > now() as later from result_heard")
    assert [tuple(row) for row in left] == [("spoiled", True)]
    assert await owed.settle() == 0  # not before its minute is over
    whole = id_of("result", "DiagnosticReport/whole")
    assert (await doctor.get(f"/Task/{whole}")).json()["status"] == "requested"
    await hear(engine.db, "spoiled")  # told again: looked at again
    assert await owed.settle() == 1


async def test_while_the_region_is_away_what_was_heard_is_kept(engine: Engine, ward: Any, region: Region) -> None:
    patient, owed = await ward.patient(), Owed(engine, region, Own())  # type: ignore[arg-type]
    region.results["hl7-2"], region.away = a_result("hl7-2", patient, issued=""), True
    await hear(engine.db, "hl7-2")
    with pytest.raises(Unavailable):
        await owed.settle()
    assert await engine.db.pool.fetchval("select count(*) from result_heard") == 1
    region.away = False
    assert (await owed.settle(), await owed.settle()) == (1, 0)


def test_changes_of_other_things_are_passed_over() -> None:
    assert not concerns(b'{"patients":["p"],"resources":[{"type":"Observation","id":"1"}]}')
    assert concerns(b'{"patients":["p"],"resources":[{"type":"DiagnosticReport","id":"1"}]}')
