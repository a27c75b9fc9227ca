"""A FHIR server that knows nothing of us, for tests: resources in memory, every search answered with the first of its type.

Run as a program it prints its base and serves until it is stopped; `asked` below the base says how it was asked.
"""

import asyncio
import json
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Another:
    """Serves at `base`; `asked` counts requests, `tokens` those that had one."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, dict[str, Any]]] = {}
        self.asked = self.tokens = 0
        self.base = ""

    async def serve(self) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fhir"
        print(self.base, flush=True)
        await server.serve_forever()

    def keep(self, resource: dict[str, Any]) -> dict[str, Any]:
        kept = {**resource, "id": str(uuid.uuid4())}
        self.kept.setdefault(kept["resourceType"], {})[kept["id"]] = kept
        return kept

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                method, target, _ = head.split(" ", 2)
                self.asked += 1
                self.tokens += "authorization" in fields
                status, answer = self._answer(method, target, body)
                text = json.dumps(answer).encode()
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, method: str, target: str, body: bytes) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(target)
        path = parts.path.removeprefix("/fhir").strip("/").split("/")
        if path == ["metadata"]:
            return 200, {"resourceType": "CapabilityStatement", "software": {"name": "Another", "version": "1.0"}}
        if path == ["asked"]:
            return 200, {"asked": self.asked, "tokens": self.tokens}
        if method == "POST":
            resource = json.loads(body)
            if resource["resourceType"] == "Bundle":
                return 200, self._transaction(resource)
            return 201, self.keep(resource)
        if len(path) == 2:
            found = self.kept.get(path[0], {}).get(path[1])
            return (200, found) if found else (404, {"resourceType": "OperationOutcome"})
        return 200, self._page(path[0], parse_qs(parts.query))

    def _transaction(self, bundle: dict[str, Any]) -> dict[str, Any]:
        ids = {entry["fullUrl"]: str(uuid.uuid4()) for entry in bundle["entry"]}
        text = json.dumps([entry["resource"] | {"id": ids[entry["fullUrl"]]} for entry in bundle["entry"]])
        for entry in bundle["entry"]:
            full = entry["fullUrl"]
            text = text.replace(
                f'"reference": "{full}"', f'"reference": "{entry["resource"]["resourceType"]}/{ids[full]}"'
            )
        made = json.loads(text)
        for one in made:
            self.kept.setdefault(one["resourceType"], {})[one["id"]] = one
        entries = [{"response": {"status": "201", "location": f"{one['resourceType']}/{one['id']}"}} for one in made]
        return {"resourceType": "Bundle", "type": f"{bundle['type']}-response", "entry": entries}

    def _page(self, type_name: str, query: dict[str, list[str]]) -> dict[str, Any]:
        """The first page; the next one stands at the base itself, as HAPI's do."""
        start, many = int(query.get("_start", ["0"])[0]), int(query.get("_count", ["20"])[0])
        type_name = query.get("_of", [type_name])[0]
        rows = list(self.kept.get(type_name, {}).values())
        link = [{"relation": "next", "url": f"{self.base}?_of={type_name}&_start={start + many}&_count={many}"}]
        entries = [{"resource": one} for one in rows[start : start + many]]
        return {"resourceType": "Bundle", "entry": entries, "link": link if start + many < len(rows) else []}


if __name__ == "__main__":
    asyncio.run(Another().serve())
