"""A ward's data: the Synthea bundles of the shared test data, as bytes ready to be posted."""

import bz2
from collections import Counter
from functools import cache
from pathlib import Path

import msgspec

from fvm_load import client
from fvm_load.client import Base
from fvm_load.target import data_folder


class _Request(msgspec.Struct):
    url: str


class _Outcome(msgspec.Struct):
    status: str = ""
    location: str = ""


class _Entry(msgspec.Struct):
    request: _Request | None = None
    response: _Outcome | None = None


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


_bundle = msgspec.json.Decoder(_Bundle)


@cache
def folder() -> Path | None:
    """None where the shared data are not beside the checkout."""
    found = data_folder() / "synthea"
    return found if found.is_dir() else None


@cache
def bundles() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """(batches, transactions)."""
    files = sorted(folder().glob("*.json.bz2")) if folder() else []  # type: ignore[union-attr]
    read = [(file.name.startswith("0-"), bz2.decompress(file.read_bytes())) for file in files]
    # The shared Organizations and Practitioners begin with "0-" and a word; patients' files with a UUID.
    batches = tuple(raw for _, raw in read if b'"batch"' in raw[:2_000])
    return batches, tuple(raw for _, raw in read if b'"batch"' not in raw[:2_000])


@cache
def types() -> tuple[str, ...]:
    """The resource types that the patients' bundles post."""
    entries = (entry for bundle in bundles()[1] for entry in _bundle.decode(bundle).entry)
    return tuple(sorted({entry.request.url for entry in entries if entry.request is not None}))


def created(body: bytes) -> Counter[str]:
    """From the answer to a bundle: how many new resources of each type it made."""
    counted: Counter[str] = Counter()
    for entry in _bundle.decode(body).entry:
        if entry.response is not None and entry.response.status.startswith("201"):
            counted[type_of(entry.response.location)] += 1
    return counted


def type_of(location: str) -> str:
    """`…/Observation/1/_history/1` and `Observation/1` are Observations."""
    parts = location.split("/_history", 1)[0].rstrip("/").split("/")
    return parts[-2] if len(parts) > 1 else "?"


async def post(base: Base, token: str, bundle: bytes) -> client.Answer:
    return await client.ask(base, base.request("POST", "", token, bundle))


async def load_once(base: Base, token: str) -> None:
    """Batches and four patients."""
    batches, transactions = bundles()
    for bundle in (*batches, *transactions[:4]):
        await post(base, token, bundle)
