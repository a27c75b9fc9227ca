"""What VIS holds, summed for comparison with the region's record, and told again where the two differ."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import Request
from starlette.responses import Response

from fhircore.content import MASK
from fhirserver.engine import Engine
from fhirserver.sums import all_sums, sums_of, tell_again
from kit.ndjson import lines
from kit.operations import Operations, answer
from kit.problems import Malformed

OWN = "r.sver is null"  # written here; a row with a version of its source is somebody else's


class Pairs(msgspec.Struct):
    """(type, patient) groups, or (type, id) resources."""

    of: list[tuple[str, str]]


def mount(operations: Operations, engine: Engine) -> None:
    """Adds the operator's questions about content to VIS's operations."""

    async def sums() -> Response:
        """Lines of [type, patient, count, sum]; a group may come several times: its parts are added."""
        return lines(_groups(engine))

    async def rows(request: Request) -> Response:
        """Lines of [type, patient, id, version, hash] of the asked groups."""
        found = await sums_of(engine, OWN, (await asked(request)).of)
        return answer([[one.type, one.patient, one.id, one.version, one.hash] for one in found])

    async def resend(request: Request) -> Response:
        """Tells the asked resources' current versions; {"told", "deletions"}."""
        told, deletions = await tell_again(engine, (await asked(request)).of)
        return answer({"told": told, "deletions": deletions})

    for path, act in (("/sums", sums), ("/rows", rows), ("/resend", resend)):
        operations.router.add_api_route(path, act, methods=["POST"])


async def _groups(engine: Engine) -> AsyncIterator[Any]:
    async for page in all_sums(engine, OWN):
        groups: dict[tuple[str, str], tuple[int, int]] = {}
        for one in page:
            count, total = groups.get((one.type, one.patient), (0, 0))
            groups[one.type, one.patient] = count + 1, (total + one.hash) & MASK
        for (name, patient), (count, total) in groups.items():
            yield [name, patient, count, total]


async def asked(request: Request) -> Pairs:
    """The body; raises Malformed."""
    try:
        return msgspec.json.decode(await request.body(), type=Pairs)
    except msgspec.MsgspecError:
        raise Malformed('This is not {"of": [[type, patient or id], …]}') from None
