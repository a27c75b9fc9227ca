"""The region's doors as the demo uses them: FHIR and events through the gateway, HL7 v2 over MLLP, with kept \
connections."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from fvm import health, people
from fvm.demo.staff import Resource
from fvm.settings import Settings
from fvm.trouble import Trouble

FHIR = "application/fhir+json"
PATIENCE = 30.0  # seconds for one answer
AWAY = 20.0  # seconds for a door to come back
_START, _END = b"\x0b", b"\x1c\r"
_WINDOW = 32  # HL7 v2 messages on their way at once


class Doors:
    """One connection to the gateway per thread, and the tokens of whoever writes. Close it when done."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        at = urlsplit(settings.gate)
        self._host, self._port = at.hostname or "127.0.0.1", at.port or 80
        self._mine = threading.local()
        self._open: list[http.client.HTTPConnection] = []
        self._tokens: dict[tuple[str, str | None], str] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        for connection in self._open:
            connection.close()

    def token(self, who: str, commission: str | None = None) -> str:
        """An access token of a demo person or system, asked for once. Raises Trouble."""
        with self._lock:
            if (who, commission) not in self._tokens:
                self._tokens[who, commission] = people.token(self.settings, who, 1, commission)
            return self._tokens[who, commission]

    def forget_tokens(self) -> None:
        """Tokens live an hour; whoever goes on for longer asks again."""
        with self._lock:
            self._tokens.clear()

    def transaction(self, resources: Iterable[Resource], token: str, patient: str | None = None) -> None:
        """Writes all of them at VIS, each under its own id. Raises Trouble with the refusal's words."""
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ]
        about = {"FVM-Patient": patient} if patient else {}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        self.ask("POST", "/vis/fhir", token, bundle, FHIR, about)

    def ask(
        self, method: str, path: str, token: str, body: Any = None, kind: str = "application/json",
        headers: dict[str, str] | None = None, *, taken: tuple[int, ...] = (200, 201, 202),
    ) -> tuple[int, Any]:  # fmt: skip
        """(status, decoded body). Waits for a door that is away; raises Trouble for any other status than `taken`."""
        sent = {"Authorization": f"Bearer {token}", "Content-Type": kind, **(headers or {})}
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        until = time.monotonic() + AWAY
        while True:
            status, found = self._once(method, path, data, sent)
            if status in taken:
                return status, found
            if status not in (0, 429, 502, 503, 504) or time.monotonic() > until:
                raise Trouble(f"The demo could not be told at {path.partition('?')[0]}: {_words(status, found)}")
            time.sleep(0.3)

    def _once(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
        connection: http.client.HTTPConnection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE)
            self._open.append(connection)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()  # the next request opens it again
            return 0, None
        try:
            return answer.status, json.loads(body) if body else None
        except ValueError:
            return answer.status, None

    def hl7(self, messages: Iterable[str]) -> int:
        """Sends them over one connection, many on their way at once; returns how many were taken. Raises Trouble."""
        host = "127.0.0.1" if self.settings.host == "0.0.0.0" else self.settings.host  # noqa: S104 - asked, not bound
        try:
            with socket.create_connection((host, self.settings.mllp_port), timeout=PATIENCE) as line:
                return sum(_sent(line, iter(messages)))
        except OSError as away:
            raise Trouble(f"HL7 v2 over MLLP does not answer at port {self.settings.mllp_port}.") from away


def _sent(line: socket.socket, messages: Iterator[str]) -> Iterator[int]:
    """1 for each message that was accepted. Raises Trouble for one that was not."""
    waiting, data = 0, b""
    more = True
    while more or waiting:
        while more and waiting < _WINDOW:
            message = next(messages, None)
            more = message is not None
            if message is not None:
                line.sendall(_START + message.encode() + _END)
                waiting += 1
        if waiting:
            data += line.recv(65536) or _lost()
            *answers, data = data.split(_END)
            for answer in answers:
                waiting -= 1
                yield _accepted(answer)


def _lost() -> bytes:
    raise OSError("the connection was closed")


def _accepted(answer: bytes) -> int:
    if b"\rMSA|AA|" not in answer:
        said = answer.partition(b"\rMSA|")[2].split(b"\r")[0].decode(errors="replace")
        raise Trouble(f"HL7 v2 over MLLP refused an answer of the demo's laboratory: {said}")
    return 1


def _words(status: int, body: Any) -> str:
    issues = body.get("issue") if isinstance(body, dict) else None
    if issues:
        return "; ".join(str(one.get("diagnostics") or one.get("details", {}).get("text")) for one in issues[:3])
    return health.complaint(body) or (f"status {status}" if status else "no answer")
