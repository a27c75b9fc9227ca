"""Tokens for demo people and systems without signing in: `fvm token WHO` (D19)."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.identity import model, store
from application_platform.tokens import actions, clients, people
from kit.caller import Caller

CLIENT = actions.OPERATOR  # the operator's command


async def holder(tx: AsyncConnection, who: str, commission: str | None, at: datetime) -> tuple[Caller, Sequence[str]]:
    """The caller that `who` stands for, and the doors its token may use.

    Raises PersonNotFound, and what `identity.model.choose` raises for staff without exactly one commission to use.
    """
    system = await clients.find(tx, who, demo=True)
    if system is not None and system.kind == "system":
        return actions.system_caller(system, list(system.scopes)), system.doors
    person = await store.load(tx, who)
    works_for = None
    if person.kind == "staff":
        works_for = model.choose(await store.assignments(tx, person.id), commission, at)
    session = f"fvm-{secrets.token_hex(8)}"  # of this token alone: an active choice is made within a session (ACC-05)
    return people.caller(person, works_for, client=CLIENT, session=session), people.doors(person)
