"""REC-04: a correction leaves the wrong text to be seen beside the right one, with when each was written, and by whom."""

from datetime import datetime
from typing import Any

import httpx2

from fhirserver.engine import Engine


async def test_rec_04_the_wrong_text_and_the_correction_both_stay(
    ward: Any, doctor: httpx2.AsyncClient, doctor_elsewhere: httpx2.AsyncClient, engine: Engine
) -> None:
    patient = await ward.patient()
    note = {"resourceType": "Observation", "status": "final", "code": {"text": "Anteckning"}, "valueString": "Höger knä",
            "subject": {"reference": f"Patient/{patient}"}}  # fmt: skip
    context = {"fvm-patient": patient}
    first = await doctor.post("/Observation", json=note, headers=context)
    assert first.status_code == 201, first.text
    id = first.json()["id"]
    right = {**note, "id": id, "status": "corrected", "valueString": "Vänster knä"}
    answer = await doctor.put(f"/Observation/{id}", json=right, headers={**context, "if-match": 'W/"1"'})
    assert answer.status_code == 200, answer.text

    entries = (await doctor.get(f"/Observation/{id}/_history")).json()["entry"]
    texts = [(one["resource"]["valueString"], one["resource"]["status"]) for one in entries]
    assert texts == [("Vänster knä", "corrected"), ("Höger knä", "final")]
    times = [datetime.fromisoformat(one["response"]["lastModified"]) for one in entries]
    assert times[0] > times[1]
    assert (await doctor.get(f"/Observation/{id}/_history/1")).json()["valueString"] == "Höger knä"
    rows = await engine.db.pool.fetch(
        "select activity, actor, at from access_log where $1 = any(patients) and activity in ('create', 'update') order by id",
        engine.keys.of(f"Patient/{patient}"),
    )
    by_staff = [(row["activity"], row["actor"]) for row in rows if row["actor"] == "SE2321000016-person-1"]
    assert by_staff[-2:] == [("create", "SE2321000016-person-1"), ("update", "SE2321000016-person-1")]

    # Nobody makes the wrong text unreadable by deleting: the versions stay, and are read by whoever might before.
    assert (await ward.bench.delete(f"/Observation/{id}")).status_code in (200, 204)
    kept = (await doctor.get(f"/Observation/{id}/_history")).json()["entry"]
    assert [one.get("resource", {}).get("valueString") for one in kept] == [None, "Vänster knä", "Höger knä"]
