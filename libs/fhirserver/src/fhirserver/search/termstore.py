"""Value sets and code systems as this store has them, read by who searches (D16)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fhircore.types import TYPES
from fhirserver.bodies import parsed
from fhirserver.problems import NotSupported
from fhirserver.search.ground import Ground
from fhirserver.search.sql import Values, seen
from fhirserver.search.valuesets import Codes, official
from kit.db import Connection

_DEEP = 20  # value sets inside value sets


@dataclass(slots=True)
class TermStore:
    """Reads value sets and code systems; every refusal names the parameter `name` that asked."""

    con: Connection
    ground: Ground
    unpack: Callable[[bytes, int], bytes]

    async def value_set(self, name: str, url: str, depth: int = _DEEP) -> Codes:
        """Every (system, code) of it. A code of None is its whole system."""
        if depth == 0:
            raise NotSupported("Value sets name each other without end", at=name)
        url = await self._by_relative(url)
        stored = await self._by_url("ValueSet", url)
        if stored is None:
            known = official(url.partition("|")[0])
            if known is None:
                raise NotSupported(f"The value set {url[:200]} is not known here", at=name)
            return known
        if "expansion" in stored:
            return _expanded(stored["expansion"].get("contains", []))
        found: Codes = set()
        compose = stored.get("compose", {})
        for include in compose.get("include", []):
            found |= await self._include(name, include, depth)
        for exclude in compose.get("exclude", []):
            out = await self._include(name, exclude, depth)
            if any(code is None for _, code in found | out):
                raise NotSupported(f"The value set {url[:200]} excludes codes from a whole code system", at=name)
            found -= out
        return found

    async def _include(self, name: str, include: dict[str, Any], depth: int) -> Codes:
        system, ways = include.get("system"), []
        if system is not None:
            ways.append(await self._of_system(name, system, include))
        for inner in include.get("valueSet", []):
            ways.append(await self.value_set(name, inner, depth - 1))
        return set.intersection(*ways) if ways else set()

    async def _of_system(self, name: str, system: str, include: dict[str, Any]) -> Codes:
        if "concept" in include:
            return {(system, concept["code"]) for concept in include["concept"]}
        filters = include.get("filter", [])
        if not filters:
            return {(system, None)}
        ways = []
        for one in filters:
            if one.get("op") not in ("is-a", "descendent-of") or one.get("property") not in ("concept", "code"):
                raise NotSupported(f"A filter of a value set on {system[:200]} is not supported", at=name)
            below = await self.codes_below(name, system, one["value"])
            ways.append(below - {one["value"]} if one["op"] == "descendent-of" else below)
        return {(system, code) for code in set.intersection(*ways)}

    async def codes_below(self, name: str, system: str, code: str) -> set[str]:
        """The code and its kinds."""
        children = await self._tree(name, system)
        found: set[str] = set()
        left = [code]
        while left:
            here = left.pop()
            if here not in found:
                found.add(here)
                left += [child for child, parents in children.items() if here in parents]
        return found

    async def codes_above(self, name: str, system: str, code: str) -> set[str]:
        """The code and those it is a kind of."""
        parents = await self._tree(name, system)
        found: set[str] = set()
        left = [code]
        while left:
            here = left.pop()
            if here not in found:
                found.add(here)
                left += parents.get(here, ())
        return found

    async def _tree(self, name: str, system: str) -> dict[str, set[str]]:
        """code → its parents, of a code system that is here whole."""
        stored = await self._by_url("CodeSystem", system)
        if stored is None or stored.get("content") != "complete":
            raise NotSupported(f"The code system {system[:200]} is not here, so its hierarchy is not known", at=name)
        parents: dict[str, set[str]] = {}
        left = [(concept, None) for concept in stored.get("concept", [])]
        while left:
            concept, parent = left.pop()
            of = parents.setdefault(concept["code"], set())
            of |= {parent} if parent else set()
            of |= {
                p["valueCode"] for p in concept.get("property", []) if p.get("code") == "parent" and "valueCode" in p
            }
            left += [(child, concept["code"]) for child in concept.get("concept", [])]
        return parents

    async def _by_relative(self, url: str) -> str:
        """`ValueSet/id` as the url it has."""
        kind, _, id = url.removeprefix(self.ground.base + "/").partition("/")
        if kind != "ValueSet" or not id:
            return url
        found = await self._bodies("ValueSet", "r.key = {}", self.ground.keys.of(f"ValueSet/{id}"))
        return str(found[0].get("url", url)) if found else url

    async def _by_url(self, type_name: str, url: str) -> dict[str, Any] | None:
        """The newest that has this url, and this version where the url names one."""
        plain, _, version = url.partition("|")
        token = self.ground.keys.token(f"{type_name}.url|{plain}")
        found = await self._bodies(type_name, "r.tok @> array[{}]", token)
        fitting = [one for one in found if one.get("url") == plain and (not version or one.get("version") == version)]
        return fitting[0] if fitting else None

    async def _bodies(self, type_name: str, condition: str, key: int) -> list[dict[str, Any]]:
        values = Values()
        parts = [f"r.rtype = {values.add(TYPES[type_name].number, 'smallint')}", *seen(self.ground.sight, values, "r")]
        parts.append(condition.format(values.add(key, "bigint")))
        text = f"select r.body, r.key from res r where {' and '.join(parts)} order by r.upd desc limit 20"
        return [parsed(self.unpack(row[0], row[1])) for row in await self.con.fetch(text, *values.all)]


def _expanded(contains: Iterable[dict[str, Any]]) -> Codes:
    found: Codes = set()
    left = list(contains)
    while left:
        one = left.pop()
        if "code" in one and not one.get("abstract"):
            found.add((one.get("system", ""), one["code"]))
        left += one.get("contains", [])
    return found
