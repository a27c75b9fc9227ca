"""A set of vital signs as it is typed: Swedish numbers, each field's fault in words, and what VIS is sent (pure)."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel, Field

from application_platform.portal.swedish import ZONE
from fhircore.vitals import LEVEL_TEXTS, QUANTITIES

_SHORT = Field(default="", max_length=20)
_MEASURED = (*QUANTITIES, "oxygen", "consciousness")


class Filled(BaseModel):
    """The form as it is sent. `patient` must be the address's; `panel` is the id that makes it stored once."""

    patient: str = Field(max_length=64)
    panel: UUID = Field(default_factory=uuid4)
    replaces: str = Field(default="", max_length=36, pattern=r"^([0-9a-fA-F-]{36})?$")
    clock: str = Field(default="", max_length=16)  # 2026-11-23T09:10, Swedish time; "": now
    respirations: str = _SHORT
    spo2: str = _SHORT
    oxygen: str = Field(default="", pattern=r"^(ja|nej)?$")
    systolic: str = _SHORT
    diastolic: str = _SHORT
    pulse: str = _SHORT
    consciousness: str = Field(default="", pattern=r"^[ACVPU]?$")
    temperature: str = _SHORT
    scale: int = Field(default=1, ge=1, le=2)

    @property
    def empty(self) -> bool:
        return not any(getattr(self, name).strip() for name in _MEASURED)


def faults(filled: Filled, now: datetime) -> dict[str, str]:
    """What is wrong, by field, in words that say how to fix it; empty when it can be sent."""
    found = {name: fault for name in QUANTITIES if (fault := _fault(name, getattr(filled, name)))}
    if filled.diastolic.strip() and not filled.systolic.strip():
        found.setdefault("systolic", "Skriv det systoliska trycket också")
    elif not {"systolic", "diastolic"} & found.keys() and filled.diastolic.strip():
        upper, lower = _number(filled.systolic), _number(filled.diastolic)
        if upper is not None and lower is not None and lower >= upper:
            found["diastolic"] = "Det diastoliska trycket är lägre än det systoliska"
    at = _moment(filled.clock)
    if filled.clock and at is None:
        found["clock"] = "Skriv dag och klockslag"
    elif at is not None and at > now:
        found["clock"] = "Tiden har inte varit än"
    if filled.empty:
        found["respirations"] = "Fyll i minst ett värde"
    return found


def sent(filled: Filled) -> dict[str, Any]:
    """The parameters of `$record-vitals`, by name and type; what is not measured is left out."""
    values: dict[str, Any] = {"id:valueId": str(filled.panel), "replaces:valueId": filled.replaces}
    for name, kind in QUANTITIES.items():
        amount = _number(getattr(filled, name))
        if amount is not None:
            values[f"{name}:{'valueDecimal' if kind.decimals else 'valueInteger'}"] = (
                float(amount) if kind.decimals else int(amount)
            )
    if filled.oxygen:
        values["oxygen:valueBoolean"] = filled.oxygen == "ja"
    at = _moment(filled.clock)
    if at is not None:
        values["at:valueDateTime"] = at.isoformat(timespec="seconds")
    return values | {"consciousness:valueCode": filled.consciousness, "scale:valueInteger": filled.scale}


def levels() -> Mapping[str, str]:
    return LEVEL_TEXTS


def _fault(name: str, typed: str) -> str:
    if not typed.strip():
        return ""
    amount = _number(typed)
    return "Skriv ett tal" if amount is None else QUANTITIES[name].fault(amount)


def _number(typed: str) -> Decimal | None:
    """38,4 and 38.4 are the same; None for what is no number."""
    try:
        found = Decimal(typed.strip().replace(",", ".").replace("\u2212", "-"))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _moment(clock: str) -> datetime | None:
    try:
        return datetime.fromisoformat(clock).replace(tzinfo=ZONE) if clock else None
    except ValueError:
        return None
