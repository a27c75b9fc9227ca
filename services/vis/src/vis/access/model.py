"""What the region tells of the law, as VIS reads it (information.access-changed.v1): our reading, only what we use."""

from datetime import datetime

import msgspec

from access import Facts, Rules


class Beat(msgspec.Struct):
    """A heartbeat of one lane of several."""

    lane: int
    lanes: int


class Changed(msgspec.Struct):
    """One of: all facts of a person, the rules for everybody, a heartbeat."""

    at: datetime
    patients: list[str] = []
    facts: Facts | None = None
    taken: list[str] = []  # acts that VIS took and that these facts hold
    rules: Rules | None = None
    beat: Beat | None = None


read = msgspec.json.Decoder(Changed).decode
read_all = msgspec.json.Decoder(list[Changed]).decode
