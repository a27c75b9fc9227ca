"""Modifiers: what is missing, to the letter, what a code is called, value sets, hierarchies (http://hl7.org/fhir/R4/search.html#modifiers)."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

LOINC = "http://loinc.org"


def text(value: str) -> str:
    return quote(value, safe="")


async def test_missing_tells_what_has_a_value_from_what_has_none(ward: Any) -> None:
    patient = await ward.patient(gender="male", name=[{"family": "Zsaknas"}])
    bare = await ward.patient(name=[{"given": ["Zsaknas"]}])
    both = f"/Patient?_id={patient},{bare}"
    for name, has in (("gender", [patient]), ("family", [patient]), ("given", [bare]), ("name", [patient, bare])):
        assert sorted(await ward.ids(f"{both}&{name}:missing=false")) == sorted(has), name
        assert sorted(await ward.ids(f"{both}&{name}:missing=true")) == sorted({patient, bare} - set(has)), name
    a = await ward.observation(patient, category=[{"text": "only text"}], valueString="x")
    b = await ward.observation(patient, effectiveDateTime=None, performer=[{"identifier": {"value": "1"}}])
    of = f"/Observation?patient={patient}"
    for name, has in (
        ("date", [a]), ("code", [a, b]), ("subject", [a, b]), ("performer", [b]), ("encounter", []), ("value-string", [a]),
        ("code-value-string", [a]), ("combo-code", [a, b]), ("component-code", []), ("value-quantity", []),
        ("combo-code-value-quantity", []), ("category", [a]),
    ):  # fmt: skip
        assert sorted(await ward.ids(f"{of}&{name}:missing=false")) == sorted(has), name
        assert sorted(await ward.ids(f"{of}&{name}:missing=true")) == sorted({a, b} - set(has)), name
    assert await ward.ids(f"/Patient?_has:Observation:patient:value-string:missing=false&_id={patient}") == [patient]
    assert sorted(await ward.ids(f"{of}&patient.gender:missing=false")) == sorted([a, b])


async def test_missing_follows_an_update(ward: Any) -> None:
    id = await ward.patient(id="zmissing-update", gender="male")
    assert await ward.ids(f"/Patient?_id={id}&birthdate:missing=true") == [id]
    await ward.patient(id=id, birthDate="1990-01-01")
    assert await ward.ids(f"/Patient?_id={id}&birthdate:missing=true") == []
    assert await ward.ids(f"/Patient?_id={id}&gender:missing=true") == [id]


async def test_exact_is_to_the_letter(ward: Any) -> None:
    a = await ward.patient(name=[{"family": "Zexakt"}])
    b = await ward.patient(name=[{"family": "ZEXÄKT"}])
    await ward.patient(name=[{"family": "Zexakt-Berg"}])
    assert await ward.ids("/Patient?family:exact=Zexakt") == [a]
    assert await ward.ids("/Patient?family:exact=" + text("ZEXÄKT")) == [b]
    assert await ward.ids("/Patient?family:exact=zexakt") == []
    assert sorted(await ward.ids("/Patient?family:exact=Zexakt," + text("ZEXÄKT"))) == sorted([a, b])
    assert await ward.ids(f"/Patient?name:exact=Zexakt&_id={a}") == [a]
    long = "Zlång" * 200
    c = await ward.patient(name=[{"family": long}])
    await ward.patient(name=[{"family": long + "x"}])
    assert await ward.ids("/Patient?family:exact=" + text(long)) == [c]


async def test_text_finds_what_a_code_is_called(ward: Any) -> None:
    patient = await ward.patient()
    of = f"/Observation?patient={patient}"
    a = await ward.observation(
        patient, code={"coding": [{"system": LOINC, "code": "zt-1", "display": "Zhemoglobin i blod"}]}
    )
    b = await ward.observation(
        patient, code={"text": "B-Zhemoglobin Östra"}, category=[{"coding": [{"code": "x", "display": "Zlab"}]}]
    )
    assert await ward.ids(f"{of}&code:text=zhemoglobin+i") == [a]
    assert await ward.ids(f"{of}&code:text=blod") == [a]  # a word of it
    assert await ward.ids(f"{of}&code:text=lod") == []
    assert await ward.ids(f"{of}&code:text={text('ÖSTR')}") == [b]
    assert sorted(await ward.ids(f"{of}&code:text=zhemoglobin,b-zhem")) == sorted([a, b])
    assert await ward.ids(f"{of}&category:text=zlab") == [b]
    assert await ward.ids(f"{of}&code:text=zlab") == []
    assert await ward.ids(f"{of}&code:text=%25") == []
    typed = await ward.patient(identifier=[{"value": "zz", "type": {"text": "Zjournalnummer"}}])
    assert await ward.ids("/Patient?identifier:text=zjournal") == [typed]


async def test_of_type_finds_identifiers_by_their_type(ward: Any) -> None:
    kind = {"coding": [{"system": "urn:t", "code": "MR"}]}
    a = await ward.patient(identifier=[{"system": "urn:s", "value": "zot-1", "type": kind}, {"value": "zot-2"}])
    assert await ward.ids("/Patient?identifier:of-type=urn:t|MR|zot-1") == [a]
    for wrong in ("urn:t|MR|zot-2", "urn:t|SS|zot-1", "urn:s|MR|zot-1"):
        assert await ward.ids(f"/Patient?identifier:of-type={wrong}") == [], wrong


async def test_a_whole_system_is_found(ward: Any) -> None:
    patient = await ward.patient(identifier=[{"system": "urn:zwhole", "value": "1"}], gender="female")
    other = await ward.patient(identifier=[{"system": "urn:zother", "value": "1"}])
    both = f"&_id={patient},{other}"
    assert await ward.ids(f"/Patient?identifier=urn:zwhole|{both}") == [patient]
    assert sorted(await ward.ids(f"/Patient?identifier=urn:zwhole|,urn:zother|1{both}")) == sorted([patient, other])
    assert await ward.ids(f"/Patient?gender=http://hl7.org/fhir/administrative-gender|{both}") == [patient]
    a = await ward.observation(patient, category=[{"coding": [{"system": "urn:zcat", "code": "x"}]}])
    of = f"/Observation?patient={patient}"
    assert await ward.ids(f"{of}&code={LOINC}|") == [a]
    assert await ward.ids(f"{of}&category=urn:zcat|") == [a]
    assert await ward.ids(f"{of}&category=urn:zca|") == []
    assert await ward.ids(f"{of}&code:not={LOINC}|") == []


async def test_not_is_the_opposite_of_every_kind_of_token(ward: Any) -> None:
    patient = await ward.patient(identifier=[{"system": "urn:zn", "value": "1"}])
    part = {"code": {"coding": [{"system": LOINC, "code": "zn-2"}]}, "valueQuantity": {"value": 1}}
    a, b = await ward.observation(patient, "zn-1", component=[part]), await ward.observation(patient, "zn-3")
    of = f"/Observation?patient={patient}"
    assert await ward.ids(f"{of}&combo-code:not=zn-1") == [b]
    assert await ward.ids(f"{of}&combo-code:not={LOINC}|zn-2") == [b]
    assert await ward.ids(f"{of}&code:not={LOINC}|zn-1,zn-3") == []
    assert sorted(await ward.ids(f"{of}&category:not=x")) == sorted([a, b])
    assert await ward.ids(f"/Patient?identifier:not=urn:zn|1&_id={patient}") == []
    assert await ward.ids(f"/Patient?identifier:not=urn:zn|2&_id={patient}") == [patient]


@pytest.fixture
async def terminology(ward: Any) -> None:
    """A code system and value sets, written as the engine stores them from the region (VIS takes copies, D18)."""
    concepts = [
        {"code": "zk", "concept": [{"code": "zk1", "concept": [{"code": "zk11"}]}, {"code": "zk2"}]},
        {"code": "zq"},
    ]
    system = {"resourceType": "CodeSystem", "id": "zs", "url": "urn:zs", "status": "active", "content": "complete"}
    sets = {
        "zlist": {"include": [{"system": "urn:zs", "concept": [{"code": "zk1"}, {"code": "zq"}]}],
                  "exclude": [{"system": "urn:zs", "concept": [{"code": "zq"}]}]},
        "zwhole": {"include": [{"system": "urn:zs"}]},
        "zisa": {"include": [{"system": "urn:zs", "filter": [{"property": "concept", "op": "is-a", "value": "zk1"}]}]},
        "zboth": {"include": [{"valueSet": ["urn:vs:zlist"]}, {"system": "urn:zs", "concept": [{"code": "zk2"}]}]},
        "zloop": {"include": [{"valueSet": ["urn:vs:zloop"]}]},
        "zregex": {"include": [{"system": "urn:zs", "filter": [{"property": "code", "op": "regex", "value": "z.*"}]}]},
    }  # fmt: skip
    await put(ward, {**system, "concept": concepts})
    for id, compose in sets.items():
        await put(
            ward, {"resourceType": "ValueSet", "id": id, "url": f"urn:vs:{id}", "status": "active", "compose": compose}
        )
    contains = [{"system": "urn:zs", "code": "zq", "contains": [{"system": "urn:zs", "code": "zk11"}]}]
    expansion = {"timestamp": "2026-01-01", "contains": contains}
    await put(
        ward,
        {"resourceType": "ValueSet", "id": "zexp", "url": "urn:vs:zexp", "status": "active", "expansion": expansion},
    )


async def put(ward: Any, resource: dict[str, Any]) -> None:
    from access import all_seeing
    from fhirserver.bodies import plain
    from fhirserver.wishes import Put

    engine = ward.engine
    wish = Put(resource["resourceType"], resource["id"], plain(resource), resource, engine.labels.register)
    async with engine.db.pool.acquire() as connection, connection.transaction():
        await engine.writer.apply(connection, [wish], all_seeing())


async def test_value_sets_and_hierarchies_are_looked_up(
    ward: Any, bench: httpx2.AsyncClient, terminology: None
) -> None:
    patient = await ward.patient(gender="male")
    made = {}
    for code in ("zk", "zk1", "zk11", "zk2", "zq"):
        made[code] = await ward.observation(patient, code={"coding": [{"system": "urn:zs", "code": code}]})
    of = f"/Observation?patient={patient}"
    for asked, codes in {
        "in=urn:vs:zlist": "zk1", "in=urn:vs:zwhole": "zk zk1 zk11 zk2 zq", "in=urn:vs:zisa": "zk1 zk11",
        "in=urn:vs:zboth": "zk1 zk2", "in=urn:vs:zexp": "zq zk11", "not-in=urn:vs:zisa": "zk zk2 zq",
        "not-in=urn:vs:zwhole": "", "below=urn:zs|zk1": "zk1 zk11", "above=urn:zs|zk11": "zk zk1 zk11",
        "below=urn:zs|zk": "zk zk1 zk11 zk2", "in=ValueSet/zlist": "zk1", "below=urn:zs|zk2,urn:zs|zq": "zk2 zq",
    }.items():  # fmt: skip
        assert sorted(await ward.ids(f"{of}&code:{asked}")) == sorted(made[c] for c in codes.split()), asked
    assert len(await ward.ids(f"{of}&status:in=http://hl7.org/fhir/ValueSet/observation-status")) == 5
    assert await ward.ids(f"{of}&patient.gender:not-in=http://hl7.org/fhir/ValueSet/administrative-gender") == []
    assert await ward.ids(f"{of}&_filter=" + text("code sb urn:zs|zk1 and code ne urn:zs|zk1")) == [made["zk11"]]
    for wrong in (
        "in=urn:vs:none",
        "in=urn:vs:zloop",
        "in=urn:vs:zregex",
        "below=http://snomed.info/sct|1",
        "below=zk",
    ):
        answer = await bench.get(f"{of}&code:{wrong}")
        assert answer.status_code == 400, wrong
        assert "code" in str(answer.json()["issue"][0]), wrong


async def test_uris_are_found_above_and_below(ward: Any) -> None:
    for id, url in (("zu1", "http://z.org/a"), ("zu2", "http://z.org/a/b"), ("zu3", "http://z.org/c")):
        await put(ward, {"resourceType": "ValueSet", "id": id, "url": url, "status": "active"})
    assert sorted(await ward.ids("/ValueSet?url:below=http://z.org/a")) == ["zu1", "zu2"]
    assert sorted(await ward.ids("/ValueSet?url:below=http://z.org/")) == ["zu1", "zu2", "zu3"]
    assert sorted(await ward.ids("/ValueSet?url:above=http://z.org/a/b/d")) == ["zu1", "zu2"]
    assert await ward.ids("/ValueSet?url:below=http://z.org/%25") == []


async def test_references_are_found_above_and_below_in_what_they_are_part_of(
    ward: Any, bench: httpx2.AsyncClient
) -> None:
    house = await ward.add({"resourceType": "Location", "name": "House"})
    floor = await ward.add({"resourceType": "Location", "partOf": {"reference": f"Location/{house}"}})
    room = await ward.add({"resourceType": "Location", "partOf": {"reference": f"Location/{floor}"}})
    patient = await ward.patient()
    encounter = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
    }
    a = await ward.add({**encounter, "location": [{"location": {"reference": f"Location/{room}"}}]})
    b = await ward.add({**encounter, "location": [{"location": {"reference": f"Location/{house}"}}]})
    assert sorted(await ward.ids(f"/Encounter?location:below={house}")) == sorted([a, b])
    assert await ward.ids(f"/Encounter?location:below={floor}") == [a]
    assert sorted(await ward.ids(f"/Encounter?location:above={room}")) == sorted([a, b])
    assert (await bench.get("/Observation?subject:below=Patient/1")).status_code == 400


async def test_a_list_of_two_thousand_values_is_one_search(ward: Any, bench: httpx2.AsyncClient) -> None:
    patient = await ward.patient(name=[{"family": "Zmany"}], birthDate="1970-01-02")
    many = [f"zm-{number}" for number in range(2_000)]
    a = await ward.observation(patient, "zm-1999", issued="1970-06-01T00:00:00Z")
    days = [f"19{year}-{month:02}-01" for year in range(10, 99) for month in range(1, 13)]
    searches = [
        ("Observation", {"code": ",".join(many)}, a), ("Observation", {"code": ",".join(f"{LOINC}|{c}" for c in many)}, a),
        ("Observation", {"patient": ",".join([*many, patient])}, a), ("Observation", {"_id": ",".join([*many, a])}, a),
        ("Patient", {"family": ",".join([*many, "zmany"])}, patient), ("Patient", {"family:exact": ",".join([*many, "Zmany"])}, patient),
        ("Patient", {"birthdate": ",".join([*days, "1970-01-02"]), "family": "zmany"}, patient),
        ("Patient", {"identifier:not": ",".join(f"urn:x|{c}" for c in many), "family": "zmany"}, patient),
        ("Patient", {"family:contains": ",".join([*many[:200], "many"])}, patient),
    ]  # fmt: skip
    for type_name, form, id in searches:
        answer = await bench.post(f"/{type_name}/_search", data={**form, "_total": "accurate"})
        assert answer.status_code == 200, answer.text[:300]
        assert id in [entry["resource"]["id"] for entry in answer.json()["entry"]], form.keys()
        assert answer.elapsed.total_seconds() < 2
    too_many = await bench.post("/Observation/_search", data={"code": ",".join(["x"] * 10_001)})
    assert too_many.status_code == 400
