"""What a subscription may ask for, and where notifications may be sent."""

from typing import Any

import pytest

from fhirserver.problems import NotProcessable
from fhirserver.subscribing.endpoints import LOOPBACK, Rules


def asked(url: str) -> dict[str, Any]:
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "prov",
        "criteria": "Observation?code=718-7",
        "channel": {"type": "rest-hook", "endpoint": url},
    }


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"channel": {"type": "email", "endpoint": "mailto:a@b"}}, 422, "rest-hook"),
        ({"channel": {"type": "rest-hook", "endpoint": "http://example.org/hook"}}, 422, "FVM_SUBSCRIPTION_ENDPOINTS"),
        ({"channel": {"type": "rest-hook", "endpoint": "file:///etc/passwd"}}, 422, "http"),
        ({"channel": {"type": "rest-hook", "endpoint": "http://a:b@127.0.0.1/"}}, 422, "password"),
        ({"criteria": "Observation?shoe=1"}, 400, "shoe"),
        ({"criteria": "Observation?_include=Observation:subject"}, 400, "_include"),
        ({"criteria": "Subscription?status=active"}, 422, "criteria"),
        ({"criteria": "http://example.org/topic"}, 422, "topic served here"),
        ({"criteria": "Nothing?x=1"}, 422, "criteria"),
    ],
)
async def test_what_is_not_served_is_refused_when_it_is_asked_for(
    ward: Any, hook: Any, change: dict[str, Any], status: int, says: str
) -> None:
    answer = await ward.bench.post("/Subscription", json={**asked(hook.url), **change})
    assert answer.status_code == status, answer.text
    assert says in answer.text
    smuggled = asked(hook.url)
    smuggled["channel"]["header"] = ["Host: evil"]
    assert (await ward.bench.post("/Subscription", json=smuggled)).status_code == 422


@pytest.mark.parametrize(
    ("allowed", "endpoint", "fits"),
    [
        (LOOPBACK, "http://127.0.0.1:9000/x", True),
        (LOOPBACK, "http://[::1]/x", True),
        (LOOPBACK, "http://localhost/x", True),
        (LOOPBACK, "http://10.0.0.1/x", False),
        (LOOPBACK, "http://127.0.0.1.example.org/x", False),
        (LOOPBACK, "http://2130706433/x", False),
        ("https://hook.example.org/in", "https://hook.example.org/in/1", True),
        ("https://hook.example.org/in", "https://hook.example.org/inside", False),
        ("https://hook.example.org/in", "https://hook.example.org/in/../out", False),
        ("https://hook.example.org", "http://hook.example.org/", False),
        ("https://hook.example.org", "https://hook.example.org:8443/", False),
        ("https://hook.example.org", "https://hook.example.org@evil.org/", False),
        ("https://hook.example.org", "https://hook.example.org\\@evil.org/", False),
        ("https://*.example.org", "https://a.example.org/", True),
        ("https://*.example.org", "https://example.org/", False),
        ("https://*.example.org", "https://evilexample.org/", False),
    ],
)
def test_endpoints_are_those_on_the_list(allowed: str, endpoint: str, fits: bool) -> None:
    rules = Rules.of(allowed, "production", 1)
    if fits:
        rules.check(endpoint)
    else:
        with pytest.raises(NotProcessable):
            rules.check(endpoint)


def test_in_production_an_empty_list_is_nowhere() -> None:
    with pytest.raises(NotProcessable):
        Rules.of("", "production", 1).check("http://127.0.0.1/")
    Rules.of("", "demo", 1).check("http://127.0.0.1/")
