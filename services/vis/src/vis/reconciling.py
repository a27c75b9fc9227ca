"""What VIS holds, summed for comparison with the region's record, and told again where the two differ."""

import msgspec
from fastapi import Request
from starlette.responses import Response

from fhirserver.engine import Engine
from fhirserver.sums import all_sums, grouped, sums_of, tell_again
from kit.ndjson import lines
from kit.operations import Operations, answer, asked

OWN = "r.sver is null"  # written here; a row with a version of its source is somebody else's


class Pairs(msgspec.Struct):
    """(type, patient) groups, or (type, id) resources."""

    of: list[tuple[str, str]]


def mount(operations: Operations, engine: Engine) -> None:
    """Adds the operator's questions about content to VIS's operations."""

    async def sums() -> Response:
        """Lines of [type, patient, count, sum]; a group may come several times: its parts are added."""
        return lines(grouped(all_sums(engine, OWN)))

    async def rows(request: Request) -> Response:
        """[[type, patient, id, version, hash], …] of the asked groups."""
        found = await sums_of(engine, OWN, (await asked(request, Pairs)).of)
        return answer([one.told() for one in found])

    async def resend(request: Request) -> Response:
        """Tells the asked resources' current versions; {"told", "deletions"}."""
        told, deletions = await tell_again(engine, (await asked(request, Pairs)).of)
        return answer({"told": told, "deletions": deletions})

    for path, act in (("/sums", sums), ("/rows", rows), ("/resend", resend)):
        operations.router.add_api_route(path, act, methods=["POST"])
