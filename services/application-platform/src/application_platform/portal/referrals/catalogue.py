"""What can be ordered: panels, single analyses and examinations, from one list of public codes."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

NPU = "urn:oid:1.2.752.108.1"


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the list. `key` is what the form carries; `codes` its analyses by NPU code and name, none of an examination."""

    key: str
    name: str
    kind: str  # laboratory or imaging, as categories of ServiceRequest
    codes: tuple[tuple[str, str], ...] = ()

    @property
    def holds(self) -> str:
        """The analyses of a panel, in words; "" of what is one thing."""
        return ", ".join(name for _, name in self.codes) if len(self.codes) > 1 else ""

    def fields(self) -> dict[str, Any]:
        """As elements of the order: an analysis by its code, a panel by its name and its analyses."""
        coded = [{"system": NPU, "code": code, "display": name} for code, name in self.codes]
        if len(coded) == 1:
            return {"code": {"coding": coded, "text": self.name}}
        detail = {"orderDetail": [{"coding": [one], "text": one["display"]} for one in coded]} if coded else {}
        return {"code": {"text": self.name}, **detail}


@dataclass(frozen=True, slots=True)
class Group:
    """The lines under one heading."""

    heading: str
    items: tuple[Item, ...]


@cache
def groups() -> tuple[Group, ...]:
    """The whole list, in the order of the page."""
    read = yaml.safe_load(files("application_platform.portal.referrals").joinpath("tests.yaml").read_text("utf-8"))
    names = read["analyses"]
    panels = (
        Item(f"panel-{place}", name, "laboratory", tuple((code, names[code]) for code in codes))
        for place, (name, codes) in enumerate(read["panels"].items())
    )
    single = (Item(code, name, "laboratory", ((code, name),)) for code, name in names.items())
    pictures = (Item(f"imaging-{place}", name, "imaging") for place, name in enumerate(read["imaging"]))
    return (
        Group("Provpaket", tuple(panels)),
        Group("Enskilda analyser", tuple(sorted(single, key=lambda one: one.name.casefold()))),
        Group("Bilddiagnostik", tuple(pictures)),
    )


@cache
def by_key() -> dict[str, Item]:
    return {item.key: item for group in groups() for item in group.items}
