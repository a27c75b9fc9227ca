"""One post of the log as the region reads it: a row of a told batch, with what its numbers mean (LOG-04)."""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from fhircore.types import NAMES
from fhirserver import logwho
from fhirserver.accesslog import COLUMNS
from fhirserver.activities import ACTIVITIES, activity, purpose
from fhirserver.logtelling import ToldBatch, ToldLabel, numbers_of
from fhirserver.logwho import Who
from kit.problems import Kind, Problem

_batch = msgspec.json.Decoder(list[Any]).decode


class NotABatch(Problem):
    """A batch whose inside is not what the contract says; it is parked."""

    kind = Kind.INVALID
    code = "log/not-a-batch"
    title = "The event does not hold a batch of an access log"


@dataclass(frozen=True, slots=True)
class About:
    """One combination that the request met: the source's key of the patient (0: nobody), a type, a label."""

    key: int
    type: str
    label: ToldLabel | None


@dataclass(frozen=True, slots=True)
class Post:
    """One request, as it was logged."""

    source: str
    at: datetime
    place: tuple[int, int, int]  # chain, seq, row: where it stands for ever
    who: Who
    activity: str
    purpose: str
    trace: str | None
    about: tuple[About, ...]
    patients: dict[int, str]  # the source's keys → Patient ids
    returned: int
    withheld: int
    policy: str
    args: str | None

    @property
    def id(self) -> uuid.UUID:
        """The national logId, and the id of the decision that the row stands for."""
        return uuid.UUID(bytes=hashlib.blake2b(b"%d/%d/%d" % self.place, digest_size=16).digest())

    @property
    def patient_ids(self) -> list[str]:
        return list(dict.fromkeys(self.patients[one.key] for one in self.about if one.key in self.patients))

    @property
    def owners(self) -> list[ToldLabel]:
        """Whose information it was, each once."""
        return list(dict.fromkeys(one.label for one in self.about if one.label is not None))

    @property
    def types(self) -> list[str]:
        return list(dict.fromkeys(one.type for one in self.about))


def posts(told: ToldBatch, wanted: Iterable[int] | None = None) -> Iterator[Post]:
    """The rows of a batch in order, or those of these numbers. Raises NotABatch."""
    at, policy, columns = _parts(told)
    count = len(columns["actor"])
    try:
        if any(len(column) != count for column in columns.values()):
            raise ValueError
        for nth in range(count) if wanted is None else wanted:
            row = {name: column[nth] for name, column in columns.items()}
            yield _post(told, at, policy, nth, row)
    except (TypeError, ValueError, KeyError, IndexError, msgspec.MsgspecError):
        raise NotABatch("The columns do not fit together", at="batch") from None


def time_of(told: ToldBatch) -> datetime:
    """When the batch was written. Raises NotABatch."""
    return _parts(told)[0]


def who_of(row: dict[str, Any], told: ToldBatch) -> bytes:
    """Who acted, to the letter as it was told; of rows older than that, what the row itself says."""
    number = row.get("who")
    if number is not None and str(number) in told.who:
        return bytes(told.who[str(number)])
    return logwho.packed(
        Who(id=row["actor"], client=row["client"], commission=row["commission"] or "", purpose=row["purpose"])
    )


def _parts(told: ToldBatch) -> tuple[datetime, str, dict[str, list[Any]]]:
    try:
        at, policy, *columns = _batch(bytes(told.batch))
        found = dict(zip(COLUMNS, columns, strict=False))
        len(found["actor"])
        return datetime.fromisoformat(at), str(policy), found
    except (KeyError, TypeError, ValueError, msgspec.MsgspecError):
        raise NotABatch("It is not [time, policy, columns]", at="batch") from None


def _post(told: ToldBatch, at: datetime, policy: str, nth: int, row: dict[str, Any]) -> Post:
    keys, types, labels = (numbers_of(row[name]) for name in ("patients", "types", "labels"))
    about = tuple(
        About(key, NAMES.get(number, ""), told.labels.get(str(label)))
        for key, number, label in zip(keys, types, labels, strict=True)
    )
    patients = {key: told.patients[str(key)] for key in keys if str(key) in told.patients}
    return Post(
        told.source,
        at,
        (told.chain, told.seq, nth),
        logwho.read(who_of(row, told)),
        row["activity"],
        row["purpose"],
        row["trace"],
        about,
        patients,
        row["returned"],
        row["withheld"],
        policy,
        row.get("args"),
    )


def shown(post: Post, about: Callable[[str], bool] | None = None) -> dict[str, Any]:
    """The post with the members of the national log (informationsecurity:auditing:log 2.0), for staff who review; `about` (of a
    Patient id) keeps other patients out of an answer about one."""
    who, kind = post.who, activity(post.activity)
    return {
        "id": str(post.id),
        "system": post.source,
        "activity": {
            "type": kind.kind,
            "word": post.activity if post.activity in ACTIVITIES else "",
            "text": kind.text,
            "args": post.args,
            "start": post.at.isoformat(),
            "purpose": purpose(post.purpose),
        },
        "user": {
            "kind": who.kind,
            "id": who.id,
            "name": who.name,
            "title": who.role,
            "assignment": who.commission,
            "client": who.client,
            "careProvider": {"id": who.provider, "name": who.provider_name},
            "careUnit": {"id": who.unit, "name": who.unit_name},
        },
        "resources": [
            _resource(post, one) for one in post.about if about is None or about(post.patients.get(one.key, ""))
        ],
        "returned": post.returned,
        "withheld": post.withheld,
        "policy": post.policy,
        "trace": post.trace,
    }


def _resource(post: Post, one: About) -> dict[str, Any]:
    return {
        "type": one.type,
        "patient": post.patients.get(one.key),
        "careProvider": one.label.provider if one.label else "",
        "careUnit": one.label.unit if one.label else "",
        "information": one.label.type if one.label else "",
    }
