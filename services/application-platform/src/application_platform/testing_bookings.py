"""For tests of the portal: times in the VIS in memory, with the operations of bookings as VIS answers them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from application_platform.testing_care import Vis

Answered = tuple[int, dict[str, Any]]
GONE = "Tiden är inte ledig längre. Välj en annan tid"


@dataclass
class Times:
    """Slots and who has them. `held` is the record's and VIS's resources; holds last until the test says otherwise."""

    vis: Vis
    holds: dict[str, str] = field(default_factory=dict)  # slot → patient
    refusal: str = ""  # what every act of bookings is refused with, as care/not-now
    code: str = "care/not-now"

    @property
    def held(self) -> dict[str, dict[str, Any]]:
        return self.vis.held

    def mount(self, app: web.Application) -> None:
        """Comes before VIS's own routes."""
        doors: dict[str, Callable[[web.Request, str, dict[str, Any]], Answered]] = {
            "Slot/{id}/$hold": self._hold,
            "Slot/{id}/$book": self._book,
            "HealthcareService/{id}/$wait": self._wait,
            "Appointment/{id}/$rebook": self._rebook,
            "Appointment/{id}/$cancel": self._step("cancelled"),
            "Appointment/{id}/$arrive": self._step("arrived"),
            "Appointment/{id}/$noshow": self._step("noshow"),
            "Appointment/{id}/$fulfil": self._step("fulfilled"),
        }
        app.router.add_post("/vis/fhir/Slot/$find", self._answering(self._find))
        for path, door in doors.items():
            app.router.add_post(f"/vis/fhir/{path}", self._answering(door))
        app.router.add_post("/vis/fhir/{type:HealthcareService|Schedule|Slot|Appointment}/_search", self._search)

    def _answering(self, door: Callable[[web.Request, str, dict[str, Any]], Answered]) -> Any:
        async def answer(request: web.Request) -> web.Response:
            if self.vis.away or self.vis.signed_out:
                return web.json_response({}, status=503 if self.vis.away else 401)
            body = await request.json() if request.can_read_body else {}
            said = {one["name"]: next(v for k, v in one.items() if k != "name") for one in body.get("parameter", ())}
            patient = request.headers.get("FVM-Patient", "")
            self.vis.contexts.append(patient)
            name = request.path.rpartition("$")[2]
            if self.refusal and name != "find":
                return web.json_response(self._no(self.refusal)[1], status=409)
            status, found = door(request, patient, said)
            if status in (200, 201) and name != "find":
                self.vis.acts.append((name, {"patient": patient, "of": request.match_info.get("id", ""), **said}))
            return web.json_response(found if not self.vis.deaf else {}, status=503 if self.vis.deaf else status)

        return answer

    def _no(self, words: str) -> Answered:
        issue = {"details": {"coding": [{"code": self.code}]}, "diagnostics": words}
        return 409, {"resourceType": "OperationOutcome", "issue": [issue]}

    def _find(self, _: web.Request, patient: str, said: dict[str, Any]) -> Answered:
        since = max(datetime.fromisoformat(said["from"]), datetime.now(UTC))
        until = datetime.fromisoformat(said["until"])
        books = {key: one for key, one in self.held.items() if one["resourceType"] == "Schedule" and _is_of(one, said)}
        slots = [one for one in self.held.values() if one["resourceType"] == "Slot" and one["status"] == "free"]
        found = [
            one
            for one in slots
            if one["schedule"]["reference"] in books
            and since <= datetime.fromisoformat(one["start"]) < until
            and self.holds.get(one["id"], patient) == patient
        ]
        found.sort(key=lambda one: str(one["start"]))
        entries = [{"resource": one, "search": {"mode": "match"}} for one in found]
        entries += [{"resource": one, "search": {"mode": "include"}} for one in books.values()]
        return 200, {"resourceType": "Bundle", "entry": entries}

    def _hold(self, request: web.Request, patient: str, _: dict[str, Any]) -> Answered:
        slot = self.held.get(f"Slot/{request.match_info['id']}")
        if slot is None:
            return 404, {}
        if slot["status"] != "free" or self.holds.get(slot["id"], patient) != patient:
            return self._no(GONE)
        self.holds[slot["id"]] = patient
        until = (datetime.now(UTC) + timedelta(minutes=5)).isoformat(timespec="milliseconds")
        return 200, {"resourceType": "Parameters", "parameter": [{"name": "until", "valueInstant": until}]}

    def _book(self, request: web.Request, patient: str, said: dict[str, Any]) -> Answered:
        return self._booked(request.match_info["id"], patient, said)

    def _booked(self, slot_id: str, patient: str, said: dict[str, Any]) -> Answered:
        slot = self.held.get(f"Slot/{slot_id}")
        if slot is None:
            return 404, {}
        key = f"Appointment/{said['id']}"
        if key in self.held:
            return 200, self.held[key]
        if slot["status"] != "free" or self.holds.get(slot_id, patient) != patient:
            return self._no(GONE)
        book = self.held[slot["schedule"]["reference"]]
        slot["status"] = "busy"
        made = an_appointment(said["id"], patient, slot, book, said.get("reason", ""))
        self.held[key] = made
        return 201, made

    def _wait(self, request: web.Request, patient: str, said: dict[str, Any]) -> Answered:
        service = self.held.get(f"HealthcareService/{request.match_info['id']}")
        if service is None:
            return 404, {}
        key = f"Appointment/{said['id']}"
        there = {"reference": f"HealthcareService/{service['id']}", "display": service["name"]}
        made = {
            "resourceType": "Appointment",
            "id": said["id"],
            "meta": {"versionId": "1", "lastUpdated": "2026-11-26T10:00:00Z"},
            "status": "waitlist",
            "description": said["reason"],
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "participant": [{"actor": {"reference": f"Patient/{patient}"}}, {"actor": there}],
        }
        return 201, self.held.setdefault(key, made)

    def _rebook(self, request: web.Request, patient: str, said: dict[str, Any]) -> Answered:
        old = self.held[f"Appointment/{request.match_info['id']}"]
        status, made = self._booked(said["slot"], patient, {**said, "reason": old.get("description", "")})
        if status == 201:
            coding = [{"system": "urn:fvm:booking", "code": "rebooked"}]
            self._ended(old, "cancelled", {"coding": coding, "text": "Ombokad"})
        return status, made

    def _step(self, status: str) -> Callable[[web.Request, str, dict[str, Any]], Answered]:
        def step(request: web.Request, patient: str, said: dict[str, Any]) -> Answered:
            found = self.held.get(f"Appointment/{request.match_info['id']}")
            if found is None or patient not in str(found["participant"]):
                return 404, {}
            asked = request.headers.get("If-Match")
            if asked and asked != f'W/"{found["meta"]["versionId"]}"' and found["status"] != status:
                return 412, {}
            if found["status"] != status:
                self._ended(found, status, {"text": said.get("comment") or "Patienten avbokade själv"})
            return 200, found

        return step

    def _ended(self, found: dict[str, Any], status: str, reason: dict[str, Any]) -> None:
        found["status"] = status
        found["meta"]["versionId"] = str(int(found["meta"].get("versionId", "1")) + 1)
        if status == "cancelled":
            found["cancelationReason"] = reason
            for one in found.get("slot", ()):
                self.held[one["reference"]]["status"] = "free"
                self.holds.pop(one["reference"].removeprefix("Slot/"), None)

    async def _search(self, request: web.Request) -> web.Response:
        if self.vis.away or self.vis.signed_out:
            return web.json_response({}, status=503 if self.vis.away else 401)
        pairs = [(str(name), str(value)) for name, value in (await request.post()).items()]
        type = request.match_info["type"]
        rows = [one for one in self.held.values() if one["resourceType"] == type]
        rows = [one for one in rows if all(_fits(one, name, value) for name, value in pairs)]
        rows.sort(key=lambda one: str(one.get("start", "")))
        entries = [{"resource": one, "search": {"mode": "match"}} for one in rows]
        wanted = {value for name, value in pairs if name == "_include"}
        keys = [one["schedule"]["reference"] for one in rows if "Slot:schedule" in wanted]
        if "Appointment:patient" in wanted:
            keys += [part["actor"]["reference"] for one in rows for part in one["participant"]]
        entries += [
            {"resource": self.held[key], "search": {"mode": "include"}}
            for key in dict.fromkeys(keys)
            if key in self.held
        ]
        return web.json_response({"resourceType": "Bundle", "entry": entries})


