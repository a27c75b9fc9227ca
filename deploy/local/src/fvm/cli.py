"""`fvm`: the operator's command for one region. `fvm VERB --help` tells about each verb."""

import argparse
import errno
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fvm import show
from fvm.commands import (
    backup,
    bench,
    demo,
    doctor,
    down,
    erasure,
    lag,
    logs,
    parked,
    psql,
    reconcile,
    resend,
    reset,
    restore,
    run,
    setup,
    status,
    token,
    topics,
    up,
)
from fvm.trouble import Trouble

VERBS = (
    run,
    up,
    down,
    status,
    token,
    logs,
    psql,
    topics,
    setup,
    doctor,
    lag,
    parked,
    reconcile,
    resend,
    erasure,
    backup,
    restore,
    demo,
    reset,
    bench,
)

ABOUT = "Runs and looks after one region of FVM on this machine."
ENVIRONMENT = """environment:
  FVM_DATA            the region's data folder (default: var/ in the checkout)
  FVM_GATEWAY_PORT    the gateway's port (8080)
  FVM_MLLP_PORT       HL7 v2 over MLLP (2575)
  FVM_HOST            the address both listen on (127.0.0.1; 0.0.0.0 for all)
  FVM_PUBLIC_URL      how others call the gateway (http://localhost:8080)
  FVM_POSTGRES_URL    an administrator's URL of a PostgreSQL of your own (default: one is started)
  FVM_KAFKA           bootstrap servers of a Kafka of your own (default: one is started)
  FVM_REGION          the region's name, put before databases, roles and topics
  FVM_DEMO            no: a new demo region starts without its two hundred people
  FVM_MODE            demo (default here) or production; a region keeps the mode it is born with

exit status: 0 done, 1 failed with the reason said, 2 wrong use, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """All verbs with their options."""
    top = argparse.ArgumentParser(
        prog="fvm", description=ABOUT, epilog=ENVIRONMENT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = top.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS:
        verb.add(verbs)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb; every failure a person can act on is one sentence on standard error."""
    chosen = parser().parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says is said in a sentence
    try:
        status = int(chosen.run(chosen))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # `fvm logs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be written has no reader
        return 0
    except Trouble as trouble:
        show.trouble(trouble.sentence)
        return trouble.code
    except KeyboardInterrupt:
        return 130
    except OSError as failed:
        said = _for_a_person(failed)
        if not said:
            raise
        show.trouble(said)
        return 1


def _for_a_person(failed: OSError) -> str:
    """The sentence for a disk that is full and for a data folder that cannot be used; nothing for faults of ours."""
    if failed.errno in (errno.ENOSPC, errno.EDQUOT):
        return "No space is left on the disk; make room, or choose another data folder with FVM_DATA=/somewhere."
    data, where = Path(os.environ.get("FVM_DATA") or "/").absolute(), Path(str(failed.filename or "/"))
    refused = failed.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
    if where == data or (refused and where.is_relative_to(data) and data != Path("/")):
        return f"The data folder {data} (FVM_DATA) cannot be used: {failed.strerror}."
    return ""
