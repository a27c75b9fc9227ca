"""Many requests for some seconds: by `wrk` where it is installed, else by our own client."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fvm_load import client
from fvm_load.client import Base
from fvm_load.stats import Spread

_SCRIPT = Path(__file__).with_name("requests.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """`refused`: answers of 400 and above; `broken`: no answer at all."""

    count: int
    refused: int
    broken: int
    seconds: float
    spread: Spread | None
    by: str

    @property
    def rate(self) -> float:
        return self.count / self.seconds if self.seconds else 0.0


async def load(base: Base, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Drives the server with these requests in turn, over and over. Raises OSError when nobody listens."""
    if shutil.which("wrk"):
        return await _wrk(base, requests, connections, seconds)
    driven = await client.drive(base, requests, connections, seconds)
    refused = sum(count for status, count in driven.statuses.items() if status >= 400)
    return Load(len(driven.latencies), refused, 0, driven.seconds, Spread.of(driven.latencies), "own client")


async def _wrk(base: Base, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    with tempfile.NamedTemporaryFile(prefix="fvm-bench-", suffix=".requests") as file:
        for request in requests:
            file.write(b"%d\n" % len(request) + request)
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
        command += ["-s", str(_SCRIPT), f"http://{base.host}:{base.port}/", "--", file.name]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            out, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    told = [line for line in out.decode(errors="replace").splitlines() if line.startswith("{")]
    if not told:
        raise OSError(f"wrk failed: {out.decode(errors='replace').strip()[-300:]}")
    found = json.loads(told[-1])
    spread = Spread(*(found[name] / 1e3 for name in ("p50", "p99", "max", "p95"))) if found["requests"] else None
    return Load(found["requests"], found["refused"], found["broken"], found["us"] / 1e6, spread, "wrk")
