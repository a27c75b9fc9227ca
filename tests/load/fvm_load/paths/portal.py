"""The portal as staff wait for it: a chart of a thousand encounters opened, a part of it fetched, a note saved; messages come beside."""

import asyncio
import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from fvm_load import client, hl7, knowing, mllp, signing
from fvm_load.bench import Bench
from fvm_load.client import Base
from fvm_load.rows import Row, left_out
from fvm_load.signing import NoSignIn
from fvm_load.stats import Spread
from fvm_load.tokens import Staff

CHART, PART = "portal: a chart of 1,000 encounters opened", "portal: a further page of its timeline"
SAVE = "portal: a note that is being written saved"
VITALS = "portal: a set of vitals saved"
_PAGES = (  # beside the long chart: key, what it is, below the chart or its own address
    ("portal/medicines", "portal: its medicines", "medicines"),
    ("portal/orders", "portal: its orders and referrals", "orders"),
    ("portal/vitals", "portal: its vitals and NEWS2", "vitals"),
    ("portal/inbox", "portal: the inbox", "/portal/inbox"),
    ("portal/day", "portal: my day", "/portal/"),
)
_WARD, _NURSE = "portal: a ward's board of 18 beds", "therese"
_START, _PATIENT, _PATIENT_ID = "portal: a patient's start", "stina", "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
_ENCOUNTERS, _VALUES = 1_000, 3  # and observations at each
_BUNDLE = 100  # encounters in one transaction
_BESIDE, _RATE = 50, 20.0  # patients of the messages beside, messages per second
_CSRF = re.compile(rb'name="csrf" value="([^"]+)"')
_ROW_HEADERS = {"Accept": "text/html"}
_PART_HEADERS = {"Accept": "text/html", "HX-Request": "true"}


async def run(bench: Bench) -> list[Row]:
    target, staff = bench.target, bench.tokens.staff
    if not (target.gateway and target.vis and target.mllp and staff):
        return [left_out("portal/chart", CHART, bench.tokens.why or "a gateway, VIS, MLLP and staff are needed")]
    bench.tell(CHART)
    door, first = Base.of(target.gateway), staff[0]
    patient = f"portal-{time.time_ns() // 1_000_000}"
    try:
        await _write(bench, Base.of(target.vis), patient, first)
        cookie = await signing.sign_in(door, first.who)
        nurse, own = await signing.sign_in(door, _NURSE), await signing.sign_in(door, _PATIENT)
    except (NoSignIn, OSError, client.NoAnswer) as failed:
        return [left_out("portal/chart", CHART, f"the long chart could not be made: {failed}")]
    await bench.settle()
    beside = asyncio.create_task(_others(bench))
    try:
        page = door.request("GET", f"/portal/patients/{patient}", headers={**_ROW_HEADERS, "Cookie": cookie})
        before = (datetime.now(UTC) - timedelta(days=400)).date().isoformat()
        below = f"/portal/patients/{patient}/timeline?visa=allt&fore={before}"
        part = door.request("GET", below, headers={**_PART_HEADERS, "Cookie": cookie})
        return [
            await _waited(bench, door, page, "portal/chart", CHART),
            await _waited(bench, door, part, "portal/part", PART),
            await _saved(bench, door, patient, cookie),
            *[
                await _waited(bench, door, _get(door, _below(patient, address), cookie), key, path)
                for key, path, address in _PAGES
            ],
            await _measured(bench, door, patient, cookie),
            await _waited(bench, door, _get(door, "/portal/ward", nurse), "portal/ward", _WARD),
            await _waited(bench, door, _get(door, f"/portal/mine/{_PATIENT_ID}", own), "portal/start", _START),
        ]
    finally:
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)


def _below(patient: str, address: str) -> str:
    return address if address.startswith("/") else f"/portal/patients/{patient}/{address}"


def _get(door: Base, address: str, cookie: str) -> bytes:
    return door.request("GET", address, headers={**_ROW_HEADERS, "Cookie": cookie})


async def _measured(bench: Bench, door: Base, patient: str, cookie: str) -> Row:
    """A nurse saves one whole set after the other; each ends in a redirection to the page that shows it."""
    bench.tell(VITALS)
    below, latencies = f"/portal/patients/{patient}/vitals", []
    page = await client.ask(door, _get(door, below, cookie))
    proof = _CSRF.search(page.body)
    if page.status != 200 or proof is None:
        return left_out("portal/measured", VITALS, f"the form was answered {page.status}")
    values = {
        "respirations": "18",
        "spo2": "96",
        "systolic": "128",
        "diastolic": "74",
        "pulse": "82",
        "temperature": "37,1",
    }
    sent = {
        **values,
        "csrf": proof[1].decode(),
        "patient": patient,
        "oxygen": "nej",
        "consciousness": "A",
        "scale": "1",
    }
    headers = {
        "Content-Type": "application/x-www-form-urlencoded", "Origin": await signing.origin(door), "Cookie": cookie,
    }  # fmt: skip
    connection, began = await client.connect(door.host, door.port), time.perf_counter()
    while time.perf_counter() - began < bench.seconds(8.0):
        body = urlencode(sent | {"panel": str(uuid.uuid4())}).encode()
        asked = time.perf_counter()
        answer = await connection.ask(door.request("POST", below, body=body, headers=headers))
        latencies.append(time.perf_counter() - asked)
        if answer.status != 303:
            return left_out("portal/measured", VITALS, f"saving was answered {answer.status}")
    connection.close()
    spread = Spread.of(latencies)
    assert spread is not None
    row = Row("portal/measured", VITALS, "ms", spread.p50, spread, law="staff")
    row.count, row.seconds, row.note = len(latencies), time.perf_counter() - began, f"{_RATE:g} messages/s beside"
    return row


