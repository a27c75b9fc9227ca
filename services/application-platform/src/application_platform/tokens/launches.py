"""EHR launch: a page of ours opens an app about one patient, and the app hands back the opaque `launch` that stands for it.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.problems import Kind, Problem

LIFE = timedelta(minutes=5)
_REFERENCE = re.compile(r"([A-Z][A-Za-z]{1,63})/[A-Za-z0-9.\-]{1,64}")
_ALONE = ("Patient", "Encounter")  # have parameters of their own, and stand in fhirContext only in another role
_ROLES = ("launch",)  # the relative roles that the specification knows

launch = sa.Table(
    "launch",
    sa.MetaData(),
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("session_id", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("door", sa.Text, nullable=False),
    sa.Column("patient", sa.Text),
    sa.Column("encounter", sa.Text),
    sa.Column("intent", sa.Text),
    sa.Column("fhir_context", pg.JSONB(none_as_null=True)),
    sa.Column("banner", sa.Boolean, nullable=False),
    sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("used_at", sa.TIMESTAMP(timezone=True)),
)


class WrongContext(Problem):
    """A launch context that SMART does not allow: a reference that is none, or a Patient or Encounter in fhirContext."""

    kind = Kind.INVALID
    code = "application/wrong-launch-context"
    title = "The launch context is not one that an app may be given"


@dataclass(frozen=True, slots=True)
class Context:
    """What an app is opened about. `fhir_context` are objects with `reference`, `canonical` or `identifier`."""

    patient: str | None = None
    encounter: str | None = None
    intent: str | None = None
    fhir_context: list[dict[str, Any]] = field(default_factory=list)
    banner: bool = True

    def __post_init__(self) -> None:
        for item in self.fhir_context:
            _check(item)


def _check(item: dict[str, Any]) -> None:
    """Raises WrongContext (SMART App Launch 2.2, fhirContext)."""
    role = item.get("role", "launch")
    if not any(isinstance(item.get(name), str | dict) for name in ("reference", "canonical", "identifier")):
        raise WrongContext("An entry needs reference, canonical or identifier", at="fhirContext")
    if not isinstance(role, str) or not (role in _ROLES or urlsplit(role).scheme):
        raise WrongContext("role must be an absolute URI", at="fhirContext")
    reference = item.get("reference")
    if reference is None:
        return
    found = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
    if found is None or (found[1] in _ALONE and role == "launch"):
        raise WrongContext("reference must be a relative reference to another type than Patient and Encounter")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def begin(
    tx: AsyncConnection, context: Context, *, session_id: str, client_id: str, door: str, at: datetime
) -> str:
    """Keeps what the app is opened about for five minutes; returns the opaque value for its `launch` parameter."""
    secret = secrets.token_urlsafe(32)
    values = {
        "hash": _hash(secret),
        "session_id": session_id,
        "client_id": client_id,
        "door": door,
        "patient": context.patient,
        "encounter": context.encounter,
        "intent": context.intent,
        "fhir_context": context.fhir_context or None,
        "banner": context.banner,
        "expires_at": at + LIFE,
    }
    await tx.execute(launch.insert().values(values))
    return secret


async def find(
    tx: AsyncConnection, secret: str, *, session_id: str, client_id: str, door: str, at: datetime
) -> Context | None:
    """The context of a launch that is this session's, this app's and this door's, fresh and not used yet; else None."""
    column = launch.c
    same = (column.session_id == session_id, column.client_id == client_id, column.door == door)
    fresh = (column.expires_at > at, column.used_at.is_(None))
    row = (await tx.execute(sa.select(launch).where(column.hash == _hash(secret), *same, *fresh))).one_or_none()
    if row is None:
        return None
    return Context(row.patient, row.encounter, row.intent, row.fhir_context or [], row.banner)


async def use(tx: AsyncConnection, secret: str, at: datetime) -> bool:
    """Marks a launch as used; False when somebody was faster."""
    update = launch.update().where(launch.c.hash == _hash(secret), launch.c.used_at.is_(None))
    return (await tx.execute(update.values(used_at=at))).rowcount > 0
