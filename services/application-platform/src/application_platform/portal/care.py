"""Writes at VIS as the signed-in person: the one place where staff's own words become record (D4, D12, D15)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from application_platform.portal.record import NotAllowed, NotShown, Record, SignedOut, Unreadable
from kit.http import Answer, Client
from kit.problems import Kind, Problem

_FHIR, _DRAFTS = "/vis/fhir", "/vis/care/drafts"
_FORM = "application/x-www-form-urlencoded"
_TYPES = {True: "application/fhir+json", False: "application/json"}


class Stale(Problem):
    """It has been changed since it was read."""

    kind = Kind.CONFLICT
    code = "application/changed-meanwhile"
    title = "It has been changed since it was read"


class NotTaken(Problem):
    """VIS refuses the act; the detail is VIS's own Swedish sentence, or "" where it has none for people."""

    kind = Kind.RULE_BROKEN
    code = "application/not-taken"
    title = "VIS does not take this"


@dataclass(frozen=True, slots=True)
class Stored:
    """A resource as it lies at VIS, and its version; `position` lets a reader of the record wait for it (FVM-Position)."""

    resource: Mapping[str, Any]
    version: str
    position: str = ""


class Care:
    """VIS at one base URL. Every method takes the writer's own token and the patient that the act is about.

    Raises SignedOut, NotShown, NotAllowed, Stale, NotTaken, Unreadable, and kit's Unavailable when VIS is away.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.record = Record(client, _FHIR)  # what VIS itself holds, of several patients too: the ward's board

    async def read(self, token: str, patient: str, type: str, id: str) -> Stored:
        """VIS's own copy. Raises NotShown too when it is about another patient."""
        found = _stored(await self._send("GET", f"{_FHIR}/{type}/{_safe(id)}", token, patient))
        if found.resource.get("subject", {}).get("reference") != f"Patient/{patient}":
            raise NotShown
        return found

    async def update(self, token: str, patient: str, id: str, version: str, body: Mapping[str, Any]) -> Stored:
        """Over exactly this version. Raises Stale when there is another one."""
        address = f"{_FHIR}/{body['resourceType']}/{_safe(id)}"
        headers = {"If-Match": f'W/"{version}"', "Prefer": "return=representation"}
        return _stored(await self._send("PUT", address, token, patient, body, headers))

    async def act(
        self, token: str, patient: str, key: str, operation: str, values: Mapping[str, Any], version: str = ""
    ) -> Stored:
        """An operation on "Type/id"; `values` by the name of the parameter and its type: {"comment:valueString": …}. With
        `version` it is done to that one only."""
        type, _, id = key.partition("/")
        listed = [_parameter(name, value) for name, value in values.items() if value not in ("", None)]
        body, more = (
            {"resourceType": "Parameters", "parameter": listed},
            {"If-Match": f'W/"{version}"'} if version else {},
        )
        return _stored(await self._send("POST", f"{_FHIR}/{type}/{_safe(id)}/${operation}", token, patient, body, more))

    async def versions(self, token: str, patient: str, type: str, id: str) -> list[Mapping[str, Any]]:
        """Every version that the reader may see, the newest first; 50 at most. Raises NotShown where it is another patient's."""
        found = _read(await self._send("GET", f"{_FHIR}/{type}/{_safe(id)}/_history?_count=50", token, patient))
        kept = [one["resource"] for one in found.get("entry", ()) if "resource" in one]
        if not kept or any(one.get("subject", {}).get("reference") != f"Patient/{patient}" for one in kept):
            raise NotShown
        return kept

    async def ask(self, token: str, patient: str, address: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What an operation with a body of its own answers; `address` below the door: "ServiceRequest/$order"."""
        return _read(await self._send("POST", f"{_FHIR}/{address}", token, patient, body))

    async def find(self, token: str, patient: str, type: str, *pairs: tuple[str, str]) -> list[Mapping[str, Any]]:
        """VIS's own resources of this type about this patient, 500 at most."""
        asked = urlencode([("patient", f"Patient/{patient}"), *pairs, ("_count", "500")]).encode()
        headers = {"FVM-Patient": patient}
        reply = await self._client.send(
            "POST", f"{_FHIR}/{type}/_search", bearer=token, data=asked, type=_FORM, headers=headers
        )
        return [one["resource"] for one in _read(reply).get("entry", ()) if one["resource"]["resourceType"] == type]

    async def tasks(self, token: str, patient: str, kind: str) -> list[Mapping[str, Any]]:
        """The tasks of this kind (vis.care.tasks) about this patient, whatever their state."""
        return await self.find(token, patient, "Task", ("code", f"urn:fvm:task|{kind}"))

    async def save(self, token: str, patient: str, draft: str, title: str, text: str, base: int) -> int:
        """The next version of a draft. Raises Stale when `base` is not the newest."""
        body = {"patient": patient, "title": title, "text": text, "base": base}
        return int(_read(await self._send("PUT", f"{_DRAFTS}/{draft}", token, patient, body))["version"])

    async def draft(self, token: str, patient: str, draft: str) -> Mapping[str, Any]:
        """One's own draft: `patient`, `title`, `text`, `version`, `state`. Raises NotShown when it is of another patient."""
        found = _read(await self._send("GET", f"{_DRAFTS}/{draft}", token, patient))
        if found.get("patient") != patient:
            raise NotShown
        return found

    async def drafts(self, token: str, patient: str) -> list[Mapping[str, Any]]:
        """One's own drafts of this patient that are not filed, the newest first."""
        return [one for one in await self.every_draft(token) if one.get("patient") == patient]

    async def every_draft(self, token: str) -> list[Mapping[str, Any]]:
        """One's own drafts that are not filed, of whichever patient, the newest first; 200 at most."""
        reply = await self._client.send("GET", _DRAFTS, bearer=token)
        found = _decoded(reply) if reply.status == 200 else _read(reply)
        if not isinstance(found, list):
            raise Unreadable
        return found

    async def file(self, token: str, patient: str, draft: str, version: int, *, sign: bool) -> str:
        """The draft becomes a note, signed or not; again: the same one. The note's id."""
        body = {"version": version, "sign": sign}
        return str(_read(await self._send("POST", f"{_DRAFTS}/{draft}/file", token, patient, body))["id"])

    async def _send(
        self,
        method: str,
        address: str,
        token: str,
        patient: str,
        body: Mapping[str, Any] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Answer:
        headers = {"FVM-Patient": patient, **(more or {})}
        data = msgspec.json.encode(body) if body is not None else None
        type = _TYPES[address.startswith(_FHIR)] if data else None
        return await self._client.send(method, address, bearer=token, data=data, type=type, headers=headers)

    async def stop(self) -> None:
        await self._client.stop()


def _safe(id: str) -> str:
    return quote(id, safe="")


def _parameter(name: str, value: Any) -> dict[str, Any]:
    word, _, kind = name.partition(":")
    return {"name": word, kind: value}


def _stored(reply: Answer) -> Stored:
    found = _read(reply)
    version = str(found.get("meta", {}).get("versionId", ""))
    return Stored(found, version, reply.headers.get("fvm-position", ""))


def _decoded(reply: Answer) -> Any:
    try:
        return msgspec.json.decode(reply.body)
    except msgspec.DecodeError:
        raise Unreadable from None


def _read(reply: Answer) -> dict[str, Any]:
    if reply.status == 401:
        raise SignedOut
    if reply.status in (404, 410):
        raise NotShown
    found = _decoded(reply)
    if not isinstance(found, dict):
        raise Unreadable
    if reply.status in (200, 201):
        return found
    code, words = _reason(found)
    if reply.status == 412 or code == "care/draft-newer":
        raise Stale
    if code.startswith("care/") or reply.status in (400, 413, 422):
        raise NotTaken(words if code.startswith("care/") else "")
    raise {403: NotAllowed, 409: Stale}.get(reply.status, Unreadable)


def _reason(found: Mapping[str, Any]) -> tuple[str, str]:
    """The code of a refusal and its words, from an OperationOutcome or a problem of RFC 9457."""
    for issue in found.get("issue", ()):
        codings = issue.get("details", {}).get("coding", ())
        return next((str(one.get("code", "")) for one in codings), ""), str(issue.get("diagnostics", ""))
    return str(found.get("type", "")).removeprefix("/problems/"), str(found.get("detail", ""))
