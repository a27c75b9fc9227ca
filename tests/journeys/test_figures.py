"""A running region tells every figure that alerts and dashboards use, and logs one JSON object a line without patients."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fvm import health
from fvm.places import Places

ROOT = Path(__file__).parents[2]
SERVICES = ("vis", "information", "exchange", "application")


def used() -> set[str]:
    """Every metric of the rules and dashboards, as deploy/observability/tests reads them."""
    file = ROOT / "deploy/observability/tests/test_alerts_and_dashboards.py"
    spec = importlib.util.spec_from_file_location("alerts_and_dashboards", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name for one in module.expressions() for name in module.names(one)}


async def figures(url: str) -> set[str]:
    """The names told at an address, and those of the samples they consist of."""
    import httpx2

    async with httpx2.AsyncClient(trust_env=False) as client:
        text = (await client.get(url)).text
    found = set()
    for family in text_string_to_metric_families(text):
        found |= {family.name, f"{family.name}_total", *(sample.name for sample in family.samples)}
        if family.type == "histogram":
            found |= {f"{family.name}_bucket", f"{family.name}_count"}
    return found


@pytest.mark.journey
async def test_every_figure_of_the_rules_and_dashboards_is_told(region: Any) -> None:
    urls = [f"http://127.0.0.1:{region.ports[name]}/metrics" for name in SERVICES]
    urls.append(f"http://127.0.0.1:{region.ports['envoy-admin']}/stats/prometheus")
    told = {name for url in urls for name in await figures(url)}

    assert used() - {"up"} - told == set()


@pytest.mark.journey
async def test_figures_are_not_told_to_the_outside(region: Any) -> None:
    for path in ("/metrics", "/stats/prometheus", "/internal/operations/lag"):
        status, _ = health.ask(f"{region.settings.gate}{path}")
        assert status in (401, 404), path


@pytest.mark.journey
def test_logs_are_json_lines_with_service_level_time_and_a_fixed_sentence(region: Any) -> None:
    for name in SERVICES:
        lines = (Places(region.settings.data).logs / f"{name}.log").read_text().splitlines()
        assert lines, name
        for line in lines[-500:]:
            said = json.loads(line)
            assert {"service", "level", "timestamp", "event"} <= set(said), line
