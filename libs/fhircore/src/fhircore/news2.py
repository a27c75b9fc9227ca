"""NEWS2, the National Early Warning Score (Royal College of Physicians 2017): points, sum and band of one set of vital signs.

Six measured parameters and whether oxygen is given, 0 to 20 points together. What is not measured has no points and there is
then no sum: missing is not normal. From 16 years, not in pregnancy.
https://www.rcp.ac.uk/improving-care/resources/national-early-warning-score-news-2/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Band = Literal["none", "low", "single", "medium", "high"]
ALERT, CONSCIOUSNESS = "A", ("A", "C", "V", "P", "U")  # alert, new confusion, voice, pain, unresponsive
PARAMETERS = ("respirations", "spo2", "oxygen", "systolic", "pulse", "consciousness", "temperature")
YOUNGEST = 16  # years
MOST = 20

# (up to and with, points); the last one has no end.
_Steps = Sequence[tuple[Decimal | int | None, int]]
_RESPIRATIONS: _Steps = ((8, 3), (11, 1), (20, 0), (24, 2), (None, 3))
_SPO2: _Steps = ((91, 3), (93, 2), (95, 1), (None, 0))
_SPO2_HYPERCAPNIC: _Steps = ((83, 3), (85, 2), (87, 1), (None, 0))
_SPO2_HYPERCAPNIC_OXYGEN: _Steps = ((83, 3), (85, 2), (87, 1), (92, 0), (94, 1), (96, 2), (None, 3))
_SYSTOLIC: _Steps = ((90, 3), (100, 2), (110, 1), (219, 0), (None, 3))
_PULSE: _Steps = ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (None, 3))
_TEMPERATURE: _Steps = (
    (Decimal("35.0"), 3), (Decimal("36.0"), 1), (Decimal("38.0"), 0), (Decimal("39.0"), 1), (None, 2),
)  # fmt: skip

# What has no points, from and to; SpO2 on scale 1 has no upper end.
CALM: dict[str, tuple[Decimal, Decimal | None]] = {
    "respirations": (Decimal(12), Decimal(20)),
    "spo2": (Decimal(96), None),
    "systolic": (Decimal(111), Decimal(219)),
    "pulse": (Decimal(51), Decimal(90)),
    "temperature": (Decimal("36.1"), Decimal("38.0")),
}

CALM_HYPERCAPNIC = (Decimal(88), Decimal(92))  # SpO2 on scale 2; above it the points depend on oxygen


@dataclass(frozen=True, slots=True)
class Vitals:
    """One set of vital signs; None is not measured.

    `respirations` and `pulse` per minute, `spo2` in percent, `systolic` in mmHg, `temperature` in °C with one decimal,
    `consciousness` one of ACVPU, `oxygen` whether it is given. `scale` 2 is for hypercapnic respiratory failure, by decision
    of a doctor.
    """

    respirations: int | None = None
    spo2: int | None = None
    oxygen: bool | None = None
    systolic: int | None = None
    pulse: int | None = None
    consciousness: str | None = None
    temperature: Decimal | None = None
    scale: Literal[1, 2] = 1


@dataclass(frozen=True, slots=True)
class Score:
    """Points by parameter, those that were measured in the order of the chart, and the names of those that were not."""

    points: dict[str, int]
    missing: tuple[str, ...]

    @property
    def total(self) -> int | None:
        """0 to 20; None while anything is missing."""
        return None if self.missing else sum(self.points.values())

    @property
    def least(self) -> int:
        """What the sum is at least, whatever the missing ones are."""
        return sum(self.points.values())

    @property
    def band(self) -> Band | None:
        """The clinical risk of the sum; None while anything is missing."""
        total = self.total
        return None if total is None else band(total, single=3 in self.points.values())


def band(total: int, *, single: bool) -> Band:
    """none 0 · low 1–4 · single 3 in one parameter with a sum below 5 · medium 5–6 · high from 7."""
    if total >= 7:
        return "high"
    if total >= 5:
        return "medium"
    if single:
        return "single"
    return "low" if total else "none"


def score(vitals: Vitals) -> Score:
    """The points of these vital signs. Oxygen unknown: SpO2 on scale 2 above 92 has no points either, since they depend on it."""
    found = {
        "respirations": _steps(vitals.respirations, _RESPIRATIONS),
        "spo2": _spo2(vitals),
        "oxygen": None if vitals.oxygen is None else 2 * vitals.oxygen,
        "systolic": _steps(vitals.systolic, _SYSTOLIC),
        "pulse": _steps(vitals.pulse, _PULSE),
        "consciousness": _consciousness(vitals.consciousness),
        "temperature": _steps(vitals.temperature, _TEMPERATURE),
    }
    points = {name: value for name, value in found.items() if value is not None}
    return Score(points, tuple(name for name in PARAMETERS if name not in points))


def _spo2(vitals: Vitals) -> int | None:
    if vitals.scale == 1:
        return _steps(vitals.spo2, _SPO2)
    if vitals.oxygen is None and vitals.spo2 is not None and vitals.spo2 > 92:
        return None
    return _steps(vitals.spo2, _SPO2_HYPERCAPNIC_OXYGEN if vitals.oxygen else _SPO2_HYPERCAPNIC)


def _consciousness(level: str | None) -> int | None:
    if level is None:
        return None
    if level not in CONSCIOUSNESS:
        raise ValueError(f"consciousness is one of {', '.join(CONSCIOUSNESS)}")
    return 0 if level == ALERT else 3


def _steps(value: Decimal | int | None, steps: _Steps) -> int | None:
    if value is None:
        return None
    return next(points for limit, points in steps if limit is None or value <= limit)
