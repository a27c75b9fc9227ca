"""Where functions are entered by name, with how many arguments they take."""

from collections.abc import Callable
from typing import Any

import msgspec

from fhircore.fhirpath.runtime import Items


class Function(msgspec.Struct, frozen=True):
    """`call(env, items, *arguments)`; the arguments are collections, or for `lazy` functions still to be evaluated."""

    call: Callable[..., Items]
    least: int
    most: int
    lazy: bool = False


FUNCTIONS: dict[str, Function] = {}


def function(name: str, least: int = 0, most: int | None = None, lazy: bool = False) -> Callable[[Any], Any]:
    """Enter a function under this name; it takes `least` to `most` arguments."""

    def enter(call: Callable[..., Items]) -> Callable[..., Items]:
        FUNCTIONS[name] = Function(call, least, least if most is None else most, lazy)
        return call

    return enter
