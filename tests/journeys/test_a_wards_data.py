"""A ward's data goes in at VIS, and soon the region's record holds the same: every resource, every decimal."""

import bz2
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

decode = msgspec.json.Decoder(float_hook=Decimal).decode
LOCATION = re.compile(r"/vis/fhir/([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})/_history/1$")


@dataclass
class Ward:
    """What was sent: each resource as it must read in the record, by Type/id."""

    expected: dict[str, dict[str, Any]] = field(default_factory=dict)
    patients: list[str] = field(default_factory=list)
    per_patient: Counter[str] = field(default_factory=Counter)
    before: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> Counter[str]:
        return Counter(name.partition("/")[0] for name in self.expected)


def mapped(value: Any, names: dict[str, str]) -> Any:
    """The same with every reference rewritten as the server must have done it."""
    if isinstance(value, list):
        return [mapped(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: names.get(one, one) if key == "reference" and isinstance(one, str) else mapped(one, names)
        for key, one in value.items()
    }


def content(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in ("id", "meta")}


async def count(client: httpx2.AsyncClient, base: str, kind: str) -> int:
    answer = await client.get(f"{base}/{kind}", params={"_summary": "count"})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["total"])


@pytest.fixture(scope="module")
async def ward(bench: httpx2.AsyncClient, data_dir: Path) -> Ward:
    """All 26 bundles posted at the gateway: hospitals and practitioners first, then the patients."""
    ward, conditions = Ward(), {}
    files = sorted((data_dir / "synthea").glob("*.bz2"))
    bundles = [decode(bz2.decompress(file.read_bytes())) for file in files]
    assert len(bundles) == 26
    for kind in {entry["resource"]["resourceType"] for bundle in bundles for entry in bundle["entry"]}:
        ward.before[kind] = await count(bench, "/fhir", kind)
    for file, bundle in zip(files, bundles, strict=True):
        answer = await bench.post(
            "/vis/fhir", content=bz2.decompress(file.read_bytes()), headers={"content-type": "application/fhir+json"}
        )
        assert answer.status_code == 200, answer.text[:1000]
        told = [entry["response"] for entry in answer.json()["entry"]]
        assert {one["status"] for one in told} == {"201 Created"}, file.name
        places = [LOCATION.search(one["location"]) for one in told]
        names = dict(conditions)
        ours = [f"{place[1]}/{place[2]}" for place in places if place is not None]
        for entry, name in zip(bundle["entry"], ours, strict=True):
            names[entry["fullUrl"]] = name
            for identifier in entry["resource"].get("identifier", []) if bundle["type"] == "batch" else []:
                conditions[f"{name.split('/')[0]}?identifier={identifier['system']}|{identifier['value']}"] = name
        for entry, name in zip(bundle["entry"], ours, strict=True):
            ward.expected[name] = mapped(content(entry["resource"]), names)
        if bundle["type"] == "transaction":
            ward.patients.append(ours[0])
            ward.per_patient[ours[0]] = len(ours)
    return ward


async def test_the_same_resources_are_soon_in_the_regions_record(
    ward: Ward, bench: httpx2.AsyncClient, until: Callable[..., Awaitable[Any]]
) -> None:
    assert sum(ward.counts.values()) == 13_223

    async def all_there() -> None:
        now = Counter({kind: await count(bench, "/fhir", kind) - ward.before[kind] for kind in ward.counts})
        assert now == ward.counts

    await until(all_there, 60)


async def test_every_resource_reads_as_it_was_written_decimals_untouched(
    ward: Ward, look: Callable[..., Awaitable[list[dict[str, Any]]]]
) -> None:
    seen = 0
    for kind in ward.counts:
        for resource in await look(f"{kind}?_count=1000"):
            expected = ward.expected.get(f"{kind}/{resource['id']}")
            if expected is None:
                continue  # somebody else's
            seen += 1
            assert content(resource) == expected, f"{kind}/{resource['id']}"
    assert seen == len(ward.expected)


async def test_the_ward_is_searchable_by_name_code_date_and_reference(
    ward: Ward, look: Callable[..., Awaitable[list[dict[str, Any]]]]
) -> None:
    patient = ward.patients[0]
    person = ward.expected[patient]
    weights = [
        name
        for name, one in ward.expected.items()
        if name.startswith("Observation/")
        and one["subject"]["reference"] == patient
        and one["code"]["coding"][0]["code"] == "29463-7"
    ]
    assert len(weights) > 3

    family = person["name"][0]["family"]
    by_name = await look(f"Patient?family={family}&birthdate={person['birthDate']}")
    by_code = await look(f"Observation?patient={patient}&code=http://loinc.org|29463-7&_count=1000")
    newest = await look(f"Observation?patient={patient}&code=http://loinc.org|29463-7&date=ge2100-01-01")
    with_patient = await look(f"Encounter?subject={patient}&_include=Encounter:subject&_count=5")

    assert f"Patient/{by_name[0]['id']}" == patient
    assert sorted(f"Observation/{one['id']}" for one in by_code) == sorted(weights)
    assert newest == []
    assert patient in {f"Patient/{one['id']}" for one in with_patient}


async def test_everything_of_a_patient_is_complete_page_by_page(
    ward: Ward, look: Callable[..., Awaitable[list[dict[str, Any]]]]
) -> None:
    for patient in ward.patients[:3]:
        found = await look(f"{patient}/$everything?_count=100")
        names = [f"{one['resourceType']}/{one['id']}" for one in found]
        own = {name for name, one in ward.expected.items() if name == patient or f"'{patient}'" in str(one)}

        assert own - set(names) == set()
        matches = [name for name in names if name in own]
        assert len(matches) == len(set(matches)), "a page repeated what another had"
