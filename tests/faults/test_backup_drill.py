"""The drill: a region is saved, goes on, loses all its data, is restored; and what it writes then is the newest everywhere."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fvm import health, ports
from fvm import memory as remembered
from fvm.places import Places

TESTS, ERASED = "test-patient-of-the-drill", "test-patient-to-be-erased"


class Operator:
    """Somebody at the command line of a region of their own."""

    def __init__(self, data: Path) -> None:
        doors = ports.settle({}, ("gateway", "mllp"), set())
        self.data = data
        self.gate = f"http://127.0.0.1:{doors['gateway']}"
        mine = {"FVM_DATA": str(data), "FVM_GATEWAY_PORT": str(doors["gateway"]), "FVM_MLLP_PORT": str(doors["mllp"])}
        theirs = {name: value for name, value in os.environ.items() if not name.startswith("FVM_")}
        self.env = {**theirs, **mine, "FVM_DEMO": "no"}

    def does(self, *arguments: str, rc: int = 0) -> str:
        """`fvm …`; what it said."""
        command = [sys.executable, "-m", "fvm", *arguments]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == rc, (
            f"fvm {' '.join(arguments)}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
        return done.stdout + done.stderr

    def client(self, who: str = "") -> httpx2.Client:
        token = self.does("token", *([who] if who else [])).strip()
        return httpx2.Client(
            base_url=self.gate, headers={"authorization": f"Bearer {token}"}, timeout=20, trust_env=False
        )


@pytest.fixture
def operator() -> Iterator[Operator]:
    folder = Path(tempfile.mkdtemp(prefix="fvm-drill-"))
    folder.chmod(0o711)
    found = Operator(folder / "region")
    try:
        yield found
    finally:
        subprocess.run(
            [sys.executable, "-m", "fvm", "down"], env=found.env, capture_output=True, timeout=120, check=False
        )
        shutil.rmtree(folder, ignore_errors=True)


def destroys(operator: Operator, patient: str) -> None:
    """Two people order the destruction of a record; returns when every copy has followed."""
    order = {"id": str(uuid.uuid4()), "patient": patient, "reason": "Beslut av IVO", "decision": "IVO 1"}
    with operator.client("margareta") as one, operator.client("torsten") as two:
        asked = one.post("/information/erasure/orders", json=order)
        assert asked.status_code == 201, asked.text
        assert two.post(f"/information/erasure/orders/{order['id']}/confirm").status_code == 200
        until = time.monotonic() + 60
        while (found := one.get(f"/information/erasure/orders/{order['id']}").json())["state"] != "done":
            assert time.monotonic() < until, found
            time.sleep(0.5)
    assert "done" in operator.does("erasure", "list")


def put(client: httpx2.Client, name: str, id: str = TESTS) -> int:
    """The patient under this name; its version in VIS."""
    body = {"resourceType": "Patient", "id": id, "name": [{"family": name}]}
    answer = client.put(f"/vis/fhir/Patient/{id}", json=body)
    assert answer.status_code in (200, 201), answer.text
    return int(answer.json()["meta"]["versionId"])


def note(client: httpx2.Client, id: str, text: str) -> int:
    """An observation of that patient; its version in VIS."""
    body = {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "Drill"}, "valueString": text,
            "subject": {"reference": f"Patient/{TESTS}"}}  # fmt: skip
    answer = client.put(f"/vis/fhir/Observation/{id}", json=body)
    assert answer.status_code in (200, 201), answer.text
    return int(answer.json()["meta"]["versionId"])


def says(client: httpx2.Client, id: str, text: str, seconds: float = 20) -> None:
    """Waits until the region's record says so."""
    until = time.monotonic() + seconds
    while True:
        answer = client.get(f"/fhir/Observation/{id}")
        found = answer.json().get("valueString") if answer.status_code == 200 else answer.status_code
        if found == text:
            return
        assert time.monotonic() < until, f"the region's record still says {found!r}, not {text!r}"
        time.sleep(0.1)


def test_a_restored_region_goes_on_and_its_next_word_counts(operator: Operator) -> None:
    began = time.monotonic()
    operator.does("up")
    with operator.client() as client:
        put(client, "Övning")
        put(client, "Förstörd", ERASED)
        assert note(client, "drill-1", "saved") == 1
        says(client, "drill-1", "saved")
        saved = operator.data.parent / "saved"
        assert "The region is saved" in operator.does("backup", str(saved))
        for number in range(2, 5):  # what the backup does not know: versions 2, 3 and 4
            assert note(client, "drill-1", f"after, {number}") == number
        says(client, "drill-1", "after, 4")
    destroys(operator, ERASED)
    with operator.client() as client:
        assert [client.get(f"{door}/Patient/{ERASED}").status_code for door in ("/vis/fhir", "/fhir")] == [410, 410]
    assert (saved.stat().st_mode & 0o777, {path.stat().st_mode & 0o077 for path in saved.rglob("*")}) == (0o700, {0})
    assert "stop it first" in operator.does("restore", str(saved), "--yes", rc=1)
    operator.does("down")

    # The databases of VIS and of all others are gone; Kafka is still there. A damaged backup changes nothing.
    damaged = operator.data.parent / "damaged"
    shutil.copytree(saved, damaged)
    (damaged / "vis.dump").write_bytes(b"PGDMP")
    assert "is damaged (vis.dump)" in operator.does("restore", str(damaged), "--yes", rc=1)
    # REC-06: what was destroyed after the backup is in it, and is destroyed again before anybody is served.
    assert "1 orders of destruction are newer" in operator.does("restore", str(saved), "--yes")
    operator.does("up")
    with operator.client() as client:
        assert [client.get(f"{door}/Patient/{ERASED}").status_code for door in ("/vis/fhir", "/fhir")] == [410, 410]

    with operator.client() as client:
        # The region read again from Kafka what VIS had told and then lost: its version 4 of epoch 1 …
        says(client, "drill-1", "after, 4")
        assert client.get("/vis/fhir/Observation/drill-1").json()["valueString"] == "saved"
        # … and VIS's next word, version 2 of epoch 2, is newer than that.
        assert note(client, "drill-1", "restored, and written again") == 2
        says(client, "drill-1", "restored, and written again")
    told = operator.does("reconcile")
    assert "says what its sources say" in told
    assert epochs(operator) == {2}
    assert time.monotonic() - began < 300


def epochs(operator: Operator) -> set[Any]:
    """What each service tells."""
    memory = remembered.load(Places(operator.data).memory)
    found = set()
    for name in ("vis", "information", "exchange", "application"):
        status, body = health.ask(f"http://127.0.0.1:{memory.ports[name]}/metrics")
        assert (status, body) == (200, None)  # it is no JSON
        text = httpx2.get(f"http://127.0.0.1:{memory.ports[name]}/metrics", trust_env=False).text
        found |= {float(line.split()[1]) for line in text.splitlines() if line.startswith("region_epoch ")}
    return found
