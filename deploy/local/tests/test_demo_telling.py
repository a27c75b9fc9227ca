"""How the demo region is told: the laboratory's messages, events of home care, and the doors themselves."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fvm import demo as package
from fvm.demo import doors as doors_module
from fvm.demo import laboratory, loading
from fvm.demo.doors import Doors
from fvm.demo.generate import Region, region
from fvm.settings import Settings
from fvm.trouble import Trouble
from integration_platform.hl7v2.message import Message
from integration_platform.testing import an_origin
from integration_platform.translate import fhir, hl7v2
from integration_platform.translate.model import Put

_REFERENCE = r'"reference": "([A-Z][A-Za-z]+/[^"]+)"'
_REGISTERS = ("Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService")  # told first of all
NOW = datetime(2026, 11, 26, 14, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def demo() -> Region:
    return region(NOW)


def test_every_laboratory_answer_is_understood_by_the_integration_platform(demo: Region) -> None:
    for chart in demo.charts:
        for answer in chart.answers:
            message = Message(laboratory.message(chart.person, answer, NOW).encode())
            said = hl7v2.translate(message, an_origin())
            told = [entry.resource for entry in said.entries if isinstance(entry, Put)]
            patient, report, *values = told
            assert patient["identifier"][0]["value"] == chart.person.patient["identifier"][0]["value"]
            assert report["status"] == "final"
            assert len(values) == len(answer.values)
            for one, value in zip(values, answer.values.values(), strict=True):
                assert float(one["valueQuantity"]["value"]) == pytest.approx(value, abs=0.5)
                assert one["valueQuantity"]["system"] == "http://unitsofmeasure.org"
                assert one["referenceRange"][0]["text"]


def test_the_same_answer_told_twice_has_the_same_numbers(demo: Region) -> None:
    [chart, *_] = [chart for chart in demo.charts if chart.answers]

    first, second = (laboratory.message(chart.person, chart.answers[0], NOW) for _ in range(2))
    assert first == second


def test_every_event_of_home_care_is_taken_and_names_the_person_by_number_only(demo: Region) -> None:
    for chart in demo.charts:
        if chart.home_values:
            event = loading.home_event(chart)
            said = fhir.translate(json.dumps(event["data"]).encode(), an_origin())
            assert fhir.types_of(said) == {"Patient", "Observation"}
            assert chart.person.id not in json.dumps(event)


# What VIS answers a referral with: where the receiver's copy is.
_COPY = {"url": "order", "valueReference": {"reference": "ServiceRequest/copy"}}
_ORDERED = {"extension": [{"url": "urn:fvm:referral", "extension": [_COPY]}]}


class Gate(BaseHTTPRequestHandler):
    """A gateway that answers what it is told to, and remembers what it was asked."""

    asked: ClassVar[list[tuple[str, str, dict[str, str], Any]]] = []
    answers: ClassVar[dict[str, list[int]]] = {}

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
        waiting = self.answers.get(self.path.partition("?")[0], [])
        status = waiting.pop(0) if waiting else 201 if self.path == "/exchange/senders" else 200
        issue = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "no such luck"}]}
        said = issue if status >= 400 else {"results": [{"status": 202}], "entry": [{"resource": _ORDERED}]}
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    Gate.asked, Gate.answers = [], {}
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(doors_module.people, "token", lambda settings, who, hours, commission: f"{who}|{commission}")
    made = Doors(Settings(Path("/nowhere"), gateway_port=server.server_address[1]))
    try:
        yield made
    finally:
        made.close()
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_whole_region_is_told_in_an_order_that_can_be_taken_up_again(
    gate: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    monkeypatch.setattr(gate, "hl7", lambda given: len(messages) or messages.extend(given) or len(messages))
    said: list[str] = []

    loading.load(gate, said.append)

    written = [one for one in Gate.asked if one[1] == "/vis/fhir"]
    registers, *others = written
    charts = [one for one in others if "FVM-Patient" in one[2]]
    times = [entry["resource"] for one in others if one not in charts for entry in one[3]["entry"]]
    assert {one["resourceType"] for one in times} == {"HealthcareService", "Schedule", "Slot"}
    last = [entry["resource"] for entry in charts[-1][3]["entry"]]
    patients = [
        entry["resource"]
        for one in charts
        for entry in one[3]["entry"]
        if entry["resource"]["resourceType"] == "Patient"
    ]
    assert registers[2]["Authorization"] == "Bearer bench|None"
    assert len(patients) == 200
    assert any(one["subject"]["reference"] == f"Patient/{patients[-1]['id']}" for one in last if "subject" in one)
    assert len(messages) == 36
    acts = [one for one in Gate.asked if one[1].startswith("/information/access/")]
    assert (acts[0][0], acts[0][3]["sharing"][0]) == ("PUT", "SE0000000001-0001")
    assert {one[1].rpartition("/")[2] for one in acts[1:]} == {"guardians", "mandates", "blocks", "consents"}
    assert len({one[3]["id"] for one in acts[1:]}) == len(acts) - 1
    for _, _, headers, bundle in charts:  # one patient, one author
        about = {
            one["resource"].get("subject", one["resource"].get("patient", {})).get("reference")
            for one in bundle["entry"]
        } - {None}
        assert about <= {f"Patient/{headers['FVM-Patient']}"}
        assert headers["Authorization"].startswith("Bearer SE000000000")
    assert "200 people" in said[0]
    assert "36 laboratory answers" in said[-1]


def test_what_one_author_refers_to_of_another_s_is_told_before(demo: Region) -> None:
    for chart in demo.charts:
        there = {f"Patient/{chart.person.id}"}
        for _, facts in loading._by_author(chart):
            there |= {f"{fact.resource['resourceType']}/{fact.resource['id']}" for fact in facts}
            named = {target for fact in facts for target in re.findall(_REFERENCE, json.dumps(fact.resource))}
            assert {target for target in named if target.partition("/")[0] not in _REGISTERS} <= there


def test_the_demo_stops_between_two_patients_when_it_is_not_wanted(gate: Doors) -> None:
    with pytest.raises(loading.Interrupted):
        loading.load(gate, lambda line: None, stopping=lambda: True)

    assert sum(one[1] == "/vis/fhir" for one in Gate.asked) < 200


def test_a_door_that_is_away_for_a_moment_is_asked_again_and_a_refusal_is_said_in_its_own_words(gate: Doors) -> None:
    Gate.answers = {"/vis/fhir": [503, 429, 200], "/fhir/Patient/x": [422]}

    gate.transaction([{"resourceType": "Location", "id": "b"}], "token")
    with pytest.raises(Trouble, match=r"/fhir/Patient/x: no such luck"):
        gate.ask("GET", "/fhir/Patient/x?_id=secret", "token")

    assert [one[1] for one in Gate.asked] == ["/vis/fhir"] * 3 + ["/fhir/Patient/x?_id=secret"]


def test_messages_over_mllp_are_counted_and_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    answers = [b"\x0bMSH|x\rMSA|AA|1\r\x1c\r\x0bMSH|x\rMSA|AA|2\r\x1c\r", b"\x0bMSH|x\rMSA|AR|3|no\r\x1c\r"]

    def serve() -> None:
        for answer in answers:
            line, _ = listener.accept()
            with line:
                line.recv(65536)
                line.sendall(answer)
                line.recv(65536)

    thread = threading.Thread(target=serve)
    thread.start()
    doors = Doors(Settings(Path("/nowhere"), mllp_port=port))

    assert doors.hl7(["MSH|1", "MSH|2"]) == 2
    with pytest.raises(Trouble, match=r"AR\|3\|no"):
        doors.hl7(["MSH|3"])
    thread.join()
    listener.close()
    with pytest.raises(Trouble, match=f"does not answer at port {port}"):
        doors.hl7(["MSH|4"])


def test_a_production_region_gets_no_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def never(*_: Any) -> None:
        pytest.fail("a door was opened")

    monkeypatch.setattr(doors_module, "Doors", never)
    package.introduce(Settings(tmp_path, mode="production"), never)
    monkeypatch.setenv("FVM_DEMO", "no")
    package.introduce(Settings(tmp_path), never)


def test_a_region_that_cannot_take_the_demo_runs_on_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FVM_DEMO", raising=False)
    said: list[str] = []

    package.introduce(Settings(tmp_path), said.append)

    assert len(said) == 1
    assert said[0].startswith("the demo region is not whole: No region is running")
