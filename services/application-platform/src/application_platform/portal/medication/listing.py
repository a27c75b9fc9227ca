"""What the pages of medicines stand on: the record's list, VIS's own copies and what patients ask for, asked at once."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from application_platform.portal.medication import model
from application_platform.portal.medication.model import Medicine
from application_platform.portal.reader import Portal, Reader
from application_platform.portal.record import NotShown, SignedOut
from application_platform.portal.results.pages import cut
from application_platform.portal.shell.sheet import sheet
from application_platform.portal.summary import lists
from application_platform.portal.summary.pages import ORDERS, PROBLEMS, STATEMENTS
from application_platform.portal.timeline import Answer
from application_platform.portal.values import codes_of, text_of
from kit.problems import Problem

Resource = Mapping[str, Any]
TYPE = "MedicationRequest"


@dataclass(frozen=True, slots=True)
class Listed:
    """The frame's context, the medicines in it, and the causes that a prescription may have: name by "Condition/id".

    `known`: VIS answered, so that what was just done is in the list.
    """

    context: dict[str, Any]
    rows: list[Medicine]
    causes: dict[str, str] = field(default_factory=dict)
    known: bool = True

    def one(self, id: str) -> Medicine:
        """Raises NotShown where the patient has no such prescription that the reader sees."""
        found = next((row for row in self.rows if row.key == f"{TYPE}/{id}"), None)
        if found is None:
            raise NotShown
        return found


async def listed(portal: Portal, reader: Reader, patient: str) -> Listed:
    """Raises what the frame of a chart raises; a source that is away is told in the page."""
    found, own, tasks = await asyncio.gather(
        sheet(portal, reader, patient, "medicines", [ORDERS, STATEMENTS, PROBLEMS]),
        or_none(portal.care.find(reader.token, patient, TYPE)),
        or_none(portal.care.tasks(reader.token, patient, "renewal")),
    )
    record = lists.resources(found.answers, TYPE, "MedicationStatement")
    rows = model.medicines(record, own, tasks)
    known = own is not None and tasks is not None
    context = {**found.context, "cut": cut(found.answers), "known": known, "rows": rows}
    return Listed(context, rows, _causes(found.answers), known)


async def or_none(asked: Awaitable[Sequence[Resource]]) -> Sequence[Resource] | None:
    """What VIS answers; None where it could not be asked."""
    try:
        return await asked
    except SignedOut:
        raise
    except Problem:
        return None


def _causes(answers: Sequence[Answer]) -> dict[str, str]:
    """The patient's problems that are current, by name."""
    found = {}
    for one in lists.resources(answers, "Condition"):
        over = codes_of(one.get("clinicalStatus")) & {"inactive", "resolved", "remission"}
        wrong = codes_of(one.get("verificationStatus")) & {"refuted", "entered-in-error"}
        if not (over or wrong) and text_of(one.get("code")):
            found[f"Condition/{one['id']}"] = text_of(one.get("code"))
    return dict(sorted(found.items(), key=lambda pair: pair[1].casefold()))
