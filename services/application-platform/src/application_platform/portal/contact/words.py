"""Names and times of a conversation as its pages say them."""

from datetime import UTC, datetime
from typing import Any

from application_platform.messages.model import Author
from application_platform.portal.swedish import ZONE, short_day

_ROLES = {"guardian": "vårdnadshavare", "mandate": "ombud"}


def words() -> dict[str, Any]:
    """For templates: `on` (to patients), `stamp` (to staff) and `writer`; `now` is the clock when the page was made."""
    now = datetime.now(UTC).astimezone(ZONE)
    today = now.date()

    def on(at: datetime) -> str:
        """I dag 09:12 · 23 november 09:12"""
        local = at.astimezone(ZONE)
        day = "I dag" if local.date() == today else short_day(local.date(), today)
        return f"{day} {local:%H:%M}"

    return {"on": on, "stamp": stamp, "writer": writer, "now": f"{now:%H:%M}"}


def stamp(at: datetime) -> str:
    """2026-11-23 09:12"""
    return f"{at.astimezone(ZONE):%Y-%m-%d %H:%M}"


def writer(author: Author, reader: Any = None) -> str:
    """Who wrote, and as what: Maja Sjögren, vårdnadshavare · Anna Lind, läkare. "Du" to the writer."""
    name = "Du" if reader is not None and author.id == reader.person else author.name
    as_what = author.title.lower() or _ROLES.get(author.role, "")
    return f"{name}, {as_what}" if as_what else name
