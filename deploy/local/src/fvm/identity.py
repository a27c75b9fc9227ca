"""A region keeps its name, its mode and its stores for life; here it is checked that nobody mixes two regions' data."""

import os
import shutil
from pathlib import Path

from fvm import databases
from fvm.memory import Memory
from fvm.settings import Settings
from fvm.trouble import Trouble

LEAST_SPACE = 1_000_000_000  # bytes free on the data folder's disk


def must_have_room(data: Path) -> None:
    """Raises Trouble when the disk is full or the folder is not this user's to write."""
    place = next(above for above in (data, *data.parents) if above.exists())
    if not os.access(place, os.W_OK):
        raise Trouble(f"{place} may not be written by this user; choose another data folder with FVM_DATA=/somewhere.")
    free = shutil.disk_usage(place).free
    if free < LEAST_SPACE:
        raise Trouble(f"Only {free // 1_000_000} MB are free where {data} is; a region needs at least 1 GB (FVM_DATA).")


def must_be_the_same(memory: Memory, settings: Settings, adopt: bool) -> None:
    """Raises Trouble when the environment now describes another region than the one this folder was born with.

    `adopt` lets the stores be elsewhere: the same data has been moved there.
    """
    if not memory.mode:
        return
    stores = _stores(settings)
    changes = [("FVM_MODE", memory.mode, settings.mode), ("FVM_REGION", memory.region, settings.region)]
    if not adopt:
        changes += [(name, memory.stores.get(name, ""), stores[name]) for name in stores]
    for name, was, now in changes:
        if was != now:
            hint = ", or say --adopt if the same data has moved there" if name in stores else ""
            raise Trouble(
                f"The region in {settings.data} was made with {name}={was or '(unset)'}, now it is {now or '(unset)'}; "
                f"put it back, or choose another data folder (FVM_DATA){hint}."
            )


def remember(memory: Memory, settings: Settings) -> None:
    """The region is born, or its stores have moved: only once both stores have answered."""
    memory.region, memory.mode, memory.stores = settings.region, settings.mode, _stores(settings)


def claim(memory: Memory, settings: Settings, name: str) -> None:
    """What lies under our names in this store (FVM_…) is ours from now on, also where this start goes no further."""
    memory.region, memory.stores[name] = settings.region, _stores(settings)[name]


def _stores(settings: Settings) -> dict[str, str]:
    """Where the stores are when they are not the region's own; never a password."""
    return {"FVM_POSTGRES_URL": databases.place(settings.postgres_url), "FVM_KAFKA": settings.kafka}
