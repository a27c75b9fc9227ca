"""The legal decision: who may see what, as a pure function and as a set of labels for SQL."""

from access.decision import ALL_SEEING, POLICY, Decision, Sight, decide, sight
from access.labels import REGISTER, WITHHELD, Label, is_register, unlabelled
from access.scopes import allows

__all__ = [
    "ALL_SEEING",
    "POLICY",
    "REGISTER",
    "WITHHELD",
    "Decision",
    "Label",
    "Sight",
    "allows",
    "decide",
    "is_register",
    "sight",
    "unlabelled",
]
