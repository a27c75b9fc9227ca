"""Rules and dashboards say only what the services tell, and every alert has a page that helps."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

HERE = Path(__file__).parents[1]
ROOT = HERE.parents[1]
SERVICES = ("vis", "information_platform", "integration_platform", "application_platform")
# What PromQL itself says: functions, operators, keywords. Everything else that is a word is a metric or a label.
WORDS = {
    "abs", "and", "by", "deriv", "histogram_quantile", "increase", "max", "min", "or", "rate", "sum", "time", "unless", "without",
}  # fmt: skip
FROM_PROMETHEUS = {"up": {"job"}}
FROM_THE_GATEWAY = {
    "envoy_http_downstream_rq_xx": {"envoy_http_conn_manager_prefix", "envoy_response_code_class"},
    "envoy_http_jwt_authn_allowed": set(),
    "envoy_http_jwt_authn_denied": set(),
    "envoy_http_jwt_authn_jwks_fetch_failed": set(),
    "envoy_http_jwt_authn_jwks_fetch_success": set(),
}


def rules() -> list[dict[str, Any]]:
    found = []
    for file in (HERE / "rules").glob("*.rules.yaml"):
        for group in yaml.safe_load(file.read_text())["groups"]:
            found += group["rules"]
    return found


def dashboards() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((HERE / "grafana/dashboards").glob("*.json")):
        yield file.stem, json.loads(file.read_text())


def expressions() -> list[str]:
    panels = [panel for _, board in dashboards() for panel in board["panels"]]
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels for target in panel["targets"]]


def names(expression: str) -> set[str]:
    """The metrics of an expression: words that are no function, no label and no duration."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", expression)
    bare = re.sub(r"\b(by|without)\s*\([^)]*\)", " ", bare)
    return set(re.findall(r"\b[a-z_][a-z0-9_:]*\b", bare)) - WORDS - {"e9"}


def labels(expression: str) -> set[str]:
    """The labels an expression asks about."""
    chosen = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    grouped = re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", expression)
    return {*chosen, *(label.strip() for group in grouped for label in group.split(","))}


@pytest.fixture(scope="module")
def told() -> dict[str, set[str]]:
    """Every name on /metrics of the four services, with the labels it is told by."""
    for service in SERVICES:
        settings = import_module(f"{service}.settings").Settings(
            database_url="postgresql://nobody@127.0.0.1/none", mode="demo"
        )
        import_module(f"{service}.main").build(settings)
    shown = {family.name: family.type for family in text_string_to_metric_families(generate_latest().decode())}
    found: dict[str, set[str]] = {}
    for collector, spoken in REGISTRY._collector_to_names.items():
        for name in spoken:
            family = re.sub(r"_(total|created|bucket|count|sum)$", "", name)
            if family in shown or name in shown:
                found[name] = set(getattr(collector, "_labelnames", ()))
    return found


def test_there_are_rules_and_dashboards() -> None:
    assert len(rules()) >= 15
    assert {name for name, _ in dashboards()} == {"region", "answers", "exchange"}


def test_every_name_is_told_by_a_service_or_the_gateway(told: dict[str, set[str]]) -> None:
    known = {*told, *FROM_THE_GATEWAY, *FROM_PROMETHEUS}

    assert {name for one in expressions() for name in names(one)} - known == set()


def test_every_label_that_is_asked_about_is_told(told: dict[str, set[str]]) -> None:
    known = {**told, **FROM_THE_GATEWAY, **FROM_PROMETHEUS}
    for one in expressions():
        there = {"job", "instance", "le"} | {label for name in names(one) for label in known[name]}
        assert labels(one) <= there, one


def test_every_label_in_the_words_of_an_alert_is_one_it_has(told: dict[str, set[str]]) -> None:
    known = {**told, **FROM_THE_GATEWAY, **FROM_PROMETHEUS}
    for rule in rules():
        named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        grouped = re.search(r"\bby\s*\(([^)]*)\)", rule["expr"])
        kept = {"job"} | {label for name in names(rule["expr"]) for label in known[name]}
        if grouped:
            kept = {label.strip() for label in grouped[1].split(",")}
        assert named <= kept, rule["alert"]


def test_every_alert_has_a_name_of_its_own_a_severity_and_its_page() -> None:
    alerts = [rule["alert"] for rule in rules()]

    assert len(set(alerts)) == len(alerts)
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "work"), rule["alert"]
        page = ROOT / rule["annotations"]["runbook"]
        assert rule["alert"] in page.read_text().partition("\n")[0], rule["alert"]


def test_every_page_is_an_alerts_and_says_what_to_look_at_and_do() -> None:
    pages = {path for path in (ROOT / "docs/how-to/runbooks").glob("*.md") if path.name != "README.md"}

    assert {ROOT / rule["annotations"]["runbook"] for rule in rules()} == pages
    for page in pages:
        text = page.read_text()
        assert all(part in text for part in ("**Look**", "**Do**", "**Over when**")), page.name


def test_runbooks_name_only_verbs_and_services_that_exist() -> None:
    from fvm.cli import VERBS

    verbs = {verb.__name__.rpartition(".")[2] for verb in VERBS}
    for page in (ROOT / "docs/how-to/runbooks").glob("*.md"):
        said = set(re.findall(r"\bfvm ([a-z]+)\b", page.read_text()))
        assert said - verbs == set(), page.name


def test_panels_have_a_source_and_a_place_and_do_not_lie_on_each_other() -> None:
    for name, board in dashboards():
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
        assert len(set(places)) == len(places), name
        assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"prometheus"}
        assert board["uid"].startswith("fvm-")


def test_runbooks_that_panels_name_exist() -> None:
    for _, board in dashboards():
        for panel in board["panels"]:
            for page in re.findall(r"Runbook: ([a-z-]+)", panel["description"]):
                assert (ROOT / f"docs/how-to/runbooks/{page}.md").is_file(), page


def test_prometheus_reads_every_service_and_the_gateway_where_they_tell() -> None:
    scraped = {one["job_name"]: one for one in yaml.safe_load((HERE / "prometheus.yaml").read_text())["scrape_configs"]}

    assert set(scraped) == {"vis", "information", "exchange", "application", "gateway"}
    assert scraped["gateway"]["metrics_path"] == "/stats/prometheus"
