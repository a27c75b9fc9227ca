"""What the law asks of the store about patients, before rows of theirs are decided."""

# Of each patient: the facts' version (0: none), and whether the unit, or this employee of it, has a relation now.
LOOK = """
select p.pat, coalesce(f.version, 0), exists (
    select 1 from access_relation a where a.pat = p.pat and a.unit = $2 and a.since <= now() and now() < a.until
       and (a.employee is null or a.employee = $3))
from unnest($1::bigint[]) as p(pat) left join access_fact f on f.pat = p.pat"""
# The same, and which labels there are of each.
LOOK_WHOLE = f"select f.*, (select array_agg(l.lab) from patient_label l where l.pat = f.pat) from ({LOOK}) f"
# The same of one patient, and whether rows of one type concern them beside their own (`alt`). Every value says its type.
LOOK_AT = """
select p.pat, coalesce(f.version, 0), exists (
    select 1 from access_relation a where a.pat = p.pat and a.unit = $2::text and a.since <= now() and now() < a.until
       and (a.employee is null or a.employee = $3::text)),
  (select array_agg(l.lab) from patient_label l where l.pat = p.pat),
  exists (select 1 from alt a where a.pat = p.pat and a.rtype = $4::smallint)
from (select $1::bigint) as p(pat) left join access_fact f on f.pat = p.pat"""
AROUND = """
select distinct pat from access_relation
where unit = $1 and since <= now() and now() < until and (employee is null or employee = $2) limit $3"""
