"""`/fhir/AuditEvent` of whoever may read the log: read-only, a page at a time (LOG-14, architecture D4).

What other systems sent as AuditEvent are documents; they are told apart by who asks and by their ids, see docs/reference/log.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from fhircore.query import DateValue, Match, ReferenceValue, TokenValue
from fhirserver.allowing import allow
from fhirserver.bodies import plain
from fhirserver.engine import Engine
from fhirserver.messages import Answer, Request
from fhirserver.problems import NotFound, NotSupported
from fhirserver.search.asked import Asked, of_type
from information_platform.log import asking
from information_platform.log.asking import BEGINNING, END, Found, Question
from information_platform.log.auditing import Mine, audit_event
from information_platform.log.model import Post
from information_platform.log.rights import is_reviewer, log_look, own_patient

PREFIX = "log-"
_DEFAULT, _LARGEST = 20, 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARAMETERS = "patient, date, agent, type, subtype and action"


@dataclass(frozen=True, slots=True)
class _Reader:
    """Whose part of the log is shown: one patient's, or a care provider's."""

    patient: str = ""
    provider: str = ""


class Face:
    """Answers reads and searches of AuditEvent for patients and reviewers; everybody else meets the stored documents."""

    def __init__(self, *, names: bool) -> None:
        self._names = names

    async def __call__(self, engine: Engine, request: Request) -> Answer | None:
        """None: this is not about the log."""
        caller, path = request.caller, request.path
        read = len(path) == 2 and path[1].startswith(PREFIX)
        if not read and path not in (("AuditEvent",), ("AuditEvent", "_search")):
            return None
        if caller.kind == "patient" and caller.patient:
            reader = _Reader(patient=await own_patient(engine, caller))
        elif is_reviewer(caller) and caller.commission is not None:
            reader = _Reader(provider=caller.commission.provider)
        else:
            return None
        allow(engine, request, "AuditEvent", "r" if read else "s")
        return await (self._read(engine, request, reader) if read else self._search(engine, request, reader))

    async def _read(self, engine: Engine, request: Request, reader: _Reader) -> Answer:
        mine = asking.about(engine, reader.patient)
        found = await asking.at_place(engine, asking.place_of(request.path[1].removeprefix(PREFIX)))
        if found is None or not _may_see(found.post, reader, mine):
            raise NotFound("There is no such AuditEvent", at="AuditEvent")
        await log_look(engine, request.caller, _word(reader), reader.patient, 1, "post")
        return Answer(200, plain(audit_event(found, mine=mine, names=self._shows(reader))))

    async def _search(self, engine: Engine, request: Request, reader: _Reader) -> Answer:
        asked = of_type(request, "AuditEvent")
        question, wanted = _understood(asked, reader)
        count = min(_DEFAULT if asked.query.count is None else asked.query.count, _LARGEST)
        after = asking.place_of(asked.query.cursor) if asked.query.cursor else None
        found, following = await _page(engine, question, wanted, count, after)
        await log_look(engine, request.caller, _word(reader), question.patient, len(found), "search")
        mine = asking.about(engine, question.patient)
        events = [audit_event(one, mine=mine, names=self._shows(reader)) for one in found]
        return Answer(200, plain(_bundle(engine, asked, events, following)))

    def _shows(self, reader: _Reader) -> bool:
        return self._names or not reader.patient


def _may_see(post: Post, reader: _Reader, mine: Mine | None) -> bool:
    if mine is not None:
        return any(mine(id) for id in post.patient_ids)
    return asking.concerns(post, reader.provider)


def _word(reader: _Reader) -> str:
    return "log-own" if reader.patient else "log-read"


def _understood(asked: Asked, reader: _Reader) -> tuple[Question, list[Match]]:
    """The question for the index, and what is left to compare. Raises NotSupported for what the log is not searched by."""
    question = Question(patient=reader.patient, within=reader.provider)
    wanted: list[Match] = []
    query = asked.query
    if any(one.param.name != "date" or not one.descending for one in query.sort):
        raise NotSupported("The log is read newest first", at="_sort")
    if query.include or query.revinclude or query.elements or query.summary or query.total:
        raise NotSupported("The log is shown whole, a page at a time")
    for criterion in query.criteria:
        name = criterion.param.name if isinstance(criterion, Match) else ""
        if not isinstance(criterion, Match) or name not in ("patient", "date", "agent", "type", "subtype", "action"):
            raise NotSupported(f"The log is searched by {_PARAMETERS}")
        if name == "date":
            question = _narrowed(question, criterion.values)
        elif name == "patient":
            question = _of_patient(question, reader, criterion)
        elif name == "agent":
            question = _of_agent(question, criterion)
        else:
            wanted.append(criterion)
    if not (question.patient or question.user):
        question = Question(
            provider=reader.provider, since=question.since, until=question.until, within=reader.provider
        )
    return question, wanted


def _of_patient(question: Question, reader: _Reader, criterion: Match) -> Question:
    ids = [value.id for value in criterion.values if isinstance(value, ReferenceValue) and value.id]
    if len(ids) != 1 or len(criterion.values) != 1:
        raise NotSupported("The log is asked about one patient at a time", at="patient")
    if reader.patient and ids[0] != reader.patient:
        raise NotFound("This token opens one patient's log", at="patient")
    return msgspec.structs.replace(question, patient=ids[0])


def _of_agent(question: Question, criterion: Match) -> Question:
    """agent=<HSA-id> or agent:identifier=system|<HSA-id>."""
    [value, *others] = criterion.values
    code = value.code if isinstance(value, TokenValue) else value.id if isinstance(value, ReferenceValue) else None
    if others or not code:
        raise NotSupported("The log is asked about one agent at a time, by HSA-id", at="agent")
    return msgspec.structs.replace(question, user=code)


def _narrowed(question: Question, values: Sequence[Any]) -> Question:
    [value, *others] = values
    if others or not isinstance(value, DateValue) or value.prefix not in ("eq", "ge", "gt", "le", "lt", "sa", "eb"):
        raise NotSupported("Several dates are a range: date=ge…&date=lt…", at="date")
    since, until = question.since, question.until
    if value.prefix in ("eq", "ge"):
        since = max(since, _moment(value.lo))
    if value.prefix in ("gt", "sa"):
        since = max(since, _moment(value.hi))
    if value.prefix in ("eq", "le"):
        until = min(until, _moment(value.hi))
    if value.prefix in ("lt", "eb"):
        until = min(until, _moment(value.lo))
    return msgspec.structs.replace(question, since=since, until=until)


def _moment(micros: int) -> datetime:
    try:
        return min(max(_EPOCH + timedelta(microseconds=micros), BEGINNING), END)
    except OverflowError:
        return END if micros > 0 else BEGINNING


async def _page(
    engine: Engine, question: Question, wanted: Iterable[Match], count: int, after: asking.Place | None
) -> tuple[list[Found], str | None]:
    found: list[Found] = []
    tests = list(wanted)
    async for one in asking.answers(engine, question, after, about=count + 1):
        event = audit_event(one) if tests else {}
        if not all(_meets(event, test) for test in tests):
            continue
        if len(found) == count:
            return found, asking.cursor(found[-1].place) if found else None
        found.append(one)
    return found, None


def _meets(event: dict[str, Any], test: Match) -> bool:
    """Whether a token parameter fits: one of the values, with its system where one is given."""
    if test.modifier is not None:
        raise NotSupported("The log's words are compared as they are", at=test.param.name)
    stands = {
        "type": [event["type"]],
        "subtype": event["subtype"],
        "action": [{"system": "http://hl7.org/fhir/audit-event-action", "code": event["action"]}],
    }[test.param.name]
    return any(
        isinstance(value, TokenValue)
        and (value.code is None or value.code == one["code"])
        and (value.system is None or value.system == one["system"])
        for value in test.values
        for one in stands
    )


def _bundle(engine: Engine, asked: Asked, events: list[dict[str, Any]], following: str | None) -> dict[str, Any]:
    base = engine.mount.base
    links = [{"relation": "self", "url": asked.url(base)}]
    if following:
        links.append({"relation": "next", "url": asked.url(base, following)})
    entries = [
        {"fullUrl": f"{base}/AuditEvent/{one['id']}", "resource": one, "search": {"mode": "match"}} for one in events
    ]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, **({"entry": entries} if entries else {})}
