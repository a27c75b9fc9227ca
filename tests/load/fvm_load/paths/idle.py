"""Memory of the region at rest: the summed proportional set size of all its processes."""

from fvm_load.bench import Bench
from fvm_load.rows import Row, left_out

KEY, PATH = "idle", "idle region, summed PSS"
AFTER = "the same after all this, at rest again"


async def run(bench: Bench) -> list[Row]:
    return await _measured(bench, KEY, PATH)


async def again(bench: Bench) -> list[Row]:
    """What a region keeps when it has been worked hard: caches, pools, pages of shared buffers once touched."""
    bench.tell("memory after all this")
    return await _measured(bench, f"{KEY}/after", AFTER)


async def _measured(bench: Bench, key: str, path: str) -> list[Row]:
    calm = await bench.settle()
    memory = {name: size for name, size in bench.watch.memory().items() if size}
    if not memory:
        return [left_out(key, path, "none of the region's processes can be seen")]
    row = Row(key, path, "MB", sum(memory.values()), count=len(memory), more={"mb": memory})
    row.note = ", ".join(f"{name} {size:.0f}" for name, size in sorted(memory.items(), key=lambda one: -one[1]))
    if not calm:
        row.note += "; the region was not at rest"
    return [row]
