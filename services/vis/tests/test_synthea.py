"""A ward's data in: every Synthea bundle is taken whole, and what is read back is what was written."""

import bz2
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import httpx2


async def test_every_bundle_is_accepted_whole_and_read_back_as_written(
    bench: httpx2.AsyncClient, data_dir: Path
) -> None:
    files = sorted((data_dir / "synthea").glob("*.bz2"))
    sent: Counter[str] = Counter()
    for file in files:
        raw = bz2.decompress(file.read_bytes())
        answer = await bench.post("", content=raw, headers={"content-type": "application/fhir+json"}, timeout=60)
        assert answer.status_code == 200, answer.text[:500]
        bundle, told = json.loads(raw, parse_float=Decimal), answer.json()
        statuses = {entry["response"]["status"] for entry in told["entry"]}
        assert statuses <= {"201 Created", "200 OK"}, statuses
        sent.update(e["resource"]["resourceType"] for e in bundle["entry"])
    for type_name, count in sent.items():
        found = await bench.get(f"/{type_name}", params={"_summary": "count"})
        assert found.json()["total"] == count, type_name
    location = told["entry"][0]["response"]["location"]
    back = json.loads(
        (await bench.get(location.removeprefix(str(bench.base_url).rstrip("/")))).content, parse_float=Decimal
    )
    original = bundle["entry"][0]["resource"]
    ignored = ("id", "meta")
    assert {k: v for k, v in back.items() if k not in ignored} == {
        k: v for k, v in original.items() if k not in ignored
    }
