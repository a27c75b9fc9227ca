"""For tests of the portal: prescriptions in the VIS in memory, with the operations of medicines as VIS answers them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from application_platform.testing_care import Vis

Answered = tuple[int, dict[str, Any]]
AT = "2026-11-23T10:00:00Z"
_ENDS = {"stop": "stopped", "hold": "on-hold", "release": "active"}


@dataclass
class Pharmacy:
    """`found`: what a check says of drafts whose name begins so, as (code, state, text, about, severe); else nothing is found and
    interactions are not checked. `lacks`: what drafts lack, by the beginning of the name."""

    vis: Vis
    found: dict[str, list[tuple[str, str, str, str, bool]]] = field(default_factory=dict)
    lacks: dict[str, list[str]] = field(default_factory=dict)

    def mount(self, app: web.Application) -> None:
        """Comes before VIS's own routes."""
        doors: dict[str, Callable[[web.Request, dict[str, Any]], Answered]] = {
            "MedicationRequest/$check": self._check,
            "MedicationRequest/$prescribe": self._prescribe,
            "MedicationRequest/{id}/$request-renewal": self._ask,
            "MedicationRequest/{id}/$stop": self._change,
            "MedicationRequest/{id}/$hold": self._change,
            "MedicationRequest/{id}/$release": self._change,
        }
        for path, door in doors.items():
            app.router.add_post(f"/vis/fhir/{path}", self._answering(door))

    def _answering(self, door: Callable[[web.Request, dict[str, Any]], Answered]) -> Any:
        async def answer(request: web.Request) -> web.Response:
            vis, name = self.vis, request.path.rpartition("$")[2]
            if vis.away or vis.signed_out:
                return web.json_response({}, status=503 if vis.away else 401)
            vis.contexts.append(request.headers.get("FVM-Patient", ""))
            if vis.refusal and name != "check":
                return web.json_response(_no("care/not-now", vis.refusal), status=409)
            status, found = door(request, await request.json())
            if name == "check":
                return web.json_response(found, status=status)
            return web.json_response({} if vis.deaf else found, status=503 if vis.deaf else status)

        return answer

    def _check(self, _request: web.Request, body: dict[str, Any]) -> Answered:
        told = []
        for draft in _drafts(body):
            parts: list[dict[str, Any]] = [{"name": "id", "valueString": draft["id"]}]
            for say in _of(self.lacks, draft, []):
                parts.append(
                    {
                        "name": "lacks",
                        "part": [{"name": "at", "valueString": "x"}, {"name": "text", "valueString": say}],
                    }
                )
            for code, state, text, about, severe in self._checks(draft):
                part: list[dict[str, Any]] = [
                    {"name": "code", "valueCode": code},
                    {"name": "state", "valueCode": state},
                ]
                part += [{"name": "text", "valueString": text}, {"name": "severe", "valueBoolean": severe}]
                parts.append(
                    {"name": "check", "part": part + ([{"name": "about", "valueString": about}] if about else [])}
                )
            told.append({"name": "draft", "part": parts})
        return 200, {"resourceType": "Parameters", "parameter": told}

    def _checks(self, draft: dict[str, Any]) -> list[tuple[str, str, str, str, bool]]:
        usual = [
            ("duplicate", "clear", "Ingen dubblering", "", False),
            ("allergy", "clear", "Ingen känd", "", False),
            ("interaction", "unchecked", "Regionen har ingen källa för det", "", False),
        ]
        return list(_of(self.found, draft, usual))

    def _prescribe(self, _request: web.Request, body: dict[str, Any]) -> Answered:
        said = [{part["name"]: next(v for k, v in part.items() if k != "name") for part in one["part"]}
                for one in body["parameter"] if one["name"] == "answer"]  # fmt: skip
        given = {(one["draft"], one["check"], one.get("about", "")) for one in said}
        for draft in _drafts(body):
            for code, state, text, about, _ in self._checks(draft):
                if state != "clear" and (draft["id"], code, about) not in given:
                    return 422, _no("care/unanswered", f"{_name(draft)}: {text}")
        for draft in _drafts(body):
            made = {**draft, "status": "active", "authoredOn": AT, "requester": {"display": "Anna Lind"}}
            self.vis.held[f"MedicationRequest/{draft['id']}"] = {**made, "meta": {"versionId": "1", "lastUpdated": AT}}
            prior = self.vis.held.get(draft.get("priorPrescription", {}).get("reference", ""))
            if prior is not None:
                prior |= {"status": "completed", "statusReason": {"text": "Förnyad"}}
                self._answer(f"MedicationRequest/{prior['id']}", "Förnyat", "renewed")
        self.vis.acts.append(("prescribe", {"drafts": _drafts(body), "answers": said}))
        return 200, {"resourceType": "Bundle", "type": "collection"}

    def _ask(self, request: web.Request, body: dict[str, Any]) -> Answered:
        key = f"MedicationRequest/{request.match_info['id']}"
        if key not in self.vis.held:
            return 404, {}
        said = _values(body).get("comment", "")
        about = self.vis.held[key]["subject"]["reference"]
        task = {"resourceType": "Task", "id": f"t-{request.match_info['id']}", "status": "requested", "authoredOn": AT,
                "focus": {"reference": key}, "for": {"reference": about}, "meta": {"lastUpdated": AT},
                "note": [{"authorString": "Tolvan Tolvansson", "time": AT, "text": said or "Begär förnyelse"}]}  # fmt: skip
        self.vis.held[f"Task/{task['id']}"] = task
        self.vis.acts.append(("request-renewal", {"key": key, "comment": said}))
        return 201, task

    def _answer(self, key: str, text: str, outcome: str) -> None:
        for one in self.vis.held.values():
            if one["resourceType"] == "Task" and one.get("focus", {}).get("reference") == key:
                note = {"authorReference": {"display": "Anna Lind"}, "time": AT, "text": text}
                one |= {"status": "completed", "output": [{"valueCode": outcome}], "note": [*one.get("note", ()), note]}

    def _change(self, request: web.Request, body: dict[str, Any]) -> Answered:
        key, name = f"MedicationRequest/{request.match_info['id']}", request.path.rpartition("$")[2]
        held = self.vis.held[key]
        if held["status"] == _ENDS[name]:
            return 200, held  # the same act again
        version = str(held["meta"].get("versionId", "1"))
        if request.headers.get("If-Match") not in (None, f'W/"{version}"'):
            return 412, {}
        said = _values(body)
        held |= {"status": _ENDS[name], "meta": {**held["meta"], "versionId": str(int(version) + 1)}}
        held |= {"statusReason": {"text": said.get("comment", "")}}
        self.vis.acts.append((name, {"key": key, **said}))
        return 200, held


def _no(code: str, words: str) -> dict[str, Any]:
    issue = {"details": {"coding": [{"code": code}]}, "diagnostics": words}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _drafts(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [one["resource"] for one in body["parameter"] if one["name"] == "draft"]


def _values(body: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: next(v for k, v in one.items() if k != "name") for one in body.get("parameter", ())}


def _name(draft: dict[str, Any]) -> str:
    return str(draft.get("medicationCodeableConcept", {}).get("text", ""))


def _of(known: dict[str, Any], draft: dict[str, Any], usual: Any) -> Any:
    return next((found for start, found in known.items() if _name(draft).startswith(start)), usual)
