"""What systems have told through Exchange, summed for comparison with the region's record, and told again where they differ.

Exchange keeps messages, not resources: what they say is translated anew, in their order, and the last word counts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
from fastapi import Request
from starlette.responses import Response

from fhircore.content import MASK, content_hash
from integration_platform.receiving.bodies import Bodies
from integration_platform.senders.store import Register
from integration_platform.translate.model import Delete, Merge, Origin, Put, encode
from integration_platform.worker import translated
from kit.db import Database, driver
from kit.ndjson import lines
from kit.operations import Operations, answer, asked
from kit.problems import Problem

_PAGE = 200  # messages translated at once
_TOLD = """
select m.id, m.at, m.door, m.sender, m.source, m.control_id, m.ident, m.digest, m.body
from message_told t join message m using (id) where m.id > $1 order by m.id limit $2"""
_SUBJECTS = ("subject", "patient", "beneficiary", "individual")


@dataclass(frozen=True, slots=True)
class Said:
    """The last word on one resource, and the message that said it."""

    patient: str
    message: int
    hash: int


Words = dict[tuple[str, str], Said]  # by type and id


class Numbers(msgspec.Struct):
    """Messages by number."""

    of: list[int]


class Groups(msgspec.Struct):
    """(type, patient) groups."""

    of: list[tuple[str, str]]


def mount(operations: Operations, db: Database, register: Register, bodies: Bodies, wake: Callable[[], None]) -> None:
    """Adds the operator's questions about content to Exchange's operations."""

    async def sums() -> Response:
        """Lines of [type, patient, count, sum]."""
        return lines(_groups(db, register, bodies))

    async def rows(request: Request) -> Response:
        """[[type, patient, id, message, hash], …] of the asked groups."""
        wanted = {tuple(group) for group in (await asked(request, Groups)).of}
        found = await _words(db, register, bodies)
        return answer(
            [
                [name, said.patient, id, said.message, said.hash]
                for (name, id), said in found.items()
                if (name, said.patient) in wanted
            ]
        )

    async def resend(request: Request) -> Response:
        """Translates and tells the asked messages once more, under their own numbers; {"told"}."""
        numbers = (await asked(request, Numbers)).of
        async with db.transaction() as tx:
            con = await driver(tx)
            again = await con.fetch(
                "delete from message_told where id = any($1::bigint[]) returning id", sorted(set(numbers))
            )
            await con.execute(
                "insert into message_waiting (id, again) select unnest($1::bigint[]), true on conflict do nothing",
                [row["id"] for row in again],
            )
        wake()
        return answer({"told": len(again)})

    for path, act in (("/sums", sums), ("/rows", rows), ("/resend", resend)):
        operations.router.add_api_route(path, act, methods=["POST"])


async def _groups(db: Database, register: Register, bodies: Bodies) -> AsyncIterator[Any]:
    groups: dict[tuple[str, str], tuple[int, int]] = {}
    for (name, _), said in (await _words(db, register, bodies)).items():
        count, total = groups.get((name, said.patient), (0, 0))
        groups[name, said.patient] = count + 1, (total + said.hash) & MASK
    for (name, patient), (count, total) in groups.items():
        yield [name, patient, count, total]


async def _words(db: Database, register: Register, bodies: Bodies) -> Words:
    """Everything that was told, as it stands now. Holds one entry per resource in memory."""
    found: Words = {}
    after = 0
    while rows := await db.pool.fetch(_TOLD, after, _PAGE):
        await bodies.ready(db.pool, rows)
        await asyncio.to_thread(_take, found, rows, register, bodies)
        after = rows[-1]["id"]
    return found


def _take(found: Words, rows: Sequence[asyncpg.Record], register: Register, bodies: Bodies) -> None:
    """Beside the event loop: acknowledgements go first."""
    for row in rows:
        sender = register.by_id.get(row["sender"] or "")
        if sender is None:
            continue
        application, _, facility = row["source"].partition("|") if row["door"] == "mllp" else ("", "", "")
        origin = Origin(sender, application, facility, row["control_id"], row["id"], row["at"])
        try:
            translations = translated(row["door"], bodies.opened(row), origin)
        except Problem:
            continue  # the translator of today refuses what that of then did not; the region keeps what was told
        for translation in translations:
            for entry in translation.entries:
                _keep(found, entry, row["id"])


def _keep(found: Words, entry: Put | Delete | Merge, message: int) -> None:
    if isinstance(entry, Delete):
        found.pop((entry.kind, entry.id), None)
    elif isinstance(entry, Put):
        name, id = entry.resource["resourceType"], entry.resource["id"]
        found[name, id] = Said(_about(entry.resource), message, content_hash(name, id, encode(entry.resource)))


def _about(resource: dict[str, Any]) -> str:
    """The Patient it is about; a Patient is about itself."""
    if resource["resourceType"] == "Patient":
        return str(resource["id"])
    for name in _SUBJECTS:
        told = resource.get(name)
        reference = told.get("reference", "") if isinstance(told, dict) else ""
        if str(reference).startswith("Patient/"):
            return str(reference).removeprefix("Patient/")
    return ""
