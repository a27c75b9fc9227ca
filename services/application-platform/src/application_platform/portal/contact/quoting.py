"""A conversation as the beginning of a note: what each wrote, word for word, with who and when (pure)."""

from application_platform.messages.model import Thread
from application_platform.portal.contact.words import stamp

TITLE = "Meddelandekontakt"


def quoted(thread: Thread) -> str:
    """The text of the draft; the writer makes it a note, and signs it."""
    head = f"Meddelanden med patienten: {thread.subject}".rstrip(": ")
    parts = [f"{_who(one.author.side, one.author.name)} skrev {stamp(one.at)}:\n{one.body}" for one in thread.messages]
    return "\n\n".join([head, *parts, "Bedömning och åtgärd:\n"])


def _who(side: str, name: str) -> str:
    return f"{name} (patientens sida)" if side == "patient" else name
