"""The acts of the law as the portal takes them at the information platform, always as the signed-in person (sweden.md §4)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from application_platform.portal.record import NotAllowed, NotShown, SignedOut, Unreadable
from kit.http import Answer, Client
from kit.problems import Kind, Problem

_PATIENTS = "/information/access/patients"


class NotTaken(Problem):
    """The act was refused; the text is the law's own, in words that a person can act on."""

    kind = Kind.RULE_BROKEN
    code = "application/act-refused"
    title = "The act was refused"

    def __init__(self, detail: str, name: str) -> None:
        super().__init__(detail)
        self.name = name  # the code of the refusal, e.g. access/too-long


class Access:
    """The legal facts of a patient at one base URL. Raises SignedOut, NotShown, NotAllowed, NotTaken, Unavailable."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def state(self, token: str, patient: str) -> Mapping[str, Any]:
        """What stands between this reader and the patient's record, and what would open it."""
        return await self.get(token, f"{_PATIENTS}/{quote(patient, safe='')}")

    async def get(self, token: str, address: str) -> Mapping[str, Any]:
        """What stands at an address of the information platform."""
        return _read(await self._client.send("GET", address, bearer=token))

    async def listed(self, token: str, address: str) -> list[Mapping[str, Any]]:
        """The same where it is a list."""
        return _listed(await self._client.send("GET", address, bearer=token))

    async def post(self, token: str, address: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """An answer given there."""
        data = msgspec.json.encode(body)
        return _read(await self._client.send("POST", address, bearer=token, data=data, type="application/json"))

    async def take(self, token: str, patient: str, door: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """One act: `door` is the address below the patient (relations, choices, consents …)."""
        return await self.post(token, f"{_PATIENTS}/{quote(patient, safe='')}/{door}", body)

    async def acts(self, token: str, patient: str) -> list[Mapping[str, Any]]:
        """Every act that the reader may know of, newest first: `act`, and whether it is `in_force`."""
        return await self.listed(token, f"{_PATIENTS}/{quote(patient, safe='')}/acts")

    async def acting(self, token: str) -> list[Mapping[str, Any]]:
        """For whom the reader acts today: `patient` and `role`."""
        return await self.listed(token, "/information/access/acting")

    async def log(self, token: str, after: str, count: str) -> Mapping[str, Any]:
        """The patient's own extract of the access log: `accesses`, newest first, and `next`."""
        query = urlencode({"count": count, **({"after": after} if after else {})})
        return await self.get(token, f"/information/log/mine?{query}")

    async def stop(self) -> None:
        await self._client.stop()


def _listed(reply: Answer) -> list[Mapping[str, Any]]:
    if reply.status != 200:
        _read(reply)
        raise Unreadable(f"The information platform answered {reply.status}")
    found = msgspec.json.decode(reply.body)
    if not isinstance(found, list):
        raise Unreadable
    return found


def _read(reply: Answer) -> Mapping[str, Any]:
    if reply.status == 401:
        raise SignedOut
    try:
        found = msgspec.json.decode(reply.body) if reply.body else {}
    except msgspec.DecodeError:
        raise Unreadable from None
    if not isinstance(found, dict):
        raise Unreadable
    if reply.status in (200, 201, 202):
        return found
    name = str(found.get("type", "")).removeprefix("/problems/").removeprefix("about:blank")
    if reply.status == 404 and name in ("access/no-such-patient", ""):
        raise NotShown
    if reply.status in (403, 404, 409, 422, 400):
        raise NotTaken(str(found.get("detail") or found.get("title") or ""), name)
    raise NotAllowed if reply.status == 405 else Unreadable(f"The information platform answered {reply.status}")
