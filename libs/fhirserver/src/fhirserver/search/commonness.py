"""Which `_has` ask for a common code: there the patients are asked one by one, elsewhere the code's rows are gathered.

Of a code that every tenth patient has, a page is full after some two hundred patients; to gather all its rows takes as long
as the region is large. Of a rare code it is the other way round. The database cannot know: it takes a patient's key for one
of all keys. So the rows are counted, up to where the two ways cost the same.
"""

from dataclasses import replace

from fhircore.query import Criterion, Has
from fhircore.types import TYPES
from fhirserver.index import SUBJECT
from fhirserver.search.plan import Plan
from fhirserver.search.tokens import main_codes
from kit.db import Connection

# With N rows of the code, ten a patient, P patients, 5 µs to gather a row and 8 µs to ask a patient, 21 rows wanted:
# 5 N = 8 · 21 P / (N / 10), so N² = 336 P; and there are a hundred resources a patient or more.
_COMMON = """
with enough(n) as (select greatest(1000, sqrt(3.36 * greatest(reltuples, 0)))::bigint from pg_class where oid = 'res'::regclass)
select count(*) >= (select n from enough)
from (select from res where rtype = $1 and code = any($2::bigint[]) limit (select n from enough)) found"""


async def weigh(con: Connection, made: Plan) -> None:
    """Puts the criteria with common codes into the plan's ground. Who searches among the patients they know asks each."""
    asked = {
        criterion: codes
        for part in made.parts
        if part.type_name == "Patient"
        for criterion in part.rest
        if isinstance(criterion, Has) and (codes := codes_of(made, criterion))
    }
    if not asked:
        return
    common: set[Criterion] = set()
    for criterion, codes in asked.items():
        number = TYPES[criterion.type].number
        if made.ground.sight.around is not None or await con.fetchval(_COMMON, number, codes):
            common.add(criterion)
    made.ground = replace(made.ground, common=frozenset(common))


def codes_of(made: Plan, criterion: Has) -> list[int]:
    """The main codes that are asked for of what is about a patient."""
    if criterion.param.name not in SUBJECT:
        return []
    return main_codes(made.ground, criterion.type, criterion.criterion)
