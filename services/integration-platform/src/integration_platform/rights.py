"""Who may do what at Exchange: systems send what their scopes allow, operators see and steer."""

from collections.abc import Iterable

from access.scopes import allows
from kit.caller import Caller
from kit.problems import Kind, Problem

OPERATE = "exchange.operate"  # right of a commission, and scope of a system


class NotAllowed(Problem):
    """The token does not allow this."""

    kind = Kind.FORBIDDEN
    code = "exchange/not-allowed"
    title = "The token does not allow this"


def operates(caller: Caller) -> bool:
    """A system that may do everything (the operator's command), or a person with the right."""
    if caller.kind == "system":
        return caller.has("system/*.cruds") or caller.has(OPERATE)
    return caller.commission is not None and OPERATE in caller.commission.rights


def must_operate(caller: Caller) -> None:
    if not operates(caller):
        raise NotAllowed("Only operators of the region may do this")


def must_send(caller: Caller) -> None:
    if caller.kind != "system":
        raise NotAllowed("Only systems send here")


def must_write(caller: Caller, types: Iterable[str]) -> None:
    """Raises NotAllowed naming the first type that the token's scopes do not cover."""
    for name in sorted(types):
        if not allows(caller.scopes, name, "c"):
            raise NotAllowed(f"The token may not create {name}", at="resourceType")
