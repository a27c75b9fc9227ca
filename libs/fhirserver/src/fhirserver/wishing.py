"""From actions whose resources are known to wishes for the writer: references final, patches done, versions named."""

import asyncio
from collections.abc import Mapping, Sequence

from access import Decision
from fhircore.outcome import InvalidFHIR
from fhirserver import conditions, store
from fhirserver.actions import Action
from fhirserver.bodies import conditional_references, parsed, quoted, unquoted
from fhirserver.conditions import Condition, Match
from fhirserver.engine import Engine
from fhirserver.identities import Target
from fhirserver.intake import checked, label_of
from fhirserver.law import decision_on
from fhirserver.messages import Request
from fhirserver.problems import Conflict, Gone, Invalid, NotFound, NotOne, VersionConflict
from fhirserver.refusing import withheld
from fhirserver.rewriting import MARKED, Links, marked, with_versions
from fhirserver.store import Current
from fhirserver.wishes import Delete, Put
from kit.db import Connection

_BREATH = 50  # resources prepared between two looks at the event loop


class Wishing:
    """The wishes of one transaction. `places` says, for each wish, which action it is of."""

    def __init__(
        self,
        engine: Engine,
        request: Request,
        actions: Sequence[Action],
        targets: Sequence[Target],
        matches: Mapping[Condition, Sequence[Match]],
        *,
        whole: bool,
    ) -> None:
        self._engine, self._request = engine, request
        self._actions, self._targets, self._matches = actions, targets, matches
        self._whole = whole
        self._standing: dict[int, Current] = {}
        self._bodies: dict[int, bytes] = {}
        self._written: dict[str, dict[str, Action]] = {}
        self.places: list[int] = []

    async def all(self, con: Connection) -> list[Put | Delete]:
        """Raises the Problem of the first action that cannot be wished."""
        patches = [place for place, action in enumerate(self._actions) if action.patch is not None]
        versioned = any(MARKED in action.raw for action in self._actions if action.raw)
        if patches or versioned:
            await self._lock(con, patches)
        links = self._links()
        wishes: list[Put | Delete] = []
        for place, (action, target) in enumerate(zip(self._actions, self._targets, strict=True)):
            if target.found is None and target.same_as is None:
                made = [await self._read(action, target, links)] if action.unread else self._made(action, target, links)
                wishes += made
                self.places += [place] * len(made)
            if place % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
        self._each_once(wishes)
        if versioned or patches:
            await self._name_versions(con, wishes)
        return wishes

    async def _lock(self, con: Connection, patches: Sequence[int]) -> None:
        """Locks all that is changed, in one order, and reads what is patched."""
        of = self._engine.keys.of
        changed = [
            of(f"{action.type_name}/{id}")
            for action, target in zip(self._actions, self._targets, strict=True)
            if not target.new and target.found is None
            for id in (target.id, *(one.id for one in target.more))
        ]
        self._standing = await store.locked(con, changed)
        await self._engine.law.look(con, self._request.sight, (one.pat for one in self._standing.values()))
        keys = [of(f"{self._actions[place].type_name}/{self._targets[place].id}") for place in patches]
        rows = await con.fetch("select key, body from res where key = any($1::bigint[])", keys) if keys else []
        await self._engine.codec.ready(con, [row["body"] for row in rows])
        self._bodies = {row["key"]: row["body"] for row in rows}

    def _made(self, action: Action, target: Target, links: Links) -> list[Put | Delete]:
        if action.method == "DELETE":
            found = [(target.id, target.expect), *((one.id, one.ver) for one in target.more)]
            return [
                Delete(action.type_name, id, action.if_match, at=action.at, expect=expect) for id, expect in found if id
            ]
        if action.patch is not None:
            return [self._patched(action, target, links)]
        raw, data = links.applied(action.raw, action.type_name, action.full_url, action.at), action.data
        if raw is not action.raw:
            data = parsed(raw)
        assert data is not None
        put = Put(action.type_name, target.id, raw, data, action.lab, target.new, action.if_match, at=action.at)
        put.patient, put.expect, put.by, put.house = self._patient(action), target.expect, action.by, action.house
        if action.must_be_new or target.may_not_stand:
            put.must_be_new = VersionConflict if action.must_be_new else Conflict
        return [put]

    async def _read(self, action: Action, target: Target, links: Links) -> Put:
        """A resource nobody has looked at yet: checked, labelled and indexed in one go, and then only its bytes are kept."""
        engine, type_name, at = self._engine, action.type_name, f"{action.at}.resource"
        raw = links.applied(action.raw, type_name, action.full_url, action.at)
        try:
            draft = checked(raw, parsed(raw), type_name, at)
        except InvalidFHIR as error:
            raise Invalid(error.issues[0].detail, at=at) from None
        # Not on our own pool: who holds a connection must not wait for another one of the same.
        lab = await engine.labels.number(engine.search_pool, label_of(self._request.caller, draft.data))
        entries = engine.indexer.entries(type_name, target.id, draft.data)
        put = Put(type_name, target.id, raw, {}, lab, target.new, action.if_match, at=action.at)
        put.entries = entries
        put.patient, put.expect = self._patient(action), target.expect
        return put

    def _patient(self, action: Action) -> str | None:
        return action.patient if action.patient_at is None else self._targets[action.patient_at].id

    def _patched(self, action: Action, target: Target, links: Links) -> Put:
        """What stands, changed. The version is the one that was locked."""
        name = f"{action.type_name}/{target.id}"
        key = self._engine.keys.of(name)
        current = self._standing.get(key)
        if current is None or current.id != target.id:
            raise NotFound(f"{name} does not exist", at=action.at)
        decision = Decision.PERMIT if action.house else decision_on(current, self._request.sight)
        if decision is not Decision.PERMIT:
            raise withheld(decision, f"{name} does not exist", action.at)
        if current.deleted:
            raise Gone(f"{name} was deleted", at=action.at)
        if action.if_match is not None and action.if_match != current.ver:
            raise VersionConflict(f"The current version is {current.ver}, not {action.if_match}", at=action.at)
        assert action.patch is not None
        body = self._engine.codec.unpack(self._bodies[key], key)
        made = action.patch.on(body, action.type_name, target.id, action.at)
        raw = links.applied(made.raw, action.type_name, None, action.at)
        data = made.data if raw is made.raw else parsed(raw)
        patient = self._patient(action)
        put = Put(
            action.type_name, target.id, raw, data, current.lab, if_match=current.ver, patient=patient, at=action.at
        )
        put.expect, put.by, put.house = target.expect, action.by, action.house
        if action.label is not None:
            put.lab, put.relabel = action.lab, True
        return put

    def _each_once(self, wishes: Sequence[Put | Delete]) -> None:
        seen: set[tuple[str, str]] = set()
        for wish in wishes:
            if (wish.type_name, wish.id) in seen:
                raise Invalid(f"{wish.type_name}/{wish.id} is written twice in one transaction", at=wish.at)
            seen.add((wish.type_name, wish.id))

    def _links(self) -> Links:
        """What every placeholder, absolute address of an entry and conditional reference becomes, as JSON bytes."""
        urls: dict[bytes, bytes] = {}
        for action, target in zip(self._actions, self._targets, strict=True):
            if action.full_url is not None and target.id and action.method != "DELETE":
                url = quoted(action.full_url)
                if url in urls:
                    raise Invalid("Two entries have the same fullUrl", at=f"{action.at}.fullUrl")
                urls[url] = f"{action.type_name}/{target.id}".encode()
        conditional: dict[bytes, bytes] = {}
        for action in self._actions:
            if action.raw and b"?" in action.raw:
                for text in conditional_references(action.raw):
                    if text not in conditional:
                        conditional[text] = self._pointed_out(
                            conditions.condition(unquoted(text), action.at), action.at
                        )
        return Links(urls, conditional, self._whole)

    def _pointed_out(self, condition: Condition, at: str) -> bytes:
        """The one resource that a conditional reference means, once this transaction is done."""
        type_name = condition[0]
        written = self._written_of(type_name)
        ids = {one.id for one in self._matches[condition] if one.id not in written}
        identifier = conditions.identifier_of(condition)
        for id, action in written.items():
            meant = action.condition == condition and action.method != "DELETE"
            if meant or (identifier is not None and _carries(action, *identifier)):
                ids.add(id)
        if len(ids) != 1:
            how = "no resource" if not ids else "several resources"
            raise NotOne(f"A conditional reference to {type_name} matches {how}", at=at)
        return f"{type_name}/{ids.pop()}".encode()

    def _written_of(self, type_name: str) -> dict[str, Action]:
        """By id: what of this type is written here, or deleted."""
        if not self._written:
            for action, target in zip(self._actions, self._targets, strict=True):
                if target.found is None:
                    by_id = self._written.setdefault(action.type_name, {})
                    by_id |= dict.fromkeys((target.id, *(one.id for one in target.more)), action)
        return self._written.get(type_name, {})

    async def _name_versions(self, con: Connection, wishes: Sequence[Put | Delete]) -> None:
        """References that are marked so name the version that their target has when all of this is stored."""
        puts = [wish for wish in wishes if isinstance(wish, Put) and MARKED in wish.raw]
        wanted = {target for put in puts for target in marked(put.raw)}
        if not wanted:
            return
        of = self._engine.keys.of
        versions: dict[str, int] = {}
        rows = await con.fetch(
            "select key, ver, lab, pat, dt, dte from res where key = any($1::bigint[])", [of(t) for t in wanted]
        )
        shown = await self._engine.law.sees(con, self._request.sight, rows)
        seen = {row["key"]: row["ver"] for row, may in zip(rows, shown, strict=True) if may}
        for target in wanted:
            if of(target) in seen:
                versions[target] = seen[of(target)]
        for wish in wishes:
            name = f"{wish.type_name}/{wish.id}"
            standing = self._standing.get(of(name))
            if isinstance(wish, Put):
                versions[name] = 1 if standing is None else standing.ver + 1
            else:
                versions.pop(name, None)
        for put in puts:
            put.raw = with_versions(put.raw, versions, put.at)
            put.data, put.entries = parsed(put.raw), None


def _carries(action: Action, system: str | None, value: str) -> bool:
    data = parsed(action.raw) if action.unread else action.data
    return data is not None and conditions.carries(data, system, value)
