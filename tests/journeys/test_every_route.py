"""Every route of every contract, asked about somebody else's record: by nobody, by another patient, by staff of another provider."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import yaml

STINA = "5d3f6a52-8d5c-5b0e-9c1f-2f6f0b7c1a02"
CONTRACTS = Path(__file__).parents[2] / "contracts/http"
# Open to everybody by design: discovery, keys, and the doors where one says who one is.
OPEN = ("/auth/", "/.well-known/")
OPEN_ENDS = ("/metadata",)
# Answers 200 to whoever may ask, and says inside that nothing was found (GraphQL, a search), or judges what was sent along.
ANSWERS = ("$graphql", "$validate", "/Patient/{id}/{type}")


def routes() -> Iterator[tuple[str, str]]:
    """(method, path as the contract has it)."""
    for file in sorted(CONTRACTS.glob("*.yaml")):
        for path, operations in yaml.safe_load(file.read_text())["paths"].items():
            yield from ((method.upper(), path) for method in operations if method in ("get", "post", "put", "patch", "delete"))  # fmt: skip


ROUTES = sorted(set(routes()))


def is_open(path: str) -> bool:
    return path.startswith(OPEN) or path.endswith(OPEN_ENDS)


class Target:
    """What is somebody else's: a fact of Stina's with a word that stands nowhere else, and an act of the law about her."""

    def __init__(self, note: str, act: str, word: str) -> None:
        self.note, self.act, self.word = note, act, word

    def filled(self, path: str) -> str:
        """The path with ids of theirs."""
        if "/fhir" in path:
            whose = STINA if "/Patient/{id}" in path else self.note
        else:
            whose = self.act if "{patient}" in path else "1" if "tasks" in path or "reviews" in path else str(uuid4())
        names = {"type": "Observation", "id": whose, "patient": STINA, "version": "1", "job": str(uuid4())}
        for name, value in {**names, "file": "1", "app": "demo-app", "position": "1"}.items():
            path = path.replace(f"{{{name}}}", value)
        return path


@pytest.fixture(scope="module")
async def target(region: Any) -> AsyncIterator[Target]:
    word, act = f"hemligt{uuid4().hex}", str(uuid4())
    async with region.client("anna") as anna:
        relation = {"id": act, "reason": "Besök utan bokning", "days": 1}
        assert (await anna.post(f"/information/access/patients/{STINA}/relations", json=relation)).status_code == 201
        observation = {
            "resourceType": "Observation", "status": "final", "code": {"text": word}, "subject": {"reference": f"Patient/{STINA}"},
        }  # fmt: skip
        headers = {"content-type": "application/fhir+json", "fvm-patient": STINA}
        made = await anna.post("/vis/fhir/Observation", headers=headers, json=observation)
        assert made.status_code == 201, made.text
        note = made.json()["id"]
        yield Target(note, act, word)
        after = await anna.get(f"/vis/fhir/Observation/{note}")
        assert (after.status_code, after.json()["meta"]["versionId"]) == (200, "1")  # nobody has touched it


async def asked(client: httpx2.AsyncClient, method: str, path: str) -> httpx2.Response:
    with_body = {} if method in ("GET", "DELETE") else {"json": {}}
    return await client.request(method, path, **with_body)


async def test_without_a_token_no_route_answers(region: Any, target: Target) -> None:
    wrong = []
    async with httpx2.AsyncClient(base_url=region.settings.public_url) as nobody:
        for method, path in ROUTES:
            if is_open(path):
                continue
            answer = await asked(nobody, method, target.filled(path))
            expected = (
                (404,) if path.startswith("/internal/") else (401,)
            )  # what is internal has no way in at the gateway
            if answer.status_code not in expected or target.word in answer.text:
                wrong.append((method, path, answer.status_code))
    assert wrong == []


async def test_another_patient_gets_nothing_by_any_route(region: Any, target: Target) -> None:
    wrong = []
    async with region.client("gustav") as gustav:
        for method, path in ROUTES:
            if is_open(path):
                continue
            answer = await asked(gustav, method, target.filled(path))
            named = "{id}" in path or "{patient}" in path
            let_in = named and answer.status_code < 400 and not path.endswith(ANSWERS)
            if let_in or target.word in answer.text or answer.status_code >= 500:
                wrong.append((method, path, answer.status_code))
    assert wrong == []


async def test_staff_of_another_provider_get_nothing_by_any_route_that_reads(region: Any, target: Target) -> None:
    wrong = []
    async with region.client("farid") as farid:
        for method, path in ROUTES:
            if is_open(path) or method != "GET":
                continue
            answer = await asked(farid, method, target.filled(path))
            if target.word in answer.text or answer.status_code >= 500:
                wrong.append((method, path, answer.status_code))
    assert wrong == []
