"""What is there to read: ids, patients, and rows of two care providers, found and made before measuring."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from fvm_load import client, knowing, synthea
from fvm_load.bench import Bench
from fvm_load.client import Base
from fvm_load.tokens import Staff

_TYPES = ("Observation", "Encounter", "MedicationRequest", "Procedure", "DiagnosticReport")
_PAGE, _PAGES = 200, 10  # resources of a page, pages of a type
_FOREIGN = 600  # rows that another care provider owns
_SEED = 20260101
_RULES = 1.5  # seconds within which every process has read who shares records


class CannotPrepare(Exception):
    """The server refuses what measuring needs; says what."""


@dataclass(slots=True)
class Stock:
    """`ids` are "Type/id" by care provider ("": whoever `bench` writes for), `about` whom each is about ("Patient/id");
    `sample` is an Observation as stored."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    patients: list[str] = field(default_factory=list)
    sample: dict[str, Any] = field(default_factory=dict)


async def prepare(bench: Bench) -> Stock:
    """Finds what is stored at VIS; imports a ward's data first where there is too little."""
    base, stock = Base.of(bench.target.vis), Stock()
    bench.tell("finding what can be read")
    pages = _PAGES // 3 if bench.options.quick else _PAGES
    found = await _collect(base, bench.tokens.bench, "Observation", pages)
    if len(found) < 400:
        bench.tell("too little is stored: importing a ward's data first")
        await synthea.load_once(base, bench.tokens.bench)
        found = await _collect(base, bench.tokens.bench, "Observation", pages)
    for type_name in _TYPES[1:]:
        found += await _collect(base, bench.tokens.bench, type_name, pages // 3 or 1)
    observations = [one for one in found if one["resourceType"] == "Observation"]
    if not observations:
        raise CannotPrepare("VIS holds no Observation and none could be imported (../shared/data/synthea)")
    stock.sample = next((one for one in observations if "valueQuantity" in one), observations[0])
    stock.ids[""] = [f"{one['resourceType']}/{one['id']}" for one in found]
    stock.about = dict(zip(stock.ids[""], map(_subject, found), strict=True))
    stock.patients = sorted(set(stock.about.values()) - {""})
    await _acquaint(bench, base, stock)
    return stock


async def _acquaint(bench: Bench, base: Base, stock: Stock) -> None:
    """Finds whose rows are whose while everybody knows everybody, then lets a part of it be withheld (D19)."""
    bench.tell("letting the staff know their patients")
    databases, staff = bench.target.databases, bench.tokens.staff
    await knowing.acquaint(databases, staff, stock.patients)
    patients = list(stock.patients)
    for provider in bench.tokens.providers:
        stock.ids[provider] = await _owned(base, stock, bench.tokens.of(provider)[0], patients)
    await knowing.acquaint(databases, staff, patients, strangers=True)
    await asyncio.sleep(_RULES)


def observation(sample: dict[str, Any], patient: str, nth: int) -> bytes:
    """A new Observation like the sample, about this patient ("Patient/id"), with a value of its own."""
    kept = {name: value for name, value in sample.items() if name not in ("id", "meta", "encounter", "performer")}
    kept["subject"] = {"reference": patient}
    kept["valueQuantity"] = {**sample.get("valueQuantity", {"unit": "1"}), "value": round(5 + nth % 997 / 100, 2)}
    return msgspec.json.encode(kept)


def mixed(stock: Stock, staff: Sequence[Staff], base: Base, foreign: float = 0.15) -> list[bytes]:
    """Reads by staff of several care providers, each mostly of their own provider's rows: the share `foreign` is others'.
    Patients come equally often, however many rows they have, so that one of them does not decide how much is withheld."""
    dice = random.Random(_SEED)
    providers = sorted({one.provider for one in staff})
    rows = {provider: _by_patient(stock, stock.ids[provider]) for provider in providers}
    requests = []
    for _ in range(4_000):
        one = dice.choice(staff)
        others = [provider for provider in providers if provider != one.provider]
        of = dice.choice(others) if dice.random() < foreign else one.provider
        requests.append(base.request("GET", f"/{dice.choice(dice.choice(rows[of]))}", one.token))
    return requests


def _by_patient(stock: Stock, ids: Sequence[str]) -> list[list[str]]:
    found: dict[str, list[str]] = {}
    for id in ids:
        found.setdefault(stock.about[id], []).append(id)
    return list(found.values())


def plain(stock: Stock, token: str, base: Base) -> list[bytes]:
    """Reads of random rows with one token."""
    dice = random.Random(_SEED)
    return [base.request("GET", f"/{dice.choice(stock.ids[''])}", token) for _ in range(4_000)]


async def made(base: Base, token: str, resource: bytes, patient: str = "") -> str:
    """Creates a resource and gives its "Type/id". Raises CannotPrepare."""
    type_name = str(msgspec.json.decode(resource)["resourceType"])
    headers = {"FVM-Patient": patient} if patient else {}
    answer = await client.ask(base, base.request("POST", f"/{type_name}", token, resource, headers))
    if answer.status != 201:
        raise CannotPrepare(f"{type_name} was answered {answer.status}: {answer.body[:200].decode(errors='replace')}")
    return f"{type_name}/{answer.json()['id']}"


async def _owned(base: Base, stock: Stock, staff: Staff, patients: list[str]) -> list[str]:
    """Rows that this care provider owns: those stored already that its staff see, else new ones, whose patients are added."""
    seen = await client.ask_all(base, [base.request("GET", f"/{id}", staff.token) for id in stock.ids[""]])
    own = [id for id, answer in zip(stock.ids[""], seen, strict=True) if answer.status == 200]
    if len(own) >= _FOREIGN:
        return own
    requests, about = [], []
    for nth in range(20):
        person = {"resourceType": "Patient", "name": [{"family": "Mätning", "given": [f"Nr {nth}"]}]}
        patient = await made(base, staff.token, msgspec.json.encode(person))
        patients.append(patient)
        headers = {"FVM-Patient": patient.removeprefix("Patient/")}
        for number in range(_FOREIGN // 20):
            body = observation(stock.sample, patient, number)
            requests.append(base.request("POST", "/Observation", staff.token, body, headers))
            about.append(patient)
    answers = await client.ask_all(base, requests, connections=16)
    pairs = zip(answers, about, strict=True)
    created = {f"Observation/{answer.json()['id']}": patient for answer, patient in pairs if answer.status == 201}
    if len(created) < len(requests) // 2:
        refused = next(answer for answer in answers if answer.status != 201)
        raise CannotPrepare(f"staff may not write: {refused.status} {refused.body[:200].decode(errors='replace')}")
    stock.about |= created
    return own + list(created)


async def _collect(base: Base, token: str, type_name: str, pages: int) -> list[dict[str, Any]]:
    """Resources of the first pages of a search, newest first or as the server likes."""
    found: list[dict[str, Any]] = []
    below = f"/{type_name}?_count={_PAGE}"
    for _ in range(pages):
        answer = await client.ask(base, base.request("GET", below, token))
        if answer.status != 200:
            raise CannotPrepare(
                f"{type_name} was answered {answer.status}: {answer.body[:200].decode('utf-8', 'replace')}"
            )
        bundle = answer.json()
        found += [entry["resource"] for entry in bundle.get("entry", ())]
        after = [link["url"] for link in bundle.get("link", ()) if link["relation"] == "next"]
        if not after:
            break
        # The link has the public address; we stay at the door we measure. Some servers page at the type, some at the base.
        parts = urlsplit(after[0])
        below = f"{f'/{type_name}' if parts.path.endswith(f'/{type_name}') else ''}?{parts.query}"
    return found


def _subject(resource: dict[str, Any]) -> str:
    reference = str(resource.get("subject", {}).get("reference", ""))
    return reference if reference.startswith("Patient/") else ""


def quoted(text: str) -> str:
    """For a query string."""
    return quote(text, safe="")
