"""What in the record a conversation is about, an answer or a note: named as its reader may see it, and where it is read."""

import re

from application_platform.portal import chart
from application_platform.portal.entry import Entry
from application_platform.portal.reader import Portal, Reader

_KEY = re.compile(r"(DiagnosticReport|DocumentReference)/[A-Za-z0-9.\-]{1,64}")


async def named(portal: Portal, reader: Reader, patient: str, key: str) -> Entry | None:
    """The event of this key ("Type/id") in this patient's record; None where there is none such that the reader may see."""
    if not _KEY.fullmatch(key):
        return None
    found = await chart.load_named(portal.record, reader.token, patient, [key])
    return next((one for one in found if one.key == key), None)


def to_patients(base: str, key: str) -> str:
    """Where the patient reads it."""
    type, _, id = key.partition("/")
    return f"{base}/results/{id}" if type == "DiagnosticReport" else f"{base}/journal/{key}"


def to_staff(base: str, key: str) -> str:
    """Where care reads it, in the chart."""
    type, _, id = key.partition("/")
    return f"{base}/answers?svar={id}" if type == "DiagnosticReport" else f"{base}/notes/{id}"
