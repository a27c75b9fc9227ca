"""The store of VIS grown to a size before anything is measured (`--grow N`): how fast the engine's COPY path fills it."""

from collections.abc import Callable

from fvm.trouble import Trouble
from fvm_load import tokens
from fvm_load.growing.loading import Units, grow
from fvm_load.rows import Row
from fvm_load.target import Target


def run(target: Target, size: int, tell: Callable[[str], None]) -> list[Row]:
    """A row where something was added. Raises Trouble."""
    if target.data is None:
        raise Trouble("Only the region of FVM_DATA is grown; leave the addresses out.", 2)
    tell(f"growing {target.name} to {size:,} resources at VIS")
    done = grow(target.databases["vis"], target.public, size, target.data, tell, units=_units(target))
    if not done.added:
        return []
    row = Row("grow", f"growth to {size:,}: COPY path", "resources/s", done.added / done.loading)
    row.count, row.seconds = done.added, done.loading
    row.note = f"{done.added:,} resources in {done.loading:.0f} s, vacuumed in {done.vacuuming:.0f} s"
    return [row]


def _units(target: Target) -> Units:
    """Where the demo staff work: what is theirs is theirs to find, and their visits are their relations."""
    said = [tokens.claims(one.token)["fvm"]["commission"] for one in tokens.collect(target.application, "").staff]
    return tuple(sorted({(one["provider"], one["unit"]) for one in said}))
