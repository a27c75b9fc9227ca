"""What a region remembers between starts: its ports, its passwords and who it is (region.json, mode 0600)."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import uuid4

from fvm.trouble import Trouble


@dataclass(slots=True)
class Memory:
    """`id` names the region for ever; `passwords` are by role; `ports` by part."""

    id: str = field(default_factory=lambda: str(uuid4()))
    region: str = ""
    mode: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    stores: dict[str, str] = field(default_factory=dict)

    def password(self, role: str) -> str:
        """The role's password, made at the first question."""
        return self.passwords.setdefault(role, secrets.token_urlsafe(24))


def load(file: Path) -> Memory:
    """The remembered region, or a new one where the file is absent; Trouble where it is broken."""
    try:
        return Memory(**json.loads(file.read_text()))
    except FileNotFoundError:
        return Memory()
    except PermissionError as refused:
        raise Trouble(f"{file} belongs to another user; run as that user or choose another FVM_DATA.") from refused
    except (ValueError, TypeError) as broken:
        raise Trouble(
            f"{file} cannot be read ({broken}); put back a copy, or start over with `make reset`."
        ) from broken


def save(file: Path, memory: Memory) -> None:
    """Writes whole or not at all; mode 0600."""
    new = file.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump(asdict(memory), out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
