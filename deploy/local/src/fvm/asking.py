"""Asks the running services what operators want to know, over their internal doors on this machine."""

import getpass
import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from fvm import health, services, state
from fvm import memory as remembered
from fvm.places import Places
from fvm.settings import Settings
from fvm.trouble import Trouble

PATH = "/internal/operations"


class Services:
    """The four services of a running region; raises Trouble where none runs."""

    def __init__(self, settings: Settings) -> None:
        places = Places(settings.data)
        if state.runner(places) is None:
            raise Trouble(f"No region is running in {settings.data}; start it with `make run` or `make up`.")
        self.ports: Mapping[str, int] = remembered.load(places.memory).ports
        self.names = tuple(service.name for service in services.SERVICES)

    def get(self, service: str, path: str, *, token: str = "", **query: str) -> Any:
        """The JSON answer; raises Trouble with the refusal's own words."""
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        return self._ask(service, "GET", path + asked, token=token)

    def post(self, service: str, path: str, body: Any, *, timeout: float = 30.0) -> Any:
        return self._ask(service, "POST", path, json.dumps(body).encode(), timeout=timeout)

    def lines(self, service: str, path: str, body: Any) -> Any:
        """The answer as one JSON value a line, however long it takes."""
        request = self._request(service, "POST", path, json.dumps(body).encode(), "")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=600) as answer:
                for line in answer:
                    yield json.loads(line)
        except urllib.error.HTTPError as refused:
            raise Trouble(f"{_title(service)}: {_complaint(refused)}") from refused
        except (OSError, ValueError, http.client.HTTPException) as away:
            raise Trouble(f"{_title(service)} did not answer to the end; `fvm doctor` says what is wrong.") from away

    def lags(self) -> dict[str, Any]:
        """Each service's kit.lag.Lag; None where it does not answer."""
        found: dict[str, Any] = {}
        for name in self.names:
            try:
                found[name] = self.get(name, "/lag")
            except Trouble:
                found[name] = None
        return found

    def _ask(
        self, service: str, method: str, path: str, body: bytes | None = None, *, token: str = "", timeout: float = 10.0
    ) -> Any:
        request = self._request(service, method, path, body, token)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            raise Trouble(f"{_title(service)}: {_complaint(refused)}") from refused
        except (OSError, ValueError, http.client.HTTPException) as away:
            raise Trouble(f"{_title(service)} does not answer; `fvm doctor` says what is wrong.") from away

    def _request(self, service: str, method: str, path: str, body: bytes | None, token: str) -> urllib.request.Request:
        headers = {"FVM-Operator": _who(), "Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        url = f"http://127.0.0.1:{self.ports[service]}{PATH}{path}"
        return urllib.request.Request(url, body, headers, method=method)


def _who() -> str:
    """The operator, as this machine knows them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return re.sub(r"[^\w.@\- ]", "?", name, flags=re.ASCII)[:80] or "unknown"


def _title(service: str) -> str:
    return next(one.title for one in services.SERVICES if one.name == service)


def _complaint(refused: urllib.error.HTTPError) -> str:
    try:
        body = json.loads(refused.read())
    except ValueError:
        body = None
    return health.complaint(body) or f"status {refused.code}"
