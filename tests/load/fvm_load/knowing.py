"""Relations, choices, consents and blocks of the patients whom staff read while measuring, as the information platform would tell them.

Without them staff in care are shown nothing. With them a minority is withheld, for each of the reasons that the law has (D19):
some patients nobody has a relation to, some have blocked a unit or a provider, and some have given no consent.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from access import Block, Choice, Consent, Facts, Relation, Rules
from fhirserver.facts import put_facts, put_rules
from fhirserver.keys import Keys
from fvm_load.tokens import Staff, claims

_HOURS = 6  # longer than any measurement
_STORES = ("vis", "information")
_STRANGERS, _BLOCKING, _WITHOUT_CONSENT = 12, 16, 4  # one patient in so many


def known_to_all(staff: Sequence[Staff], now: datetime) -> Facts:
    """Every unit of these staff has a relation, and each of their sessions has made its choice; no consent, no block."""
    until = now + timedelta(hours=_HOURS)
    said = [claims(one.token) for one in staff]
    return Facts(
        relations=tuple(Relation(unit, now, until) for unit in sorted({_held(one)["unit"] for one in said})),
        choices=tuple(Choice(session, until) for session in sorted({one["sid"] for one in said if "sid" in one})),
    )


def one_of_many(staff: Sequence[Staff], now: datetime, nth: int) -> Facts:
    """The nth patient's: as above, with consents, but some patients are strangers, some block and some give no consent."""
    if nth % _STRANGERS == 3:
        return Facts()
    opened, until = known_to_all(staff, now), now + timedelta(hours=_HOURS)
    held = sorted({(_held(one)["provider"], _held(one)["unit"]) for one in map(claims, (one.token for one in staff))})
    consents = tuple(Consent(provider, unit, now, until) for provider, unit in held)
    blocks = [Block(f"inner-{unit}", "inner", provider, unit) for provider, unit in held]
    blocks += [Block(f"outer-{provider}", "outer", provider) for provider in sorted({provider for provider, _ in held})]
    return Facts(
        relations=opened.relations,
        choices=opened.choices,
        consents=() if nth % _WITHOUT_CONSENT == 1 else consents,
        blocks=tuple(blocks) if nth % _BLOCKING == 2 else (),
    )


async def acquaint(
    databases: Mapping[str, str], staff: Sequence[Staff], patients: Sequence[str], *, strangers: bool = False
) -> int:
    """These staff know these patients ("Patient/id") in each store of `databases` (URLs by service), all of them, or with
    `strangers` most; how many facts were stored. Where nobody has said who shares records, all providers of the staff do.
    Whatever else was decided of these patients is left out until it is told again: for measuring only."""
    stored, now = 0, datetime.now(UTC)
    sharing = frozenset(_held(claims(one.token))["provider"] for one in staff)
    for url in (databases[name] for name in _STORES if name in databases):
        con = await asyncpg.connect(url)
        try:
            keys = Keys(bytes(await con.fetchval("select hash_key from region")))
            async with con.transaction():
                if await con.fetchval("select count(*) from access_rules") == 0:
                    await put_rules(con, Rules(sharing=sharing))
                for nth, patient in enumerate(patients):
                    key = keys.of(patient)
                    version = (await con.fetchval("select version from access_fact where pat = $1", key) or 0) + 1
                    facts = one_of_many(staff, now, nth) if strangers else known_to_all(staff, now)
                    stored += await put_facts(con, [key], msgspec.structs.replace(facts, version=version))
        finally:
            await con.close()
    return stored


def _held(said: Mapping[str, Any]) -> Mapping[str, Any]:
    commission: Mapping[str, Any] = said["fvm"]["commission"]
    return commission
