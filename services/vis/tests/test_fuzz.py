"""Nothing a client can send makes the server fail: searches and bodies made up by Hypothesis get an answer below 500."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhircore.params import params_of

FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
TYPES = ("Patient", "Observation", "Encounter", "Condition", "RiskAssessment", "Account", "ValueSet")
CONTROLS = ["_sort", "_count", "_include", "_revinclude", "_total", "_summary", "_elements", "_cursor", "_format", "_id",
            "_lastUpdated", "_has:Observation:patient:code", "_type", "subject.name", "patient.identifier", "subject:Patient"]  # fmt: skip
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
MODIFIERS = [
    "",
    ":not",
    ":exact",
    ":contains",
    ":missing",
    ":identifier",
    ":text",
    ":in",
    ":of-type",
    ":Patient",
    ":iterate",
]

dates = st.sampled_from(
    ["0001", "1900-01-01", "2026-02", "9999-12-31", "2026-01-01T00:00:00Z", "9999", "0001-01-01T00:00:00+14:00"]
)
numbers = st.one_of(
    st.integers().map(str), st.floats().map(str), st.sampled_from(["1e999", "-1e-999", "0.0", "1e308", "9" * 40])
)
texts = st.text(max_size=20)
words = st.sampled_from(["true", "|", "a|b", "|b", "a|", "Patient/1", "http://x/Patient/1", "urn:x", "*", "Observation:subject",
                         "-date", "name", "a,b", "\\,", "$", "5|http://unitsofmeasure.org|kg", "5||kg", "count"])  # fmt: skip
values = st.one_of(texts, words, st.builds(str.__add__, st.sampled_from(PREFIXES), st.one_of(dates, numbers)))


@st.composite
def searches(draw: Any) -> str:
    type_name = draw(st.sampled_from(TYPES))
    known = sorted(params_of(type_name))
    pairs = []
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.one_of(st.sampled_from(known), st.sampled_from(CONTROLS), texts)) + draw(
            st.sampled_from(MODIFIERS)
        )
        pairs.append(f"{quote(name, safe=':.')}={quote(draw(values), safe='')}")
    return f"/{type_name}?" + "&".join(pairs)


def answered(answers: list[httpx2.Response]) -> None:
    for answer in answers:
        assert answer.status_code < 500, (str(answer.request.url), answer.text[:300])
        json.loads(answer.content)


async def test_searches_are_answered(bench: httpx2.AsyncClient, ward: Any) -> None:
    await ward.observation(await ward.patient(name=[{"family": "x"}], birthDate="2000"))
    made: list[str] = []

    @FUZZ
    @given(searches())
    def collect(search: str) -> None:
        made.append(search)

    collect()
    gate = asyncio.Semaphore(6)

    async def ask(search: str) -> httpx2.Response:
        async with gate:
            return await bench.get(search)

    answered(await asyncio.gather(*map(ask, made)))


async def test_every_parameter_takes_or_refuses_every_prefix_and_modifier(bench: httpx2.AsyncClient, ward: Any) -> None:
    await ward.observation(await ward.patient())
    found = []
    for type_name in ("Patient", "Observation"):
        for name in params_of(type_name):
            found += [f"/{type_name}?{name}{modifier}=x" for modifier in MODIFIERS]
            found += [f"/{type_name}?{name}={prefix}2020-01" for prefix in PREFIXES]
            found += [f"/{type_name}?{name}={prefix}5.4" for prefix in PREFIXES]
            found += [f"/{type_name}?_sort={name}", f"/{type_name}?_sort=-{name}&_count=1"]
    gate = asyncio.Semaphore(6)

    async def ask(search: str) -> httpx2.Response:
        async with gate:
            return await bench.get(search)

    answered(await asyncio.gather(*map(ask, found)))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
elements = st.sampled_from(
    ["id", "meta", "name", "identifier", "birthDate", "active", "gender", "contained", "extension", "link", "text", "deceasedDateTime",
     "subject", "code", "effectivePeriod", "valueQuantity", "status", "component", "performer", "telecom", "address"]
)  # fmt: skip
SAMPLES: list[Any] = [
    [{"family": "x\u0301" * 5}], {"reference": "Patient/"}, {"reference": "Patient?identifier=\"x\\"}, {"reference": "#"},
    {"start": "9999", "end": "0001"}, {"start": "0001-01-01"}, {"value": 1e308, "comparator": "<"}, {"value": -0.0},
    [{"system": "urn:oid:1.2.752.129.2.1.3.1", "value": "\u0661\u0662"}], [{"system": "", "value": " "}], "9999-12-31T23:59:60Z",
    {"coding": [{"code": "|"}, {"system": "|", "code": ","}]}, [{"value": "\ufeff\u202e"}], "2026-02-30", {"identifier": {"value": "x"}},
]  # fmt: skip
FITTING = st.fixed_dictionaries(
    {},
    optional={
        "identifier": st.just([{"system": "urn:oid:1.2.752.129.2.1.3.1", "value": "\u0661\u0662"}])
        | st.just([{"system": "urn:x"}]),
        "name": st.builds(
            lambda text: [{"family": "x" + text + "x"}], st.text(st.characters(min_codepoint=32, codec="utf-8"))
        ),
        "birthDate": st.sampled_from(["0001", "9999-12-31", "2026-02"]),
        "deceasedDateTime": st.sampled_from(["9999-12-31T23:59:60Z", "0001-01-01T00:00:00+14:00"]),
        "telecom": st.just([{"value": "\ufeff\u202e"}]),
        "address": st.just([{"city": "\u0301\u0301", "period": {"start": "2026", "end": "9999"}}]),
    },
)


async def test_bodies_are_answered_and_what_is_taken_can_be_read_back(bench: httpx2.AsyncClient) -> None:
    made: list[dict[str, Any]] = []

    @FUZZ
    @given(
        st.sampled_from(["Patient", "Observation"]),
        FITTING | st.dictionaries(elements | st.text(max_size=8), st.sampled_from(SAMPLES) | plain, max_size=4),
    )
    def collect(type_name: str, body: dict[str, Any]) -> None:
        base = {"status": "final", "code": {"text": "x"}} if type_name == "Observation" else {}
        made.append({"resourceType": type_name, **base, **body})

    collect()
    taken = 0
    for body in made:
        body["resourceType"] = body["resourceType"] if isinstance(body["resourceType"], str) else "Patient"
        content = json.dumps(body).encode()
        headers = {"content-type": "application/fhir+json"}
        answers = [
            await bench.post(
                f"/{body['resourceType'] if body['resourceType'].isalpha() else 'Patient'}",
                content=content,
                headers=headers,
            )
        ]
        bundle = (
            b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":'
            + content
            + b',"request":{"method":"POST","url":"Patient"}}]}'
        )
        answers.append(await bench.post("", content=bundle, headers=headers))
        answered(answers)
        if answers[0].status_code == 201:
            taken += 1
            back = (await bench.get(f"/{body['resourceType']}/{answers[0].json()['id']}")).json()
            assert {k: v for k, v in back.items() if k not in ("id", "meta")} == {
                k: v for k, v in body.items() if k not in ("id", "meta")
            }
    assert taken > 5


async def test_headers_and_addresses_made_up_are_answered(bench: httpx2.AsyncClient, ward: Any) -> None:
    id = await ward.patient()
    odd = [
        "",
        "*",
        "W/",
        '"',
        'W/"-1"',
        'W/"99999999999"',
        "a" * 5000,
        "identifier=",
        "?",
        "=",
        "&&",
        "\xe5",
        "identifier=%FF",
        "%00",
        "a=\tb",
    ]
    for value in odd:
        for name in (
            "if-match",
            "if-none-match",
            "if-none-exist",
            "prefer",
            "fvm-patient",
            "idempotency-key",
            "content-type",
        ):
            headers = {name: value.encode("latin-1")}
            body = {"resourceType": "Patient", "id": id}
            answers = [
                await bench.get(f"/Patient/{id}", headers=headers),
                await bench.put(f"/Patient/{id}", json=body, headers=headers),
                await bench.post("/Patient", json={"resourceType": "Patient"}, headers=headers),
                await bench.get("/Patient?_id=x", headers=headers),
            ]
            for answer in answers:
                assert answer.status_code < 500, (name, value, answer.text[:300])
