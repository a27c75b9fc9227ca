"""Composite parameters, places, lists, filters and words: criteria over more than one value at a time."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def text(value: str) -> str:
    return quote(value, safe="")


def part(code: str, **value: Any) -> dict[str, Any]:
    return {"code": {"coding": [{"system": LOINC, "code": code}]}, **value}


async def test_values_that_stand_together_are_found_and_others_not(ward: Any) -> None:
    patient = await ward.patient()
    mm = {"unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}
    a = await ward.observation(
        patient,
        "zbp",
        component=[part("zsys", valueQuantity={"value": 150, **mm}), part("zdia", valueQuantity={"value": 80, **mm})],
    )
    b = await ward.observation(patient, "zsys", valueQuantity={"value": 90, **mm})
    c = await ward.observation(
        patient, "zgrp", valueCodeableConcept={"coding": [{"system": "urn:v", "code": "pos"}]},
        component=[part("zx", valueCodeableConcept={"coding": [{"system": "urn:v", "code": "neg"}]})],
    )  # fmt: skip
    d = await ward.observation(patient, "zstr", valueString="Zvärde ett")
    e = await ward.observation(patient, "zdat", valueDateTime="2026-02-03")
    of = f"/Observation?patient={patient}&"
    for asked, found in {
        f"component-code-value-quantity={LOINC}|zsys$gt140": [a], "component-code-value-quantity=zsys$gt140": [a],
        "component-code-value-quantity=zdia$gt140": [], f"component-code-value-quantity=zsys$150|{UCUM}|mm[Hg]": [a],
        "component-code-value-quantity=zsys$150||mmHg": [a], "component-code-value-quantity=zsys$150||kPa": [],
        "component-code-value-quantity=zdia$gt140,zdia$80": [a], "component-code-value-quantity=other|zsys$150": [],
        "combo-code-value-quantity=zsys$gt80": [a, b], "combo-code-value-quantity=zsys$lt100": [b],
        "code-value-quantity=zsys$90": [b], f"code-value-quantity={LOINC}|zsys$90": [b], "code-value-quantity=zsys$150": [],
        "code-value-concept=zgrp$pos": [c], "code-value-concept=zgrp$urn:v|pos": [c], "code-value-concept=zgrp$neg": [],
        "component-code-value-concept=zx$neg": [c], f"component-code-value-concept={LOINC}|zx$urn:v|neg": [c],
        "component-code-value-concept=zgrp$neg": [], "component-code-value-concept=zx$pos": [],
        "combo-code-value-concept=zgrp$pos": [c], "combo-code-value-concept=zx$neg": [c], "combo-code-value-concept=zx$pos": [],
        "code-value-string=zstr$zvarde": [d], "code-value-string=zstr$x": [], "code-value-date=zdat$2026-02": [e],
        "code-value-date=zdat$gt2026-03": [],
    }.items():  # fmt: skip
        assert sorted(await ward.ids(of + text(asked).replace("%3D", "=", 1))) == sorted(found), asked
    assert await ward.ids(
        f"/Patient?_has:Observation:patient:component-code-value-quantity=zsys$gt140&_id={patient}"
    ) == [patient]
    assert await ward.ids(of + "component-code-value-quantity:missing=false") == [a]


async def test_groups_of_other_types_are_found(ward: Any) -> None:
    patient = await ward.patient()
    about = {
        "status": "current",
        "subject": {"reference": f"Patient/{patient}"},
        "content": [{"attachment": {"url": "urn:x"}}],
    }
    old = await ward.add({"resourceType": "DocumentReference", **about})
    related = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old}"}}]
    new = await ward.add({"resourceType": "DocumentReference", **about, "relatesTo": related})
    assert await ward.ids(f"/DocumentReference?relationship=DocumentReference/{old}$replaces") == [new]
    assert await ward.ids(f"/DocumentReference?relationship=DocumentReference/{old}$signs") == []
    sequence = {
        "resourceType": "MolecularSequence", "coordinateSystem": 0, "patient": {"reference": f"Patient/{patient}"},
        "referenceSeq": {"referenceSeqId": {"coding": [{"system": "urn:n", "code": "NC_1"}]}, "windowStart": 100, "windowEnd": 200},
    }  # fmt: skip
    a = await ward.add(sequence)
    of = f"/MolecularSequence?patient={patient}&referenceseqid-window-coordinate="
    assert await ward.ids(of + "NC_1$100$200") == [a]
    assert await ward.ids(of + "urn:n|NC_1$ge50$lt300") == [a]
    assert await ward.ids(of + "NC_1$lt100$200") == []
    group = {
        "resourceType": "Group", "type": "person", "actual": True,
        "characteristic": [{"code": {"coding": [{"code": "zsmoker"}]}, "valueBoolean": True, "exclude": False}],
    }  # fmt: skip
    g = await ward.add(group)
    assert await ward.ids("/Group?characteristic-value=zsmoker$true") == [g]
    assert await ward.ids("/Group?characteristic-value=zsmoker$false") == []


async def test_places_are_found_by_their_distance(ward: Any) -> None:
    def at(name: str, latitude: float, longitude: float) -> dict[str, Any]:
        return {"resourceType": "Location", "name": name, "position": {"latitude": latitude, "longitude": longitude}}

    sundsvall = await ward.add(at("Sundsvall", 62.3908, 17.3069))
    timra = await ward.add(at("Timrå", 62.4870, 17.3250))  # 10.7 km
    await ward.add({"resourceType": "Location", "name": "Nowhere"})
    east, west = await ward.add(at("E", 0, 179.99)), await ward.add(at("W", 0, -179.99))
    pole = await ward.add(at("Pole", 89.99, 0))
    assert await ward.ids("/Location?near=62.39|17.31") == [sundsvall]
    assert sorted(await ward.ids("/Location?near=62.39|17.31|12|km")) == sorted([sundsvall, timra])
    assert sorted(await ward.ids("/Location?near=62.39|17.31|12000|m")) == sorted([sundsvall, timra])
    assert await ward.ids("/Location?near=62.39|17.31|6|mi&name=sund") == [sundsvall]
    assert sorted(await ward.ids("/Location?near=0|180|5|km")) == sorted([east, west])
    assert await ward.ids("/Location?near=89.99|180|3|km") == [pole]
    assert sorted(await ward.ids("/Location?near=62.39|17.31|1|km,0|180|5")) == sorted([sundsvall, east, west])


async def test_items_of_a_list_are_found(ward: Any) -> None:
    patient = await ward.patient()
    a, b, c = [await ward.observation(patient) for _ in range(3)]
    items = [{"item": {"reference": f"Observation/{id}"}} for id in (a, b)]
    listed = {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "subject": {"reference": f"Patient/{patient}"},
    }
    one = await ward.add({**listed, "entry": [*items, {"item": {"reference": f"Patient/{patient}"}}]})
    assert sorted(await ward.ids(f"/Observation?_list={one}")) == sorted([a, b])
    assert await ward.ids(f"/Patient?_list={one}") == [patient]
    assert await ward.ids(f"/Observation?_list={one}&_id={c}") == []
    assert await ward.ids("/Observation?_list=none") == []


async def test_a_filter_joins_tests(ward: Any) -> None:
    a = await ward.patient(
        name=[{"family": "Zfilter", "given": ["Anna Maria"]}], gender="female", birthDate="1980-05-05"
    )
    b = await ward.patient(name=[{"family": "Zfiltersson", "given": ["Bo"]}], gender="male", birthDate="1990-05-05")
    c = await ward.patient(name=[{"family": "Zfilter"}])
    observation = await ward.observation(a, "zf-1", valueQuantity={"value": 7})
    for asked, found in {
        "family eq zfilter": [a, c], "family sw zfilter": [a, b, c], "family ew ERSSON": [b], "family ne zfilter and family sw zfilter": [b],
        'given co "na m"': [a], "family sw zfilter and (gender eq male or gender pr false)": [b, c],
        "family sw zfilter and not (gender eq male)": [a, c], "family sw zfilter and birthdate lt 1985": [a],
        "family sw zfilter and birthdate po 1990-05": [b], "family eq zfilter or family eq zfiltersson and gender eq male": [a, b, c],
        f"_id eq {a} or _id eq {b}": [a, b], f"family sw zfilter and _id ne {a}": [b, c],
    }.items():  # fmt: skip
        assert sorted(await ward.ids("/Patient?_filter=" + text(asked))) == sorted(found), asked
    for asked in (
        'patient.family eq "zfilter" and code eq zf-1',
        f"patient eq {a} and value-quantity gt 6.5",
        "code eq http://loinc.org|zf-1",
    ):
        assert await ward.ids("/Observation?_filter=" + text(asked)) == [observation], asked
    assert await ward.ids("/Patient?gender=male&_filter=" + text("family sw zfilter")) == [b]


async def test_words_are_found_in_the_narrative_and_in_everything(ward: Any, bench: httpx2.AsyncClient) -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Zhjärtsvikt &amp; <b>zlungödem</b></p></div>'
    patient = await ward.patient(text={"status": "generated", "div": div}, name=[{"family": "Zordmer"}])
    other = await ward.patient(name=[{"family": "Zordmer", "given": ["Zlungödem"]}])
    for asked, found in {
        "_text=zhj%C3%A4rtsvikt": [patient], "_text=ZLUNGODEM+zhjartsvikt": [patient], "_text=zordmer": [],
        "_content=zordmer": [patient, other], "_content=zordmer+zhjartsvikt": [patient],
        "_content=zlung%C3%B6dem": [patient, other], "_text=zhj": [], "_text=nothing+OR+zlungodem": [patient],
        "_content=xhtml": [], "_text=p": [],
    }.items():  # fmt: skip
        ids = [id for id in await ward.ids(f"/Patient?{asked}&_count=1000") if id in (patient, other)]
        assert sorted(ids) == sorted(found), asked
    await ward.add({"resourceType": "Patient", "id": other, "name": [{"family": "Zbytt"}]})
    assert other not in await ward.ids("/Patient?_content=zordmer")
    assert await ward.ids("/Patient?_content=zbytt") == [other]
    assert (await bench.get("/Binary?_text=x")).status_code == 400


@pytest.mark.parametrize("name", ["component-code-value-quantity", "near", "_filter", "_list", "_content"])
async def test_nothing_is_found_where_nothing_is(bench: httpx2.AsyncClient, name: str) -> None:
    values = {
        "component-code-value-quantity": "none$1",
        "near": "-80|1|1|m",
        "_filter": "_id eq none",
        "_list": "none",
        "_content": "qqq",
    }
    kind = "Location" if name == "near" else "Observation"
    told = (await bench.get(f"/{kind}?{name}={text(values[name])}")).json()
    assert (told["total"], "entry" in told) == (0, False)
