"""A regular expression as a set of states that move together: time grows with the text, never explodes (Thompson, 1968)."""

import re
from collections.abc import Callable

import msgspec

from fhircore.fhirpath.errors import PathError

MAX_STATES = 5_000
MAX_STEPS = 5_000_000

_COUNT = re.compile(r"\{(\d*)(,?)(\d*)\}\??")
_MARKS = ("^", "$", r"\b", r"\B", r"\A", r"\Z")


class State(msgspec.Struct):
    """takes: the character it takes; mark: the place it holds at; neither: a fork. `to`: where it goes on."""

    takes: re.Pattern[str] | None = None
    mark: str = ""
    to: tuple[int, ...] = ()


Build = Callable[["Machine", int], int]  # adds states that end in the state given; answers where they begin


class Machine:
    """The states; the last one added begins, the first accepts."""

    def __init__(self, build: Build) -> None:
        self.states: list[State] = [State()]
        self.first = build(self, 0)

    def add(self, state: State) -> int:
        self.states.append(state)
        if len(self.states) > MAX_STATES:
            raise PathError("The pattern is too large.")
        return len(self.states) - 1

    def found(self, text: str, whole: bool) -> bool:
        """Whether the text has a match, or as `whole` is one."""
        if len(text) * len(self.states) > MAX_STEPS:
            raise PathError("The text is too long for this pattern.")
        active: set[int] = set()
        for at in range(len(text) + 1):
            begin = () if whole and at else (self.first,)
            active = self._reached((*active, *begin), text, at)
            if 0 in active and (not whole or at == len(text)):
                return True
            if at < len(text):
                active = self._moved(active, text[at])
        return False

    def _reached(self, begin: tuple[int, ...], text: str, at: int) -> set[int]:
        """These states and all that can be reached from them without taking a character."""
        reached: set[int] = set()
        todo = list(begin)
        while todo:
            number = todo.pop()
            if number in reached:
                continue
            reached.add(number)
            state = self.states[number]
            if state.takes is None and (not state.mark or _holds(state.mark, text, at)):
                todo += state.to
        return reached

    def _moved(self, active: set[int], character: str) -> set[int]:
        states = (self.states[number] for number in active)
        return {state.to[0] for state in states if state.takes is not None and state.takes.match(character)}


def _holds(mark: str, text: str, at: int) -> bool:
    return re.compile(mark).match(text, at) is not None


def linear(pieces: list[str]) -> Machine:
    """The machine of a pattern that was cut into pieces. Raises PathError for look-arounds and back references."""
    reader = _Reader(pieces)
    build = reader.alternatives()
    if reader.at < len(pieces):
        raise PathError("The pattern is not a regular expression.")
    return Machine(build)


class _Reader:
    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces
        self.at = 0

    def next(self) -> str:
        return self.pieces[self.at] if self.at < len(self.pieces) else ""

    def alternatives(self) -> Build:
        found = [self.sequence()]
        while self.next() == "|":
            self.at += 1
            found.append(self.sequence())
        return (
            found[0]
            if len(found) == 1
            else lambda machine, end: machine.add(State(to=tuple(build(machine, end) for build in found)))
        )

    def sequence(self) -> Build:
        parts: list[Build] = []
        while self.next() not in ("", "|", ")"):
            parts.append(self.repeated(self.atom()))

        def build(machine: Machine, end: int) -> int:
            for part in reversed(parts):
                end = part(machine, end)
            return end

        return build

    def atom(self) -> Build:
        piece = self.next()
        self.at += 1
        if piece[0] == "(":
            return self.group(piece)
        if piece in _MARKS:
            return lambda machine, end: machine.add(State(mark=piece, to=(end,)))
        if len(piece) == 2 and piece[1].isdigit():
            raise PathError("The pattern repeats too much to have back references.")
        takes = re.compile(piece if len(piece) > 1 or piece == "." else re.escape(piece), re.DOTALL)
        return lambda machine, end: machine.add(State(takes=takes, to=(end,)))

    def group(self, opening: str) -> Build:
        if self.next()[:1] == "?" or (opening not in ("(", "(?:") and not opening.endswith(">")):
            raise PathError("The pattern repeats too much to have look-arounds or flags.")
        inner = self.alternatives()
        if self.next() != ")":
            raise PathError("The pattern is not a regular expression.")
        self.at += 1
        return inner

    def repeated(self, part: Build) -> Build:
        piece = self.next()
        counted = _COUNT.fullmatch(piece)
        if counted and (counted[1] or counted[3]):
            self.at += 1
            least = int(counted[1] or 0)
            return _times(part, least, int(counted[3]) if counted[3] else None if counted[2] else least)
        if piece[:1] in ("*", "+", "?") and piece:
            self.at += 1
            return _times(part, int(piece[0] == "+"), 1 if piece[0] == "?" else None)
        return part


def _times(part: Build, least: int, most: int | None) -> Build:
    if max(least, most or 0) > MAX_STATES:
        raise PathError("The pattern is too large.")

    def build(machine: Machine, end: int) -> int:
        if most is None:
            loop = machine.add(State())
            machine.states[loop].to = (part(machine, loop), end)
            end = loop
        for _ in range((most or least) - least):
            end = machine.add(State(to=(part(machine, end), end)))
        for _ in range(least):
            end = part(machine, end)
        return end

    return build
