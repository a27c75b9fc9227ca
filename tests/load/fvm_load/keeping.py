"""Results as JSON files, one per run; the newest comparable one is what the next run is held against."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fvm_load.rows import Row

FOLDER = Path(__file__).parents[1] / "results"


def save(folder: Path, head: Mapping[str, Any], rows: Sequence[Row]) -> Path:
    """Writes a run; quick ones are named so (they are ignored by git)."""
    folder.mkdir(parents=True, exist_ok=True)
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ") + ("-quick" if head["quick"] else "")
    file = folder / f"{name}.json"
    file.write_text(json.dumps({**head, "rows": [row.kept() for row in rows]}, indent=1, ensure_ascii=False) + "\n")
    return file


def last(folder: Path, head: Mapping[str, Any]) -> tuple[str, dict[str, dict[str, Any]]]:
    """The last figure of each row, from runs as quick as this one on such a machine: (newest file's name, by key)."""
    newest = ""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("*.json"), reverse=True):
        kept = _read(file)
        if kept is None or not comparable(kept, head):
            continue
        newest = newest or file.name
        for row in kept["rows"]:
            if row.get("value") is not None:
                found.setdefault(row["key"], row)
    return newest, found


def comparable(kept: Mapping[str, Any], head: Mapping[str, Any]) -> bool:
    """Same processor, same number of cores, same length of measurement, grown to the same size."""
    return _alike(kept, head) and kept.get("grown") == head.get("grown")


def by_size(folder: Path, head: Mapping[str, Any]) -> dict[int, dict[str, dict[str, Any]]]:
    """The newest figure of each row at each size that a store was grown to, on such a machine: size → key → row."""
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for file in sorted(folder.glob("*.json"), reverse=True):
        kept = _read(file)
        if kept is not None and kept.get("grown") and _alike(kept, head):
            at = found.setdefault(int(kept["grown"]), {})
            for row in kept["rows"]:
                if row.get("value") is not None:
                    at.setdefault(row["key"], row)
    return dict(sorted(found.items()))


def _alike(kept: Mapping[str, Any], head: Mapping[str, Any]) -> bool:
    machine, mine = kept.get("machine", {}), head["machine"]
    same = all(machine.get(name) == mine[name] for name in ("cpu", "cores"))
    return same and kept.get("quick") == head["quick"]


def _read(file: Path) -> dict[str, Any] | None:
    try:
        kept = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return kept if isinstance(kept, dict) and isinstance(kept.get("rows"), list) else None
