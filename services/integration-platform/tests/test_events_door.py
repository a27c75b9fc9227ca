"""Events over HTTP are kept before the answer, answered with a receipt or a coded problem, and told to the region."""

from typing import Any

import msgspec
import pytest

PNR = "http://electronichealth.se/identifier/personnummer"
PATIENT = {
    "resourceType": "Patient", "id": "p1", "identifier": [{"system": PNR, "value": "191212121212"}],
    "name": [{"family": "Tolvansson"}],
}  # fmt: skip
OBSERVATION = {
    "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "P-Kalium"},
    "subject": {"reference": "Patient/p1"},
}  # fmt: skip
BUNDLE = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}, {"resource": OBSERVATION}]}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


def an_event(data: Any = BUNDLE, **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": "e1", "source": "/lab", "type": "org.example.result",
        "datacontenttype": "application/fhir+json", "data": data, **attributes,
    }  # fmt: skip


def as_json(value: Any) -> bytes:
    return msgspec.json.encode(value)


async def post(exchange: Any, content: bytes, headers: dict[str, str], **token: Any) -> Any:
    async with exchange.client(**token) as client:
        return await client.post("/exchange/events", content=content, headers=headers)


async def entries(exchange: Any) -> list[dict[str, Any]]:
    await exchange.translate()
    return [entry for _, record in await exchange.told() for entry in record["entries"]]


async def test_a_bundle_is_kept_answered_with_a_receipt_and_told(exchange: Any) -> None:
    answer = await post(exchange, as_json(an_event()), STRUCTURED)

    assert answer.status_code == 202, answer.text
    receipt = answer.json()["receipt"]
    assert answer.headers["location"] == f"http://fvm.test/exchange/receipts/{receipt}"
    patient, observation = await entries(exchange)
    assert observation["resource"]["subject"]["reference"] == f"Patient/{patient['id']}"
    assert patient["id"] != "p1"
    assert observation["label"]["provider"] == "SE0000000001-0001"
    async with exchange.client() as client:
        found = (await client.get(answer.headers["location"].removeprefix("http://fvm.test"))).json()
    assert (found["state"], found["resources"]) == ("translated", {"Patient": 1, "Observation": 1})


async def test_binary_mode_is_understood_and_decimals_keep_their_digits(exchange: Any) -> None:
    body = as_json({**OBSERVATION, "valueQuantity": {"value": 1}}).replace(b'"value":1}', b'"value":5.60}')
    headers = {
        "content-type": "application/fhir+json", "ce-specversion": "1.0", "ce-id": "e%20\u0031", "ce-source": "/lab",
        "ce-type": "t",
    }  # fmt: skip
    answer = await post(exchange, body, headers)
    assert answer.status_code == 202, answer.text
    [message] = await exchange.messages()
    assert message["control_id"] == "e 1"
    await exchange.translate()
    import zstandard

    [row] = await exchange.db.pool.fetch("select value from outbox")
    assert b'"value":5.60}' in zstandard.ZstdDecompressor().decompress(row["value"][1:], 1 << 20)


async def test_each_event_of_a_batch_has_its_own_outcome(exchange: Any) -> None:
    batch = [an_event(), an_event({"resourceType": "Nonsense"}, id="e2"), {"id": "e3"}, an_event(PATIENT, id="e4")]
    answer = await post(exchange, as_json(batch), BATCH)

    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [202, 422, 400, 202]
    assert results[1]["problem"]["type"] == "/problems/exchange/not-fhir"
    assert len({result["receipt"] for result in results}) == 4
    assert len(await exchange.messages(state="parked")) == 2