def an_appointment(
    id: str, patient: str, slot: dict[str, Any], book: dict[str, Any], reason: str = ""
) -> dict[str, Any]:
    """A booking as VIS makes it."""
    there = [{"actor": actor, "status": "accepted"} for actor in book.get("actor", ())]
    return {
        "resourceType": "Appointment",
        "id": id,
        "meta": {"versionId": "1", "lastUpdated": "2026-11-26T10:00:00Z"},
        "status": "booked",
        "serviceType": book.get("serviceType", []),
        "description": reason,
        "slot": [{"reference": f"Slot/{slot['id']}"}],
        "start": slot["start"],
        "end": slot["end"],
        "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}, *there],
    }


def _is_of(book: dict[str, Any], said: dict[str, Any]) -> bool:
    services = [one["reference"] for one in book["actor"]]
    return "service" not in said or f"HealthcareService/{said['service']}" in services


def _fits(one: dict[str, Any], name: str, value: str) -> bool:
    if name == "_id":
        return str(one["id"]) in value.split(",")
    if name == "patient":
        return any(part["actor"]["reference"] == value for part in one.get("participant", ()))
    if name == "_tag":
        tags = [f"{tag.get('system')}|{tag.get('code')}" for tag in one.get("meta", {}).get("tag", ())]
        return value in tags
    if name == "organization":
        return bool(one.get("providedBy", {}).get("reference") == value)
    if name == "actor":
        return bool({part["reference"] for part in one["actor"]} & set(value.split(",")))
    if name == "schedule":
        return one["schedule"]["reference"] in value.split(",")
    if name == "status":
        return bool(one.get("status") in value.split(","))
    if name in ("start", "date") and "start" in one:
        at, limit = datetime.fromisoformat(one["start"]), datetime.fromisoformat(value[2:])
        return at >= limit if value.startswith("ge") else at < limit
    return True
