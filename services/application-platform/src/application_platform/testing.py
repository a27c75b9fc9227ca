"""For tests of the portal: an information platform in memory, over HTTP, with the few answers that pages ask for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from application_platform.portal.swedish import moment

_DATES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "Encounter": lambda r: r.get("period", {}).get("start"),
    "DiagnosticReport": lambda r: r.get("effectiveDateTime"),
    "Observation": lambda r: r.get("effectiveDateTime"),
    "DocumentReference": lambda r: r.get("date"),
    "MedicationRequest": lambda r: r.get("authoredOn"),
    "MedicationAdministration": lambda r: r.get("effectiveDateTime"),
    "Procedure": lambda r: r.get("performedDateTime") or r.get("performedPeriod", {}).get("start"),
    "Immunization": lambda r: r.get("occurrenceDateTime"),
}


@dataclass
class Platform:
    """An information platform in memory: the few searches that pages make, and ways to be away."""

    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # earlier versions, newest first
    away: bool = False
    broken: set[str] = field(default_factory=set)  # types that answer 503
    deaf_history: bool = False
    broken_after: int = 1_000  # pages of a whole record that are answered
    withheld: tuple[str, ...] = ()  # reasons: need-relation, blocked …
    state: dict[str, Any] = field(default_factory=dict)  # what the law says of every patient
    acts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # taken: address, body
    history: list[dict[str, Any]] = field(default_factory=list)  # acts, and whether they are in force
    log: dict[str, Any] = field(default_factory=dict)  # the patient's extract
    tasks: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)  # of patients, about their records
    acting: list[dict[str, Any]] = field(default_factory=list)  # for whom the reader acts
    act_refused: str = ""  # the name of the refusal
    looks: list[tuple[str, str, list[str]]] = field(
        default_factory=list
    )  # into other stores: authorization, what, patients
    look_refused: int = 0  # the status of the refusal
    taken: dict[str, Any] = field(default_factory=dict)  # what an act is answered with, beside what is usual
    signed_out: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, authorization
    url: str = ""

    def add(self, *resources: dict[str, Any]) -> None:
        for found in resources:
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            found.setdefault("meta", {})["lastUpdated"] = now
            self.held[f"{found['resourceType']}/{found['id']}"] = found

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/fhir/{type}/{id}", self._read)
        app.router.add_get("/fhir/{type}/{id}/_history", self._versions)
        app.router.add_get("/fhir/{type}/{id}/$everything", self._everything)
        app.router.add_post("/fhir/{type}/_search", self._search)
        app.router.add_get("/information/access/patients/{patient}", self._state)
        app.router.add_get("/information/access/patients/{patient}/acts", self._history)
        app.router.add_get("/information/log/mine", self._mine)
        app.router.add_get("/information/access/acting", self._acting)
        app.router.add_post("/information/access/looks", self._look)
        app.router.add_get("/information/access/tasks", self._tasks)
        app.router.add_get("/information/log/reviews", self._reviews)
        app.router.add_get("/information/requests", self._requests)
        app.router.add_post("/information/{door:requests.*}", self._act)
        app.router.add_post("/information/{door:(access/tasks|log/reviews)/.+}", self._act)
        app.router.add_post("/information/access/patients/{patient}/{door:.+}", self._act)
        return app

    async def _state(self, _request: web.Request) -> web.Response:
        nothing: dict[str, Any] = {
            "relation": True,
            "choice": False,
            "consent": False,
            "assertion": None,
            "blocks": [],
            "parts": [],
            "next": [],
        }
        return web.json_response({**nothing, **self.state})

    async def _history(self, _request: web.Request) -> web.Response:
        return web.json_response(self.history)

    async def _acting(self, _request: web.Request) -> web.Response:
        return web.json_response(self.acting, status=503 if self.away else 200)

    async def _look(self, request: web.Request) -> web.Response:
        if self.away or self.look_refused:
            return web.json_response({}, status=self.look_refused or 503)
        told, token = await request.json(), request.headers.get("Authorization", "")
        self.looks.append((token, told["what"], told["patients"]))
        acting = next((one["role"] for one in self.acting if one["patient"] in told["patients"]), "self")
        return web.json_response({"role": "staff" if "anna" in token else acting})

    async def _mine(self, _request: web.Request) -> web.Response:
        return web.json_response({"accesses": [], "next": None, **self.log})

    async def _tasks(self, _request: web.Request) -> web.Response:
        return web.json_response(self.tasks)

    async def _reviews(self, _request: web.Request) -> web.Response:
        return web.json_response({"reviews": self.reviews})

    async def _requests(self, _request: web.Request) -> web.Response:
        if self.away:
            return web.json_response({}, status=503)
        if self.act_refused:
            return web.json_response({"type": f"/problems/{self.act_refused}", "title": "no"}, status=403)
        return web.json_response(self.requests)

    async def _act(self, request: web.Request) -> web.Response:
        if self.act_refused:
            return web.json_response({"type": f"/problems/{self.act_refused}", "title": "no"}, status=422)
        self.acts.append((request.match_info["door"], await request.json()))
        usual = {"id": "x", "kind": "x", "at_vis": "2026-11-26T10:00:00Z", "text": "Gäller nu."}
        return web.json_response({**usual, **self.taken}, status=201)

    def _refusal(self, request: web.Request) -> web.Response | None:
        self.asked.append((request.method, request.path_qs, request.headers.get("Authorization", "")))
        if self.away or request.match_info["type"] in self.broken:
            return web.json_response({"resourceType": "OperationOutcome"}, status=503)
        return web.json_response({}, status=401) if self.signed_out else None

    async def _read(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        found = self.held.get(f"{request.match_info['type']}/{request.match_info['id']}")
        return web.json_response(found or {"resourceType": "OperationOutcome"}, status=200 if found else 404)

    async def _versions(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if self.deaf_history:
            return web.json_response({}, status=503)
        key = f"{request.match_info['type']}/{request.match_info['id']}"
        listed = [self.held[key], *self.before.get(key, ())] if key in self.held else []
        return web.json_response({"resourceType": "Bundle", "entry": [{"resource": one} for one in listed]})

    async def _everything(self, request: web.Request) -> web.Response:
        """Three resources a page, so that there are several; a page that `broken_after` counts beyond is a 503."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        id, begins = request.match_info["id"], int(request.query.get("_cursor", "0"))
        if begins // 3 >= self.broken_after:
            return web.json_response({}, status=503)
        rows = [one for one in self.held.values() if one["id"] == id or _fits(one, "patient", f"Patient/{id}")]
        entries = [
            {"fullUrl": f"/fhir/{one['resourceType']}/{one['id']}", "resource": one}
            for one in rows[begins : begins + 3]
        ]
        link = [{"relation": "next", "url": f"/fhir/x?_cursor={begins + 3}"}] if len(rows) > begins + 3 else []
        return web.json_response({"resourceType": "Bundle", "link": link, "entry": entries})

    async def _search(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        pairs = [(str(name), str(value)) for name, value in (await request.post()).items()]
        type = request.match_info["type"]
        rows = [found for found in self.held.values() if found["resourceType"] == type]
        for name, value in pairs:
            rows = [found for found in rows if _fits(found, name, value)]
        wanted = dict(pairs)
        if wanted.get("_summary") == "count":
            return web.json_response({"resourceType": "Bundle", "type": "searchset", "total": len(rows)})
        if "_sort" in wanted:
            rows.sort(key=lambda found: _at(found) or "", reverse=True)
        count = int(wanted.get("_count", "50"))
        entries = [{"resource": found, "search": {"mode": "match"}} for found in rows[:count]]
        entries += [
            {"resource": found, "search": {"mode": "include"}} for found in self._included(rows[:count], wanted)
        ]
        if self.withheld:
            issues = [
                {"severity": "information", "code": "suppressed", "details": {"coding": [{"code": f"law/{one}"}]}}
                for one in self.withheld
            ]
            outcome = {"resourceType": "OperationOutcome", "issue": issues}
            entries.append({"resource": outcome, "search": {"mode": "outcome"}})
        links = [{"relation": "next", "url": "x"}] if len(rows) > count else []
        return web.json_response({"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries})

    def _included(self, rows: list[dict[str, Any]], wanted: dict[str, str]) -> list[dict[str, Any]]:
        if wanted.get("_include", "").endswith(":patient"):
            named = [found.get("subject") or found.get("for") or {} for found in rows]
            named += [part.get("actor", {}) for found in rows for part in found.get("participant", ())]
            people = dict.fromkeys(str(one.get("reference", "")) for one in named)
            return [self.held[one] for one in people if one in self.held]
        if "_include" in wanted:
            keys = [item["reference"] for found in rows for item in found.get("result", ())]
            return [self.held[key] for key in dict.fromkeys(keys) if key in self.held]
        if "_revinclude" in wanted:
            shown = {f"Observation/{found['id']}" for found in rows}
            reports = [found for found in self.held.values() if found["resourceType"] == "DiagnosticReport"]
            return [found for found in reports if shown & {item["reference"] for item in found.get("result", ())}]
        return []


def _at(found: dict[str, Any]) -> str:
    read = _DATES.get(found["resourceType"])
    at = moment(read(found)) if read is not None else None
    return at.iso if at else ""


def _fits(found: dict[str, Any], name: str, value: str) -> bool:
    if name == "patient":
        subject = found.get("subject") or found.get("patient") or found.get("for") or {}
        actors = [part.get("actor", {}) for part in found.get("participant", ())]
        return value in [one.get("reference") for one in (subject, *actors)]
    if name in ("owner", "owner:identifier", "owner:missing"):
        owner = found.get("owner", {})
        known = owner.get("identifier", {})
        named = {"owner": owner.get("reference"), "owner:identifier": f"{known.get('system')}|{known.get('value')}"}
        return bool(named.get(name, str(not owner).lower()) == value)
    if name == "_id":
        return found["id"] in value.split(",")
    if name == "category":
        codings = [coding for one in found.get("category", ()) for coding in one.get("coding", ())]
        return any(coding.get("code") == value for coding in codings)
    if name == "_lastUpdated":
        return str(found["meta"]["lastUpdated"]) > value[2:]
    if name == "identifier":
        return any(item["value"] in value.split(",") for item in found.get("identifier", ()))
    if name == "name":
        words = " ".join(
            f"{item.get('family', '')} {' '.join(item.get('given', ()))}" for item in found.get("name", ())
        )
        return any(word.startswith(value.lower()) for word in words.lower().split())
    if name == "birthdate":
        return found.get("birthDate") == value
    if name.startswith("_") or not value.startswith("lt"):
        return True
    limit = moment(value[2:])
    return bool(_at(found)) and limit is not None and _at(found) < limit.iso