async def _waited(bench: Bench, door: Base, request: bytes, key: str, path: str) -> Row:
    """One reader, one page after the other."""
    bench.tell(path)
    driven = await client.drive(door, [request], 1, bench.seconds(8.0))
    spread = Spread.of(driven.latencies)
    wrong = {status: count for status, count in driven.statuses.items() if status != 200}
    if spread is None or wrong:
        return left_out(key, path, f"answered {wrong or 'nothing'}")
    row = Row(key, path, "ms", spread.p50, spread, law="staff")
    row.count, row.seconds = len(driven.latencies), driven.seconds
    row.note = f"{_RATE:g} messages/s beside"
    return row


async def _saved(bench: Bench, door: Base, patient: str, cookie: str) -> Row:
    """The editor saves by itself, each version from the one before."""
    bench.tell(SAVE)
    below, latencies = f"/portal/patients/{patient}/notes", []
    page = await client.ask(door, door.request("GET", f"{below}/new", headers={**_ROW_HEADERS, "Cookie": cookie}))
    proof = _CSRF.search(page.body)
    if page.status != 200 or proof is None:
        return left_out("portal/save", SAVE, f"the editor was answered {page.status}")
    sent = {
        "csrf": proof[1].decode(),
        "id": str(uuid.uuid4()),
        "patient": patient,
        "title": "Daganteckning",
        "act": "save",
    }
    headers = {
        "Content-Type": "application/x-www-form-urlencoded", "Origin": await signing.origin(door), "Cookie": cookie,
        "HX-Request": "true",
    }  # fmt: skip
    connection = await client.connect(door.host, door.port)
    began, version = time.perf_counter(), "0"
    while time.perf_counter() - began < bench.seconds(8.0):
        words = {"heading": "Bedömning", "text": "Mår bättre än igår. " * (1 + len(latencies) % 40), "version": version}
        request = door.request("POST", f"{below}/save", body=urlencode(sent | words).encode(), headers=headers)
        asked = time.perf_counter()
        answer = await connection.ask(request)
        latencies.append(time.perf_counter() - asked)
        if answer.status != 200:
            return left_out("portal/save", SAVE, f"saving was answered {answer.status}")
        version = answer.json()["version"]
    connection.close()
    spread = Spread.of(latencies)
    assert spread is not None
    row = Row("portal/save", SAVE, "ms", spread.p50, spread, law="staff")
    row.count, row.seconds, row.note = len(latencies), time.perf_counter() - began, f"{_RATE:g} messages/s beside"
    return row


async def _write(bench: Bench, vis: Base, patient: str, staff: Staff) -> None:
    """A patient with a thousand encounters over ten years, written at VIS and known to the staff in both stores. Raises OSError."""
    for number in range(0, _ENCOUNTERS, _BUNDLE):
        entries = [_person(patient)] if number == 0 else []
        for nth in range(number, number + _BUNDLE):
            entries += _visit(patient, nth)
        body = msgspec.json.encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        answer = await client.ask(vis, vis.request("POST", "", bench.tokens.bench, body))
        if answer.status != 200:
            raise OSError(f"VIS answered {answer.status}")
    if not bench.target.databases:
        raise OSError("the staff cannot be made to know the patient without the region's databases")
    await bench.settle()
    await knowing.acquaint(bench.target.databases, [staff], [f"Patient/{patient}"])


def _person(patient: str) -> dict[str, Any]:
    name = [{"family": "Långjournal", "given": ["Test"]}]
    return _put({"resourceType": "Patient", "id": patient, "name": name, "birthDate": "1950-03-04"})


def _visit(patient: str, nth: int) -> list[dict[str, Any]]:
    at = (datetime.now(UTC) - timedelta(days=3.6 * nth)).isoformat(timespec="seconds")
    subject, id = {"reference": f"Patient/{patient}"}, f"{patient}-e{nth}"
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    visit = {"resourceType": "Encounter", "id": id, "status": "finished", "class": kind, "subject": subject}
    made = [_put({**visit, "period": {"start": at, "end": at}})]
    for value in range(_VALUES):
        made.append(
            _put({
                "resourceType": "Observation", "id": f"{id}-{value}", "status": "final", "subject": subject,
                "encounter": {"reference": f"Encounter/{id}"}, "effectiveDateTime": at,
                "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
                "code": {"coding": [{"system": "urn:oid:1.2.752.108.1", "code": ("NPU03230", "NPU18016", "NPU19748")[value]}], "text": ("P-Kalium", "P-Kreatinin", "P-CRP")[value]},
                "valueQuantity": {"value": 4.1 + nth % 7, "unit": "mmol/L"},
            })
        )  # fmt: skip
    return made


def _put(resource: dict[str, Any]) -> dict[str, Any]:
    return {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}


async def _others(bench: Bench) -> None:
    """Laboratory answers about others, evenly spread, until cancelled."""
    assert bench.target.mllp is not None
    messages = hl7.stream(hl7.people(_BESIDE), f"P{time.time_ns() // 1_000_000}")
    while True:
        await mllp.send(bench.target.mllp, iter([next(messages)]), connections=1, window=1, seconds=5)
        await asyncio.sleep(1 / _RATE)