async def test_an_event_sent_again_is_stored_once(exchange: Any) -> None:
    first = await post(exchange, as_json(an_event()), STRUCTURED)
    again = await post(exchange, as_json(an_event()), STRUCTURED)
    assert first.json()["receipt"] == again.json()["receipt"]
    assert (first.json()["repeated"], again.json()["repeated"]) == (False, True)
    other = await post(exchange, as_json(an_event(PATIENT)), STRUCTURED)
    assert other.json()["receipt"] != first.json()["receipt"]
    assert (await exchange.messages())[0]["changed"] is True


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", STRUCTURED, 400, "exchange/unreadable-event"),
        (b"[1]", STRUCTURED, 400, "exchange/unreadable-event"),
        (b"{}", BATCH, 400, "exchange/unreadable-event"),
        (as_json({**an_event(), "specversion": "0.3"}), STRUCTURED, 400, "exchange/unreadable-event"),
        (as_json({**an_event(), "id": ""}), STRUCTURED, 400, "exchange/unreadable-event"),
        (as_json({**an_event(), "id": 7}), STRUCTURED, 400, "exchange/unreadable-event"),
        (as_json({k: v for k, v in an_event().items() if k != "data"}), STRUCTURED, 400, "exchange/unreadable-event"),
        (as_json(an_event("text")), STRUCTURED, 422, "exchange/not-fhir"),
        (as_json(an_event({"resourceType": "Patient", "gender": 7})), STRUCTURED, 422, "exchange/not-fhir"),
        (as_json(an_event({"resourceType": "ValueSet", "status": "active"})), STRUCTURED, 422, "exchange/wrong-door"),
        (as_json(an_event({"resourceType": "Bundle", "type": "batch"})), STRUCTURED, 422, "exchange/not-fhir"),
        (as_json(an_event()).replace(b'"final"', b"[" * 5000 + b"]" * 5000), STRUCTURED, 400, "exchange/unreadable-event"),
        (as_json(an_event()).replace(b'"final"', b"[" * 500 + b"]" * 500), STRUCTURED, 422, "exchange/not-fhir"),
        (b"{}", {"content-type": "application/json", "ce-specversion": "1.0"}, 400, "exchange/unreadable-event"),
        (b"\xff", {"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "1", "ce-type": "t",
                   "ce-source": "s"}, 400, "exchange/unreadable-event"),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_gets_a_coded_problem_and_is_kept(
    exchange: Any, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await post(exchange, content, headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")
    [kept] = await exchange.messages(state="parked")
    assert kept["code"] == code
    assert await exchange.translate() == 0


async def test_another_media_type_is_refused(exchange: Any) -> None:
    answer = await post(exchange, b"<xml/>", {"content-type": "application/xml"})
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/exchange/unsupported-media-type")


async def test_only_systems_with_a_token_send(exchange: Any) -> None:
    assert (await post(exchange, as_json(an_event()), {**STRUCTURED, "authorization": "Bearer x"})).status_code == 401
    assert (await post(exchange, as_json(an_event()), STRUCTURED, kind="staff")).status_code == 403
    assert await exchange.messages() == []


async def test_a_token_that_may_not_write_a_type_is_refused_and_the_event_kept(exchange: Any) -> None:
    answer = await post(exchange, as_json(an_event()), STRUCTURED, scope="system/Patient.cruds")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/exchange/not-allowed")
    assert "Observation" in answer.json()["detail"]
    assert len(await exchange.messages(state="parked")) == 1


async def test_an_unregistered_client_is_refused_in_production_and_its_event_kept(production: Any) -> None:
    answer = await post(production, as_json(an_event()), STRUCTURED, client_id="stranger")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/exchange/unregistered-sender")
    [kept] = await production.messages()
    assert (kept["code"], kept["came_from"]) == ("exchange/unregistered-sender", "stranger")


async def test_a_sender_sees_its_own_receipts_only(production: Any) -> None:
    async with production.client() as operator:
        for name in ("lab", "ris"):
            body = {"id": name, "name": name, "unit": "U", "unit_name": "U", "provider": "P", "provider_name": "P",
                    "client": f"{name}-client"}  # fmt: skip
            assert (await operator.post("/exchange/senders", json=body)).status_code == 201
    await production.parts.register.refresh()
    token = {"client_id": "lab-client", "scope": "system/*.cu"}
    receipt = (await post(production, as_json(an_event()), STRUCTURED, **token)).json()["receipt"]

    async with production.client(**token) as own:
        assert (await own.get(f"/exchange/receipts/{receipt}")).status_code == 200
        assert (await own.get("/exchange/messages")).status_code == 403
    async with production.client(client_id="ris-client", scope="system/*.cu") as other:
        assert (await other.get(f"/exchange/receipts/{receipt}")).status_code == 404
    async with production.client(kind="staff") as nurse:
        assert (await nurse.get(f"/exchange/receipts/{receipt}")).status_code == 403


async def test_a_bundle_about_several_persons_is_one_event_per_person(exchange: Any) -> None:
    other = {**PATIENT, "id": "p2", "identifier": [{"system": PNR, "value": "199002222397"}]}
    theirs = {**OBSERVATION, "id": "o2", "subject": {"reference": "Patient/p2"}}
    place = {"resourceType": "Organization", "id": "org", "name": "Lab"}
    bundle = {**BUNDLE, "entry": [{"resource": one} for one in (OBSERVATION, theirs, PATIENT, other, place)]}
    await post(exchange, as_json(an_event(bundle)), STRUCTURED)
    await exchange.translate()
    told = await exchange.told()
    kinds = [[entry["type"] for entry in record["entries"]] for _, record in told]
    assert kinds == [["Patient", "Observation"], ["Patient", "Observation"], ["Organization"]]
    assert len({row["key"] for row, _ in told}) == 3
    assert len({record["transaction"] for _, record in told}) == 1


async def test_references_within_and_beyond_the_bundle_become_ours(exchange: Any) -> None:
    urn = "urn:uuid:4f1c0c5e-6a0e-4b52-9b1c-3f0a7d2c8e41"
    bundle = {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [
            {"fullUrl": urn, "resource": {**PATIENT, "id": None}, "request": {"method": "POST", "url": "Patient"}},
            {"resource": {**OBSERVATION, "subject": {"reference": urn}, "encounter": {"reference": "Encounter/v1"}}},
            {"request": {"method": "DELETE", "url": "Observation/o1"}},
        ],
    }  # fmt: skip
    bundle["entry"][0]["resource"].pop("id")  # type: ignore[index]
    await post(exchange, as_json(an_event(bundle)), STRUCTURED)
    found = await entries(exchange)
    patient, observation = found[0], found[1]
    assert observation["resource"]["subject"]["reference"] == f"Patient/{patient['id']}"
    assert observation["resource"]["encounter"]["reference"] not in ("Encounter/v1", "")
    assert (found[2]["op"], found[2]["id"]) == ("delete", observation["id"])


async def test_a_person_named_by_identifier_alone_comes_with_a_patient(exchange: Any) -> None:
    subject = {"type": "Patient", "identifier": {"system": PNR, "value": "19121212-1212"}}
    await post(exchange, as_json(an_event({**OBSERVATION, "subject": subject})), STRUCTURED)
    conditional = {"reference": f"Patient?identifier={PNR}|191212121212"}
    await post(exchange, as_json(an_event({**OBSERVATION, "subject": conditional}, id="e2")), STRUCTURED)
    first, one, second, two = await entries(exchange)
    assert first["resource"]["identifier"] == [{"system": PNR, "value": "191212121212"}]
    assert first["id"] == second["id"]
    assert (
        one["resource"]["subject"]["reference"] == two["resource"]["subject"]["reference"] == f"Patient/{first['id']}"
    )


async def test_a_large_bundle_is_taken(exchange: Any) -> None:
    many = [{"resource": {**OBSERVATION, "id": f"o{nth}"}} for nth in range(3000)]
    answer = await post(exchange, as_json(an_event({**BUNDLE, "entry": [{"resource": PATIENT}, *many]})), STRUCTURED)
    assert answer.status_code == 202, answer.text
    assert len(await entries(exchange)) == 3001


async def test_senders_are_registered_with_a_door_of_their_own(production: Any) -> None:
    body = {"id": "lab", "name": "Lab", "unit": "U", "unit_name": "U", "provider": "P", "provider_name": "P"}
    async with production.client() as operator:
        assert (await operator.post("/exchange/senders", json=body)).status_code == 400
        assert (await operator.post("/exchange/senders", json={**body, "network": "x", "port": 1})).status_code == 400
        assert (await operator.post("/exchange/senders", json={**body, "port": 2575})).status_code == 201
        taken = await operator.post("/exchange/senders", json={**body, "id": "other", "port": 2575})
        assert (taken.status_code, taken.json()["type"]) == (409, "/problems/exchange/sender-taken")
        assert [sender["id"] for sender in (await operator.get("/exchange/senders")).json()] == ["lab"]
        assert (await operator.post("/exchange/senders/nobody/disable")).status_code == 404
    async with production.client(scope="system/*.cu") as system:
        assert (await system.post("/exchange/senders", json={**body, "port": 2576})).status_code == 403


@pytest.mark.parametrize("id", ["x", "-1", "1.5", "²", "9" * 30, "%20"])
async def test_what_is_no_receipt_id_is_no_receipt_and_told_in_our_words(exchange: Any, id: str) -> None:
    async with exchange.client() as client:
        for path in (f"/exchange/receipts/{id}", f"/exchange/messages/{id}"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/exchange/no-such-message")
            assert "parse" not in answer.text


async def test_a_batch_without_events_is_refused_with_the_reason(exchange: Any) -> None:
    answer = await post(exchange, b"[]", BATCH)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/exchange/unreadable-event")
    assert answer.json()["detail"] == "The batch has no events"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("count=x", "count must be a whole number"),
        ("count=1000", "count must be at most 200"),
        ("state=lost", "state must be 'received', 'translated', 'parked' or 'warned'"),
        ("before=99999999999999999999", "before must be below"),
    ],
)
async def test_a_list_that_is_asked_for_wrongly_is_told_in_our_words(exchange: Any, asked: str, told: str) -> None:
    async with exchange.client() as client:
        answer = await client.get(f"/exchange/messages?{asked}")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(told)
