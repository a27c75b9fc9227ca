"""Logs that tell where and what kind, never what was said."""

import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from kit.telemetry import configure_logging, enter_trace
configure_logging("sample")
enter_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
try:
    raise ValueError("191212121212")
except ValueError:
    structlog.get_logger().error("ours failed", exc_info=True, count=3)
    logging.getLogger("library").exception("theirs failed")
"""


def test_log_lines_are_json_with_trace_and_without_error_texts() -> None:
    out = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    ours, theirs = (json.loads(line) for line in out.stdout.splitlines())
    assert (ours["event"], ours["count"], ours["service"]) == ("ours failed", 3, "sample")
    assert ours["trace"] == "0af7651916cd43dd8448eb211c80319c"
    assert (theirs["event"], theirs["logger"]) == ("theirs failed", "library")
    for line in (ours, theirs):
        assert line["error"].startswith("builtins.ValueError at <string>:")
    assert "191212121212" not in out.stdout + out.stderr


REPEATING = """
import logging
from kit.telemetry import configure_logging
configure_logging("sample")
for _ in range(50):
    logging.getLogger("aiokafka.conn").error("Unable to connect to %s", "1")
    logging.getLogger("other").error("said again")
logging.getLogger("aiokafka.conn").error("Something else")
"""


def test_what_the_kafka_client_repeats_while_its_broker_is_away_is_written_once_in_a_while() -> None:
    out = subprocess.run([sys.executable, "-c", REPEATING], capture_output=True, text=True, check=True)

    said = [json.loads(line)["event"] for line in out.stdout.splitlines()]
    assert said.count("Unable to connect to 1") == 1
    assert said.count("Something else") == 1
    assert said.count("said again") == 50
