"""The region's topics: what deploy/kafka/topics.yaml says, brought to the broker."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from fvm.places import kafka_folder
from fvm.services import SERVICES
from fvm.trouble import Trouble
from kit.outbox import LARGEST_MESSAGE
from kit.settings import Broker, KafkaSettings, WrongSettings, read

DAY = 86_400_000  # milliseconds
# Why Kafka does not answer, by kit.broker.Silence.
SILENT = {
    "away": "Kafka does not answer",
    "silent": "Kafka takes connections but does not answer",
    "expired": "Kafka's certificate has expired",
    "untrusted": "Kafka's certificate is not of an authority we trust",
    "own-expired": "our certificate for Kafka has expired",
    "refused": "Kafka refuses our certificate",
}


@dataclass(frozen=True, slots=True)
class Topic:
    """One entry of topics.yaml; `keep` in days."""

    name: str
    owner: str
    about: str
    partitions: int
    keep: int
    cleanup: Literal["delete", "compact"]

    def settings(self) -> dict[str, str]:
        """The broker's settings of this topic."""
        # The broker's own clock decides how old a message is: a sender whose clock is wrong can neither be refused for it
        # nor have its messages removed before anybody has read them.
        largest = {"max.message.bytes": str(LARGEST_MESSAGE), "message.timestamp.type": "LogAppendTime"}
        if self.cleanup == "delete":
            return {"cleanup.policy": "delete", "retention.ms": str(self.keep * DAY), **largest}
        # A heartbeat each second makes many dead messages: roll and compact often. Tombstones stay for `keep` days.
        return {
            "cleanup.policy": "compact",
            "segment.ms": "3600000",
            "min.cleanable.dirty.ratio": "0.2",
            "delete.retention.ms": str(self.keep * DAY),
            **largest,
        }


def load(file: Path | None = None) -> list[Topic]:
    """All topics, in the file's order; Trouble naming the entry that is wrong."""
    file = file or kafka_folder() / "topics.yaml"
    found = []
    for number, entry in enumerate(yaml.safe_load(file.read_text()), 1):
        try:
            topic = Topic(**entry)
        except TypeError as wrong:
            raise Trouble(f"{file.name}, entry {number}: {wrong}") from wrong
        if topic.cleanup not in ("delete", "compact") or topic.partitions < 1 or topic.keep < 1:
            raise Trouble(
                f"{file.name}, {topic.name}: cleanup is delete or compact, partitions and keep are at least 1."
            )
        found.append(topic)
    return found


def full_name(topic: str, region: str) -> str:
    """The topic as the broker knows it."""
    return f"{region}.{topic}" if region else topic


def reached(bootstrap: str) -> Broker:
    """How this environment says that the broker is spoken to (FVM_KAFKA_SECURITY and its like)."""
    try:
        return read(KafkaSettings).model_copy(update={"kafka": bootstrap}).broker
    except WrongSettings as wrong:
        raise Trouble(str(wrong), 2) from wrong


def rights(topics: Sequence[Topic], region: str, users: str = "") -> list[list[str]]:
    """What each service may do, as options of kafka-acls.sh --add; its Kafka user has the service's name after `users` (D3).

    Only its owner writes a topic. Every service may read all topics of the region, in groups of the region.
    """
    owners = sorted({topic.owner for topic in topics} & {service.name for service in SERVICES})
    whose = full_name("", region)
    found = []
    for owner in owners:
        user = ["--allow-principal", f"User:{users}{owner}"]
        own = [
            option for topic in topics if topic.owner == owner for option in ("--topic", full_name(topic.name, region))
        ]
        found.append([*user, "--operation", "Write", "--operation", "Describe", *own])
        everything = ["--topic", whose or "*", "--group", whose or "*"]
        kind = ["--resource-pattern-type", "prefixed"] if whose else []
        found.append([*user, "--operation", "Read", "--operation", "Describe", *everything, *kind])
    shared = [
        option for topic in topics if topic.owner == "all" for option in ("--topic", full_name(topic.name, region))
    ]
    all_users = [option for owner in owners for option in ("--allow-principal", f"User:{users}{owner}")]
    return [*found, *([[*all_users, "--operation", "Write", *shared]] if shared else [])]


async def _silent(bootstrap: str) -> Trouble:
    """Why, in words."""
    from kit.broker import why_silent

    return Trouble(f"{SILENT[await why_silent(reached(bootstrap))]} at {bootstrap}; look at it, or correct FVM_KAFKA.")


async def apply(bootstrap: str, region: str, topics: Sequence[Topic]) -> None:
    """Creates what is missing; Trouble when the broker does not answer or refuses."""
    from kit import kafka
    from kit.problems import Unavailable

    wanted = [kafka.Topic(full_name(t.name, region), t.partitions, config=t.settings()) for t in topics]
    try:
        await kafka.ensure_topics(reached(bootstrap), wanted)
    except Unavailable as away:
        raise await _silent(bootstrap) from away
    except RuntimeError as refused:  # what the broker refuses (aiokafka is spoken in kit.kafka only)
        raise Trouble(f"Kafka at {bootstrap} refuses the region's topics: {refused}") from refused


async def must_be_new(bootstrap: str, region: str, topics: Sequence[Topic]) -> None:
    """Raises Trouble where the broker has topics of another region of this name; what they hold would be taken as ours."""
    from kit.broker import topics_there
    from kit.problems import Unavailable

    try:
        there = await topics_there(reached(bootstrap))
    except Unavailable as away:
        raise await _silent(bootstrap) from away
    if any(full_name(topic.name, region) in there for topic in topics):
        raise Trouble(
            f"Kafka at {bootstrap} already has topics of another region that is called {region or '(nothing)'}; give this one a "
            "name of its own (FVM_REGION=north), or take them over with `fvm up --adopt`."
        )


async def drop(bootstrap: str, region: str, topics: Sequence[Topic]) -> None:
    """Removes the region's topics and all that is in them."""
    from kit import kafka
    from kit.problems import Unavailable

    try:
        await kafka.delete_topics(reached(bootstrap), [full_name(topic.name, region) for topic in topics])
    except Unavailable as away:
        raise await _silent(bootstrap) from away
