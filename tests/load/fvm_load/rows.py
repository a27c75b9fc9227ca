"""What one measurement found, and the budget it is held against."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from fvm_load.stats import Spread

Better = Literal["more", "less"]


@dataclass(frozen=True, slots=True)
class Budget:
    """`first`: the first target; `later`: that of the finished house; `p99`: ms the slowest hundredth may begin at,
    `p95` the slowest twentieth."""

    first: float | None = None
    later: float | None = None
    p99: float | None = None
    better: Better = "more"
    p95: float | None = None


_WIDE = (("chained", 8), ("has", 8), ("code", 8), ("name", 16))

# First targets are the spine's, later ones the house's (2 cores, load generator included). Keys are Row.key.
BUDGETS = {
    "import/2": Budget(6_000, 8_000),
    "import/4": Budget(6_000, 8_000),
    "import/held": Budget(6_000, 8_000),
    "whole-way": Budget(2_500, 4_000),
    "read/direct/staff/64": Budget(8_000, 10_000, 15),
    "read/gateway/staff/64": Budget(4_000, 5_000, 15),
    "read/direct/staff/64/log-off": Budget(None, 15_000, 15),
    "search/patient/staff/16/log-off": Budget(None, 3_000, 15),
    "search/date/staff/16/log-off": Budget(None, 3_000, 15),
    "search/code/staff/16/log-off": Budget(None, 3_000, 15),
    "read/hop": Budget(None, 0.2, better="less"),
    "create/staff/64": Budget(None, 6_000, 25),
    "create/bench/64": Budget(None, 6_000, 25),
    "search/patient/staff/16": Budget(None, 2_500, 15),
    "search/date/staff/16": Budget(None, 2_500, 15),
    "search/code/staff/16": Budget(None, 2_500, 15),
    **{f"wide/{one}/{law}/{many}": Budget(p95=20) for one, many in _WIDE for law in ("staff", "population")},
    "mllp": Budget(5_000, 10_000, 20),
    "mllp/disk": Budget(None, 2_000, better="less"),
    "visible/fhir": Budget(300, 200, 1_000, better="less"),
    "visible/page": Budget(300, 200, 1_000, better="less"),
    "portal/chart": Budget(p95=1_000, better="less"),
    "portal/part": Budget(p95=300, better="less"),
    "portal/save": Budget(p95=500, better="less"),
    **{
        f"portal/{one}": Budget(p95=300, better="less")
        for one in ("medicines", "orders", "vitals", "inbox", "day", "ward", "start")
    },
    "portal/measured": Budget(p95=500, better="less"),
    "idle": Budget(1_500, 1_500, better="less"),
    "idle/after": Budget(None, 1_500, better="less"),
    "disk/vis": Budget(None, 1_024, better="less"),
    "disk/information": Budget(None, 1_024, better="less"),
}


@dataclass(slots=True)
class Row:
    """One line of the table. `value` None: left out, and `note` says why. `cpu`: µs per item by process."""

    key: str
    path: str
    unit: str
    value: float | None = None
    spread: Spread | None = None
    law: str = ""
    log: str = ""
    count: int = 0
    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def budget(self) -> Budget:
        return BUDGETS.get(self.key, NO_BUDGET)

    @property
    def name(self) -> str:
        """The path and as whom, for lists without a column for that."""
        return f"{self.path} ({self.law})" if self.law else self.path

    def kept(self) -> dict[str, Any]:
        """As it stands in the JSON file."""
        budget = self.budget
        goal = {"first": budget.first, "later": budget.later, "p95_ms": budget.p95, "p99_ms": budget.p99}
        return asdict(self) | {"budget": goal}


NO_BUDGET = Budget()


def left_out(key: str, path: str, why: str) -> Row:
    """A row that says why it has no figure."""
    return Row(key, path, "", note=f"left out: {why}")


def meets(value: float | None, goal: float | None, better: Better) -> bool | None:
    """Whether the goal is reached; None where there is no value or no goal."""
    if value is None or goal is None:
        return None
    return value >= goal if better == "more" else value <= goal
