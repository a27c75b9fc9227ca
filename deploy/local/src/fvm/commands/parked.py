"""`fvm parked`: what was set aside and waits for a human, over all services and Exchange."""

import argparse
import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

from fvm import people
from fvm.asking import Services
from fvm.settings import Settings, from_environment
from fvm.trouble import Trouble

_WHERE = {"message": "exchange"}  # Exchange's kept messages stand beside its inbox
_MOST = 500  # messages that a service lists at once
OPERATOR = "jonatan"  # the operator among the demo people


def add(verbs: Any) -> None:
    own = verbs.add_parser("parked", help="what was set aside: list, show, replay, give up", description=__doc__)
    acts = own.add_subparsers(title="acts", metavar="ACT", required=True)
    listing = acts.add_parser("list", help="all that is parked, and what waits with its key")
    listing.add_argument("--reason", metavar="CODE", help="only those with this reason (waits: tried again by itself)")
    listing.set_defaults(run=_list)
    show = acts.add_parser("show", help="one message: its reason and its attributes")
    show.add_argument("id", metavar="ID")
    show.add_argument("--body", metavar="WHY", help="also its content; why you must see it is written down")
    show.add_argument("--token-file", type=Path, help="with --body in production: a file with an operator's token")
    show.set_defaults(run=_show)
    replay = acts.add_parser("replay", help="try messages again; --all says how many and does nothing until --yes")
    replay.add_argument("id", metavar="ID", nargs="*")
    replay.add_argument("--all", action="store_true", help="every parked message, or those of --reason")
    replay.add_argument("--reason", metavar="CODE", help="with --all: only those with this reason")
    replay.add_argument("--yes", action="store_true", help="with --all: do it")
    replay.set_defaults(run=_replay)
    give_up = acts.add_parser("give-up", help="nobody's work any more; it stays, and can be replayed by its id")
    give_up.add_argument("id", metavar="ID")
    give_up.add_argument("reason", metavar="WHY", help="written down")
    give_up.set_defaults(run=_give_up)


def _list(chosen: argparse.Namespace) -> int:
    services = Services(from_environment())
    query = {"limit": str(_MOST)} | ({"code": chosen.reason} if chosen.reason else {})
    answers, silent = _everywhere(services, lambda name: services.get(name, "/parked", **query)["messages"])
    for messages in answers.values():
        for one in messages:
            again = f", attempt {one['attempts']}" if one["state"] == "waiting" else ""
            print(f"{one['id']:<24} {one['at'][:19]}  {one['topic']:<28} {one['code']}{again}: {one['reason']}")
    if any(len(messages) >= _MOST for messages in answers.values()):
        print(f"There may be more: {_MOST} of each kind are listed. `fvm lag` counts them all.")
    if not any(answers.values()) and not silent:
        print("Nothing is set aside.")
    return _said(silent)


def _everywhere(services: Services, ask: Callable[[str], Any]) -> tuple[dict[str, Any], list[str]]:
    """What each service answers, and the complaints of those that do not: at a bad moment the others still count."""
    answers, silent = {}, []
    for name in services.names:
        try:
            answers[name] = ask(name)
        except Trouble as trouble:
            silent.append(trouble.sentence)
    return answers, silent


def _said(silent: list[str]) -> int:
    for sentence in silent:
        print(f"Not known: {sentence}")
    return 1 if silent else 0


def _show(chosen: argparse.Namespace) -> int:
    settings = from_environment()
    services = Services(settings)
    wanted, token = {}, ""
    if chosen.body is not None:
        if not chosen.body.strip():
            raise Trouble("--body needs a reason; it is written down.", 2)
        wanted, token = {"reason": chosen.body}, _token(settings, chosen.token_file)
    found = services.get(service_of(chosen.id), f"/parked/{chosen.id}", token=token, **wanted)
    held = found["held"]
    rows = {"state": held["state"], "since": held["at"], "reader": held["reader"], "topic": held["topic"]}
    rows |= {"reason": f"{held['code']}: {held['reason']}", "same key": held["person"] or "none"}
    rows |= {"waits behind it": str(found["behind"]), "size": f"{found['size']} bytes"}
    for name, value in {**rows, **found["attributes"]}.items():
        print(f"{name:<16} {value}")
    if found["body"] is not None:
        print(f"\n{readable(base64.b64decode(found['body']))}")
    return 0


def _token(settings: Settings, file: Path | None) -> str:
    if file is not None:
        return file.read_text().strip()
    if settings.mode != "demo":
        raise Trouble("The content of a message needs an operator's token: --token-file FILE.", 2)
    return people.token(settings, OPERATOR, 0.1, None)


def _replay(chosen: argparse.Namespace) -> int:
    services = Services(from_environment())
    if bool(chosen.id) == chosen.all:
        raise Trouble("Say which: ids, or --all (with --reason CODE for those of one reason).", 2)
    if chosen.id:
        done = 0
        for name in services.names:
            ids = [id for id in chosen.id if service_of(id) == name]
            if ids:
                done += services.post(name, "/parked/replay", {"ids": ids, "dry_run": False})["replayed"]
        print(f"{done} of {len(chosen.id)} replayed.")
        return 0 if done == len(chosen.id) else 1
    wanted = {"code": chosen.reason} if chosen.reason else {"all": True}
    counts, silent = _everywhere(services, lambda name: services.post(name, "/parked/replay", wanted)["count"])
    total = sum(counts.values())
    where = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    if not total:
        print("Nothing is parked with that reason." if chosen.reason else "Nothing is parked.")
        return _said(silent)
    if not chosen.yes:
        print(f"{total} would be replayed ({where}); nothing was done. Do it with --yes.")
        return _said(silent)
    wanted["dry_run"] = False
    done = sum(services.post(name, "/parked/replay", wanted)["replayed"] for name, count in counts.items() if count)
    print(f"{done} of {total} replayed ({where}).")
    return _said(silent)


def _give_up(chosen: argparse.Namespace) -> int:
    services = Services(from_environment())
    services.post(service_of(chosen.id), f"/parked/{chosen.id}/give-up", {"reason": chosen.reason})
    print(f"{chosen.id} is given up; it stays, and `fvm parked replay {chosen.id}` brings it back.")
    return 0


def service_of(id: str) -> str:
    """Which service has the message; raises Trouble for what is no id."""
    found = re.fullmatch(r"(message|information|vis|exchange|application)(-waiting)?-\d+", id)
    if found is None:
        raise Trouble(f"{id!r} is no id of a message; `fvm parked list` shows them (information-17).", 2)
    return _WHERE.get(found[1], found[1])


def readable(body: bytes) -> str:
    """The content as text: record events are one format byte and zstd, everything else is what it is."""
    if body[:1] == b"\x01":
        try:
            body = zstandard.ZstdDecompressor().decompress(body[1:], max_output_size=64 * 1024 * 1024)
        except zstandard.ZstdError:
            return f"({len(body)} bytes that cannot be opened)"
    try:
        return json.dumps(json.loads(body), indent=1, ensure_ascii=False)
    except ValueError:
        return body.decode("utf-8", "replace").replace("\r", "\n")
