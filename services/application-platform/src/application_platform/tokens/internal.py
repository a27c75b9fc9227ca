"""The region's own services as clients: each shows a secret that lies in a file both it and we can read.

`FVM_DATA/secrets/<client>.secret`: made here when it is missing, mounted read-only in a deployment. A service asks
for its token at /auth/token with HTTP Basic, its name and that secret.
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from application_platform.tokens import clients
from application_platform.tokens.model import DOORS

log = structlog.get_logger(__name__)

SERVICES = {
    "vis": "VIS",
    "information": "Informationsplattformen",
    "exchange": "Integrationsplattformen",
    "application": "Applikationsplattformen",
}


def _rows() -> list[dict[str, Any]]:
    return [
        {
            "id": name,
            "kind": "system",
            "name": title,
            "auth": "secret",
            "grants": ["client_credentials"],
            "scopes": ["system/*.cruds"],
            "doors": list(DOORS),
            "approved": True,
            "demo": False,
        }
        for name, title in SERVICES.items()
    ]


async def register(tx: AsyncConnection, folder: Path | None) -> None:
    """Registers our own services, with the secrets of the folder where there is one. Told twice, true once."""
    await clients.save(tx, _rows())
    if folder is None:
        log.warning("FVM_DATA is not set, so the secrets of our own services stay as they are")
        return
    await share_secrets(tx, folder, list(SERVICES))


async def share_secrets(tx: AsyncConnection, folder: Path, client_ids: list[str]) -> None:
    """Makes the database agree with the secret files of these clients; a missing file is made (mode 0600)."""
    rows = await tx.execute(sa.select(clients.client.c.id, clients.client.c.secret_hash))
    stored = {row.id: row.secret_hash for row in rows}
    for client_id in client_ids:
        secret = _read_or_make(folder / f"{client_id}.secret")
        if not clients.is_hash_of(stored.get(client_id), secret):
            change = clients.client.update().where(clients.client.c.id == client_id)
            await tx.execute(change.values(secret_hash=clients.hash_secret(secret)))


def _read_or_make(path: Path) -> str:
    """The secret of the file. Another process may make it at the same time: the first one wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()
