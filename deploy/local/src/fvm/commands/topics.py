"""`fvm topics`: which topics a region has, and bringing them to a broker."""

import argparse
import asyncio
import shlex
from typing import Any

from fvm import topics
from fvm.settings import from_environment
from fvm.trouble import Trouble


def add(verbs: Any) -> None:
    own = verbs.add_parser("topics", help="list the region's topics, or create them in FVM_KAFKA", description=__doc__)
    own.add_argument("--apply", action="store_true", help="create those that FVM_KAFKA does not have yet")
    own.add_argument("--rights", action="store_true", help="print the kafka-acls.sh commands that say who may what")
    own.add_argument(
        "--users", default="", metavar="PREFIX", help="what stands before the services' names in Kafka's users"
    )
    own.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    wanted = topics.load()
    if chosen.rights:
        for options in topics.rights(wanted, settings.region, chosen.users):
            print(
                shlex.join(["kafka-acls.sh", "--bootstrap-server", settings.kafka or "kafka:9092", "--add", *options])
            )
        return 0
    if chosen.apply:
        if not settings.kafka:
            raise Trouble(
                "Set FVM_KAFKA to the broker's address; the region's own broker gets its topics by itself.", 2
            )
        asyncio.run(topics.apply(settings.kafka, settings.region, wanted))
    for topic in wanted:
        name = topics.full_name(topic.name, settings.region)
        kept = f"{topic.keep} days" if topic.cleanup == "delete" else "newest per key"
        print(f"{name:<36} {topic.partitions} partitions  {kept:<15} {topic.owner:<12} {topic.about}")
    return 0
