"""The messages and requests that the load suite makes."""

import asyncio
from collections import Counter
from itertools import islice

import pytest
from fvm_load import client, hl7, options, serving, synthea, target
from fvm_load.client import Base
from fvm_load.generator import Load

from fhircore.identifiers import PERSONNUMMER, canonical, is_test_number
from fvm.trouble import Trouble


def test_test_people_have_numbers_that_are_right_and_only_of_the_test_ranges():
    people = hl7.people(300)
    assert len({one.number for one in people}) == 300
    for one in people:
        assert one.number[8:11] in ("238", "239")
        assert canonical(PERSONNUMMER, one.number).value == one.number
        assert is_test_number(PERSONNUMMER, one.number)


def test_a_message_is_framed_and_has_twelve_results():
    first, second = islice(hl7.stream(hl7.people(2), "T"), 2)
    assert first.startswith(b"\x0bMSH|")
    assert first.endswith(b"\r\x1c\r")
    assert first.count(b"\rOBX|") == 12
    assert first.split(b"|")[9] != second.split(b"|")[9], "control ids differ"


def test_a_request_names_its_length_and_its_caller():
    base = Base.of("http://127.0.0.1:8081/vis/fhir/")
    assert base == Base("127.0.0.1", 8081, "/vis/fhir")
    raw = base.request("POST", "/Observation", "token", b"{}", {"FVM-Patient": "1"})
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(
        b"POST /vis/fhir/Observation HTTP/1.1\r\nHost: 127.0.0.1:8081\r\nAuthorization: Bearer token"
    )
    assert b"\r\nContent-Length: 2\r\nFVM-Patient: 1" in head
    assert body == b"{}"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
    ],
)
async def test_answers_are_read_however_they_are_cut(answer: bytes):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in answer:
            writer.write(bytes([byte]))
            await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    base = Base("127.0.0.1", server.sockets[0].getsockname()[1], "")
    async with server:
        got = await client.ask(base, base.request("GET", "/x"))
    assert (got.status, got.body) == (200, b"hello")


def test_new_resources_are_counted_by_type():
    body = b"""{"resourceType":"Bundle","entry":[
        {"response":{"status":"201 Created","location":"http://h/fhir/Patient/1/_history/1"}},
        {"response":{"status":"201 Created","location":"Observation/2/_history/1"}},
        {"response":{"status":"200 OK","location":"Organization/3/_history/1"}}]}"""
    assert synthea.created(body) == {"Patient": 1, "Observation": 1}


def a_load(refused: int) -> Load:
    return Load(1_000, refused, 0, 1.0, None, "wrk")


def test_refusals_get_their_status_from_the_probe_and_a_share_that_does_not_fit_is_told():
    probed = Counter({200: 85, 404: 15})
    assert serving.told(a_load(150), probed) == ({"200": 850, "404": 150}, "")
    assert serving.told(a_load(400), probed)[1] == "refused were 40%, when asked one by one 15%"


def test_only_this_machine_is_measured():
    with pytest.raises(Trouble, match="not this machine"):
        target.find(options.parse(["--vis", "http://example.org/fhir"]))


def test_a_path_that_does_not_exist_and_too_long_a_run_are_refused(capsys: pytest.CaptureFixture[str]):
    for wrong in (["--only", "read,writing"], ["--seconds", "60"]):
        with pytest.raises(SystemExit):
            options.parse(wrong)
    assert "writing is not one of" in capsys.readouterr().err
