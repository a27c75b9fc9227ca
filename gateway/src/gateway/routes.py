"""The routes as data: what `routes.yaml` says, read into values that cannot contradict themselves."""

from enum import StrEnum
from importlib.resources import files
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator


class Access(StrEnum):
    """Who may come through: every route says one of these, there is no default."""

    BEARER = "bearer"
    SESSION = "session"
    PUBLIC = "public"


class Upstream(StrEnum):
    """The services behind the gateway."""

    VIS = "vis"
    INFORMATION = "information"
    EXCHANGE = "exchange"
    APPLICATION = "application"


Door = Literal["vis", "information", "exchange"]


class Route(BaseModel):
    """One line of the table; exactly one of `path` (whole path) and `prefix` (whole segments) is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z-]*$")
    access: Access
    to: Upstream
    path: str | None = Field(default=None, pattern=r"^/\S*$")
    prefix: str | None = Field(default=None, pattern=r"^(/[^/\s]+)+$")
    methods: tuple[str, ...] = ()
    door: Door | None = None
    cors: bool = False
    own_origin: bool = False
    stream: bool = False
    without_session: Literal["sign-in", "refuse"] | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.path is None) == (self.prefix is None):
            raise ValueError(f"route {self.name}: give either path or prefix")
        if (self.door is not None) != (self.access is Access.BEARER):
            raise ValueError(f"route {self.name}: a bearer route, and only that, names its door")
        if (self.without_session is not None) != (self.access is Access.SESSION):
            raise ValueError(f"route {self.name}: a session route, and only that, says what happens without a session")
        if self.own_origin and self.access is not Access.PUBLIC:
            raise ValueError(f"route {self.name}: own_origin is for public routes; session routes always have it")
        if self.cors and (self.access is Access.SESSION or self.own_origin):
            raise ValueError(f"route {self.name}: what relies on a cookie is never open to other origins")
        return self

    def covers(self, other: "Route") -> bool:
        """True when every request that `other` would match is already taken by this route."""
        if self.methods and not (other.methods and set(other.methods) <= set(self.methods)):
            return False
        theirs = other.path or other.prefix or ""
        if self.prefix is not None:
            return theirs == self.prefix or theirs.startswith(self.prefix + "/")
        return other.path == self.path


class Table(BaseModel):
    """All routes in order (first match wins) and the page where people sign in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sign_in: str = Field(pattern=r"^/\S*$")
    routes: tuple[Route, ...]

    @model_validator(mode="after")
    def _each_route_can_be_reached(self) -> Self:
        names = [route.name for route in self.routes]
        if len(set(names)) != len(names):
            raise ValueError("two routes have the same name")
        for position, route in enumerate(self.routes):
            for earlier in self.routes[:position]:
                if earlier.covers(route):
                    raise ValueError(f"route {route.name} is never reached: {earlier.name} stands above it")
        return self


def load(text: str | None = None) -> Table:
    """Read the packaged table, or `text` in its place; raises pydantic's ValidationError on a contradiction."""
    raw: Any = yaml.safe_load(text if text is not None else (files("gateway") / "routes.yaml").read_text("utf-8"))
    return Table.model_validate(raw)
