"""Whether somebody may see or write what lies in our own tables about a patient: the law decides, and logs (D7, D8, LOG-09)."""

from collections.abc import Sequence
from typing import Literal, cast

from fastapi import Request

from application_platform.portal.access import NotTaken
from application_platform.portal.reader import Portal, Reader
from application_platform.portal.record import NotAllowed
from kit.db import Database

What = Literal["messages-read", "messages-write", "own-read", "own-write", "download"]
Role = Literal["self", "guardian", "mandate", "staff"]

_LOOKS = "/information/access/looks"
_AT_ONCE = 200  # patients of one look


async def look(portal: Portal, reader: Reader, what: What, patients: Sequence[str]) -> Role:
    """Asks the law as the reader, before anything is read or written; the row of the access log is stored when this returns.

    As what the reader acts. Raises SignedOut, NotShown, NotAllowed, and Unavailable: without a decision nothing is shown.
    """
    role: Role = "staff"
    named = list(dict.fromkeys(patients))
    for at in range(0, len(named), _AT_ONCE):
        some = named[at : at + _AT_ONCE]
        try:
            told = await portal.access.post(reader.token, _LOOKS, {"what": what, "patients": some})
        except NotTaken:
            raise NotAllowed from None
        role = cast("Role", told["role"])
    return role


def database(request: Request) -> Database:
    """Where this platform's own tables lie."""
    found: Database = request.app.state.db
    return found
