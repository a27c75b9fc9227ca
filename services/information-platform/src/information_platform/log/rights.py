"""Who may read the log: patients their own, reviewers their care provider's part, and each look is logged itself (LOG-15)."""

from fhircore.types import TYPES
from fhirserver.accesslog import Entry
from fhirserver.engine import Engine
from kit.caller import Caller
from kit.problems import Kind, Problem

RIGHT = "log.review"
_TYPE = TYPES["AuditEvent"].number


class NotAReviewer(Problem):
    """The log holds personal data of staff: only who has the task to review it reads it (LOG-15)."""

    kind = Kind.FORBIDDEN
    code = "log/not-a-reviewer"
    title = "Only who has the task of reviewing the access log may read it"


class NotYourOwn(Problem):
    """The extract is the patient's own, and of who may act for them."""

    kind = Kind.FORBIDDEN
    code = "log/not-your-own"
    title = "This is for patients, about themselves"


def is_reviewer(caller: Caller) -> bool:
    return caller.commission is not None and RIGHT in caller.commission.rights


def reviewer(caller: Caller) -> str:
    """The care provider whose part of the log this caller may read. Raises NotAReviewer."""
    if caller.commission is None or not is_reviewer(caller):
        raise NotAReviewer
    return caller.commission.provider


async def own_patient(engine: Engine, caller: Caller) -> str:
    """The Patient whose extract this token may have: the patient's own, or whom they act for and are shown. Raises NotYourOwn."""
    if caller.kind != "patient" or not caller.patient:
        raise NotYourOwn
    if caller.patient != caller.subject and not (await engine.sight(caller)).own_labels:
        raise NotYourOwn
    return caller.patient


async def log_look(engine: Engine, caller: Caller, activity: str, patient: str, returned: int, asked: str) -> None:
    """Committed before the answer leaves; `asked` says what kind of question it was, never a name."""
    about = ((engine.keys.of(f"Patient/{patient}"), _TYPE, 0),) if patient else ()
    if engine.mount.logged:
        await engine.together.write(Entry(caller, activity, about, returned, args=asked))
