"""For tests of the portal: a VIS in memory, with the doors that staff's pages write through."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answered = tuple[int, dict[str, Any]]


@dataclass
class Vis:
    """Drafts, notes and their acts; `away` makes every door answer 503 before anything is done, `deaf` after it is done."""

    held: dict[str, dict[str, Any]]  # the record's resources, by "Type/id": a note that is filed is there at once
    drafts: dict[str, dict[str, Any]] = field(default_factory=dict)
    away: bool = False
    deaf: bool = False
    signed_out: bool = False
    broken: set[str] = field(default_factory=set)  # types whose searches answer 503
    refusal: str = ""  # what every act is refused with
    acts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # operations of a type: name and body
    ahead: dict[str, dict[str, Any]] = field(default_factory=dict)  # what VIS holds and the region does not yet
    pasts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # earlier versions by "Type/id", newest first
    contexts: list[str] = field(default_factory=list)

    def mount(self, app: web.Application) -> None:
        routes: list[tuple[str, str, Callable[[web.Request, dict[str, Any]], Answered]]] = [
            ("PUT", "/vis/care/drafts/{id}", self._save),
            ("GET", "/vis/care/drafts/{id}", self._draft),
            ("POST", "/vis/care/drafts/{id}/file", self._file),
            ("GET", "/vis/fhir/{type}/{id}", self._read),
            ("GET", "/vis/fhir/{type}/{id}/_history", self._history),
            ("PUT", "/vis/fhir/{type}/{id}", self._update),
            ("POST", "/vis/fhir/{type}/{id}/${operation}", self._act),
            ("POST", "/vis/fhir/{type}/${operation}", self._ask),
        ]
        for method, path, door in routes:
            app.router.add_route(method, path, self._answering(door))
        app.router.add_get("/vis/care/drafts", self._mine)
        app.router.add_post("/vis/fhir/Task/_search", self._tasks)
        app.router.add_post("/vis/fhir/{type}/_search", self._found)

    def _answering(self, door: Callable[[web.Request, dict[str, Any]], Answered]) -> Any:
        async def answer(request: web.Request) -> web.Response:
            if self.away or self.signed_out:
                return web.json_response({}, status=503 if self.away else 401)
            self.contexts.append(request.headers.get("FVM-Patient", ""))
            status, body = door(request, await request.json() if request.can_read_body else {})
            return web.json_response({} if self.deaf else body, status=503 if self.deaf else status)

        return answer

    async def _mine(self, _: web.Request) -> web.Response:
        listed = [one for one in self.drafts.values() if one["state"] == "open"]
        return web.json_response(listed, status=503 if self.away else 200)

    async def _found(self, request: web.Request) -> web.Response:
        asked = await request.post()
        type, about = request.match_info["type"], str(asked.get("patient", ""))
        listed = [one for one in {**self.held, **self.ahead}.values() if one["resourceType"] == type]
        listed = [one for one in listed if not about or _about(one) in about.split(",")]
        listed = [one for one in listed if str(asked.get("_id", one["id"])) == one["id"]]
        entries = [{"resource": one, "search": {"mode": "match"}} for one in listed]
        if "_include" in asked:
            people = dict.fromkeys(_about(one) for one in listed)
            entries += [
                {"resource": self.held[one], "search": {"mode": "include"}} for one in people if one in self.held
            ]
        lost = self.away or type in self.broken
        return web.json_response({"entry": entries}, status=503 if lost else 401 if self.signed_out else 200)

    async def _tasks(self, _: web.Request) -> web.Response:
        listed = [{"resource": one} for one in self.held.values() if one["resourceType"] == "Task" and "focus" in one]
        return web.json_response({"entry": listed}, status=503 if self.away else 200)

    def _save(self, request: web.Request, body: dict[str, Any]) -> Answered:
        id = request.match_info["id"]
        known = self.drafts.get(id, {"version": 0, "state": "open"})
        if known["state"] != "open":
            return 409, {"type": "/problems/care/not-now", "detail": "Utkastet är redan sparat i journalen"}
        if known["version"] != body["base"]:
            return 409, {"type": "/problems/care/draft-newer"}
        at = "2026-11-26T10:00:00Z"
        self.drafts[id] = {**body, "id": id, "version": body["base"] + 1, "state": "open", "at": at, "note": ""}
        return 200, {"version": body["base"] + 1, "at": at}

    def _draft(self, request: web.Request, _: dict[str, Any]) -> Answered:
        found = self.drafts.get(request.match_info["id"])
        return (200, found) if found else (404, {})

    def _file(self, request: web.Request, body: dict[str, Any]) -> Answered:
        found = self.drafts[request.match_info["id"]]
        if found["state"] == "open":
            found["state"] = "filed"
            self.acts.append(("sign" if body["sign"] else "file", dict(found)))
        return 201, {"id": found["id"]}

    def _read(self, request: web.Request, _: dict[str, Any]) -> Answered:
        found = self.held.get(f"{request.match_info['type']}/{request.match_info['id']}")
        return (200, found) if found else (404, {})

    def _history(self, request: web.Request, _: dict[str, Any]) -> Answered:
        key = f"{request.match_info['type']}/{request.match_info['id']}"
        if key not in self.held:
            return 404, {}
        return 200, {"entry": [{"resource": one} for one in (self.held[key], *self.pasts.get(key, ()))]}

    def _update(self, request: web.Request, body: dict[str, Any]) -> Answered:
        key = f"{request.match_info['type']}/{request.match_info['id']}"
        version = str(self.held[key]["meta"].get("versionId", "1"))
        if request.headers.get("If-Match") != f'W/"{version}"':
            return 412, {}
        self.held[key] = {**body, "meta": {**self.held[key]["meta"], "versionId": str(int(version) + 1)}}
        return 200, self.held[key]

    def _version(self, key: str) -> str:
        return str(self.held.get(key, {}).get("meta", {}).get("versionId", "1"))

    def _ask(self, request: web.Request, body: dict[str, Any]) -> Answered:
        if self.refusal:
            issue = {"details": {"coding": [{"code": "care/not-now"}]}, "diagnostics": self.refusal}
            return 409, {"resourceType": "OperationOutcome", "issue": [issue]}
        self.asked.append((request.match_info["operation"], body))
        return 200, {"resourceType": "Bundle", "type": "collection"}

    def _act(self, request: web.Request, body: dict[str, Any]) -> Answered:
        key = f"{request.match_info['type']}/{request.match_info['id']}"
        values = {one["name"]: next(v for k, v in one.items() if k != "name") for one in body.get("parameter", ())}
        stale = request.headers.get("If-Match") not in (None, f'W/"{self._version(key)}"')
        if stale:
            return 412, {}
        if self.refusal:
            issue = {"details": {"coding": [{"code": "care/not-now"}]}, "diagnostics": self.refusal}
            return 409, {"resourceType": "OperationOutcome", "issue": [issue]}
        self.acts.append((request.match_info["operation"], {"key": key, **values}))
        if request.match_info["operation"] == "acknowledge":
            read = {"type": {"text": "version"}, "valueString": values["version"]}
            note = {"authorReference": {"display": "Anna Lind"}, "time": "2026-11-26T10:00:00Z", "text": "Ingen åtgärd"}
            task = {"resourceType": "Task", "id": f"t-{key}", "status": "completed", "focus": {"reference": key}}
            self.held[f"Task/t-{key}"] = {**task, "input": [read], "note": [note], "meta": {}}
        return 200, self.held.get(key, {"resourceType": "Task"})


def _about(found: dict[str, Any]) -> str:
    """ "Patient/id" of whom it is about."""
    named = found.get("subject") or found.get("patient") or found.get("for") or {}
    return str(named.get("reference", ""))
