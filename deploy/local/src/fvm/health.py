"""Asks a part over HTTP whether it is well."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any


def ask(url: str, timeout: float = 3.0, *, token: str = "") -> tuple[int, Any]:
    """(status, decoded JSON body or None); status 0 when nobody answers. Never follows a proxy of the environment."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return _asked(urllib.request.Request(url, headers=headers), timeout)  # noqa: S310 - always a door of this region


def put(url: str, resource: Any, token: str, timeout: float = 10.0) -> tuple[int, Any]:
    """The same for a PUT of a FHIR resource."""
    headers = {"Content-Type": "application/fhir+json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, json.dumps(resource).encode(), headers, method="PUT")  # noqa: S310 - as above
    return _asked(request, timeout)


def post(url: str, body: Any, timeout: float = 10.0) -> tuple[int, Any]:
    """The same for a POST of JSON."""
    headers = {"Content-Type": "application/json"}
    return _asked(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout)  # noqa: S310 - as above


def complaint(body: Any) -> str:
    """What an answer says is wrong, in as few words as it has."""
    if not isinstance(body, dict):
        return ""
    checks = body.get("checks")
    if isinstance(checks, dict):
        return ", ".join(f"{name}: {found}" for name, found in checks.items() if found not in ("ok", "pass", True))
    return str(body.get("detail") or body.get("title") or "")


def _asked(request: urllib.request.Request, timeout: float) -> tuple[int, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, _json(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, _json(refused.read())
    except (OSError, ValueError, http.client.HTTPException):
        return 0, None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
