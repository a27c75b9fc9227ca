"""Logs and metrics are about the system, never about a person: fixed sentences, and words that can hold no patient data."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# What a line in the log may carry besides its sentence. Each is a name of ours, a number, or a description of an error
# without its message (kit.telemetry.describe, which exc_info goes through too).
WORDS = {
    "attempts", "check", "code", "count", "door", "error", "exc_info", "limit", "loop", "message", "method", "reader", "route",
    "size", "status", "topic", "waiting",
}  # fmt: skip
LABELS = {"answer", "door", "loop", "method", "outcome", "reader", "route", "status", "topic", "why"}
SPREAD = {"waiting.py"}  # log.warning(…, **place): topic, partition and offset, written beside it


@pytest.fixture(scope="module")
def calls(code: list[Path]) -> list[tuple[Path, ast.Call]]:
    """Every call in shipped code."""
    return [(path, node) for path in code if "/src/" in str(path) for node in _calls(path)]


def _calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def logged(calls: list[tuple[Path, ast.Call]]) -> Iterator[tuple[Path, ast.Call]]:
    for path, call in calls:
        who = call.func
        named = isinstance(who, ast.Attribute) and isinstance(who.value, ast.Name) and who.value.id == "log"
        if named and "structlog.get_logger" in path.read_text():
            yield path, call


def test_a_log_line_is_a_fixed_sentence(calls: list[tuple[Path, ast.Call]]) -> None:
    loose = [
        f"{path.name}:{call.lineno}"
        for path, call in logged(calls)
        if len(call.args) != 1 or not isinstance(call.args[0], ast.Constant)
    ]

    assert loose == []


def test_a_log_line_carries_known_words_only(calls: list[tuple[Path, ast.Call]]) -> None:
    unknown = [
        f"{path.name}:{call.lineno}: {word.arg}"
        for path, call in logged(calls)
        for word in call.keywords
        if word.arg not in WORDS and not (word.arg is None and path.name in SPREAD)
    ]

    assert unknown == []


def test_a_metric_has_known_labels_only(calls: list[tuple[Path, ast.Call]]) -> None:
    unknown = [
        f"{path.name}:{call.lineno}: {label}"
        for path, call in calls
        if isinstance(call.func, ast.Name) and call.func.id in {"Counter", "Gauge", "Histogram", "Metric", "Summary"}
        if len(call.args) > 2 and isinstance(call.args[2], ast.Tuple)
        for label in (one.value for one in call.args[2].elts if isinstance(one, ast.Constant))
        if label not in LABELS
    ]

    assert unknown == []
