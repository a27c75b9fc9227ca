"""The gauges that Prometheus reads, set from one measurement of a service (kit.lag)."""

from typing import TYPE_CHECKING

from prometheus_client import Gauge

if TYPE_CHECKING:
    from kit.lag import Lag

OUTBOX = Gauge("outbox_waiting_messages", "Messages that are not at Kafka yet", ("topic",))
OUTBOX_AGE = Gauge("outbox_oldest_seconds", "Age of the oldest message that is not at Kafka yet")
BEHIND = Gauge("inbox_behind_messages", "Messages at Kafka that are not read yet", ("reader", "topic"))
WAITING = Gauge("inbox_waiting_messages", "Messages that wait with their key to be tried again", ("reader", "topic"))
WAITING_AGE = Gauge("inbox_waiting_oldest_seconds", "How long the oldest waiting message has waited")
PARKED = Gauge("inbox_parked_messages", "Messages that wait for a human", ("reader", "topic"))
LOST = Gauge("inbox_positions_lost", "Partitions whose next message Kafka no longer has", ("reader", "topic"))
KAFKA = Gauge("kafka_reachable", "1 where Kafka answers this service")
EPOCH = Gauge("region_epoch", "How many times this database was restored, and one")
CLOCK = Gauge("clock_ahead_seconds", "This machine's clock minus the database's")
MEASURED = Gauge("operations_measured_timestamp_seconds", "When these figures were measured last")


def show(lag: "Lag") -> None:
    """Sets the gauges; a series that is gone is 0, not forgotten, so that an alert ends."""
    for gauge in (OUTBOX, BEHIND, WAITING, PARKED, LOST):
        for labels in list(gauge._metrics):
            gauge.labels(*labels).set(0)
    for told in lag.outbox:
        OUTBOX.labels(told.topic).set(told.messages)
    OUTBOX_AGE.set(max((told.oldest_seconds for told in lag.outbox), default=0))
    for arrow in lag.arrows:
        BEHIND.labels(arrow.reader, arrow.topic).set(arrow.behind or 0)
        WAITING.labels(arrow.reader, arrow.topic)
        PARKED.labels(arrow.reader, arrow.topic)
    for reading in lag.readings:
        LOST.labels(reading.reader, reading.topic).inc(reading.lost)
    for waits in lag.waiting:
        WAITING.labels(waits.reader, waits.topic).set(waits.messages)
    WAITING_AGE.set(max((waits.oldest_seconds for waits in lag.waiting), default=0))
    for parked in lag.parked:
        PARKED.labels(parked.reader, parked.topic).inc(parked.messages)
    KAFKA.set(lag.kafka)
    EPOCH.set(lag.epoch)
    CLOCK.set(lag.clock_seconds)
    MEASURED.set(lag.at.timestamp())
