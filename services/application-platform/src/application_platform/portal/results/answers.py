"""Answers and whether they are acknowledged: each final report owes one, of the version that stands (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from application_platform.portal import timeline
from application_platform.portal.entry import Entry, reference
from application_platform.portal.swedish import Moment, moment
from application_platform.portal.timeline import Answer

Resource = Mapping[str, Any]

_FINAL = {"final", "amended", "corrected", "appended"}
YOUNG = timedelta(days=30)
OUTCOMES = {"none": "Ingen åtgärd", "action": "Åtgärd", "informed": "Patienten informerad"}


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Who has read it, when, and with what words."""

    by: str
    at: Moment | None
    words: str


@dataclass(frozen=True, slots=True)
class Result:
    """A final answer: `version` is what is shown, `done` its acknowledgement; `again` when only an older version has one."""

    entry: Entry
    version: str
    done: Acknowledged | None = None
    again: bool = False


def results(answers: Sequence[Answer], tasks: Iterable[Resource], now: datetime) -> list[Result]:
    """Final answers, newest first. Notes that came as reports owe nothing, nor does history that nobody has a task for."""
    bundles = [answer.bundle for answer in answers if answer.bundle is not None]
    reports = {
        f"DiagnosticReport/{found['id']}": found
        for bundle in bundles
        for found in timeline.matches(bundle)
        if found.get("status") in _FINAL
    }
    owed = {reference(task.get("focus")): task for task in tasks}
    read = {key: task for key, task in owed.items() if task.get("status") == "completed"}
    entries = (
        entry
        for entry in timeline.entries_from(bundles, "svar")
        if entry.key in reports and (entry.key in owed or _young(reports[entry.key], now))
    )
    return [_result(entry, reports[entry.key], read.get(entry.key)) for entry in entries]


def _result(entry: Entry, report: Resource, task: Resource | None) -> Result:
    version = str(report.get("meta", {}).get("versionId", "1"))
    if task is None:
        return Result(entry, version)
    if _version(task) != version:
        return Result(entry, version, again=True)
    note = (task.get("note") or [{}])[-1]
    by = str(note.get("authorReference", {}).get("display", "")) or "okänd"
    return Result(entry, version, Acknowledged(by, moment(note.get("time")), str(note.get("text", ""))))


def _young(report: Resource, now: datetime) -> bool:
    """As VIS judges (vis.care.owed): what was answered longer ago than that when it came owes nothing."""
    told = moment(report.get("issued") or report.get("effectiveDateTime"))
    return told is None or told.at > now - YOUNG


def _version(task: Resource) -> str:
    """The version of the answer that was read (vis.care.results)."""
    named = (one for one in task.get("input", ()) if one.get("type", {}).get("text") == "version")
    return next((str(one.get("valueString", "")) for one in named), "")
