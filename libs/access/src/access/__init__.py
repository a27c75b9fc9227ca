"""The legal decision: who may see what, as a pure function and as sets of labels for SQL."""

from access.actor import ALL_SEEING, FOLLOWING_UP, POPULATION, Actor
from access.decision import POLICY, Decision, age, decide
from access.facts import (
    NO_RULES,
    NOTHING,
    Acting,
    Block,
    Choice,
    Consent,
    Facts,
    Opened,
    Relation,
    Revoke,
    Rules,
)
from access.labels import NOT_FOR_PATIENT, REGISTER, WITHHELD, Label, is_register, unlabelled
from access.scopes import allows
from access.sight import Known, Sight, Zones, all_seeing, shown_to_patient, zones

__all__ = [
    "ALL_SEEING",
    "FOLLOWING_UP",
    "NOTHING",
    "NOT_FOR_PATIENT",
    "NO_RULES",
    "POLICY",
    "POPULATION",
    "REGISTER",
    "WITHHELD",
    "Acting",
    "Actor",
    "Block",
    "Choice",
    "Consent",
    "Decision",
    "Facts",
    "Known",
    "Label",
    "Opened",
    "Relation",
    "Revoke",
    "Rules",
    "Sight",
    "Zones",
    "age",
    "all_seeing",
    "allows",
    "decide",
    "is_register",
    "shown_to_patient",
    "unlabelled",
    "zones",
]
