"""One measured stream of HTTP requests: checked first, then driven, then told with its costs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fvm_load import client, generator
from fvm_load.bench import Bench, Meter
from fvm_load.client import Base
from fvm_load.generator import Load
from fvm_load.rows import Row
from fvm_load.stats import per_item

_PROBED = 2_000


@dataclass(frozen=True, slots=True)
class Stream:
    """What to drive. `probe`: how many of the requests are asked once before, to know what they answer."""

    key: str
    path: str
    base: Base
    requests: Sequence[bytes]
    connections: int
    seconds: float
    law: str
    service: str = "vis"
    probe: int = _PROBED


async def measure(bench: Bench, stream: Stream) -> Row:
    """Requests per second, with latencies, CPU per request and the shares of each status."""
    bench.tell(f"{stream.path} ({stream.law})")
    asked = stream.requests[: stream.probe]
    answers = await client.ask_all(stream.base, asked)
    statuses = Counter(answer.status for answer in answers)
    meter = Meter(bench, stream.key, stream.service)
    await meter.start()
    load = await generator.load(stream.base, stream.requests, stream.connections, stream.seconds)
    used = meter.cpu()
    row = Row(
        stream.key,
        stream.path,
        "requests/s",
        load.rate,
        load.spread,
        law=stream.law,
        log=await meter.log(load.count),
        count=load.count,
        seconds=load.seconds,
        cpu=per_item(used, load.count),
        more={
            "generator": load.by,
            "connections": stream.connections,
            "bytes": _bytes(answers),
            "withheld": round(sum(map(_withholds, answers)) / max(1, len(answers)), 3),
        },
    )
    if row.log == "off":
        row.key += "/log-off"  # another figure, with another budget
    row.statuses, row.note = told(load, statuses)
    if statuses[403] + statuses[404] > statuses.total() / 2:
        row.note = "NOT TO BE TRUSTED, most rows are withheld"
    if strange := {status for status in statuses if status not in (200, 201, 403, 404)}:
        row.note = f"NOT TO BE TRUSTED, answers of {sorted(strange)}: {_words(answers, min(strange))}"
    return row


def told(load: Load, probed: Counter[int]) -> tuple[dict[str, int], str]:
    """Answers by status (the generator counts those from 400 on together; the probe says which they are), a remark."""
    good = [status for status in probed if status < 400]
    bad = sorted(status for status in probed if status >= 400)
    found: dict[str, int] = {}
    if load.count > load.refused:
        found["/".join(map(str, sorted(good))) or "below 400"] = load.count - load.refused
    if load.refused:
        found["/".join(map(str, bad)) or "400 and above"] = load.refused
    notes = [f"{load.broken} without an answer"] if load.broken else []
    share = sum(probed[status] for status in bad) / max(1, probed.total())
    if load.count >= 500 and abs(load.refused / load.count - share) > 0.1:
        notes.append(f"refused were {load.refused / load.count:.0%}, when asked one by one {share:.0%}")
    return found, "; ".join(notes)


def _withholds(answer: client.Answer) -> bool:
    """Whether the law withheld it, or something of it: a searchset says so in an entry of its own."""
    return answer.status in (403, 404) or b'"code":"suppressed"' in answer.body


def _bytes(answers: Sequence[client.Answer]) -> int:
    """The mean size of a good answer's body."""
    sizes = [len(answer.body) for answer in answers if answer.status < 300]
    return round(sum(sizes) / len(sizes)) if sizes else 0


def _words(answers: Sequence[client.Answer], status: int) -> str:
    body = next(answer.body for answer in answers if answer.status == status)
    return body[:200].decode(errors="replace")
